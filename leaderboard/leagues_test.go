package leaderboard

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/internal/redistest"
)

// inTeam is a home in the tests' tree: a team of a leaf of it.l.ge.
func inTeam(name string) points.Home {
	return points.Home{Team: "team-" + name, Region: "it.l.ge.genova"}
}

// people join a team, and the first of them make points.
func (w *world) people(home points.Home, members, active int, each int64) {
	w.t.Helper()
	for i := range members {
		n := int64(0)
		if i < active {
			n = each
		}
		w.apply(w.record(act{account: fmt.Sprintf("%s-%02d", home.Team, i), home: home, points: n}))
	}
}

func (w *world) leagues(board, window string) LeagueTable {
	w.t.Helper()
	table, err := w.boards.Leagues(w.ctx, w.id, board, window)
	if err != nil {
		w.t.Fatal(err)
	}
	return table
}

// lines prints a table as "league/division rank team sum of members".
func (t LeagueTable) lines() []string {
	var lines []string
	for _, l := range t.Leagues {
		for _, r := range l.Rows {
			lines = append(lines, fmt.Sprintf("%d/%d %d %s %d of %d", l.League, l.Division, r.Rank, strings.TrimPrefix(r.ID, "team-"), r.Sum, r.Fair.Members))
		}
	}
	return lines
}

// nextSeason goes on to noon of the next Wednesday.
func (w *world) nextSeason() {
	w.t.Helper()
	w.clock.Advance(7 * 24 * time.Hour)
	for range 3 {
		w.round()
		w.clock.Advance(2 * margin)
	}
	w.round()
}

func TestLeaguesOfABoard(t *testing.T) {
	w := newWorldOn(t, redistest.Open(t), newSQLite(t))
	t.Cleanup(func() { wipe(t, w.redis, w.id) })
	for name, members := range map[string]int{"big": 30, "b": 12, "c": 10, "d": 6, "tiny": 4} {
		w.people(inTeam(name), members, 0, 0)
	}
	w.nextSeason()
	w.people(inTeam("big"), 30, 30, 10)
	w.people(inTeam("b"), 12, 6, 10)
	w.people(inTeam("c"), 10, 10, 10)
	w.people(inTeam("tiny"), 4, 4, 100)
	// d does nothing, and is not on the board; it is in its league.
	want := []string{"1/1 1 big 300 of 30", "2/1 1 c 100 of 10", "2/1 2 b 60 of 12", "2/1 3 d 0 of 6"}
	running := w.leagues("teams:all", "")
	if diff := cmp.Diff(want, running.lines()); diff != "" || !running.Final || running.Closed || running.Window != "2026-w48" {
		t.Errorf("%+v %s", running, diff)
	}
	if l := running.Leagues[1]; l.Smallest != 6 || l.Largest != 12 || l.Divisions != 1 {
		t.Errorf("the second league is %+v", l)
	}
	c := running.Leagues[1].Rows[0].Fair
	mean := 160.0 / 28
	if c.Value <= mean || c.Value >= 10 || c.Low >= c.Value || c.High <= c.Value || c.Band != 1 {
		t.Errorf("c is %+v", c)
	}
	if c.Rating.Mean <= 1 || c.Rating.SD >= season.NewRating().SD {
		t.Errorf("c is rated %+v", c.Rating)
	}
	// All-time has leagues by size.
	if all := w.leagues("teams:all", "all"); all.Final || len(all.Leagues) != 2 {
		t.Errorf("all-time: %+v", all)
	}
	if _, err := w.boards.Leagues(w.ctx, w.id, "people:all", ""); errs.CodeOf(err) != "board_invalid" {
		t.Errorf("people: %v", err)
	}
	if regions := w.leagues("regions:it.l", ""); len(regions.Leagues) != 1 || regions.Leagues[0].Rows[0].Fair.Members != 62 {
		t.Errorf("regions: %+v", regions)
	}

	// Closed, it is read from the store, and says the same of all that scored.
	w.nextSeason()
	archived := w.leagues("teams:all", "2026-w48")
	if diff := cmp.Diff(want[:3], archived.lines()); diff != "" || !archived.Closed || !archived.Final {
		t.Errorf("%+v %s", archived, diff)
	}
	if diff := cmp.Diff(c, archived.Leagues[1].Rows[0].Fair); diff != "" {
		t.Error(diff)
	}
	// Ratings go on into the season after.
	w.people(inTeam("c"), 10, 10, 10)
	w.people(inTeam("b"), 12, 6, 10)
	after := w.leagues("teams:all", "").Leagues[1].Rows[0]
	if after.ID != "team-c" || after.Fair.Rating.Mean <= c.Rating.Mean || after.Fair.Rating.SD >= c.Rating.SD {
		t.Errorf("c was rated %+v and is %+v", c.Rating, after)
	}
	wipe(t, w.redis, w.id)
	if stale := w.leagues("teams:all", ""); !stale.Stale || len(stale.Leagues) != 0 {
		t.Errorf("without boards: %+v", stale)
	}
}

