package push_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/redistest"
	"github.com/musterhq/muster/push"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

const camp = "liguria-2024"

var start = time.Date(2024, 10, 21, 9, 0, 0, 0, time.UTC)

// free lets everybody ask for codes.
type free struct{}

func (free) Allow(context.Context, string, string, int, time.Duration) (bool, time.Duration, error) {
	return true, 0, nil
}

func (free) Left(context.Context, string, string, int, time.Duration) (bool, time.Duration, error) {
	return true, 0, nil
}

type campaigns struct{}

func (campaigns) Get(_ context.Context, id string) (*campaign.Campaign, error) {
	return &campaign.Campaign{Meta: store.Meta{ID: id}, Name: "Liguria", Root: "it.liguria", TimeZone: "Europe/Rome"}, nil
}

// audience is who is in which tier now.
type audience struct {
	mu      sync.Mutex
	members map[briefing.TierName][]string
}

func (a *audience) Members(_ context.Context, _ string, tier briefing.TierName) iter.Seq2[string, error] {
	a.mu.Lock()
	defer a.mu.Unlock()
	members := slices.Clone(a.members[tier])
	return func(yield func(string, error) bool) {
		for _, m := range members {
			if !yield(m, nil) {
				return
			}
		}
	}
}

// second is the clock that all nodes share.
type second struct{ *clock.Manual }

func (s second) Now(context.Context) (time.Time, error) { return s.Manual.Now(), nil }

// house is the rooms that push works with, on one store.
type house struct {
	t        *testing.T
	db       *sqlite.DB
	people   *people.Service
	clock    *clock.Manual // of people and the first node
	shared   *clock.Manual
	audience *audience
	redis    *miniredis.Miniredis // of a test that turns its clock; see turning
	client   redis.UniversalClient
	log      *slog.Logger
}

func open(t *testing.T) *house {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	schemas := slices.Concat(people.Schemas, briefing.Schemas, push.Schemas)
	if err := db.Migrate(t.Context(), schemas); err != nil {
		t.Fatal(err)
	}
	client := redistest.Open(t)
	redistest.Wipe(t, client, "push:rate:")
	t.Cleanup(func() { redistest.Wipe(t, client, "push:rate:") })
	h := &house{
		t: t, db: db, clock: clock.NewManual(start), shared: clock.NewManual(start),
		audience: &audience{members: map[briefing.TierName][]string{}},
		client:   client, log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	h.people = people.New(db, people.Options{
		Keys: people.NewKeys(), Limiter: free{}, Campaigns: campaigns{}, Clock: h.clock, Log: h.log,
	})
	return h
}

// turning gives the house a Redis whose clock stands at start until the test
// turns it.
func (h *house) turning() *house {
	h.redis, h.client = redistest.InProcess(h.t)
	h.redis.SetTime(start)
	return h
}

// elapse lets a project's bucket believe that time has passed: on a Redis whose
// clock nobody turns, what it remembers is made older.
func (h *house) elapse(project string, d time.Duration) {
	h.t.Helper()
	key := "push:rate:{" + project + "}"
	for _, field := range []string{"at", "pause"} {
		if !h.client.HExists(h.t.Context(), key, field).Val() {
			continue
		}
		if err := h.client.HIncrBy(h.t.Context(), key, field, -d.Milliseconds()).Err(); err != nil {
			h.t.Fatal(err)
		}
	}
}

// person signs up with consents and gives the id.
func (h *house) person(email string, consents ...people.Consent) string {
	h.t.Helper()
	request, err := h.people.SignUp(h.t.Context(), camp, people.SignUpRequest{
		Email: email, Postcode: "16121", Region: "it.liguria.ge.genova", Team: "team-1", Consents: consents,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	mail, send, err := h.people.Gate().Code(h.t.Context(), camp, request)
	if err != nil || !send {
		h.t.Fatal(send, err)
	}
	_, person, err := h.people.SignIn(h.t.Context(), camp, people.SignInRequest{Request: request, Code: mail.Code})
	if err != nil {
		h.t.Fatal(err)
	}
	return person.ID
}

func news(channel string) people.Consent {
	return people.Consent{Purpose: "news", Channel: channel, Wording: "v1"}
}

// crowd is n people who agreed to be pushed to.
func (h *house) crowd(prefix string, n int) []string {
	h.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = h.person(fmt.Sprintf("%s%d@example.org", prefix, i), news(people.Push))
	}
	return ids
}

func (h *house) device(person, id, value, kind string) {
	h.t.Helper()
	err := h.people.PutDevice(h.t.Context(), camp, person, people.Device{ID: id, Kind: kind, Value: value, Platform: "android"})
	if err != nil {
		h.t.Fatal(err)
	}
}

// briefings is the queue on the house's store and clocks.
func (h *house) briefings(options briefing.Options) *briefing.Service {
	if options.Second == nil {
		options.Second = second{h.shared}
	}
	return briefing.New(h.db, h.audience, h.clock, options)
}

func (h *house) pass(d time.Duration) { h.clock.Advance(d); h.shared.Advance(d) }

// monotonic is the shared clock as a duration: in the tests that use it no
// clock is ever wrong.
func (h *house) monotonic() time.Duration { return h.shared.Now().Sub(start) }

func (h *house) rate() *push.Rate { return push.NewRate(h.client, "test", 0, h.monotonic, h.log) }

func (h *house) worker(b push.Briefings, sender push.Sender) *push.Worker {
	return push.New(push.Parts{Briefings: b, Gate: h.people.Gate(), Sender: sender, Rate: h.rate(), Log: h.log},
		push.Options{Flush: time.Millisecond, Monotonic: h.monotonic})
}

var words = briefing.Content{Title: "Our plan for the port", Notice: "News for you", Text: "SECRET twelve pages."}

// schedule takes a new briefing through approval and schedules it.
func schedule(ctx context.Context, t *testing.T, b *briefing.Service, plans ...briefing.Plan) string {
	t.Helper()
	draft, err := b.Draft(ctx, camp, briefing.DraftRequest{Content: words, Author: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	if draft, err = b.Submit(ctx, camp, briefing.Act{ID: draft.ID, By: "anna"}); err != nil {
		t.Fatal(err)
	}
	if draft, err = b.Approve(ctx, camp, briefing.Act{ID: draft.ID, By: "bruno", Version: draft.Version}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Schedule(ctx, camp, briefing.Act{ID: draft.ID, By: "anna"}, plans...); err != nil {
		t.Fatal(err)
	}
	return draft.ID
}

// staff sees everything.
type staff struct{}

func (staff) Has(role campaign.Role) bool { return role == campaign.Staff }

// outcomes is the deliveries of a briefing by person.
func (h *house) outcomes(id string) map[string]briefing.Delivery {
	h.t.Helper()
	found := map[string]briefing.Delivery{}
	b, err := h.briefings(briefing.Options{}).Get(h.t.Context(), camp, id, staff{})
	if err != nil {
		h.t.Fatal(err)
	}
	parcels := store.NewCollection[briefing.Parcel](h.db, parcelSchema())
	for _, tier := range b.Tiers {
		for _, cut := range tier.Cuts {
			for p, err := range parcels.Scan(h.t.Context(), camp, store.Query{Index: "cut", Equal: []any{cut}}) {
				if err != nil {
					h.t.Fatal(err)
				}
				for _, d := range p.Deliveries {
					found[d.Person] = d
				}
			}
		}
	}
	return found
}

func parcelSchema() store.Schema {
	for _, s := range briefing.Schemas {
		if s.Name == "parcels" {
			return s
		}
	}
	panic("no parcels")
}
