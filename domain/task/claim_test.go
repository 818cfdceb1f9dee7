package task_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/task"
	"github.com/musterhq/muster/internal/errs"
)

// 200 people race for k slots: exactly k get one each, no slot has two.
func TestClaimRace(t *testing.T) {
	for _, k := range []int{1, 7, 40} {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			s, _ := open(t, task.Options{})
			id := post(t, s, doors(k)).ID
			var mu sync.Mutex
			var wg sync.WaitGroup
			slots, full := map[int]string{}, 0
			for i := range 200 {
				wg.Go(func() {
					account := fmt.Sprintf("a%d", i)
					offer, err := s.Claim(t.Context(), camp, id, account)
					mu.Lock()
					defer mu.Unlock()
					if errs.CodeOf(err) == "task_full" {
						full++
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					if other := slots[offer.Claim.Slot]; other != "" {
						t.Errorf("slot %d has %s and %s", offer.Claim.Slot, other, account)
					}
					slots[offer.Claim.Slot] = account
				})
			}
			wg.Wait()
			if len(slots) != k || full != 200-k {
				t.Fatalf("%d slots taken and %d refused, want %d and %d", len(slots), full, k, 200-k)
			}
			free(t, s, id, 0)
		})
	}
}

// Leases run out together and 200 people race to take the slots over.
func TestTakeOverRace(t *testing.T) {
	s, clk := open(t, task.Options{})
	id := post(t, s, doors(5)).ID
	race := func(prefix string) (won int) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				if _, err := s.Claim(t.Context(), camp, id, fmt.Sprintf("%s%d", prefix, i)); err == nil {
					mu.Lock()
					won++
					mu.Unlock()
				} else if errs.CodeOf(err) != "task_full" {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		return won
	}
	if won := race("first"); won != 5 {
		t.Fatalf("%d won", won)
	}
	clk.Advance(4*time.Hour - time.Millisecond)
	if won := race("early"); won != 0 {
		t.Fatalf("%d took a slot before its lease ended", won)
	}
	clk.Advance(time.Millisecond)
	free(t, s, id, 5)
	if won := race("second"); won != 5 {
		t.Fatalf("%d took over", won)
	}
}

// One person with many phones: one slot of a task, and never more than the cap.
func TestOnePersonRace(t *testing.T) {
	s, _ := open(t, task.Options{MaxClaims: 3})
	ids := make([]string, 12)
	for i := range ids {
		ids[i] = post(t, s, doors(5)).ID
	}
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			if _, err := s.Claim(t.Context(), camp, ids[i%len(ids)], "one"); err != nil && errs.CodeOf(err) != "claim_cap" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	held, taken := 0, 0
	for _, id := range ids {
		offer, err := s.Get(t.Context(), camp, id, "one")
		if err != nil {
			t.Fatal(err)
		}
		taken += 5 - offer.Free
		if offer.Claim != nil {
			held++
		}
	}
	if held != taken || held > 3 {
		t.Fatalf("holds %d tasks by %d slots, the cap is 3", held, taken)
	}
	mine, err := s.Mine(t.Context(), camp, "one")
	if err != nil || len(mine) != held {
		t.Fatalf("mine: %d, %v; want %d", len(mine), err, held)
	}
}

// One person taps many times: one slot, and every answer names it.
func TestOneSlotOfATask(t *testing.T) {
	s, _ := open(t, task.Options{MaxClaims: 100})
	id := post(t, s, doors(40)).ID
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := map[int]bool{}
	for range 40 {
		wg.Go(func() {
			offer, err := s.Claim(t.Context(), camp, id, "one")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			slots[offer.Claim.Slot] = true
		})
	}
	wg.Wait()
	if len(slots) != 1 {
		t.Fatalf("the answers name slots %v", slots)
	}
	free(t, s, id, 39)
}

