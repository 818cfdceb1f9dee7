package leaderboard

import (
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
)

// histories is how many random histories run: what MUSTER_HISTORIES says (make
// test-histories: 3,000), else a tenth of that, and fewer under the race
// detector and with -short, where the point is another.
func histories(t *testing.T) int64 {
	n, err := strconv.ParseInt(os.Getenv("MUSTER_HISTORIES"), 10, 64)
	switch {
	case err == nil:
		return n
	case raced || testing.Short():
		return 100
	}
	return 300
}

// TestRandomHistory runs random histories on the real scripts, sweep,
// archive and rebuild, and holds the boards against the model at the end of
// each.
func TestRandomHistory(t *testing.T) {
	limit := histories(t)
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		t.Run("worker", func(t *testing.T) {
			t.Parallel()
			client, hook := faultyRedis(t)
			for seed := next.Add(1); seed <= limit && !t.Failed(); seed = next.Add(1) {
				if err := runHistory(t, client, hook, uint64(seed), mutant{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestRandomHistoryFindsMutants proves that the check above can fail: each of
// the supports of the scheme, taken away, must show within the same seeds.
func TestRandomHistoryFindsMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			client, hook := faultyRedis(t)
			for seed := uint64(1); seed <= 3000; seed++ {
				if err := runHistory(t, client, hook, seed, m); err != nil {
					t.Logf("found by seed %d", seed)
					return
				}
			}
			t.Errorf("all histories without the %s converge: nothing holds it", m.name)
		})
	}
}
