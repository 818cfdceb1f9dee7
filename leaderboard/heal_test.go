//go:build servers

package leaderboard

import (
	"context"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/redistest"
)

// TestHowLongACrashShows measures what the sweep promises: a posting whose
// process ended between the insert and the call that applies it is on the
// boards some 20 seconds later where another process goes on, and at once where
// a process starts. It asserts ten times that.
func TestHowLongACrashShows(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, redistest.Open(t), newMemory())
	t.Cleanup(func() { wipe(t, w.redis, w.id) })
	w.keeper.lease.release(w.ctx)
	w.clock.Advance(time.Since(w.clock.Now())) // the machine's time from here on
	process := func() (*Boards, func()) {
		b := w.node()
		b.clock = clock.System{}
		ctx, stop := context.WithCancel(w.ctx)
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()
		return b, func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	equalAfter := func(b *Boards, most time.Duration) time.Duration {
		t.Helper()
		began := time.Now()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for time.Since(began) < most {
			<-tick.C
			if r, err := b.Verify(w.ctx, w.id, VerifyOptions{NoWriters: true}); err == nil && r.Equal {
				return time.Since(began)
			}
		}
		t.Fatalf("not equal after %v", most)
		return 0
	}
	crash := func(account string) {
		if w.book.post(act{account: account, home: genova, points: 3, at: clock.System{}.Now()}) == nil {
			t.Fatal("nothing was recorded")
		}
	}
	w.book.clock = clock.System{}
	b, stop := process()
	equalAfter(b, 10*beat)
	crash("p")
	t.Logf("where another process goes on: %v", equalAfter(b, 10*(again+beat)))
	stop()
	crash("q")
	b, stop = process()
	t.Logf("where a process starts: %v", equalAfter(b, 10*time.Second))
	stop()
}
