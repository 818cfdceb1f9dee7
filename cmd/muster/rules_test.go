package main

import (
	"log/slog"
	"testing"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/internal/app"
	"github.com/musterhq/muster/internal/liguria"
)

// checkPreview holds the preview of other rules over a demo's ledger against a sum
// that replays nothing: each day's doors and calls of each person, added up and
// paid at once, by campaign and by team.
func checkPreview(t *testing.T, data string) {
	t.Helper()
	ctx := t.Context()
	a, err := app.Open(ctx, app.Options{Data: data, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	const full = 30 // of a day; the same again pays half, and then nothing
	kind := func(name string, worth int64) points.Kind {
		return points.Kind{Name: name, Unit: name, Source: "A test.", Points: worth, MaxQuantity: 200, Weight: 1,
			Tiers: []points.Tier{{UpTo: full, Percent: 100}, {UpTo: 2 * full, Percent: 50}}}
	}
	each := map[string]int64{"door": 10, "call": 4}
	set, err := a.Points.NewRuleSet(ctx, liguria.CampaignID, points.RuleSetRequest{Name: "Other", Kinds: []points.Kind{kind("door", each["door"]), kind("call", each["call"])}, Author: "hq"})
	if err != nil {
		t.Fatal(err)
	}
	type day struct{ account, day, kind string }
	type total struct {
		before int64
		days   map[day]int64
	}
	seasons, teams := map[string]*total{}, map[string]string{} // one season, but at a Monday's midnight
	for p, err := range a.Points.Postings(ctx, liguria.CampaignID) {
		if err != nil {
			t.Fatal(err)
		}
		teams[p.Account] = p.State.Home.Team
		for _, e := range p.Actions {
			s := seasons[e.Season]
			if s == nil {
				s = &total{days: map[day]int64{}}
				seasons[e.Season] = s
			}
			s.before += e.Points
			s.days[day{p.Account, e.Day, e.Kind}] += e.Quantity
		}
	}
	if len(seasons) == 0 {
		t.Fatal("the ledger holds no actions")
	}
	for id, s := range seasons {
		after, sum := map[string]int64{}, int64(0)
		for d, quantity := range s.days {
			paid := min(quantity, full)*each[d.kind] + max(0, min(quantity-full, full))*each[d.kind]/2
			after[teams[d.account]] += paid
			sum += paid
		}
		preview, err := a.Points.Preview(ctx, liguria.CampaignID, set.ID, id, func(leaf string) []points.Within { return []points.Within{{Region: leaf}} })
		if err != nil {
			t.Fatal(err)
		}
		if preview.Before != s.before || preview.After != sum || preview.People == 0 || sum == 0 {
			t.Errorf("the preview says %d to %d of %d people, the ledger %d to %d", preview.Before, preview.After, preview.People, s.before, sum)
		}
		for _, team := range preview.Teams {
			if team.After != after[team.ID] {
				t.Errorf("%s would have %d, the ledger says %d", team.ID, team.After, after[team.ID])
			}
		}
	}
}