// Twenty-two teams of a size are two divisions, and the best of the second go up.
func TestTeamsGoUpAndDown(t *testing.T) {
	w := newWorldOn(t, redistest.Open(t), newSQLite(t))
	t.Cleanup(func() { wipe(t, w.redis, w.id) })
	for i := range 22 {
		w.people(inTeam(fmt.Sprintf("t%02d", i)), 6, 0, 0)
	}
	play := func() {
		for i := range 22 {
			w.people(inTeam(fmt.Sprintf("t%02d", i)), 6, 6, int64(10*math.Pow(1.5, float64(i))))
		}
	}
	w.nextSeason()
	play()
	division := func(table LeagueTable, team string) int {
		for _, l := range table.Leagues {
			if slices.ContainsFunc(l.Rows, func(r Row) bool { return r.ID == team }) {
				return l.Division
			}
		}
		return 0
	}
	first := w.leagues("teams:all", "")
	if len(first.Leagues) != 2 || len(first.Leagues[0].Rows) != 11 || division(first, "team-t21") != 2 || division(first, "team-t00") != 1 {
		t.Fatalf("%+v", first.lines())
	}
	up, stays, down := first.Leagues[1].Rows[0], first.Leagues[1].Rows[5], first.Leagues[0].Rows[10]
	if up.Fair.Goes() != -1 || stays.Fair.Goes() != 0 || down.Fair.Goes() != 1 || down.ID != "team-t00" {
		t.Errorf("%+v goes up, %+v stays, %+v goes down", up, stays, down)
	}

	// The season is over and takes late actions for two days: what comes of it is
	// shown, and not yet final.
	w.clock.Advance(monday.Add(14*24*time.Hour + time.Hour).Sub(w.clock.Now()))
	w.round()
	next := w.leagues("teams:all", "")
	if next.Final || next.Window != "2026-w49" || division(next, "team-t21") != 1 || division(next, "team-t20") != 1 || division(next, "team-t00") != 2 || division(next, "team-t05") != 1 || division(next, "team-t15") != 2 {
		t.Errorf("%+v", next.lines())
	}
	w.nextSeason()
	if got := w.leagues("teams:all", "2026-w48"); got.Closed != true || division(got, "team-t21") != 2 {
		t.Errorf("the archive says %+v", got.lines())
	}
}

// Idle members who leave, hide or change teams while a season runs do not make
// their team any better.
func TestPurgingIdleMembersGainsNothing(t *testing.T) {
	w := newWorldOn(t, redistest.Open(t), newSQLite(t))
	t.Cleanup(func() { wipe(t, w.redis, w.id) })
	purger, honest, other := inTeam("purger"), inTeam("honest"), inTeam("other")
	for _, home := range []points.Home{purger, honest, other} {
		w.people(home, 20, 0, 0)
	}
	w.nextSeason()
	for i, home := range []points.Home{purger, honest, other} {
		w.people(home, 20, 8, int64(100*(i+1)))
	}
	value := func() float64 {
		t.Helper()
		w.clock.Advance(2 * fairLife)
		for _, l := range w.leagues("teams:all", "").Leagues {
			for _, r := range l.Rows {
				if r.ID == purger.Team {
					return r.Fair.Value
				}
			}
		}
		t.Fatal("the team is in no league")
		return 0
	}
	before := value()
	for i := 8; i < 20; i++ {
		account := fmt.Sprintf("team-purger-%02d", i)
		if i%2 == 0 {
			w.apply(w.record(act{account: account, home: other}))
		} else {
			w.apply(w.record(act{account: account, home: purger, hidden: true}))
		}
	}
	if after := value(); math.Abs(after-before) > 0.01*before {
		t.Errorf("purging brings %g to %g", before, after)
	}
	// And a node that has just begun says the same.
	w.boards = w.node()
	if after := value(); after != before {
		t.Errorf("another node: %g and %g", before, after)
	}
	// The next season counts them where they are.
	w.nextSeason()
	w.people(purger, 8, 8, 100)
	w.people(other, 8, 8, 300)
	for _, l := range w.leagues("teams:all", "").Leagues {
		for _, r := range l.Rows {
			if want := map[string]int64{purger.Team: 14, honest.Team: 20, other.Team: 26}[r.ID]; r.Fair.Members != want {
				t.Errorf("%s is measured by %d, want %d", r.ID, r.Fair.Members, want)
			}
		}
	}
}

func TestWhatADuelNeeds(t *testing.T) {
	row := func(sum, members int64) Row {
		r := Row{Sum: sum}
		if members > 0 {
			r.Fair = &Fair{Members: members}
		}
		return r
	}
	tests := []struct {
		name        string
		left, right Row
		leader      string
		needs       [2]int64
	}{
		{"by points a member", row(300, 30), row(300, 20), "right", [2]int64{151, 0}},
		{"a tie: one point each", row(300, 30), row(200, 20), "tie", [2]int64{1, 1}},
		{"thirds", row(100, 30), row(9, 7), "left", [2]int64{0, 15}},
		{"one is too small: by sums", row(300, 30), row(200, 0), "left", [2]int64{0, 101}},
		{"nothing yet", row(0, 0), row(0, 0), "tie", [2]int64{1, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Pair{Left: tt.left, Right: tt.right}
			left, right := p.Needs()
			if p.Leader() != tt.leader || [2]int64{left, right} != tt.needs {
				t.Errorf("%s leads, needs are %d and %d", p.Leader(), left, right)
			}
			// With what it needs a side leads, with a point less it does not.
			for i, side := range []*Row{&p.Left, &p.Right} {
				name := []string{"left", "right"}[i]
				if need := tt.needs[i]; need > 0 {
					side.Sum += need
					if p.Leader() != name {
						t.Errorf("%s has what it needs, and %s leads", name, p.Leader())
					}
					side.Sum--
					if p.Leader() == name {
						t.Errorf("%s leads with a point less than it needs", name)
					}
					side.Sum -= need - 1
				}
			}
		})
	}
}
