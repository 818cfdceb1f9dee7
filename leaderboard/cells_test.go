package leaderboard

import (
	"fmt"
	"slices"
	"testing"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/internal/redistest"
)

// A team of four is on no board, in no league, in no duel and in nobody's standing,
// for its sum would be theirs; its region, which holds more people, has its points.
func TestUnitsOfFewPeopleAreShownToNobody(t *testing.T) {
	w := newWorldOn(t, redistest.Open(t), newSQLite(t))
	t.Cleanup(func() { wipe(t, w.redis, w.id) })
	w.cells = true
	w.boards = w.node()
	w.keeper.lease.release(w.ctx)
	w.keeper = newKeeper(w.boards, w.id)
	w.round()
	join := func(home points.Home, from, to int) {
		for i := from; i < to; i++ {
			w.act(fmt.Sprintf("%s-%d", home.Team, i), home, 10)
		}
	}
	join(genova, 0, 6)
	join(camogli, 0, 4)
	join(sarzana, 0, 4)
	shown := func(board, window string) []string {
		w.clock.Advance(2 * fairLife)
		return show(w.page(PageRequest{Board: board, Window: window}).Rows)
	}
	check := func(board, window string, want ...string) {
		t.Helper()
		if got := shown(board, window); !slices.Equal(got, want) {
			t.Errorf("%s %s: %v, want %v", board, window, got, want)
		}
	}
	for _, window := range []string{"season", "all"} {
		check("teams:all", window, "1 team-genova 60")
		check("teams:it.l.ge", window, "1 team-genova 60")
		check("teams:it.l.sp", window)
		check("regions:it.l", window, "1 it.l.ge 100")
		check("regions:it.l.ge", window, "1 it.l.ge.genova 60")
	}
	for home, want := range map[points.Home]int{genova: 3, camogli: 1, sarzana: 0} {
		s, err := w.boards.Standing(w.ctx, w.id, StandingRequest{Account: home.Team + "-0", Team: home.Team, Region: home.Region})
		if err != nil || len(s.Units) != want || s.Points != 10 {
			t.Errorf("%s: %+v, %v", home.Team, s, err)
		}
	}
	if d, lines := w.duels("it.l", ""); len(lines) != 0 {
		t.Errorf("duels: %+v", d)
	}
	// The fifth makes it a team that is shown, at once.
	join(sarzana, 4, 5)
	check("teams:all", "season", "1 team-genova 60", "2 team-sarzana 50")

	// In the archive it is as it was when the season closed, and its sum is kept
	// there for who adds up.
	w.closed()
	check("teams:all", "2026-w47", "1 team-genova 60", "2 team-sarzana 50")
	if err := w.boards.Settle(w.ctx, w.id); err != nil {
		t.Fatal(err)
	}
	w.equal()
}
