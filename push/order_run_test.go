package push_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/store"
)

// placed is a delivery and its tier.
type placed struct {
	briefing.Delivery
	tier briefing.TierName
}

// deliveries reads a briefing's deliveries by person, straight from the store;
// of a person who moved, the one that counts.
func (h *house) deliveries(ctx context.Context, b *briefing.Briefing) map[string]placed {
	found := map[string]placed{}
	parcels := store.NewCollection[briefing.Parcel](h.db, parcelSchema())
	for _, tier := range b.Tiers {
		for _, cut := range tier.Cuts {
			for p, err := range parcels.Scan(ctx, camp, store.Query{Index: "cut", Equal: []any{cut}}) {
				if err != nil {
					return nil
				}
				for _, d := range p.Deliveries {
					if d.Outcome != briefing.Moved {
						found[d.Person] = placed{d, tier.Name}
					}
				}
			}
		}
	}
	return found
}

// crowds are the people of the order test, made once.
type crowds struct{ media, supporters []string }

// play runs one seed to its end and gives what was violated.
func (h *house) play(t *testing.T, seed uint64, everybody crowds, m mutant) []string {
	t.Helper()
	h.clock.Advance(start.Sub(h.clock.Now()))
	h.shared.Advance(start.Sub(h.shared.Now()))
	w := &history{
		h: h, mutant: m, random: rand.New(rand.NewPCG(seed, 1)), hostile: true,
		final: map[string]bool{}, opened: map[briefing.TierName]time.Duration{},
	}
	w.looking = h.briefings(briefing.Options{})
	w.sharedStep = w.chance(0.5)
	w.deaths = []float64{0, 0.01, 0.05}[w.pick(3)]
	h.audience.members = map[briefing.TierName][]string{
		briefing.Media: everybody.media, briefing.Supporters: slices.Concat(everybody.supporters, everybody.media),
	}
	// Often both are due together, so that nothing but the settling of the
	// first holds the second back.
	media := time.Duration(w.pick(300)) * time.Second
	headStart := []time.Duration{0, 0, 30 * time.Second, 5 * time.Minute}[w.pick(4)]
	w.plans = []briefing.Plan{
		{Name: briefing.Media, At: start.Add(media)}, {Name: briefing.Supporters, At: start.Add(media + headStart)},
	}
	if w.chance(0.2) {
		// With a clock that is right: how long something took is known to nobody
		// while both clocks are wrong.
		w.plans[0].WaitLimit, w.sharedStep = time.Duration(1+w.pick(10))*time.Minute, false
	}
	w.id = schedule(t.Context(), t, w.looking, w.plans...)
	defer w.looking.Recall(t.Context(), camp, briefing.Act{ID: w.id, By: "test"})

	nodes := []*node{w.boot(0), w.boot(0), w.boot(0)}
	for range 60 {
		w.round(t.Context(), nodes)
		if w.look(t.Context(), w.true()).State == briefing.Sent {
			break
		}
	}
	w.calm(t, nodes)
	return w.violations
}

// round lets some of the nodes do something at the same time, and something
// happen to the world.
func (w *history) round(ctx context.Context, nodes []*node) {
	w.disturb(nodes)
	var busy sync.WaitGroup
	for _, n := range nodes {
		what := w.pick(4)
		busy.Go(func() {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			n.stop.Store(&cancel)
			n.began = w.true()
			// Errors are what a dead or cut-off node has; what counts is checked
			// at the sends.
			switch what {
			case 0:
				_ = n.briefings.Advance(ctx)
			case 1:
				_, _ = n.worker.Work(ctx)
			case 2: // takes over what outlasts its lease elsewhere
				for range 8 {
					_, _ = n.worker.Work(ctx)
				}
			case 3:
				_ = n.briefings.Advance(ctx)
				_, _ = n.worker.Work(ctx)
			}
		})
	}
	busy.Wait()
	w.elapse(time.Duration(w.pick(25))*time.Second, nodes)
}

