package campaign

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

var noon = time.Date(2024, 10, 20, 12, 0, 0, 0, time.UTC)

// newStore is a migrated SQLite store of its own.
func newStore(t testing.TB) store.Engine {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(context.Background(), Schemas); err != nil {
		t.Fatal(err)
	}
	return db
}

// newService is a service with the campaign "test" in it.
func newService(t testing.TB) (*Service, *clock.Manual) {
	t.Helper()
	now := clock.NewManual(noon)
	s := New(newStore(t), now)
	if _, err := s.Create(t.Context(), Campaign{Meta: store.Meta{ID: "test"}, Name: "Test", TimeZone: "Europe/Rome"}); err != nil {
		t.Fatal(err)
	}
	return s, now
}

func small(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/it_small.csv")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// state is everything an import writes, without versions.
type state struct {
	Regions   []*Region
	Teams     []*Team
	Postcodes []*Postcode
}

func stateOf(t testing.TB, s *Service) state {
	t.Helper()
	var out state
	collect(t, &out.Regions, s.regions, "level")
	collect(t, &out.Teams, s.teams, "region")
	collect(t, &out.Postcodes, s.postcodes, "id")
	return out
}

func collect[T any](t testing.TB, into *[]*T, c *store.Collection[T], index string) {
	t.Helper()
	for doc, err := range c.Scan(context.Background(), "test", store.Query{Index: index}) {
		if err != nil {
			t.Fatal(err)
		}
		any(doc).(store.Document).Head().Version = 0
		*into = append(*into, doc)
	}
}

func (s state) regionIDs() []string {
	ids := make([]string, len(s.Regions))
	for i, r := range s.Regions {
		ids[i] = r.ID
	}
	slices.Sort(ids)
	return ids
}

func TestCreate(t *testing.T) {
	s, _ := newService(t)
	ctx := t.Context()
	c := func(id string, change func(*Campaign)) Campaign {
		out := Campaign{Meta: store.Meta{ID: id}, Name: " Genova ", TimeZone: "Europe/Rome", Parent: "test", MinimumAge: 16, SeasonWeeks: 4}
		if change != nil {
			change(&out)
		}
		return out
	}
	for _, bad := range []struct {
		code string
		c    Campaign
	}{
		{"campaign_id", c("_system", nil)},
		{"campaign_id", c("x", nil)},
		{"campaign_name", c("genova", func(c *Campaign) { c.Name = " " })},
		{"campaign_name", c("genova", func(c *Campaign) { c.Name = "\xff" })},
		{"time_zone_unknown", c("genova", func(c *Campaign) { c.TimeZone = "Europe/Genova" })},
		{"time_zone_unknown", c("genova", func(c *Campaign) { c.TimeZone = "" })},
		{"minimum_age", c("genova", func(c *Campaign) { c.MinimumAge = 100 })},
		{"minimum_age", c("genova", func(c *Campaign) { c.MinimumAge = -1 })},
		{"season_weeks", c("genova", func(c *Campaign) { c.SeasonWeeks = 14 })},
		{"season_weeks", c("genova", func(c *Campaign) { c.SeasonWeeks = -1 })},
		{"parent_unknown", c("genova", func(c *Campaign) { c.Parent = "nobody" })},
		{"root_not_settable", c("genova", func(c *Campaign) { c.Root = "it" })},
		{"campaign_exists", c("test", nil)},
	} {
		if _, err := s.Create(ctx, bad.c); errs.CodeOf(err) != bad.code {
			t.Errorf("%s: %v", bad.code, err)
		}
	}
	got, err := s.Create(ctx, c("genova", nil))
	if err != nil {
		t.Fatal(err)
	}
	want := &Campaign{Meta: store.Meta{Campaign: store.System, ID: "genova", Version: 1}, Name: "Genova", Parent: "test", TimeZone: "Europe/Rome", MinimumAge: 16, SeasonWeeks: 4, CreatedAt: noon}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if read, err := s.Get(ctx, "genova"); err != nil || !cmp.Equal(read, want) {
		t.Errorf("read %+v, %v", read, err)
	}
	all, err := s.All(ctx)
	if err != nil || len(all) != 2 {
		t.Errorf("all: %d, %v", len(all), err)
	}
	if _, err := s.Get(ctx, "nobody"); errs.CodeOf(err) != "campaign_unknown" {
		t.Error(err)
	}
	if _, err := s.Get(ctx, store.Everywhere); errs.CodeOf(err) != "campaign_unknown" {
		t.Error(err)
	}
}

func TestGetIsAtMostASecondOld(t *testing.T) {
	s, now := newService(t)
	ctx := t.Context()
	first, err := s.Get(ctx, "test")
	if err != nil {
		t.Fatal(err)
	}
	first.Name = "mine" // a copy: nobody else sees this
	if _, err := s.campaigns.Update(ctx, store.System, "test", func(c *Campaign) error { c.Name = "Renamed"; return nil }); err != nil {
		t.Fatal(err)
	}
	name := func() string {
		c, err := s.Get(ctx, "test")
		if err != nil {
			t.Fatal(err)
		}
		return c.Name
	}
	now.Advance(campaignLife - time.Millisecond)
	if got := name(); got != "Test" {
		t.Errorf("within a second: %s", got)
	}
	now.Advance(time.Millisecond)
	if got := name(); got != "Renamed" {
		t.Errorf("after a second: %s", got)
	}
}

func TestCampaignWithoutRegionsTakesNobody(t *testing.T) {
	s, _ := newService(t)
	if _, err := s.Tree(t.Context(), "test"); errs.CodeOf(err) != "regions_missing" {
		t.Error(err)
	}
	if _, err := s.Lookup(t.Context(), "test", "19121", ""); errs.CodeOf(err) != "regions_missing" {
		t.Error(err)
	}
	if _, err := s.Lookup(t.Context(), "nobody", "19121", ""); errs.CodeOf(err) != "campaign_unknown" {
		t.Error(err)
	}
}
