package goal

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/musterhq/muster/store"
)

// Timing of the worker and of what is read beside it.
const (
	beat = 5 * time.Second
	// margin is how old what the worker counts is, at least: an insert may land up
	// to ten seconds after the time it carries, by clocks five seconds apart.
	margin = time.Minute
	page   = 500
	// tailLife is how long what is younger than margin is remembered, tailMost how
	// many postings of it are read.
	tailLife = 2 * time.Second
	tailMost = 5000
)

// following is how far a campaign's goals have come. Every goal counts each step up
// to the later of its document's mark and this one: who is not concerned by a step
// is not written for it.
type following struct {
	store.Meta `bson:",inline"` // id followingID
	Mark       Mark             `bson:"mark"`
	// OpenUntil is when the last goal closes; absent when Mark has passed it, and
	// then nobody follows.
	OpenUntil *time.Time `bson:"open_until,omitempty"`
}

const followingID = "goals"

var followingSchema = store.Schema{
	Name:    "goal_marks",
	Indexes: []store.Index{{Name: "open", Order: "open_until", Across: true}},
}

// follow has the worker count from an instant on, if it does not already, and until
// another one. Nothing that was recorded before a goal was set concerns it.
func (s *Service) follow(ctx context.Context, campaignID string, from, until time.Time) error {
	first := &following{Meta: store.Meta{ID: followingID}}
	if err := s.following.InsertOne(ctx, campaignID, first); err != nil && !errors.Is(err, store.ErrDuplicate) {
		return stored(err)
	}
	_, err := s.following.Update(ctx, campaignID, followingID, func(f *following) error {
		if at := from.Add(-margin); f.OpenUntil == nil && at.After(f.Mark.At) {
			f.Mark = Mark{At: at}
		}
		if f.OpenUntil == nil || f.OpenUntil.Before(until) {
			f.OpenUntil = &until
		}
		return nil
	})
	return stored(err)
}

