//go:build fault

package faults

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestKilledMidBurst kills the server with SIGKILL under load: every second time
// at a moment by chance, otherwise when the ledger has a posting that no board
// has heard of and nobody was answered.
func TestKilledMidBurst(t *testing.T) {
	w, _, _ := onRedis(t, "server killed (`kill -9`) mid-burst, started again")
	w.row.Rounds = kills
	killed(t, w, kills)
	w.end("every second kill lies between a posting's insert and the boards; boards recounted after every third")
}

// TestKilledWithRedisInside is the same for the town's installation, whose boards
// die with the server.
func TestKilledWithRedisInside(t *testing.T) {
	w := newWorld(t, "the same, with Redis inside the process")
	w.row.Rounds = max(1, kills/4)
	killed(t, w, w.row.Rounds)
	w.end("boards are built again from the ledger at each start")
}

func killed(t *testing.T, w *world, rounds int) {
	random := rand.New(rand.NewPCG(11, 13))
	w.begin()
	for round := range rounds {
		if round%2 == 0 {
			w.order(fmt.Sprintf("die %d", 3+random.IntN(40)))
			await(t, "the server to die", w.server.died)
			w.order()
		} else {
			w.more("answers", &w.load.ok, 10)
			lasting(time.Duration(random.IntN(1500)) * time.Millisecond)
			w.server.kill()
		}
		if round%3 == 0 {
			if !w.verify() {
				t.Errorf("round %d: the boards do not equal the ledger", round)
			}
		}
		w.start()
		w.heals()
	}
}
