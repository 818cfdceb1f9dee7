package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/musterhq/muster/store"
)

// Opened is an engine over an empty database, as a test gets it.
type Opened struct {
	Engine store.Engine
	// Reopen closes the engine and opens the same database again, as a restart
	// of the process does.
	Reopen func() store.Engine
	// Expire has the engine delete what has expired by now, and returns when
	// that is done.
	Expire func(ctx context.Context) error
	// Address is what the open given to Child needs to open the same database
	// in another process.
	Address string
}

// Run runs the contract. open gives each test its own empty database and closes
// it with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Opened) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"insert", inserts},
		{"update", updates},
		{"query", queries},
		{"condition", conditions},
		{"scope", scopes},
		{"shard", shards},
		{"migrate", migrations},
		{"transfer", transfers},
		{"last", lasting},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					o := open(t)
					if err := o.Engine.Migrate(t.Context(), []store.Schema{schema}); err != nil {
						t.Fatal(err)
					}
					test.run(t, &fixture{Opened: o, people: store.NewCollection[person](o.Engine, schema)})
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(t *testing.T, f *fixture)
}

// fixture is what a test works on.
type fixture struct {
	Opened
	people *store.Collection[person]
}

// reopen restarts the engine.
func (f *fixture) reopen(t *testing.T) {
	t.Helper()
	f.Engine = f.Reopen()
	if err := f.Engine.Migrate(t.Context(), []store.Schema{schema}); err != nil {
		t.Fatal(err)
	}
	f.people = store.NewCollection[person](f.Engine, schema)
}

// The campaigns of the tests.
const (
	genova = "genova"
	savona = "savona"
)

// person is the document of the tests: a field for every thing the port can do.
type person struct {
	store.Meta    `bson:",inline"`
	store.Effects `bson:",inline"`
	Name          string     `bson:"name,omitempty"`
	Email         string     `bson:"email,omitempty"`
	Team          string     `bson:"team,omitempty"`
	Points        int64      `bson:"points"`
	Within        []string   `bson:"within,omitempty"`
	Actions       []action   `bson:"actions,omitempty"`
	Stage         stage      `bson:"stage,omitempty"`
	SeenAt        *time.Time `bson:"seen_at,omitempty"`
	ExpiresAt     *time.Time `bson:"expires_at,omitempty"`
	Text          string     `bson:"text,omitempty"`
	Any           any        `bson:"any,omitempty"`
	Nick          *string    `bson:"nick"` // stored as null where there is none
}

type action struct {
	ID   string `bson:"id"`
	Kind string `bson:"kind"`
}

type stage struct {
	Lane  string `bson:"lane,omitempty"`
	Holds bool   `bson:"holds,omitempty"`
}

// IsZero keeps an empty stage out of the document.
func (s stage) IsZero() bool { return s == stage{} }

var schema = store.Schema{
	Name: "people",
	Indexes: []store.Index{
		{Name: "email", Equal: []string{"email"}, Unique: true},
		{Name: "action", Equal: []string{"actions.id"}, Each: "actions.id", Unique: true},
		{Name: "team", Equal: []string{"team"}, Order: "points", Across: true},
		{Name: "within", Equal: []string{"within"}, Each: "within", Order: "points"},
		{Name: "points", Order: "points"},
		{Name: "name", Order: "name"},
		{Name: "seen", Order: "seen_at", Across: true},
		{Name: "lane", Equal: []string{"stage.lane", "stage.holds"}},
		{Name: "expires", Order: "expires_at", Expire: true},
		{Name: "any", Order: "any"},
		{Name: "nick", Equal: []string{"nick"}, Unique: true},
		{Name: "nicks", Order: "nick"},
		store.EffectsIndex,
	},
	Set: []string{"points", "text", "stage.lane"},
}

// insert writes documents that must be accepted.
func (f *fixture) insert(t *testing.T, campaign string, people ...*person) {
	t.Helper()
	for batch := range slices.Chunk(people, store.MaxBatch) {
		for i, err := range f.people.Insert(t.Context(), campaign, batch...) {
			if err != nil {
				t.Fatalf("insert %s: %v", batch[i].ID, err)
			}
		}
	}
}

// named is a person with this id and, for the fields most tests use, a change.
func named(id string, changes ...func(*person)) *person {
	p := &person{Meta: store.Meta{ID: id}}
	for _, change := range changes {
		change(p)
	}
	return p
}

func inTeam(team string, points int64) func(*person) {
	return func(p *person) { p.Team, p.Points = team, points }
}

// reds makes n people of the team red, p000, p001 ..., with points 0, 1 ...
func reds(n int) []*person {
	people := make([]*person, n)
	for i := range people {
		people[i] = named(fmt.Sprintf("p%03d", i), inTeam("red", int64(i)))
	}
	return people
}

// find reads one page, of Genova, that must be answered.
func (f *fixture) find(t *testing.T, q store.Query) store.Page[person] {
	t.Helper()
	page, err := f.people.Find(t.Context(), genova, q)
	if err != nil {
		t.Fatalf("find %+v: %v", q, err)
	}
	return page
}

// all reads every page and gives the ids in order.
func (f *fixture) all(t *testing.T, campaign string, q store.Query) []string {
	t.Helper()
	found := []string{}
	for p, err := range f.people.Scan(t.Context(), campaign, q) {
		if err != nil {
			t.Fatalf("scan %+v: %v", q, err)
		}
		found = append(found, p.ID)
	}
	return found
}

// get reads a document that must be there.
func (f *fixture) get(t *testing.T, campaign, id string) *person {
	t.Helper()
	p, err := f.people.Get(t.Context(), campaign, id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ids(people []*person) []string {
	list := make([]string, len(people))
	for i, p := range people {
		list[i] = p.ID
	}
	return list
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func at(text string) *time.Time {
	instant, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err) // a mistake in a test
	}
	return &instant
}
