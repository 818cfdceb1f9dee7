package briefing

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/musterhq/muster/store"
)

// Ref names a parcel that is ready.
type Ref struct {
	Campaign, Parcel string
	Tier             TierName
}

// Ready finds parcels of open tiers that a worker may take now: media before
// supporters, and within a tier's name the campaigns in turn, at most each of
// a tier.
func (s *Service) Ready(ctx context.Context, each int) ([]Ref, error) {
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	active, err := s.active(ctx, now.earlier)
	if err != nil {
		return nil, err
	}
	// Every worker starts with another campaign and another parcel, so that
	// they seldom meet.
	rand.Shuffle(len(active), func(i, j int) { active[i], active[j] = active[j], active[i] })
	var ready []Ref
	for _, name := range tierOrder {
		var queues [][]Ref
		for _, b := range active {
			for i := range b.Tiers {
				if t := &b.Tiers[i]; t.Name == name && t.State == Open && b.running() {
					refs, err := s.readyIn(ctx, b, t, now.shared, each)
					if err != nil {
						return nil, err
					}
					queues = append(queues, refs)
				}
			}
		}
		for turn, more := 0, true; more; turn++ {
			more = false
			for _, refs := range queues {
				if turn < len(refs) {
					ready, more = append(ready, refs[turn]), true
				}
			}
		}
	}
	return ready, nil
}

func (s *Service) readyIn(ctx context.Context, b *Briefing, t *Tier, now time.Time, limit int) ([]Ref, error) {
	var refs []Ref
	for _, cut := range t.Cuts {
		page, err := s.parcels.Find(ctx, b.Campaign, store.Query{
			Index: "ready", Equal: []any{cut}, To: now.Add(time.Millisecond), Limit: limit,
		})
		if err != nil {
			return nil, stored(err)
		}
		for _, p := range page.Items {
			refs = append(refs, Ref{Campaign: b.Campaign, Parcel: p.ID, Tier: t.Name})
		}
	}
	rand.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
	return refs, nil
}

// Taken is a parcel under lease: the worker that has it may send and record
// until the lease ends or a write is refused.
type Taken struct {
	Parcel   *Parcel
	Briefing *Briefing
	Tier     *Tier     // of Briefing
	At       time.Time // the shared clock at the taking; the lease counts from before it
	// Expired says that the tier's deadline has passed by the earlier clock:
	// nothing of the parcel is to be sent.
	Expired bool
}

// Take gives the parcel to holder for the time of Lease, counted from before
// the call. It answers ErrBusy when another worker has it, when nothing of it
// is due, or when its tier is not open.
func (s *Service) Take(ctx context.Context, ref Ref, holder string) (*Taken, error) {
	at, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	now := at.shared
	p, err := s.parcels.Update(ctx, ref.Campaign, ref.Parcel, func(p *Parcel) error {
		if p.ReadyAt == nil || now.Before(*p.ReadyAt) {
			return ErrBusy
		}
		until := now.Add(Lease)
		p.Holder, p.ReadyAt = holder, &until
		p.Fence++
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrBusy // of a cut that was given up
	}
	if err != nil {
		return nil, stored(err)
	}
	taken := &Taken{Parcel: p, At: now}
	if taken.Briefing, taken.Tier, err = s.sendable(ctx, p); err != nil {
		return nil, errors.Join(err, s.Release(ctx, taken))
	}
	taken.Expired = taken.Tier.expired(at.earlier)
	return taken, nil
}

// sendable reads the parcel's briefing and answers ErrBusy unless it may be
// sent from at this moment.
func (s *Service) sendable(ctx context.Context, p *Parcel) (*Briefing, *Tier, error) {
	b, err := s.read(ctx, p.Campaign, p.Briefing)
	if err != nil {
		return nil, nil, err
	}
	for i := range b.Tiers {
		t := &b.Tiers[i]
		for _, cut := range t.Cuts {
			if cut == p.Cut && t.State == Open && b.State == Sending && b.approved() {
				return b, t, nil
			}
		}
	}
	return nil, nil, ErrBusy
}

// Result is what became of the delivery at one position of a parcel.
type Result struct {
	Index   int
	Outcome Outcome   // "" to try again at RetryAt
	RetryAt time.Time // with Outcome ""
	At      time.Time // when it was known
}

// Record writes results under the taker's fence. What has an outcome keeps it.
// ErrFenced: another worker has the parcel, or the briefing was recalled; stop.
func (s *Service) Record(ctx context.Context, taken *Taken, results []Result) error {
	err := s.underFence(ctx, taken, func(p *Parcel) {
		for _, r := range results {
			d := &p.Deliveries[r.Index]
			switch {
			case r.Outcome != "":
				d.finish(r.Outcome, r.At)
			case d.Outcome == "":
				d.Tries++
				d.RetryAt = &r.RetryAt
			}
		}
		p.settle(*p.ReadyAt) // while something is left, the lease goes on
	})
	if err != nil {
		return err
	}
	if _, _, err := s.sendable(ctx, taken.Parcel); err != nil && taken.Parcel.Pending {
		if errors.Is(err, ErrBusy) {
			return ErrFenced
		}
		return err
	}
	return nil
}

// Release ends the lease: what is left is ready at its next retry, or now.
func (s *Service) Release(ctx context.Context, taken *Taken) error {
	now, err := s.now(ctx)
	if err != nil {
		return err
	}
	err = s.underFence(ctx, taken, func(p *Parcel) {
		p.Holder = ""
		p.settle(p.nextTry(now.shared))
	})
	if errors.Is(err, ErrFenced) {
		return nil
	}
	return err
}

func (s *Service) underFence(ctx context.Context, taken *Taken, decide func(*Parcel)) error {
	fence, holder := taken.Parcel.Fence, taken.Parcel.Holder
	p, err := s.parcels.Update(ctx, taken.Parcel.Campaign, taken.Parcel.ID, func(p *Parcel) error {
		if p.Fence != fence || p.Holder != holder || p.ReadyAt == nil {
			return ErrFenced
		}
		decide(p)
		return nil
	})
	if err != nil {
		return stored(err)
	}
	p.Holder = holder // also of a parcel that is done: the taker may ask again
	taken.Parcel = p
	return nil
}
