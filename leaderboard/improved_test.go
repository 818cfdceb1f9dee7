package leaderboard

import (
	"fmt"
	"slices"
	"testing"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/internal/redistest"
)

func TestWhoImprovedMost(t *testing.T) {
	w := newWorldOn(t, redistest.Open(t), newSQLite(t))
	t.Cleanup(func() { wipe(t, w.redis, w.id) })
	for account, n := range map[string]int64{"ann": 100, "ben": 10, "col": 50, "dot": 5, "eve": 7} {
		w.act(account, genova, n)
	}
	improved := func(limit int) []string {
		t.Helper()
		found, err := w.boards.Improved(w.ctx, w.id, "people:team-genova", "", limit)
		if err != nil || found.Stale || found.Before == found.Window {
			t.Fatalf("%+v, %v", found, err)
		}
		var lines []string
		for _, r := range found.Rows {
			lines = append(lines, fmt.Sprintf("%s %d after %d: %d", r.ID, r.Sum, r.Before, r.Gain))
		}
		return lines
	}
	w.nextSeason() // the season before is archived by now
	for account, n := range map[string]int64{"ann": 120, "ben": 60, "col": 49, "new": 900, "eve": 40} {
		w.act(account, genova, n)
	}
	w.apply(w.record(act{account: "eve", home: genova, hidden: true}))
	// Ben gained most; Col did less, Dot nothing; New had no season before; Eve is
	// hidden.
	want := []string{"ben 60 after 10: 50", "ann 120 after 100: 20"}
	if got := improved(10); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if got := improved(1); !slices.Equal(got, want[:1]) {
		t.Errorf("%v", got)
	}
	for _, c := range []struct {
		board, window string
		limit         int
		code          string
	}{{"teams:all", "", 5, "board_invalid"}, {"people:all", "all", 5, "window_invalid"}, {"people:all", "2099-w01", 5, "window_invalid"}, {"people:all", "", 0, "limit_invalid"}, {"people:all", "", 51, "limit_invalid"}, {"people:it.nowhere", "", 5, "board_unknown"}} {
		if _, err := w.boards.Improved(w.ctx, w.id, c.board, c.window, c.limit); errs.CodeOf(err) != c.code {
			t.Errorf("%+v: %v", c, err)
		}
	}
	wipe(t, w.redis, w.id)
	if found, err := w.boards.Improved(w.ctx, w.id, "people:all", "", 5); err != nil || !found.Stale || len(found.Rows) != 0 {
		t.Errorf("without boards: %+v, %v", found, err)
	}
}