func TestClaimCap(t *testing.T) {
	s, clk := open(t, task.Options{})
	ids := make([]string, 6)
	for i := range ids {
		ids[i] = post(t, s, doors(1)).ID
	}
	for _, id := range ids[:5] {
		if _, err := s.Claim(t.Context(), camp, id, "a"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Claim(t.Context(), camp, ids[5], "a")
	code(t, err, "claim_cap")
	free(t, s, ids[5], 1)
	if _, err := s.Complete(t.Context(), camp, ids[0], "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Claim(t.Context(), camp, ids[5], "a"); err != nil {
		t.Fatalf("a completed task still counts: %v", err)
	}
	clk.Advance(4 * time.Hour)
	if mine, err := s.Mine(t.Context(), camp, "a"); err != nil || len(mine) != 0 {
		t.Fatalf("expired leases still held: %v, %v", mine, err)
	}
}

// The life of a slot: claim, repeat, give back, take over, complete late.
func TestSlotLife(t *testing.T) {
	ctx := t.Context()
	s, clk := open(t, task.Options{})
	id := post(t, s, doors(1)).ID
	first, err := s.Claim(ctx, camp, id, "a")
	if err != nil || !first.Claim.ExpiresAt.Equal(start.Add(4*time.Hour)) || first.Free != 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	clk.Advance(time.Hour)
	again, err := s.Claim(ctx, camp, id, "a")
	if err != nil || again.Claim.Slot != first.Claim.Slot || !again.Claim.ExpiresAt.Equal(first.Claim.ExpiresAt) {
		t.Fatalf("a repeat gave %+v, %v", again.Claim, err)
	}
	_, err = s.GiveBack(ctx, camp, id, "b")
	code(t, err, "not_holder")
	for range 2 { // the second is a repeat
		if offer, err := s.GiveBack(ctx, camp, id, "a"); err != nil || offer.Free != 1 || offer.Claim != nil {
			t.Fatalf("give back: %+v, %v", offer, err)
		}
	}
	_, err = s.Complete(ctx, camp, id, "a")
	code(t, err, "not_holder")
	if _, err := s.Claim(ctx, camp, id, "b"); err != nil {
		t.Fatal(err)
	}
	_, err = s.GiveBack(ctx, camp, id, "a")
	code(t, err, "not_holder")
	clk.Advance(5 * time.Hour) // b's lease is over, nobody came: the work counts
	free(t, s, id, 1)
	for range 2 {
		if offer, err := s.Complete(ctx, camp, id, "b"); err != nil || offer.Claim.State != task.Completed || offer.Free != 0 {
			t.Fatalf("complete: %+v, %v", offer, err)
		}
	}
	_, err = s.GiveBack(ctx, camp, id, "b")
	code(t, err, "not_holder")
	_, err = s.Claim(ctx, camp, id, "c")
	code(t, err, "task_full")
	clk.Advance(48 * time.Hour)
	_, err = s.Claim(ctx, camp, id, "c")
	code(t, err, "task_closed")
	_, err = s.Claim(ctx, camp, "none", "c")
	code(t, err, "task_unknown")
	_, err = s.Claim(ctx, "another", id, "c")
	code(t, err, "task_unknown")
}

func TestLeases(t *testing.T) {
	for kind, want := range map[task.Kind]time.Duration{
		task.Door: 4 * time.Hour, task.Call: 2 * time.Hour, task.Text: 2 * time.Hour, task.Event: 30 * time.Hour,
		task.Share: 24 * time.Hour, task.DataEntry: 4 * time.Hour, task.Ride: 30 * time.Hour,
		task.Training: 30 * time.Hour, task.Custom: 4 * time.Hour,
	} {
		s, clk := open(t, task.Options{})
		r := doors(1)
		r.Kind, r.EndsAt = kind, start.Add(30*time.Hour)
		id := post(t, s, r).ID
		offer, err := s.Claim(t.Context(), camp, id, "a")
		if err != nil || !offer.Claim.ExpiresAt.Equal(start.Add(want)) {
			t.Errorf("%s: until %v, %v; want %v", kind, offer.Claim.ExpiresAt, err, want)
		}
		clk.Advance(29*time.Hour + time.Minute)
		if offer, _ = s.Claim(t.Context(), camp, id, "a"); offer.Claim.ExpiresAt.After(r.EndsAt) {
			t.Errorf("%s: a lease outlives the task", kind)
		}
	}
}
