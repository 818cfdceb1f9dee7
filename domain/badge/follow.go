package badge

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster/store"
)

// Timing of the worker.
const (
	beat = 5 * time.Second
	// margin is how old what the worker takes up is, at least: an insert may land up
	// to ten seconds after the time it carries, by clocks five seconds apart.
	margin = time.Minute
	page   = 500
	// settle is how long after a badge was changed everybody is judged by it: by
	// then no node goes by what it was.
	settle = 30 * time.Second
	// newsFor is how old an achievement may be to be told of: after a restore, or
	// for those who earned a new badge long ago, nothing is told.
	newsFor = 24 * time.Hour
)

// Mark is a place in the ledger; see points.Mark.
type Mark struct {
	At time.Time `bson:"at"`
	ID string    `bson:"id"`
}

func (m Mark) compare(other Mark) int {
	return cmp.Or(m.At.Compare(other.At), strings.Compare(m.ID, other.ID))
}

// Step is a posting as badges see it.
type Step struct {
	Mark
	Account string
	N       int64
	// Points, Level and Streak are what the account stood at after it.
	Points, Level, Streak int64
	Did                   []Deed
	// Changed: it holds an entry that changes what an earlier one did, so the facts
	// are added up anew. Voided: one of those is final.
	Changed, Voided bool
	// BestWeek is the week with most points, "" without any.
	BestWeek string
}

// Deed is a new action.
type Deed struct {
	Kind     string
	Quantity int64
	Week     string // "2026-w47", by the person's calendar
}

// Ledger is what badges ask of the ledger.
type Ledger interface {
	// After gives what lies after a mark and was recorded before an instant, in
	// order, up to limit; fewer mean that there is no more.
	After(ctx context.Context, campaignID string, mark Mark, before time.Time, limit int) ([]Step, error)
	// Facts adds up an account's postings up to the n-th.
	Facts(ctx context.Context, campaignID, account string, n int64) (Facts, error)
	// Closed is the last season that had closed by an instant, "" before the first.
	Closed(ctx context.Context, campaignID string, at time.Time) (string, error)
	// Now is the clock that all nodes share.
	Now(ctx context.Context) (time.Time, error)
}

// mark is how far a campaign's badges have come, and its own definitions.
type mark struct {
	store.Meta    `bson:",inline"` // id markID
	store.Effects `bson:",inline"`
	Mark          Mark     `bson:"mark"`
	Own           []string `bson:"own,omitempty"` // ids of badges that it has changed or made
	// ChangedAt is when one of them was changed and nobody was judged by it yet.
	ChangedAt *time.Time `bson:"changed_at,omitempty"`
	// Season is the last of which the best of each team was told.
	Season string `bson:"season,omitempty"`
}

const markID = "badges"

// The effects of this room.
const (
	// EffectPraise asks for a word to the team about an account, if its person
	// wants that. Data: account, type, json.
	EffectPraise = "praise"
	// EffectBestOfTeams asks for a word about who was first in each team in a season
	// that has closed. Data: season.
	EffectBestOfTeams = "best_of_teams"

	awardedEvent  = "badge_awarded"
	bestWeekEvent = "best_week"
)

