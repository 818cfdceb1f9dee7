package goal

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Schemas declares the room's collections.
var Schemas = []store.Schema{goalsSchema, followingSchema}

// Service is the room's door. It is safe for concurrent use, on any number of
// nodes.
type Service struct {
	goals     *store.Collection[Goals]
	following *store.Collection[following]
	ledger    Ledger
	clock     clock.Clock

	mu    sync.Mutex
	tails map[string]*tail // by campaign
}

// New wires the room; it does no I/O.
func New(engine store.Engine, ledger Ledger, clk clock.Clock) *Service {
	return &Service{
		goals:     store.NewCollection[Goals](engine, goalsSchema),
		following: store.NewCollection[following](engine, followingSchema),
		ledger:    ledger, clock: clk,
		tails: map[string]*tail{},
	}
}

// PutRequest sets all goals of a unit. Those that run and are not among them are
// called off; those that are over stay for some time.
type PutRequest struct {
	Unit  Unit
	Goals []Wanted // up to MaxGoals
	By    string   // person's id; "" of a service token
	// Revision is the one that was read; 0 leaves it unchecked.
	Revision int64
}

// Put sets the goals of a unit. The caller has checked that the unit exists and
// that By may. Errors: Invalid goal_invalid, goal_kind_unknown; Conflict
// goals_changed; NotFound goal_unknown, for an id that is of none that runs;
// Unavailable.
func (s *Service) Put(ctx context.Context, campaignID string, r PutRequest) (*Progress, error) {
	now := s.clock.Now()
	if len(r.Goals) > MaxGoals {
		return nil, errs.New(errs.Invalid, "goal_invalid", "A team or region has %d goals at most.", MaxGoals)
	}
	until := now
	for i := range r.Goals {
		w := &r.Goals[i]
		w.EndsAt = w.EndsAt.UTC().Truncate(time.Millisecond)
		if err := w.check(now); err != nil {
			return nil, err
		}
		known, err := s.ledger.Kind(ctx, campaignID, w.Kind)
		if err != nil {
			return nil, err
		}
		if !known {
			return nil, errs.New(errs.Invalid, "goal_kind_unknown", "Name a kind of action that the rules have.")
		}
		until = latest(until, w.EndsAt.Add(Lateness))
	}
	// First, so that there is no moment in which a goal stands and nobody counts.
	if err := s.follow(ctx, campaignID, now, until); err != nil {
		return nil, err
	}
	doc := &Goals{Meta: store.Meta{ID: r.Unit.docID()}, UnitKind: r.Unit.Kind, Of: r.Unit.ID, OpenUntil: now, List: []Goal{}}
	if err := s.goals.InsertOne(ctx, campaignID, doc); err != nil && !errors.Is(err, store.ErrDuplicate) {
		return nil, stored(err)
	}
	_, err := s.goals.Update(ctx, campaignID, doc.ID, func(g *Goals) error {
		if r.Revision != 0 && r.Revision != g.Revision {
			return errs.New(errs.Conflict, "goals_changed", "The goals have changed since you read them; read them again.")
		}
		return g.set(&r, now)
	})
	if err != nil {
		return nil, stored(err)
	}
	return s.Progress(ctx, campaignID, r.Unit)
}

// set puts the wanted goals in the place of those that run.
func (g *Goals) set(r *PutRequest, now time.Time) error {
	var list, over []Goal
	running := map[string]Goal{}
	for _, old := range g.List {
		if old.EndsAt.After(now) {
			running[old.ID] = old
		} else {
			over = append(over, old)
		}
	}
	for _, w := range r.Goals {
		goal := Goal{ID: store.NewID(), Kind: w.Kind, Quantity: w.Quantity, SetAt: now, EndsAt: w.EndsAt, SetBy: r.By}
		if w.ID != "" {
			old, ok := running[w.ID]
			if !ok || old.Kind != w.Kind {
				return errs.New(errs.NotFound, "goal_unknown", "No goal of this kind with this id runs here. Leave the id out to set a new one.")
			}
			delete(running, w.ID) // so that none is named twice
			old.Quantity, old.EndsAt = w.Quantity, w.EndsAt
			goal = old
			if goal.reached(now) { // lowered to what was counted before
				announce(g, &goal, now)
			}
		}
		list = append(list, goal)
	}
	slices.SortStableFunc(over, func(a, b Goal) int { return b.EndsAt.Compare(a.EndsAt) })
	g.List = slices.Concat(list, over[:min(len(over), kept)])
	g.Revision++
	g.OpenUntil = now
	for i := range g.List {
		g.OpenUntil = latest(g.OpenUntil, g.List[i].closes())
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Progress is the goals of a unit with all that was recorded by AsOf; Counted is up
// to that instant.
type Progress struct {
	Goals
	AsOf time.Time
}

// Progress reads the goals of a unit, none where nobody set any. It is at most
// tailLife old, unless more than tailMost postings are younger than a minute: then
// AsOf says how old. Errors: Unavailable.
func (s *Service) Progress(ctx context.Context, campaignID string, unit Unit) (*Progress, error) {
	// The tail first: the document is then at least as far as the tail's beginning.
	tail, err := s.tail(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	doc, err := s.goals.Get(ctx, campaignID, unit.docID())
	if errors.Is(err, store.ErrNotFound) {
		return &Progress{Goals: Goals{UnitKind: unit.Kind, Of: unit.ID}, AsOf: tail.asOf}, nil
	}
	if err != nil {
		return nil, stored(err)
	}
	if doc.Mark.compare(tail.from) < 0 {
		doc.Mark = tail.from // what lies between concerned others
	}
	doc.count(tail.steps)
	return &Progress{Goals: *doc, AsOf: tail.asOf}, nil
}

// CarryOut hands due effects to do, over all campaigns; see
// store.Collection.CarryOut. It says how many were carried out.
func (s *Service) CarryOut(ctx context.Context, now time.Time, do func(ctx context.Context, campaign string, e store.Effect) error) (int, error) {
	return s.goals.CarryOut(ctx, now, 5*time.Second, 100, do)
}

// stored passes the room's own errors on and gives a store's failure its kind.
func stored(err error) error {
	if err == nil || errs.CodeOf(err) != "" {
		return err
	}
	return errs.Wrap(err, errs.Unavailable, "store_unavailable", "The data store did not answer; try again in a moment.").WithRetryAfter(time.Second)
}