// Run counts until ctx ends. What fails is logged and tried again. Any number of
// processes may run it.
func (s *Service) Run(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		if err := s.Round(ctx); err != nil && ctx.Err() == nil {
			log.Warn("goals are late and will be counted again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Round counts once what is due, in every campaign that has goals.
func (s *Service) Round(ctx context.Context) error {
	var failures []error
	for f, err := range s.following.Scan(ctx, store.Everywhere, store.Query{Index: "open"}) {
		if err != nil {
			return errors.Join(append(failures, err)...)
		}
		if err := s.catchUp(ctx, f.Campaign); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// settled is the instant before which the ledger changes no more, by the clock that
// is behind.
func (s *Service) settled(ctx context.Context) (time.Time, error) {
	now, err := s.ledger.Now(ctx)
	if err != nil {
		return now, err
	}
	if own := s.clock.Now(); own.Before(now) {
		now = own
	}
	return now.UTC().Truncate(time.Millisecond).Add(-margin), nil
}

func (s *Service) catchUp(ctx context.Context, campaignID string) error {
	// Taken before the ledger is read: what was recorded before it is visible.
	limit, err := s.settled(ctx)
	if err != nil {
		return err
	}
	for {
		f, err := s.following.Get(ctx, campaignID, followingID)
		if err != nil {
			return err
		}
		steps, err := s.ledger.After(ctx, campaignID, f.Mark, limit, page)
		if err != nil {
			return err
		}
		if len(steps) > 0 {
			if err := s.countAll(ctx, campaignID, f.Mark, steps); err != nil {
				return err
			}
		}
		to := f.Mark
		if len(steps) > 0 {
			to = steps[len(steps)-1].Mark
		}
		if len(steps) < page {
			return s.moveOn(ctx, campaignID, f, to, limit)
		}
		if err := s.moveOn(ctx, campaignID, f, to, time.Time{}); err != nil {
			return err
		}
	}
}

// moveOn moves the campaign's mark from where it was read; all before limit was
// counted. Where somebody else moved it, it stays.
func (s *Service) moveOn(ctx context.Context, campaignID string, was *following, to Mark, limit time.Time) error {
	over := was.OpenUntil != nil && !limit.Before(*was.OpenUntil)
	if to == was.Mark && !over {
		return nil
	}
	_, err := s.following.Update(ctx, campaignID, followingID, func(f *following) error {
		if f.Mark.compare(was.Mark) == 0 {
			f.Mark = to
			if over && f.OpenUntil != nil && f.OpenUntil.Equal(*was.OpenUntil) {
				f.OpenUntil = nil
			}
		}
		return nil
	})
	return err
}

// countAll has every unit that the steps concern count them. Up to the mark from,
// all have.
func (s *Service) countAll(ctx context.Context, campaignID string, from Mark, steps []Step) error {
	open := map[string]*Goals{}
	// A goal that has closed by the first step takes nothing of it.
	for g, err := range s.goals.Scan(ctx, campaignID, store.Query{Index: "open", From: from.At}) {
		if err != nil {
			return err
		}
		open[g.ID] = g
	}
	concerned := map[string]bool{}
	for _, step := range steps {
		for _, deed := range step.Deeds {
			for id := range unitsOf(deed) {
				concerned[id] = concerned[id] || open[id] != nil
			}
		}
	}
	for id, has := range concerned {
		if !has {
			continue
		}
		_, err := s.goals.Update(ctx, campaignID, id, func(g *Goals) error {
			if g.Mark.compare(from) < 0 {
				g.Mark = from
			}
			for _, goal := range g.count(steps) {
				announce(g, goal, s.clock.Now())
			}
			return nil
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

// unitsOf gives the documents' ids of all units that a deed is done for.
func unitsOf(d Deed) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if !yield(Unit{Team, d.Team}.docID()) {
			return
		}
		for end := len(d.Region); end > 0; end = strings.LastIndexByte(d.Region[:end], '.') {
			if !yield(Unit{Region, d.Region[:end]}.docID()) {
				return
			}
		}
	}
}

// The effects of a goal that was reached, and the event.
const (
	// EffectRegionFeed has an event published to the feeds of all teams of a region
	// and below. Data: region, type, json.
	EffectRegionFeed = "region_feed"
	reachedEvent     = "goal_reached"
)

// announce tells the unit's teams. A goal is reached once, so it is told once.
func announce(g *Goals, goal *Goal, now time.Time) {
	body, err := json.Marshal(struct {
		Unit     UnitKind `json:"unit"`
		ID       string   `json:"id"`
		Goal     string   `json:"goal"`
		Kind     string   `json:"kind"`
		Quantity int64    `json:"quantity"`
	}{g.UnitKind, g.Of, goal.ID, goal.Kind, goal.Quantity})
	if err != nil {
		panic(err) // strings and a number: cannot fail
	}
	effect := store.Effect{ID: "goal/" + goal.ID, Kind: "feed", Due: now, Data: map[string]string{"type": reachedEvent, "json": string(body)}}
	if g.UnitKind == Team {
		effect.Data["feed"] = "team:" + g.Of
	} else {
		effect.Kind, effect.Data["region"] = EffectRegionFeed, g.Of
	}
	g.Add(effect)
}

// tail is what was recorded after a campaign's mark, for some seconds.
type tail struct {
	from  Mark
	steps []Step
	asOf  time.Time
	read  time.Time
}

// tail reads what lies after the campaign's mark, at most tailLife ago. Callers
// that come together wait for one reading each; the last one is kept.
func (s *Service) tail(ctx context.Context, campaignID string) (*tail, error) {
	now := s.clock.Now()
	s.mu.Lock()
	have := s.tails[campaignID]
	s.mu.Unlock()
	if have != nil && now.Sub(have.read).Abs() < tailLife {
		return have, nil
	}
	fresh := &tail{asOf: now, read: now}
	f, err := s.following.Get(ctx, campaignID, followingID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fresh, nil // nobody ever set a goal
	case err != nil:
		return nil, stored(err)
	}
	fresh.from = f.Mark
	if f.OpenUntil != nil {
		if fresh.steps, err = s.ledger.After(ctx, campaignID, f.Mark, now.Add(margin), tailMost); err != nil {
			return nil, err
		}
		if n := len(fresh.steps); n == tailMost {
			fresh.asOf = fresh.steps[n-1].At
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tails[campaignID] = fresh
	return fresh, nil
}
