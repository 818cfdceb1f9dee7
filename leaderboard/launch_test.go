package leaderboard

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/internal/redistest"
	"github.com/musterhq/muster/store"
)

func newStored(t *testing.T) *world {
	w := newWorldOn(t, redistest.Open(t), newSQLite(t))
	t.Cleanup(func() { wipe(t, w.redis, w.id) })
	return w
}

func (w *world) join(home points.Home, from, to int, each int64) {
	w.t.Helper()
	for i := from; i < to; i++ {
		w.apply(w.record(act{account: fmt.Sprintf("%s-%d", home.Team, i), home: home, points: each}))
	}
}

// A campaign is made, and people come a season later: they count from when they
// join, there are leagues and duels at once, and none of it is final.
func TestTheSeasonInWhichPeopleCome(t *testing.T) {
	w := newStored(t)
	w.nextSeason() // the third, and nobody was there before
	w.join(genova, 0, 10, 5)
	w.join(sarzana, 0, 9, 4)
	w.clock.Advance(2 * fairLife)
	if d, lines := w.duels("it.l", ""); d.Final || !slices.Equal(lines, []string{"it.l.ge 50 - it.l.sp 36: left"}) {
		t.Errorf("%+v", d)
	}
	if l := w.leagues("regions:it.l", ""); l.Final || !slices.Equal(l.lines(), []string{"1/1 1 it.l.ge 50 of 10", "1/1 1 it.l.sp 36 of 9"}) && !slices.Equal(l.lines(), []string{"1/1 1 it.l.ge 50 of 10", "1/1 2 it.l.sp 36 of 9"}) {
		t.Errorf("%+v", l.lines())
	}
	w.nextSeason()
	w.act("team-genova-0", genova, 5)
	if d, lines := w.duels("it.l", ""); !d.Final || len(lines) != 1 {
		t.Errorf("the season after: %+v", d)
	}
}

// In a first season pairs follow who joins. What is kept of it is of the last pairs.
func TestPairsOfAFirstSeason(t *testing.T) {
	saved := places
	places = append(slices.Clone(places), "it.l.im", "it.l.sv", "it.l.im.x", "it.l.sv.x", "team-im", "team-sv")
	t.Cleanup(func() { places = saved })
	w := newStored(t)
	w.boards.campaigns = oneCampaign{&campaign.Campaign{Meta: store.Meta{ID: w.id}, Root: "it.l", TimeZone: "UTC", CreatedAt: monday.Add(24 * time.Hour)}}
	w.boards.tenants.Purge()
	im, sv := points.Home{Team: "team-im", Region: "it.l.im.x"}, points.Home{Team: "team-sv", Region: "it.l.sv.x"}
	w.join(genova, 0, 10, 5)
	w.join(sarzana, 0, 9, 4)
	w.join(im, 0, 8, 4)
	w.join(sv, 0, 7, 3)
	w.clock.Advance(time.Minute)
	w.look()
	early, _ := w.duels("it.l", "")
	w.join(sv, 7, 12, 3)
	w.clock.Advance(2 * fairLife)
	w.look()
	late, lines := w.duels("it.l", "")
	if late.Final || len(lines) != 2 || early.Pairs[0].ID == late.Pairs[0].ID {
		t.Fatalf("%+v, then %+v", early, late)
	}
	w.nextSeason()
	over, lines := w.duels("it.l", late.Season)
	met := map[string]int{}
	for _, p := range over.Pairs {
		met[p.Left.ID]++
		met[p.Right.ID]++
	}
	for region, n := range met {
		if n != 1 {
			t.Errorf("%s is in %d duels of a season that is over: %v", region, n, lines)
		}
	}
	if len(met) != 4 {
		t.Errorf("%v", lines)
	}
}

// A duel whose pairs are not final is still there when the boards are gone.
func TestADuelWhileBoardsAreStale(t *testing.T) {
	w := newStored(t)
	w.join(genova, 0, 10, 5)
	w.join(sarzana, 0, 10, 4)
	w.clock.Advance(monday.Add(7*24*time.Hour + time.Hour).Sub(w.clock.Now()))
	w.round()
	w.act("team-genova-0", genova, 5)
	w.look()
	d, _ := w.duels("it.l", "")
	if d.Final || len(d.Pairs) != 1 {
		t.Fatalf("%+v", d)
	}
	wipe(t, w.redis, w.id)
	one, err := w.boards.Duel(w.ctx, w.id, d.Pairs[0].ID)
	if err != nil || !one.Stale || one.Left.Name != "Name of it.l.ge" || len(one.Course.Samples) == 0 {
		t.Errorf("%+v, %v", one, err)
	}
}

// Who rose most stood low before: on a board of more than a thousand too.
func TestWhoImprovedMostFromFarDown(t *testing.T) {
	w := newStored(t)
	for i := range 1100 {
		w.apply(w.record(act{account: fmt.Sprintf("p%04d", i), home: genova, points: 100}))
	}
	w.act("riser", genova, 1)
	improved := func() string {
		t.Helper()
		found, err := w.boards.Improved(w.ctx, w.id, "people:all", "", 5)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, r := range found.Rows {
			lines = append(lines, fmt.Sprintf("%s +%d", r.ID, r.Gain))
		}
		return strings.Join(lines, ", ")
	}
	// From the board while the season before still takes late actions, then from
	// the archive.
	w.clock.Advance(monday.Add(7*24*time.Hour + time.Hour).Sub(w.clock.Now()))
	w.round()
	w.act("riser", genova, 500)
	w.act("p1099", genova, 101)
	want := "riser +499, p1099 +1"
	if got := improved(); got != want {
		t.Errorf("%s", got)
	}
	w.clock.Advance(3 * 24 * time.Hour)
	for range 3 {
		w.round()
		w.clock.Advance(2 * margin)
	}
	if got := improved(); got != want {
		t.Errorf("from the archive: %s", got)
	}
}
