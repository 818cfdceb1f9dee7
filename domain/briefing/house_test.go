package briefing_test

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

const camp = "liguria-2024"

var start = time.Date(2024, 10, 21, 9, 0, 0, 0, time.UTC)

// audience is who is in which tier now.
type audience struct {
	mu      sync.Mutex
	members map[briefing.TierName][]string
	err     error
}

func (a *audience) Members(_ context.Context, _ string, tier briefing.TierName) iter.Seq2[string, error] {
	a.mu.Lock()
	defer a.mu.Unlock()
	members, err := slices.Clone(a.members[tier]), a.err
	return func(yield func(string, error) bool) {
		for _, m := range members {
			if !yield(m, nil) {
				return
			}
		}
		if err != nil {
			yield("", err)
		}
	}
}

func (a *audience) set(tier briefing.TierName, members ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.members[tier] = members
}

func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return list
}

// second is the other clock.
type second struct{ *clock.Manual }

func (s second) Now(context.Context) (time.Time, error) { return s.Manual.Now(), nil }

// roles is a viewer.
type roles []campaign.Role

func (r roles) Has(role campaign.Role) bool { return slices.Contains(r, role) }

var (
	supporter = roles{campaign.Supporter, campaign.Volunteer}
	press     = roles{campaign.Supporter, campaign.Volunteer, campaign.Media}
	staff     = roles{campaign.Supporter, campaign.Staff}
	wall      = roles{campaign.Display}
)

type house struct {
	*briefing.Service
	t        *testing.T
	audience *audience
	clock    *clock.Manual // this node's
	other    *clock.Manual // the second
}

func open(t *testing.T, options briefing.Options) *house {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Migrate(t.Context(), briefing.Schemas); err != nil {
		t.Fatal(err)
	}
	h := &house{
		t: t, clock: clock.NewManual(start), other: clock.NewManual(start),
		audience: &audience{members: map[briefing.TierName][]string{
			briefing.Media: names("m", 3), briefing.Supporters: append(names("s", 450), "m0"),
		}},
	}
	options.Second = second{h.other}
	h.Service = briefing.New(db, h.audience, h.clock, options)
	return h
}

func (h *house) pass(d time.Duration) { h.clock.Advance(d); h.other.Advance(d) }

func (h *house) advance() {
	h.t.Helper()
	if err := h.Advance(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) get(id string) *briefing.Briefing {
	h.t.Helper()
	b, err := h.Get(h.t.Context(), camp, id, staff)
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

var words = briefing.Content{Title: "Our plan for the port", Text: "Twelve pages on the port."}

func (h *house) draft() *briefing.Briefing {
	h.t.Helper()
	b, err := h.Draft(h.t.Context(), camp, briefing.DraftRequest{Content: words, Author: "anna"})
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

// approve takes a draft through its approval by bruno.
func (h *house) approve(id string) *briefing.Briefing {
	h.t.Helper()
	b, err := h.Submit(h.t.Context(), camp, briefing.Act{ID: id, By: "anna"})
	if err != nil {
		h.t.Fatal(err)
	}
	if b, err = h.Approve(h.t.Context(), camp, briefing.Act{ID: id, By: "bruno", Version: b.Version}); err != nil {
		h.t.Fatal(err)
	}
	return b
}

func (h *house) schedule(plans ...briefing.Plan) string {
	h.t.Helper()
	id := h.draft().ID
	h.approve(id)
	if _, err := h.Schedule(h.t.Context(), camp, briefing.Act{ID: id, By: "anna"}, plans...); err != nil {
		h.t.Fatal(err)
	}
	return id
}

// deliver takes every ready parcel and records the outcome for all of it; it
// says who was served, by tier.
func (h *house) deliver(outcome briefing.Outcome) map[briefing.TierName][]string {
	h.t.Helper()
	served := map[briefing.TierName][]string{}
	for {
		refs, err := h.Ready(h.t.Context(), 10)
		if err != nil {
			h.t.Fatal(err)
		}
		if len(refs) == 0 {
			return served
		}
		for _, ref := range refs {
			taken := h.take(ref)
			var results []briefing.Result
			for i, d := range taken.Parcel.Deliveries {
				if d.Outcome == "" {
					results = append(results, briefing.Result{Index: i, Outcome: outcome, At: h.clock.Now()})
					served[ref.Tier] = append(served[ref.Tier], d.Person)
				}
			}
			if err := h.Record(h.t.Context(), taken, results); err != nil {
				h.t.Fatal(err)
			}
		}
	}
}

func (h *house) take(ref briefing.Ref) *briefing.Taken {
	h.t.Helper()
	taken, err := h.Take(h.t.Context(), ref, "worker")
	if err != nil {
		h.t.Fatal(err)
	}
	return taken
}

func (h *house) states(id string) (states []briefing.TierState) {
	h.t.Helper()
	for _, tier := range h.get(id).Tiers {
		states = append(states, tier.State)
	}
	return states
}

func code(t *testing.T, err error, want string) {
	t.Helper()
	if got := errs.CodeOf(err); got != want {
		t.Fatalf("code %q (%v), want %q", got, err, want)
	}
}

func effects(t *testing.T, h *house) (feeds []string) {
	t.Helper()
	_, err := h.CarryOut(t.Context(), h.clock.Now(), func(_ context.Context, _ string, e store.Effect) error {
		feeds = append(feeds, e.Data["feed"]+" "+e.Data["type"])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return feeds
}
