package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/points"
)

// severalPages are requests of which no two have the same answer: boards of
// several kinds and windows, one board from several places, one without anybody.
var severalPages = []PageRequest{
	{Board: "people:all", Limit: 3},
	{Board: "people:all", Limit: 3, Around: "p07"},
	{Board: "people:all", Limit: 3, Around: "p00"},
	{Board: "people:all", Limit: 2, Cursor: nextCursor(0, 4, 100)},
	{Board: "people:all", Limit: 5, Window: "all", Around: "p11"},
	{Board: "people:it.l.ge", Limit: 4, Around: "p03"},
	{Board: "people:" + camogli.Team, Limit: 4},
	{Board: "teams:all"},
	{Board: "regions:it.l", Window: "all"},
	{Board: "people:all", Window: "2026-w46"},
}

// severalBoards has equals, a hidden person and three homes.
func severalBoards(t *testing.T) *world {
	w := newWorld(t)
	for i := range 12 {
		w.act(fmt.Sprintf("p%02d", i), []points.Home{genova, camogli, sarzana}[i%3], int64(10+i/2*5))
	}
	w.apply(w.record(act{account: "p05", home: sarzana, points: 35, hidden: true}))
	return w
}

// TestPagesThatShareACall are those that each gets alone, in whatever company.
func TestPagesThatShareACall(t *testing.T) {
	w := severalBoards(t)
	alone := make([]Page, len(severalPages))
	for i, r := range severalPages {
		alone[i] = w.page(r)
		for j := range i {
			if cmp.Equal(alone[i], alone[j]) {
				t.Fatalf("pages %d and %d are the same", j, i)
			}
		}
	}
	// Somebody who reads alone, and does not come to an end: all others share.
	var taken atomic.Bool
	taken.Store(true)
	w.boards.reading.Store(w.id, &taken)
	var group sync.WaitGroup
	for round := range 20 {
		for i := range severalPages {
			group.Go(func() {
				i := (i + round) % len(severalPages)
				page, err := w.boards.Page(w.ctx, w.id, severalPages[i])
				if err != nil || !cmp.Equal(page, alone[i]) {
					t.Errorf("%+v: %v: %s", severalPages[i], err, cmp.Diff(alone[i], page))
				}
			})
		}
	}
	group.Wait()
}

// TestPagesOfOneCallAreOfOneGeneration, the one that is read, though the process
// knows another.
func TestPagesOfOneCallAreOfOneGeneration(t *testing.T) {
	w := severalBoards(t)
	reads := func() []*pageRead {
		all := []*pageRead{}
		for _, board := range []Board{{People, Campaign}, {Teams, Campaign}, {People, "it.l.sp"}} {
			all = append(all, &pageRead{query: pageQuery{window: "2026-w47", board: board, limit: 50}})
		}
		return all
	}
	before := reads()
	if err := w.boards.readTogether(w.ctx, w.id, before); err != nil {
		t.Fatal(err)
	}
	w.keeper.lease.release(w.ctx)
	if err := w.node().Rebuild(w.ctx, w.id, RebuildOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.boards.readPages(w.ctx, w.id, before[0].gen, reads()); !errors.Is(err, errOther) {
		t.Errorf("of the generation before: %v", err)
	}
	w.boards.heard(w.id, before[0].generations)
	after := reads()
	if err := w.boards.readTogether(w.ctx, w.id, after); err != nil {
		t.Fatal(err)
	}
	for i, r := range after {
		was, err := before[i].view()
		now, err2 := r.view()
		if errors.Join(err, err2) != nil || r.gen != w.generation() || r.gen == before[i].gen || !slices.Equal(was.rows, now.rows) || len(now.rows) == 0 {
			t.Errorf("page %d: %+v of %s, was %+v of %s, %v %v", i, now, r.gen, was, before[i].gen, err, err2)
		}
	}
	wipe(t, w.redis, w.id)
	empty := reads()
	if err := w.boards.readTogether(w.ctx, w.id, empty); err != nil {
		t.Fatal(err)
	}
	for _, r := range empty {
		if v, err := r.view(); err != nil || v.gen != "" || v.w != "" || len(v.rows) != 0 {
			t.Errorf("without boards: %+v, %v", v, err)
		}
	}
}

// TestWhoGivesUpWaitsNoLonger, and leaves the others their answer.
func TestWhoGivesUpWaitsNoLonger(t *testing.T) {
	w := severalBoards(t)
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, err := w.boards.Page(ctx, w.id, severalPages[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("alone: %v", err)
	}
	if value, ok := w.boards.reading.Load(w.id); !ok || value.(*atomic.Bool).Load() {
		t.Error("the place of who reads alone is not free again")
	}
	w.boards.reading.Store(w.id, func() *atomic.Bool { b := new(atomic.Bool); b.Store(true); return b }())
	if _, err := w.boards.Page(ctx, w.id, severalPages[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("together: %v", err)
	}
	if page := w.page(severalPages[0]); len(page.Rows) != 3 {
		t.Errorf("another gets %+v", page)
	}
}

func TestAnAnswerThatIsNoPageIsAnError(t *testing.T) {
	known := generations{gen: "g"}
	good := "12\n4\n4\n9\nann\n30\nben\n9.007199254740991e+15"
	v, err := (&pageRead{generations: known, text: good}).view()
	want := &view{generations: known, total: 12, offset: 4, above: 4, version: 9, rows: []score{{"ann", 30}, {"ben", 9007199254740991}}}
	if err != nil || !cmp.Equal(v, want, cmp.AllowUnexported(view{}, generations{}, score{})) {
		t.Errorf("%+v, %v", v, err)
	}
	for _, bad := range []string{"", "12", "12\n4\n4", "12\n4\n4\n9\nann", strings.Replace(good, "12", "x", 1), strings.Replace(good, "30", "", 1)} {
		if v, err := (&pageRead{generations: known, text: bad}).view(); err == nil {
			t.Errorf("%q is %+v", bad, v)
		}
	}
}
