package points

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

const testCampaign = "liguria-2024"

var (
	genova = Member{Account: "anna", Team: "team-ge", Region: "it.liguria.ge.genova"}
	// wednesday is in season 2026-w47.
	wednesday = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
	rome      = mustZone("Europe/Rome")
	calendar  = season.Calendar{Zone: rome}
)

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

func openStore(t testing.TB) store.Engine {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context(), Schemas); err != nil {
		t.Fatal(err)
	}
	return db
}

func newService(engine store.Engine, c clock.Clock) *Service {
	return New(Config{Engine: engine, Clock: c, Calendar: romeSeasons})
}

func romeSeasons(context.Context, string) (Calendar, error) { return calendar, nil }

// fixture is one service on a fresh store, at noon of wednesday.
type fixture struct {
	*Service
	t      testing.TB
	engine store.Engine
	clock  *clock.Manual
	member Member
}

func setUp(t testing.TB) *fixture {
	engine, c := openStore(t), clock.NewManual(wednesday)
	return &fixture{Service: newService(engine, c), t: t, engine: engine, clock: c, member: genova}
}

// act is an action of now by the fixture's clock.
func (f *fixture) act(id, kind string, quantity int64) Action {
	return Action{ID: id, Kind: kind, Quantity: quantity, OccurredAt: f.clock.Now()}
}

func (f *fixture) record(actions ...Action) Result {
	f.t.Helper()
	r, err := f.Record(f.t.Context(), testCampaign, f.member, Batch{SentAt: f.clock.Now(), Actions: actions})
	if err != nil {
		f.t.Fatal(err)
	}
	f.verify()
	return r
}

// postings are all of the member's.
func (f *fixture) postings() []*Posting {
	f.t.Helper()
	var all []*Posting
	mine := store.Query{Index: "account", Equal: []any{f.member.Account}}
	for p, err := range f.Service.postings.Scan(f.t.Context(), testCampaign, mine) {
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// verify holds the last state against the recount of everything before it.
func (f *fixture) verify() {
	f.t.Helper()
	rules, err := f.Schedule(f.t.Context(), testCampaign)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := verifyBy(rules, f.postings(), 0); err != nil {
		f.t.Fatal(err)
	}
}

// verify holds the states of the postings from an index on against the recount
// of all up to them.
func verify(postings []*Posting, from int) error { return verifyBy(nil, postings, from) }

func verifyBy(rules Schedule, postings []*Posting, from int) error {
	for i := max(from, 0); i < len(postings); i++ {
		count, err := Recount(rules, calendar, postings[:i+1])
		if err != nil {
			return err
		}
		if err := count.Agrees(&postings[i].State); err != nil {
			return fmt.Errorf("posting %s: %w", postings[i].ID, err)
		}
		if total := worth(rules, count.Days); total != count.Total() || total != postings[i].State.Total() {
			return fmt.Errorf("posting %s: the days are worth %d, the shares %d, the state says %d",
				postings[i].ID, total, count.Total(), postings[i].State.Total())
		}
	}
	return nil
}

// worth adds up what days are worth, each by itself.
func worth(rules Schedule, days []DayQuantity) int64 {
	counted := map[dayKind]int64{}
	for _, d := range days {
		quantity := d.Quantity
		if k := rules.On(d.Day).Kind(d.Kind); k != nil && k.CoolDown > 0 {
			quantity = min(quantity, k.MaxQuantity*k.Weight)
		}
		counted[dayKind{d.Day, d.Kind}] += quantity
	}
	var total int64
	for d, quantity := range counted {
		total += rules.On(d.day).Points(d.kind, quantity)
	}
	return total
}
