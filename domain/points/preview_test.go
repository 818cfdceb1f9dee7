package points

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// tree is a region, its province and the root.
func tree(leaf string) []Within {
	parts := map[string]string{"it.a.x": "it.a", "it.a.y": "it.a", "it.b.z": "it.b"}
	province := parts[leaf]
	return []Within{{leaf, province}, {province, "it"}, {"it", ""}}
}

// A preview equals what the season's actions come to when they are added up by
// day in one go, without replaying anything.
func TestPreviewEqualsAnIndependentSum(t *testing.T) {
	f := setUp(t)
	f.clock.Advance(-24 * time.Hour) // Tuesday: last week is open until tonight
	random := rand.New(rand.NewPCG(3, 4))
	kinds := []string{"door", "call", "text", "event_attended", "share"}
	leaves := []string{"it.a.x", "it.a.y", "it.b.z"}
	hidden := "p00"
	for i := range 24 {
		f.member = Member{Account: fmt.Sprintf("p%02d", i), Team: "team-" + leaves[i%3], Region: leaves[i%3]}
		f.member.Hidden = f.member.Account == hidden
		for n := range 12 {
			var batch []Action
			for k := range 1 + random.IntN(4) {
				batch = append(batch, Action{
					ID: fmt.Sprintf("a%d-%d", n, k), Kind: kinds[random.IntN(len(kinds))], Quantity: 1,
					OccurredAt: f.clock.Now().Add(-time.Duration(random.IntN(9*24*60)) * time.Minute),
				})
				if a := &batch[k]; a.Kind != "event_attended" {
					a.Quantity = 1 + random.Int64N(50)
				}
			}
			f.record(batch...)
			if random.IntN(3) == 0 {
				if _, err := f.void(batch[0].ID); err != nil {
					t.Fatal(err)
				}
			}
			if last := batch[len(batch)-1].ID; random.IntN(3) == 0 {
				f.rule(HoldIt, last)
				if random.IntN(2) == 0 {
					f.rule([]Verdict{ClearIt, VoidIt}[random.IntN(2)], last)
				}
			}
		}
	}
	draft := []Kind{
		{Name: "door", Unit: "door", Source: "a test", Points: 11, MaxQuantity: 100, Weight: 2, Tiers: []Tier{{30, 100}, {200, 40}}},
		{Name: "call", Unit: "call", Source: "a test", Points: 9, MaxQuantity: 200, Weight: 1, CoolDown: 45, Tiers: tiers(50, 500, 900)},
		{Name: "event_attended", Unit: "event", Source: "a test", Points: 70, MaxQuantity: 1, Weight: 1, CoolDown: 120, Tiers: tiers(2, 3, 9)},
	}
	e := f.draft("Other", draft)
	for _, season := range []string{"2026-w47", "2026-w46", "2026-w30"} {
		got, err := f.Preview(t.Context(), testCampaign, e.ID, season, tree)
		if err != nil {
			t.Fatal(err)
		}
		if (got.People > 10) != (season != "2026-w30") {
			t.Errorf("%s: %d people", season, got.People)
		}
		checkPreview(t, f, got, &e.Rules, season, hidden)
	}
	_, err := f.Preview(t.Context(), testCampaign, "other", "2026-w47", tree)
	wantCode(t, err, "rule_set_unknown")
	_, err = f.Preview(t.Context(), testCampaign, e.ID, "2026", tree)
	wantCode(t, err, "season_unknown")
	if got, err := f.Preview(t.Context(), "another", "v1", "2026-w47", tree); err != nil || got.People != 0 || got.Shares != nil {
		t.Errorf("another campaign: %+v, %v", got, err)
	}
}

// side is what a person has by one rule set; sum adds up the season's days.
func side(rules *RuleSet, entries []Entry) int64 {
	type stretch struct {
		day, kind string
		slot      int64
	}
	stretches, days := map[stretch]int64{}, map[[2]string]int64{}
	for _, e := range entries {
		k := rules.Kind(e.Kind)
		if k == nil {
			continue
		}
		s := stretch{e.Day, e.Kind, 0}
		if k.CoolDown > 0 {
			local := e.OccurredAt.In(rome)
			s.slot = 1 + int64(local.Hour()*60+local.Minute())/k.CoolDown
		}
		stretches[s] += e.Quantity * k.Weight
	}
	for s, quantity := range stretches {
		if s.slot > 0 {
			k := rules.Kind(s.kind)
			quantity = min(quantity, k.MaxQuantity*k.Weight)
		}
		days[[2]string{s.day, s.kind}] += quantity
	}
	var sum int64
	for d, quantity := range days {
		sum += rules.Points(d[1], quantity)
	}
	return sum
}

