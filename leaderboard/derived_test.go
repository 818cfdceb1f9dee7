package leaderboard

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDerivedIsMadeAgain: with an empty Redis and without what the schemas call
// Derived, which is how an import leaves a store, the boards come from the
// ledger alone; a season that had closed is closed again, and its pages stay as
// they were, though somebody has hidden since.
func TestDerivedIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 5)
	w.act("q", genova, 7)
	w.act("r", sarzana, 3)
	w.closed()
	w.apply(w.record(act{account: "q", home: genova, hidden: true}))
	w.act("p", genova, 2)
	w.round()
	archived := func() *archivePage {
		page, err := w.boards.archive.Get(w.ctx, w.id, archiveID("2026-w47/people:all", 0))
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	w.equal()
	want := archived()
	if len(want.Rows) != 3 {
		t.Fatalf("the closed season has %v", want.Rows)
	}
	wipe(t, w.redis, w.id)
	if err := w.boards.checkpoints.Delete(w.ctx, w.id, "p", "q", "r"); err != nil {
		t.Fatal(err)
	}
	if err := w.boards.progress.Delete(w.ctx, w.id, progressID); err != nil {
		t.Fatal(err)
	}
	w.boards = w.node()
	w.keeper = newKeeper(w.boards, w.id)
	if err := w.boards.Settle(w.ctx, w.id); err != nil {
		t.Fatal(err)
	}
	w.equal()
	w.closed()
	w.equal()
	if diff := cmp.Diff(want, archived()); diff != "" {
		t.Errorf("the closed season (-before +after):\n%s", diff)
	}
	if page := w.page(PageRequest{Board: "people:all", Window: "2026-w47"}); !page.Closed || len(page.Rows) != 2 { // one has hidden
		t.Errorf("it is read as closed: %t, with %v", page.Closed, show(page.Rows))
	}
}
