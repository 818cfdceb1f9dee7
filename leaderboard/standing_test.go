package leaderboard

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestStanding(t *testing.T) {
	w := newWorld(t)
	w.act("a", genova, 20)
	w.act("b", camogli, 12)
	w.act("c", sarzana, 12)
	w.act("d", sarzana, 5)
	w.act("e", sarzana, 0)
	w.apply(w.record(act{account: "h", home: sarzana, points: 7, hidden: true}))
	units := []UnitStanding{
		{Board: "teams:all", ID: "team-sarzana", Sum: 24, Place: Place{Rank: 1, Of: 3}},
		{Board: "regions:it.l", ID: "it.l.sp", Sum: 24, Place: Place{Rank: 2, Of: 2, Next: &Next{1, 8}}},
		{Board: "regions:it.l.sp", ID: "it.l.sp.sarzana", Sum: 24, Place: Place{Rank: 1, Of: 1}},
	}
	var together []*standingQuery // all in one call
	wanted := map[string]Standing{}
	for account, want := range map[string]Standing{
		"a":       {Points: 20, AllTime: 20, Person: Place{1, 4, nil}},
		"c":       {Points: 12, AllTime: 12, Person: Place{2, 4, &Next{1, 8}}, Units: units},
		"d":       {Points: 5, AllTime: 5, Person: Place{4, 4, &Next{2, 7}}, Units: units},
		"e":       {Person: Place{0, 4, &Next{4, 5}}, Units: units},
		"h":       {Points: 7, AllTime: 7, Person: Place{4, 4, &Next{2, 5}}, Units: units},
		"unknown": {Person: Place{0, 4, &Next{4, 5}}},
	} {
		want.Season = "2026-w47"
		r := StandingRequest{Account: account}
		if want.Units != nil {
			r.Team, r.Region = sarzana.Team, sarzana.Region
		}
		have, err := w.boards.Standing(w.ctx, w.id, r)
		if diff := cmp.Diff(want, have, cmpopts.IgnoreFields(UnitStanding{}, "Fair")); err != nil || diff != "" {
			t.Errorf("%s: %v %s", account, err, diff)
		}
		together, wanted[account] = append(together, &standingQuery{request: r}), want
	}
	if err := w.boards.stand(w.ctx, w.id, together); err != nil {
		t.Fatal(err)
	}
	for _, q := range together {
		if diff := cmp.Diff(wanted[q.request.Account], q.found, cmpopts.IgnoreFields(UnitStanding{}, "Fair")); diff != "" {
			t.Errorf("%s, together with others: %s", q.request.Account, diff)
		}
	}
	// In a new season everybody begins again.
	w.clock.Advance(7 * 24 * time.Hour)
	w.round()
	have, err := w.boards.Standing(w.ctx, w.id, StandingRequest{Account: "a", Team: genova.Team})
	if diff := cmp.Diff(Standing{Season: "2026-w48", AllTime: 20}, have); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestStandingWithoutBoards(t *testing.T) {
	w := newWorld(t)
	w.act("a", genova, 20)
	wipe(t, w.redis, w.id)
	have, err := w.boards.Standing(w.ctx, w.id, StandingRequest{Account: "a", Team: genova.Team})
	if diff := cmp.Diff(Standing{Season: "2026-w47", Stale: true}, have); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestVersionsGrowWithTheirBoardOnly(t *testing.T) {
	w := newWorld(t)
	boards := []string{"regions:it.l", "regions:it.l.sp", "people:all"}
	versions := func() []Version {
		t.Helper()
		v, err := w.boards.Versions(w.ctx, w.id, "season", boards)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	w.act("a", genova, 1)
	first := versions()
	if first[0].Number == 0 || first[1].Number != 0 || first[2].Generation != w.generation() {
		t.Errorf("after the first: %+v", first)
	}
	w.act("b", camogli, 1)
	second := versions()
	if second[0].Number <= first[0].Number || second[1] != first[1] {
		t.Errorf("after the second: %+v", second)
	}
	if page := w.page(PageRequest{Board: "regions:it.l"}); page.Version != second[0] {
		t.Errorf("the page says %+v, versions %+v", page.Version, second[0])
	}
	w.apply(w.book.states["b"])
	if diff := cmp.Diff(second, versions()); diff != "" {
		t.Errorf("a repeat: %s", diff)
	}
}
