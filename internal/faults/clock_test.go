//go:build fault

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestClockOff: a node whose clock is more than 5 s from Redis's and the store's
// says that it is not ready, so that whoever spreads requests sends it none. What
// reaches it all the same counts once.
func TestClockOff(t *testing.T) {
	w, _, _ := onRedis(t, "the node's clock 10 min ahead, then 10 min behind")
	w.begin()
	ready := func() bool { return status(*w.base.Load(), "/readyz") == 200 }
	w.row.Rounds = 2
	for _, off := range []string{"10m", "-10m"} {
		w.order("clock " + off)
		await(t, "a node that says that it is not ready", func() bool { return status(*w.base.Load(), "/readyz") == 503 })
		w.more("answers all the same", &w.load.ok, 20)
		w.order()
		await(t, "a node that is ready", ready)
		w.heals()
	}
	w.order("clock 4s")
	lasting(200 * time.Millisecond)
	if !ready() {
		t.Error("4 s off, and not ready")
	}
	w.order()
	w.end("`/readyz` is 503 while it is off and 200 again after; at 4 s off it stays 200")
}

// TestPhonesClocksOff: what a phone's clock says is taken as a difference.
func TestPhonesClocksOff(t *testing.T) {
	w, _, _ := onRedis(t, "phones' clocks 3 days ahead, 3 days behind")
	w.start()
	w.load = newLoad(w)
	for _, shift := range []time.Duration{3 * 24 * time.Hour, -3 * 24 * time.Hour} {
		w.load.shift = shift
		w.load.begin()
		w.more("answers", &w.load.fresh, 200)
		w.load.pauses()
	}
	now := time.Now()
	for _, p := range w.load.people {
		var page struct {
			Actions []struct {
				ID string
				At time.Time `json:"occurred_at"`
			}
		}
		if err := w.load.call("GET", w.v1()+"/me/actions?limit=100", p.token, nil, &page); err != nil {
			t.Fatal(err)
		}
		for _, a := range page.Actions {
			if ago := now.Sub(a.At); ago < -time.Minute || ago > 49*time.Hour {
				t.Errorf("%s is said to be %v old", a.ID, ago)
			}
		}
	}
	w.row.Rounds = 2
	w.end("every action is recorded, with the time at which it was done")
}

// TestAnyOrder gives six people the same actions, up to 48 hours old: one in
// order, the others shuffled, in other batches, and each batch three times, at
// the same time. All must stand at the same points.
func TestAnyOrder(t *testing.T) {
	w, _, _ := onRedis(t, "actions 48 h late, shuffled, each sent three times at once")
	w.begin() // others act meanwhile
	rounds := 5
	if bounded {
		rounds = 2
	}
	w.row.Rounds = rounds
	type action struct {
		ID       string    `json:"id"`
		Kind     string    `json:"kind"`
		Quantity int       `json:"quantity"`
		At       time.Time `json:"occurred_at"`
	}
	random := rand.New(rand.NewPCG(3, 5))
	for round := range rounds {
		now := time.Now()
		actions := make([]action, 60)
		for i := range actions {
			actions[i] = action{fmt.Sprintf("-%d-%d", round, i), kinds[random.IntN(len(kinds))], 1 + random.IntN(50), now.Add(-time.Duration(random.IntN(48*60)) * time.Minute)}
		}
		var first int64
		for twin := range 6 {
			p := &person{email: fmt.Sprintf("twin-%d-%d@example.org", round, twin), postcode: postcodes[0]}
			if err := w.load.enter(p); err != nil {
				t.Fatal(err)
			}
			w.load.people = append(w.load.people, p)
			mine := append([]action{}, actions...)
			for i := range mine {
				mine[i].ID = fmt.Sprintf("twin%d%s", twin, mine[i].ID)
			}
			size := len(mine)
			if twin > 0 {
				random.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
				size = 1 + random.IntN(maxBatch)
			}
			w.load.inThrees(p, func(yield func(*batch) bool) {
				for from := 0; from < len(mine); from += size {
					part := mine[from:min(from+size, len(mine))]
					b := &batch{}
					for _, a := range part {
						b.ids = append(b.ids, a.ID)
					}
					b.body, _ = json.Marshal(map[string]any{"sent_at": now, "actions": part})
					if !yield(b) {
						return
					}
				}
			})
			var sum int64
			for _, e := range w.load.ledger(p) {
				sum += e.Points
			}
			if twin == 0 {
				first = sum
			}
			if sum != first || sum == 0 {
				t.Errorf("round %d: twin %d has %d points, the first %d", round, twin, sum, first)
			}
		}
	}
	w.end("six people with the same actions in any order and any batches have the same points")
}

// TestClockSetBackWithACrash: while the clock is wrong the sweep goes on by it.
// Then it is set right, or it is set back in the first place, and the node dies
// between postings' inserts and the boards. Those who act are new: an account's
// own times never go back. Nobody acts afterwards, so no later posting makes up
// for theirs: the sweep has to come by them.
func TestClockSetBackWithACrash(t *testing.T) {
	w, server, _ := onRedis(t, "the node's clock 10 min ahead, or 10 min behind, and set right, with a kill between insert and boards")
	w.begin()
	rounds := 4
	if bounded {
		rounds = 2
	}
	w.row.Rounds = rounds
	for round := range rounds {
		// Ahead, and the kill comes when it has been set back; or behind, and the
		// kill comes before it is set right.
		wrong, then := "clock 10m", ""
		if round%2 == 1 {
			wrong, then = "clock -10m", "clock -10m"
		}
		w.order(wrong)
		await(t, "a node that says that it is not ready", func() bool { return status(*w.base.Load(), "/readyz") == 503 })
		lasting(6 * time.Second) // a round of the sweep, which is every 5 s
		w.load.pauses()
		w.order(then)
		// Who signs up under the wrong time waits for their mail until it has come.
		lasting(200 * time.Millisecond)
		w.load.newcomers()
		w.order(then, "die 4")
		w.load.begin()
		await(t, "the server to die", w.server.died)
		w.load.pauses()
		w.order()
		// Its lease would keep the sweep from going on for another 20 s.
		if err := server.Client().Del(context.Background(), "muster:{"+campaignID+"}:boards:lease").Err(); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.server.stop(t)
		if !w.verify() {
			t.Errorf("round %d (%s): the boards do not equal the ledger", round, wrong)
		}
		w.start()
		w.load.begin()
		w.heals()
	}
	w.end("what was recorded under a time that the sweep had passed is on the boards after the next start; boards recounted after each kill, with nobody acting since")
}
