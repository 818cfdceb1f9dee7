//go:build servers

package leaderboard

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/musterhq/muster/internal/redistest"
)

// TestRebuildsUnderLoad: boards are built anew again and again while people act,
// and readers never see one that is half filled, nor a stale one.
func TestRebuildsUnderLoad(t *testing.T) {
	s := newStorm(t, redistest.Open(t), steady)
	t.Cleanup(func() { wipe(t, s.redis, s.id) })
	s.warm()
	stale := s.stale.Load()
	for range 10 {
		old := s.generation()
		if err := s.nodes[0].Rebuild(s.ctx, s.id, RebuildOptions{}); err != nil {
			t.Fatal(err)
		}
		if s.generation() == old {
			t.Fatal("nothing was built")
		}
		s.more("ranks", &s.fresh, 10)
	}
	if s.stale.Load() != stale {
		t.Errorf("boards were stale: %s", s.counts())
	}
	s.calm()
}

// TestALargeRebuildInPieces: it ends again and again at some page and goes on
// there, it holds a page and not the campaign in memory, and what is recorded
// meanwhile is on the boards too.
func TestALargeRebuildInPieces(t *testing.T) {
	const people = 40_000
	w := newWorldOn(t, redistest.Open(t), newSQLite(t))
	t.Cleanup(func() { wipe(t, w.redis, w.id) })
	w.keeper.lease.release(w.ctx)
	old := w.generation()
	lines := make([]line, 0, 1000)
	sum := int64(0)
	for i := range people {
		p := posting(w, i, 1)
		sum += p.State.AllTime[0].Points
		if lines = append(lines, lineOf(p)); len(lines) == cap(lines) {
			if err := w.boards.writeCheckpoints(w.ctx, w.id, lines, nil); err != nil {
				t.Fatal(err)
			}
			lines = lines[:0]
		}
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	begin, most := heap(), uint64(0)
	random := rand.New(rand.NewPCG(3, 3))
	done, pieces := 0, 0
	for ended := false; !ended; pieces++ {
		ctx, stop := context.WithCancel(w.ctx)
		left := 5 + random.IntN(60)
		first := true
		err := w.node().Rebuild(ctx, w.id, RebuildOptions{Progress: func(p RebuildProgress) {
			if p.Stage != StageCheckpoints {
				return
			}
			if p.Total != people || (first && p.Done != min(done+loadPage, people)) {
				t.Errorf("%+v after %d", p, done)
			}
			first, done = false, p.Done
			if done%(20*loadPage) == 0 {
				most = max(most, heap())
			}
			// Somebody acts, who is not among them.
			home := homeNumber(done)
			w.act(fmt.Sprintf("new-%d", done%7), home, 2)
			sum += 2
			if left--; left == 0 {
				stop()
			}
		}})
		ended = err == nil
		stop()
	}
	if w.generation() == old || pieces < 4 {
		t.Errorf("generation %s after %s, in %d pieces", w.generation(), old, pieces)
	}
	if grown := int64(most) - int64(begin); grown > 8<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	page := w.page(PageRequest{Board: "teams:all", Window: AllTime})
	have := int64(0)
	for _, row := range page.Rows {
		have += row.Sum
	}
	if have != sum || page.Stale {
		t.Errorf("teams have %d points, and %d were made; stale %v", have, sum, page.Stale)
	}
	if n := w.page(PageRequest{Board: "people:all", Window: AllTime, Limit: 1}).Total; n < people {
		t.Errorf("%d people of %d", n, people)
	}
	t.Logf("%d people in %d pieces; the heap grew by %d bytes at most", people, pieces, int64(most)-int64(begin))
}