func checkPreview(t *testing.T, f *fixture, got *Preview, rules *RuleSet, season, hidden string) {
	t.Helper()
	entries := map[string][]Entry{}
	home := map[string]string{}
	for i := range 24 {
		f.member.Account = fmt.Sprintf("p%02d", i)
		for _, p := range f.postings() {
			home[p.Account] = p.State.Home.Region
			for _, e := range p.Actions {
				if e.Season == season {
					entries[p.Account] = append(entries[p.Account], e)
				}
			}
		}
	}
	before, after := map[string]int64{}, map[string]int64{}
	regions := map[string]*UnitPreview{}
	want := &Preview{RuleSet: rules.ID, Season: season, People: len(entries)}
	for account, list := range entries {
		before[account], after[account] = side(V1(), list), side(rules, list)
		want.Before += before[account]
		want.After += after[account]
		switch cmp.Compare(after[account], before[account]) {
		case 1:
			want.Up++
		case 0:
			want.Same++
		case -1:
			want.Down++
		}
		for _, w := range tree(home[account]) {
			u := regions[w.Region]
			if u == nil {
				u = &UnitPreview{ID: w.Region}
				regions[w.Region] = u
			}
			u.Before += before[account]
			u.After += after[account]
		}
	}
	if want.People != got.People || want.Before != got.Before || want.After != got.After || want.Up != got.Up || want.Down != got.Down || want.Same != got.Same {
		t.Errorf("%s: have %d people, %d to %d, up %d down %d same %d; want %+v", season, got.People, got.Before, got.After, got.Up, got.Down, got.Same, want)
	}
	place := func(points map[string]int64, account string) int {
		rank := 1
		for _, other := range points {
			if other > points[account] {
				rank++
			}
		}
		return rank
	}
	var moved []float64
	most := 0
	for account := range entries {
		by := place(before, account) - place(after, account)
		moved = append(moved, float64(by))
		if account != hidden {
			most = max(most, by)
		}
	}
	slices.Sort(moved)
	if len(moved) > 0 && (got.Moved[0] != moved[0] || got.Moved[len(Quantiles)-1] != moved[len(moved)-1] || got.Moved[3] != moved[len(moved)/2]) {
		t.Errorf("%s: moved %v, want within %v", season, got.Moved, moved)
	}
	for i, m := range slices.Concat(got.Risers, got.Fallers) {
		w := Mover{m.Account, before[m.Account], after[m.Account], place(before, m.Account), place(after, m.Account)}
		if m != w || m.Account == hidden || (i < len(got.Risers)) != (m.RankAfter < m.RankBefore) {
			t.Errorf("%s: mover %+v, want %+v", season, m, w)
		}
	}
	if most > 0 && got.Risers[0].RankBefore-got.Risers[0].RankAfter != most {
		t.Errorf("%s: the first riser is %+v, somebody rises by %d", season, got.Risers[0], most)
	}
	if len(got.Regions) != len(regions) {
		t.Errorf("%s: regions %+v", season, got.Regions)
	}
	swaps := 0
	for _, r := range got.Regions {
		w := *regions[r.ID]
		w.RankBefore, w.RankAfter = 1, 1
		for id, other := range regions {
			if slices.Contains([]string{"it.a.x", "it.a.y"}, id) != slices.Contains([]string{"it.a.x", "it.a.y"}, r.ID) || len(id) != len(r.ID) {
				continue // no sibling
			}
			if other.Before > w.Before {
				w.RankBefore++
			}
			if other.After > w.After {
				w.RankAfter++
			}
			if w.Before > other.Before && w.After < other.After {
				swaps++
			}
		}
		if r != w {
			t.Errorf("%s: region %+v, want %+v", season, r, w)
		}
	}
	if swaps != got.SwapCount || swaps != len(got.Swaps) {
		t.Errorf("%s: %d swaps %+v, want %d", season, got.SwapCount, got.Swaps, swaps)
	}
	var kinds KindPreview
	for _, k := range got.Kinds {
		kinds.Before += k.Before
		kinds.After += k.After
	}
	if kinds.Before != got.Before || kinds.After != got.After {
		t.Errorf("%s: the kinds come to %+v", season, kinds)
	}
}

// A day that lies in two seasons is replayed whole.
func TestPreviewReplaysWholeDays(t *testing.T) {
	f := setUp(t)
	f.member.TimeZone = "Pacific/Auckland"
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, rome)
	f.until(monday.Add(-time.Hour)) // Monday noon in Auckland, and still 2026-w47
	f.record(f.act("a", "door", 60))
	f.until(monday.Add(time.Hour))
	f.record(f.act("b", "door", 60))
	got, err := f.Preview(t.Context(), testCampaign, "v1", "2026-w48", tree)
	if err != nil || got.Before != 20*20+40*10 || got.After != got.Before {
		t.Errorf("%+v, %v", got, err)
	}
}

// Ranks of equals, and who is listed, are as on boards.
func TestPreviewRanks(t *testing.T) {
	people := []*replayed{{account: "a", before: 5, after: 1}, {account: "b", before: 5, after: 2}, {account: "c", before: 1, after: 2}, {account: "d", before: 0, after: 0}}
	rank(people, 0, func(p *replayed) int64 { return p.before })
	rank(people, 1, func(p *replayed) int64 { return p.after })
	var got []int
	for _, p := range people {
		got = append(got, p.ranks[0], p.ranks[1])
	}
	if diff := gocmp.Diff([]int{1, 3, 1, 1, 3, 1, 4, 4}, got); diff != "" {
		t.Error(diff)
	}
	if q := quantiles([]float64{3, 1, 2}); !slices.Equal(q, []float64{1, 1, 1, 2, 3, 3, 3}) {
		t.Errorf("quantiles %v", q)
	}
}
