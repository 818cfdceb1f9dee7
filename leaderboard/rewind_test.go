package leaderboard

import (
	"testing"
	"time"
)

// setBack moves every clock that the world goes by: the machine's, or only the
// node's, so that the store's is right.
func (w *world) setBack(by time.Duration, storeToo bool) {
	w.clock.Advance(-by)
	if !storeToo {
		w.book.ahead += by
	}
}

// restart is a node that starts anew.
func (w *world) restart() {
	w.redis.Del(w.ctx, leaseKey(w.id))
	w.boards = w.node()
	w.keeper = newKeeper(w.boards, w.id)
	w.round()
}

// crash records what no board hears of. Its time has come, whatever the clock
// does.
func (w *world) crash(account string) {
	w.record(act{account: account, home: genova, points: 1, visible: -time.Hour})
}

// TestClockSetBack: the clock is ahead while the sweep goes on, then it is set
// back, and a node dies between an insert and its Apply. The posting lies before
// where W was, and comes onto the boards all the same; with a rebuild half done
// too, and from checkpoints that were written meanwhile.
func TestClockSetBack(t *testing.T) {
	for name, rebuilding := range map[string]bool{"": false, "while a rebuild is under way": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.act("p", genova, 1)
			w.clock.Advance(10 * time.Minute)
			w.record(act{account: "r", home: genova, points: 1, visible: -time.Hour})
			w.clock.Advance(2 * time.Minute)
			w.round() // and its checkpoints
			ahead := w.w()
			if rebuilding {
				if _, err := w.boards.beginGeneration(w.ctx, tenantOf(t, w), RebuildOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			w.setBack(12*time.Minute, true)
			w.crash("q")
			w.restart()
			if w.w().Compare(ahead) >= 0 {
				t.Errorf("W = %v lies where the clock has not come, %v", w.w(), w.clock.Now())
			}
			if page := w.page(PageRequest{Board: "people:all"}); page.Total != 3 {
				t.Errorf("%d people are on the board, want 3", page.Total)
			}
			w.equal()
			w.keeper.lease.release(w.ctx)
			if err := w.boards.Rebuild(w.ctx, w.id, RebuildOptions{}); err != nil {
				t.Fatal(err)
			}
			w.equal()
			w.clock.Advance(time.Hour)
			w.round()
			w.equal()
		})
	}
}

// TestSettleAfterTheClockWasSetBack: what looks at boards that nobody keeps sees
// to it as well.
func TestSettleAfterTheClockWasSetBack(t *testing.T) {
	w := newWorld(t)
	w.clock.Advance(10 * time.Minute)
	w.round()
	w.setBack(10*time.Minute, true)
	w.crash("q")
	if err := w.node().Settle(w.ctx, w.id); err != nil {
		t.Fatal(err)
	}
	w.equal()
}

// TestOneNodesClockSetBack: where the store's clock tells how far, W goes back by
// that and not to the beginning; and where the node's is right again, all is well.
func TestOneNodesClockSetBack(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 1)
	w.clock.Advance(3 * time.Hour)
	w.round()
	before := w.w()
	w.setBack(10*time.Minute, false)
	w.round() // within seconds
	if back := before.At.Sub(w.w().At); back < 10*time.Minute || back > 15*time.Minute {
		t.Errorf("W went back by %v", back)
	}
	w.crash("q")
	w.setBack(-10*time.Minute, false)
	w.restart()
	w.clock.Advance(time.Minute)
	w.round()
	if page := w.page(PageRequest{Board: "people:all"}); page.Total != 2 || page.Stale {
		t.Errorf("%+v", page)
	}
	w.equal()
}

// TestOneNodesClockAhead: W goes no further than the store's clock says, so what
// other nodes record meanwhile lies behind it.
func TestOneNodesClockAhead(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 1)
	w.setBack(-10*time.Minute, false)
	w.clock.Advance(time.Minute)
	w.round()
	if limit := w.clock.Now().Add(-10*time.Minute - margin); w.w().At.After(limit) {
		t.Errorf("W = %v, the store's clock less the margin is %v", w.w(), limit)
	}
	w.setBack(10*time.Minute, false)
	w.crash("q")
	w.restart()
	w.equal()
}
