package briefing

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/musterhq/muster/store"
)

// ErrBusy says that another worker is at it; there is nothing to do.
var ErrBusy = errors.New("briefing: another worker has it")

// ErrFenced says that another worker has taken over: stop, and write no more.
var ErrFenced = errors.New("briefing: another worker has taken over")

// tick is how often Run looks; it bounds how late a tier opens.
const tick = 200 * time.Millisecond

// activeAtOnce bounds how many briefings one look finds, over all campaigns.
const activeAtOnce = 500

// Run makes the steps of all briefings until ctx ends. Any number of nodes may
// run it. log gets ids and causes, never content.
func (s *Service) Run(ctx context.Context, log *slog.Logger) error {
	pause := time.NewTicker(tick)
	defer pause.Stop()
	for {
		if err := s.Advance(ctx); err != nil && ctx.Err() == nil {
			log.Warn("briefings do not advance", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
	}
}

// Advance makes every step that is due for the briefings of all campaigns: cuts
// audiences, opens tiers, settles them. It may run on several nodes at once; a
// step is made once. The error joins what went wrong; the others still moved.
func (s *Service) Advance(ctx context.Context) error {
	now, err := s.now(ctx)
	if err != nil {
		return err
	}
	active, err := s.active(ctx, now.earlier)
	if err != nil {
		return err
	}
	var failures []error
	for _, b := range active {
		if err := s.advance(ctx, b); err != nil && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrFenced) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

func (s *Service) active(ctx context.Context, now time.Time) ([]*Briefing, error) {
	page, err := s.briefings.Find(ctx, store.Everywhere, store.Query{Index: "active", To: now.Add(time.Millisecond), Limit: activeAtOnce})
	return page.Items, stored(err)
}

// advance makes one briefing's steps until none is due.
func (s *Service) advance(ctx context.Context, b *Briefing) error {
	for {
		stepped, err := s.step(ctx, b)
		if err != nil || !stepped {
			return err
		}
		if b, err = s.read(ctx, b.Campaign, b.ID); err != nil {
			return err
		}
	}
}

// step makes the first step that is due, and says whether there was one.
func (s *Service) step(ctx context.Context, b *Briefing) (bool, error) {
	if !b.running() {
		return false, nil
	}
	at, err := s.now(ctx)
	if err != nil {
		return false, err
	}
	now := at.earlier
	for i := range b.Tiers {
		if len(b.Tiers[i].Cuts) == 0 {
			return true, s.firstCut(ctx, b, i, now)
		}
	}
	for i := range b.Tiers {
		switch b.Tiers[i].State {
		case Open:
			settled, err := s.settle(ctx, b, i)
			if err != nil || settled {
				return settled, err
			}
		case Waiting:
			if !due(b, i, now) {
				return false, nil
			}
			return true, s.open(ctx, b, i, now)
		}
	}
	return false, nil
}

// due says whether a waiting tier may open at now, the earlier of two clocks:
// its time has come, its content is approved, and the tier before it has
// settled or, where the briefing says so, has had its wait limit.
func due(b *Briefing, tier int, now time.Time) bool {
	t := &b.Tiers[tier]
	if !b.running() || t.State != Waiting || len(t.Cuts) == 0 || now.Before(t.At) || !b.approved() {
		return false
	}
	if tier == 0 {
		return true
	}
	before := &b.Tiers[tier-1]
	switch before.State {
	case Settled:
		return true
	case Open:
		return before.WaitLimit > 0 && !now.Before(before.CountFrom.Add(before.WaitLimit))
	}
	return false
}

// open opens a tier whose audience has been brought up to date. The late cut
// and the opening are one write, so no parcel of an open tier is ever missing.
func (s *Service) open(ctx context.Context, b *Briefing, tier int, now time.Time) error {
	cut, err := s.beginCut(ctx, b, now)
	if err != nil {
		return err
	}
	late, err := s.lateCut(ctx, b, tier, cut)
	if err != nil {
		return s.abandon(ctx, b, cut, err)
	}
	at, err := s.now(ctx) // again: the cut may have taken long
	if err != nil {
		return s.abandon(ctx, b, cut, err)
	}
	now = at.earlier
	return s.commitCut(ctx, b, cut, func(b *Briefing) error {
		if !due(b, tier, now) {
			return ErrFenced // a clock went back, or somebody recalled it
		}
		t := &b.Tiers[tier]
		t.State, t.OpenedAt, t.CountFrom = Open, &now, &at.later
		if late > 0 {
			t.Cuts = append(t.Cuts, cut)
		}
		b.State = Sending
		if b.Opened.Media == nil {
			b.Opened.Media = &now // whoever the media tier holds may read what supporters may
		}
		if t.Name == Supporters {
			b.Opened.Supporters = &now
		}
		announce(b, t.Name, openedEvent, now)
		return nil
	})
}

// settle settles an open tier if none of its parcels is pending, and says
// whether it did. With the last tier the briefing is sent.
func (s *Service) settle(ctx context.Context, b *Briefing, tier int) (bool, error) {
	cuts := b.Tiers[tier].Cuts
	for _, cut := range cuts {
		pending, err := s.parcels.Count(ctx, b.Campaign, store.Query{Index: "pending", Equal: []any{cut, true}}, 1)
		if err != nil || pending > 0 {
			return false, stored(err)
		}
	}
	outcomes, err := s.outcomes(ctx, b, tier)
	if err != nil {
		return false, err
	}
	now := s.clock.Now()
	_, err = s.briefings.Update(ctx, b.Campaign, b.ID, func(b *Briefing) error {
		t := &b.Tiers[tier]
		if !b.running() || t.State != Open || !slices.Equal(t.Cuts, cuts) {
			return ErrFenced
		}
		t.State, t.SettledAt, t.Outcomes = Settled, &now, outcomes
		for _, t := range b.Tiers {
			if t.State != Settled {
				return nil
			}
		}
		b.State, b.SentAt, b.ActiveAt = Sent, &now, nil
		return nil
	})
	return err == nil, stored(err)
}