// disturb restarts nodes, steps clocks and changes who is in which tier. At
// least one of a node's two clocks is never ahead: if both are, no node can
// know.
func (w *history) disturb(nodes []*node) {
	for i, n := range nodes {
		if n.dead.Load() && w.chance(0.5) || w.chance(0.05) {
			n.dead.Store(true)
			nodes[i] = w.boot(0)
		}
	}
	now := start.Add(w.true())
	if w.sharedStep && w.chance(0.2) {
		w.h.shared.Advance(now.Sub(w.h.shared.Now())) // true again
		if w.chance(0.5) {
			w.h.shared.Advance(w.skew())
		}
	}
	ahead := w.h.shared.Now().After(now)
	for _, n := range nodes {
		if w.chance(0.2) {
			n.clock.Advance(now.Sub(n.clock.Now()))
			n.clock.Advance(w.skew())
		}
		if ahead && n.clock.Now().After(now) {
			n.clock.Advance(now.Sub(n.clock.Now()))
		}
	}
	if w.chance(0.1) { // a supporter becomes media, or the other way round
		w.h.audience.mu.Lock()
		defer w.h.audience.mu.Unlock()
		media := slices.Clone(w.h.audience.members[briefing.Media])
		everybody := w.h.audience.members[briefing.Supporters]
		person := everybody[w.pick(len(everybody))]
		if i := slices.Index(media, person); i >= 0 {
			media = slices.Delete(media, i, i+1)
		} else {
			media = append(media, person)
		}
		w.h.audience.members[briefing.Media] = media
	}
}

// skew is up to ten minutes either way.
func (w *history) skew() time.Duration { return time.Duration(w.pick(1200)-600) * time.Second }

// calm ends the faults; then everything must come to its end.
func (w *history) calm(t *testing.T, nodes []*node) {
	w.hostile, w.deaths = false, 0
	now := start.Add(w.true())
	w.h.shared.Advance(now.Sub(w.h.shared.Now()))
	for i := range nodes {
		nodes[i].dead.Store(true)
		nodes[i] = w.boot(0)
	}
	for range 200 {
		for _, n := range nodes {
			if err := n.briefings.Advance(t.Context()); err != nil {
				w.violate("advance: %v", err)
			}
			if _, err := n.worker.Work(t.Context()); err != nil {
				w.violate("work: %v", err)
			}
		}
		b := w.look(t.Context(), w.true())
		if b.State == briefing.Sent {
			w.complete(t.Context(), b)
			return
		}
		w.elapse(15*time.Second, nodes)
	}
	w.violate("never sent: it stands at %s", w.look(t.Context(), w.true()).State)
}

// complete checks that everybody has exactly one delivery with an outcome.
func (w *history) complete(ctx context.Context, b *briefing.Briefing) {
	deliveries := w.h.deliveries(ctx, b)
	for person, d := range deliveries {
		if d.Outcome == "" {
			w.violate("sent, and yet %s has no outcome", person)
		}
	}
	for _, person := range w.h.audience.members[briefing.Supporters] {
		if _, has := deliveries[person]; !has {
			w.violate("%s was forgotten", person)
		}
	}
}

func TestNoSupporterBeforeTheMedia(t *testing.T) {
	h := open(t)
	everybody := crowds{media: h.crowd("m", 6), supporters: h.crowd("s", 14)}
	for seed := range *seeds {
		for _, violation := range h.play(t, seed, everybody, mutant{}) {
			t.Errorf("seed %d: %s", seed, violation)
		}
	}
}

// The same histories, with one check taken away each time, must be noticed:
// else the test above proves nothing.
func TestTheOrderTestCanFail(t *testing.T) {
	for name, c := range map[string]struct {
		mutant mutant
		notice string
	}{
		"nobody looks whether the media tier has settled": {mutant{blind: true}, "a supporter got it before"},
		"tiers open by one clock":                         {mutant{oneClock: true}, "before its time"},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			everybody := crowds{media: h.crowd("m", 6), supporters: h.crowd("s", 14)}
			for seed := range 20 * *seeds { // far more than it takes
				for _, violation := range h.play(t, seed, everybody, c.mutant) {
					if strings.Contains(violation, c.notice) {
						t.Logf("noticed at seed %d: %s", seed, violation)
						return
					}
				}
			}
			t.Fatal("not noticed")
		})
	}
}
