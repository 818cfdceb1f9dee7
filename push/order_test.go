package push_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/push"
	"github.com/musterhq/muster/store"
)

// The test that tries hard to get a supporter's delivery out too early: several
// nodes whose clocks step both ways, workers that die in the middle of a send
// or of a write, answers that are lost, late or refused, sends that outlast
// their lease, people who change tiers, all at once, over many seeds.
//
// What must hold is checked at the moment of every send, against the documents
// in the store and the true time, not against what the worker believes.

// seeds is how many histories a run plays: go test ./push -run Media -seeds 2000
var seeds = flag.Uint64("seeds", 30, "histories that the order test plays")

// mutant is a way to break the house; the test must notice each.
type mutant struct {
	blind    bool // nobody looks whether the media tier has settled
	oneClock bool // tiers open by the node's own clock alone
}

// errDead is what a node's store says after the node was killed.
var errDead = errors.New("this node is dead")

// mortal is a node's way to the store: nothing passes once the node is dead.
type mortal struct {
	store.Engine
	node   *node
	mutant mutant
}

func (m mortal) Insert(ctx context.Context, s *store.Schema, campaign string, docs []store.Raw) []error {
	if m.node.dies() {
		answers := make([]error, len(docs))
		for i := range answers {
			answers[i] = errDead
		}
		return answers
	}
	return m.Engine.Insert(ctx, s, campaign, docs)
}

func (m mortal) Replace(ctx context.Context, s *store.Schema, campaign, id string, version int64, body bson.Raw) error {
	if m.node.dies() {
		return errDead
	}
	err := m.Engine.Replace(ctx, s, campaign, id, version, body)
	if s.Name == "briefings" && err == nil {
		m.node.history.look(ctx, m.node.began)
	}
	if m.node.dies() { // written, and nobody knows
		return errDead
	}
	return err
}

func (m mortal) Delete(ctx context.Context, s *store.Schema, campaign string, ids []string) (int, error) {
	if m.node.dies() {
		return 0, errDead
	}
	return m.Engine.Delete(ctx, s, campaign, ids)
}

func (m mortal) Count(ctx context.Context, s *store.Schema, campaign string, q store.Query, limit int) (int, error) {
	if m.mutant.blind && q.Index == "pending" {
		of, err := m.Engine.Find(ctx, s, campaign, store.Query{Index: "cut", Equal: q.Equal[:1], Limit: 1})
		if err != nil || len(of.Docs) == 0 || of.Docs[0].Body.Lookup("tier").StringValue() == string(briefing.Media) {
			return 0, err
		}
	}
	return m.Engine.Count(ctx, s, campaign, q, limit)
}

// node is one process: its own clock, its own rooms, its own way to die.
type node struct {
	history   *history
	clock     *clock.Manual
	briefings *briefing.Service
	worker    *push.Worker
	began     time.Duration // true time at which its present turn began
	dead      atomic.Bool
	stop      atomic.Pointer[context.CancelFunc] // tells it to stop, as SIGTERM does
}

// dies says whether the node is dead, and sometimes kills it.
func (n *node) dies() bool {
	if n.history.chance(n.history.deaths) {
		n.dead.Store(true)
	}
	return n.dead.Load()
}

// history is one seed's world.
type history struct {
	h      *house
	mutant mutant
	id     string

	mu         sync.Mutex
	random     *rand.Rand
	monotonic  time.Duration // true time since start
	deaths     float64       // chance that a node dies at a write
	hostile    bool          // whether sends go wrong
	sharedStep bool          // whether the shared clock ever steps
	violations []string
	final      map[string]bool // people whose send was answered finally
	plans      []briefing.Plan
	opened     map[briefing.TierName]time.Duration // true time, or a little before
	looking    *briefing.Service                   // on a store that never fails
}

func (w *history) chance(p float64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.Float64() < p
}

func (w *history) pick(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n)
}

func (w *history) violate(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

func (w *history) true() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.monotonic
}

// elapse lets true time pass on every clock.
func (w *history) elapse(d time.Duration, nodes []*node) {
	w.mu.Lock()
	w.monotonic += d
	w.mu.Unlock()
	w.h.shared.Advance(d)
	for _, n := range nodes {
		n.clock.Advance(d)
	}
}

