package leaderboard

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDuelsOfRegionsTooSmallToCompare(t *testing.T) {
	w := newWorld(t)
	regions := map[string]string{"it.l.ge": "Genova", "it.l.sp": "La Spezia", "it.l.im": "Imperia", "it.l.sv": "Savona"}
	w.act("p", sarzana, 9)
	w.act("q", genova, 5)
	pairs := func() (Duels, []string) {
		t.Helper()
		d, err := w.boards.Duels(w.ctx, w.id, "it.l", regions)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, p := range d.Pairs {
			lines = append(lines, fmt.Sprintf("%s %d - %s %d: %s", p.Left.ID, p.Left.Sum, p.Right.ID, p.Right.Sum, p.Leader()))
		}
		return d, lines
	}
	w.clock.Advance(monday.Add(7*24*time.Hour + time.Hour).Sub(w.clock.Now()))
	w.round()
	w.act("q", genova, 2)
	want := []string{"it.l.ge 2 - it.l.sp 0: left", "it.l.im 0 - it.l.sv 0: tie"}
	d, lines := pairs()
	if diff := cmp.Diff(want, lines); diff != "" || d.Season != "2026-w48" || d.Final || d.Stale {
		t.Errorf("%+v %s", d, diff)
	}
	w.closed() // and from the archive
	d, lines = pairs()
	if diff := cmp.Diff(want, lines); diff != "" || !d.Final {
		t.Errorf("%+v %s", d, diff)
	}
}