// Run follows the ledgers of all campaigns until ctx ends. What fails is logged and
// tried again. Any number of processes may run it.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		if err := s.Round(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("badges are late and will be tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Round does once what is due.
func (s *Service) Round(ctx context.Context) error {
	campaigns, err := s.campaigns.All(ctx)
	failures := []error{err}
	for _, c := range campaigns {
		failures = append(failures, s.catchUp(ctx, c.ID))
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
	limit, err := s.settled(ctx)
	if err != nil {
		return err
	}
	definitions, err := s.Definitions(ctx, campaignID)
	if err != nil {
		return err
	}
	for {
		var m mark
		if have, err := s.marks.Get(ctx, campaignID, markID); err == nil {
			m = *have
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		steps, err := s.ledger.After(ctx, campaignID, m.Mark, limit, page)
		if err != nil {
			return err
		}
		if len(steps) > 0 {
			if err := s.take(ctx, campaignID, steps, definitions); err != nil {
				return err
			}
			to := steps[len(steps)-1].Mark
			if err := s.mark(ctx, campaignID, func(now *mark) error {
				if now.Mark.compare(m.Mark) == 0 { // else another process did the same
					now.Mark = to
				}
				return nil
			}); err != nil {
				return err
			}
		}
		if len(steps) < page {
			return errors.Join(s.judgeAll(ctx, campaignID, &m, definitions), s.closeSeason(ctx, campaignID, &m, limit))
		}
	}
}

// take takes steps up, an account at a time. An account's postings have numbers
// without a gap, so none is taken twice.
func (s *Service) take(ctx context.Context, campaignID string, steps []Step, definitions []*Definition) error {
	left := map[string][]Step{} // by account
	for _, step := range steps {
		left[step.Account] = append(left[step.Account], step)
	}
	for try := 0; len(left) > 0; try++ {
		if err := s.takeOnce(ctx, campaignID, left, definitions); err != nil {
			return err
		}
		if len(left) == 0 {
			break
		}
		// Another process wrote first.
		if err := store.Pause(ctx, try); err != nil {
			return err
		}
	}
	return nil
}

// takeOnce reads the holders, writes what the steps come to and takes out of left
// what it wrote. Who is neither awarded nor denied anything, nearly everybody, is
// written in bulk.
func (s *Service) takeOnce(ctx context.Context, campaignID string, left map[string][]Step, definitions []*Definition) error {
	have, err := s.holders.GetMany(ctx, campaignID, slices.Collect(maps.Keys(left)))
	if err != nil {
		return err
	}
	var docs []*Holder
	var sets []store.Set
	var fresh, set []string
	for account, steps := range left {
		h := have[account]
		facts, err := s.recounted(ctx, campaignID, h, steps)
		if err != nil {
			return err
		}
		apply := func(h *Holder) error { h.apply(steps, facts, definitions, s.clock.Now()); return nil }
		if h == nil {
			h := &Holder{Meta: store.Meta{ID: account}, Account: account}
			_ = apply(h) // nil always
			docs, fresh = append(docs, h), append(fresh, account)
			continue
		}
		before, told, n := slices.Clone(h.Awards), len(h.Effects.Effects), h.N
		_ = apply(h)
		switch {
		case h.N == n:
			delete(left, account)
		case slices.Equal(before, h.Awards) && len(h.Effects.Effects) == told:
			sets, set = append(sets, store.Set{ID: account, Version: h.Version, Fields: map[string]any{"n": h.N, "facts": h.Facts, "best_week": h.BestWeek}}), append(set, account)
		default:
			if _, err := s.holders.Update(ctx, campaignID, account, apply); err != nil {
				return err
			}
			delete(left, account)
		}
	}
	answers := append(s.holders.Insert(ctx, campaignID, docs...), s.holders.SetMany(ctx, campaignID, sets)...)
	for i, account := range append(fresh, set...) {
		switch err := answers[i]; {
		case err == nil:
			delete(left, account)
		case !errors.Is(err, store.ErrDuplicate) && !errors.Is(err, store.ErrChanged):
			return err
		}
	}
	return nil
}

// recounted adds an account up anew where the steps change earlier ones, or where
// some are missing before them; nil where what is known can be added to.
func (s *Service) recounted(ctx context.Context, campaignID string, h *Holder, steps []Step) (*Facts, error) {
	known := int64(0)
	if h != nil {
		known = h.N
	}
	last := steps[len(steps)-1].N
	if last <= known {
		return nil, nil
	}
	anew := steps[0].N > known+1
	for _, step := range steps {
		anew = anew || step.N > known && step.Changed
	}
	if !anew {
		return nil, nil
	}
	facts, err := s.ledger.Facts(ctx, campaignID, steps[0].Account, last)
	if err != nil {
		return nil, err
	}
	return &facts, nil
}

// apply takes up the steps that the holder does not know; facts, unless nil, is what
// they come to.
func (h *Holder) apply(steps []Step, facts *Facts, definitions []*Definition, now time.Time) {
	voided, last := false, Step{}
	for _, step := range steps {
		if step.N <= h.N {
			continue
		}
		h.N, last = step.N, step
		voided = voided || step.Voided
		if facts == nil {
			h.Facts.add(&step)
		}
		h.noteBest(&step, now)
	}
	if last.N == 0 {
		return
	}
	if facts != nil {
		h.Facts = *facts
	}
	if voided {
		h.withdraw(now)
	}
	for _, award := range h.judge(definitions, last.At) {
		if now.Sub(last.At) < newsFor {
			h.praise("badge/"+award.ID, awardedEvent, now, map[string]string{"badge": award.Badge, "name": award.Name})
		}
	}
}

func (f *Facts) add(step *Step) {
	f.Points, f.Level, f.Streak = step.Points, step.Level, max(f.Streak, step.Streak)
	for _, did := range step.Did {
		if f.Quantities == nil {
			f.Quantities = map[string]int64{}
		}
		f.Quantities[did.Kind] += did.Quantity
		if at, found := slices.BinarySearch(f.Weeks, did.Week); !found {
			f.Weeks = slices.Insert(f.Weeks, at, did.Week)
		}
	}
}

// noteBest tells of a week that became the person's best. The first is no
// achievement, and each is told once, when it first came ahead.
func (h *Holder) noteBest(step *Step, now time.Time) {
	before := h.BestWeek
	if step.BestWeek <= before {
		return
	}
	h.BestWeek = step.BestWeek
	if before != "" && now.Sub(step.At) < newsFor {
		h.praise("best/"+h.ID+"/"+step.BestWeek, bestWeekEvent, now, map[string]string{"week": step.BestWeek})
	}
}

// praise adds the effect of a word about the account.
func (h *Holder) praise(id, event string, now time.Time, what map[string]string) {
	what["account"] = h.ID
	body, err := json.Marshal(what)
	if err != nil {
		panic(err) // strings: cannot fail
	}
	h.Add(store.Effect{ID: id, Kind: EffectPraise, Due: now, Data: map[string]string{"account": h.ID, "type": event, "json": string(body)}})
}

// judgeAll judges everybody by definitions that were changed a while ago.
func (s *Service) judgeAll(ctx context.Context, campaignID string, m *mark, definitions []*Definition) error {
	now := s.clock.Now()
	if m.ChangedAt == nil || now.Sub(*m.ChangedAt) < settle {
		return nil
	}
	for h, err := range s.holders.Scan(ctx, campaignID, store.Query{Index: "account"}) {
		if err != nil {
			return err
		}
		if !h.due(definitions) {
			continue
		}
		if _, err := s.holders.Update(ctx, campaignID, h.ID, func(h *Holder) error { h.judge(definitions, now); return nil }); err != nil {
			return err
		}
	}
	return s.mark(ctx, campaignID, func(now *mark) error {
		if now.ChangedAt != nil && now.ChangedAt.Equal(*m.ChangedAt) {
			now.ChangedAt = nil
		}
		return nil
	})
}

// closeSeason asks once for the best of a season that has closed.
func (s *Service) closeSeason(ctx context.Context, campaignID string, m *mark, at time.Time) error {
	closed, err := s.ledger.Closed(ctx, campaignID, at)
	if err != nil || closed <= m.Season {
		return err
	}
	return s.mark(ctx, campaignID, func(m *mark) error {
		if closed <= m.Season {
			return nil
		}
		if m.Season != "" { // else the first time that anybody looks
			m.Add(store.Effect{ID: "best_of_teams/" + closed, Kind: EffectBestOfTeams, Due: s.clock.Now(), Data: map[string]string{"season": closed}})
		}
		m.Season = closed
		return nil
	})
}