// boot starts a process whose clock is off by so much.
func (w *history) boot(offset time.Duration) *node {
	n := &node{history: w, clock: clock.NewManual(start.Add(w.true()).Add(offset))}
	engine := mortal{Engine: w.h.db, node: n, mutant: w.mutant}
	options := briefing.Options{Second: second{w.h.shared}, Deadline: 20 * time.Minute}
	if w.mutant.oneClock {
		options.Second = second{n.clock}
	}
	n.briefings = briefing.New(engine, w.h.audience, n.clock, options)
	n.worker = push.New(push.Parts{
		Briefings: n.briefings, Gate: w.h.people.Gate(), Sender: n, Log: w.h.log,
		Rate: push.NewRate(w.h.client, "order", 0, w.true, w.h.log),
	}, push.Options{
		InFlight: 1 + w.pick(4), Flush: time.Duration(1+w.pick(30)) * time.Millisecond, Monotonic: w.true,
	})
	return n
}

// Prepare makes the node a sender that anything can happen in.
func (n *node) Prepare(context.Context, string, []people.Cleared) (push.Batch, error) { return n, nil }

// Messages implements push.Batch.
func (n *node) Messages(string) int { return 1 }

// Send checks what must hold, then lets something happen.
func (n *node) Send(ctx context.Context, notice push.Notice) push.Answer {
	w := n.history
	if n.dead.Load() {
		return push.Answer{Err: errDead} // a dead process sends nothing
	}
	w.check(ctx, notice)
	if !w.hostile {
		return w.answered(notice, briefing.Accepted)
	}
	switch w.pick(12) {
	case 0: // killed while the request was in flight: it may have arrived
		n.dead.Store(true)
		panic(errDead)
	case 1, 2:
		return push.Answer{Err: errors.New("503"), Wait: time.Duration(w.pick(30)) * time.Second}
	case 3:
		return w.answered(notice, briefing.Gone)
	case 4: // told to stop: what is in flight is still recorded
		(*n.stop.Load())()
	case 5: // a slow answer, sometimes one that outlasts the lease
		w.mu.Lock()
		w.monotonic += time.Duration(w.random.IntN(80)) * time.Second
		w.mu.Unlock()
		w.h.shared.Advance(start.Add(w.true()).Sub(w.h.shared.Now())) // true again
	}
	return w.answered(notice, briefing.Accepted)
}

func (w *history) answered(notice push.Notice, o briefing.Outcome) push.Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.final[notice.To.Person()] = true
	return push.Answer{Outcome: o}
}

// check holds a send against the store and the true time.
func (w *history) check(ctx context.Context, notice push.Notice) {
	if notice.Briefing != w.id {
		return // left over from another seed
	}
	b, err := w.looking.Get(ctx, camp, w.id, staff{})
	if err != nil {
		w.violate("look: %v", err)
		return
	}
	tier, before := 0, -1
	for i := range b.Tiers {
		if b.Tiers[i].Name == notice.Tier {
			tier, before = i, i-1
		}
	}
	if now := start.Add(w.true()); now.Before(b.Tiers[tier].At) {
		w.violate("%s got it %v before its time", notice.Tier, b.Tiers[tier].At.Sub(now))
	}
	deliveries := w.h.deliveries(ctx, b)
	if d := deliveries[notice.To.Person()]; d.Outcome != "" && !w.sharedStep {
		w.violate("%s has %q recorded and is sent to again", notice.To.Person(), d.Outcome)
	}
	if before < 0 {
		return
	}
	first := &b.Tiers[before]
	w.mu.Lock()
	open := w.monotonic - w.opened[first.Name]
	w.mu.Unlock()
	if limit := first.WaitLimit; limit > 0 && open >= limit {
		return
	}
	if first.State != briefing.Settled {
		w.violate("a supporter got it while the media tier was %s", first.State)
	}
	for person, d := range deliveries {
		if d.tier != first.Name || d.Outcome == briefing.Moved {
			continue
		}
		w.mu.Lock()
		answered := w.final[person] || d.Outcome == briefing.Refused || d.Outcome == briefing.Expired
		w.mu.Unlock()
		if d.Outcome == "" || !answered {
			w.violate("a supporter got it before %s of the media (recorded %q)", person, d.Outcome)
		}
		if d.Outcome == briefing.Expired && open < first.Deadline && !w.sharedStep {
			w.violate("%s of the media was given up %v too soon", person, first.Deadline-open)
		}
	}
}

// look notes which tiers have opened since now.
func (w *history) look(ctx context.Context, now time.Duration) *briefing.Briefing {
	b, err := w.looking.Get(ctx, camp, w.id, staff{})
	if err != nil {
		w.violate("look: %v", err)
		return &briefing.Briefing{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, tier := range b.Tiers {
		if _, seen := w.opened[tier.Name]; !seen && tier.State != briefing.Waiting {
			w.opened[tier.Name] = now
		}
	}
	return b
}
