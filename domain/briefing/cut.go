package briefing

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/musterhq/muster/store"
)

// cutLease is how long a worker has a cut; it extends it while it writes.
const cutLease = time.Minute

// parcelsAtOnce bounds one insert to a few hundred kilobytes.
const parcelsAtOnce = 10

// beginCut takes the right to cut for a briefing and gives the id under which
// parcels are to be written: ErrBusy while another worker has it. What a worker
// that fell over left half written is deleted.
func (s *Service) beginCut(ctx context.Context, b *Briefing, now time.Time) (string, error) {
	id, lapsed := store.NewID(), ""
	_, err := s.briefings.Update(ctx, b.Campaign, b.ID, func(b *Briefing) error {
		lapsed = ""
		if !b.running() {
			return ErrBusy
		}
		if b.Cutting != nil {
			if now.Before(b.Cutting.Until) {
				return ErrBusy
			}
			lapsed = b.Cutting.ID
		}
		b.Cutting = &Cutting{ID: id, Until: now.Add(cutLease)}
		return nil
	})
	if err != nil {
		return "", stored(err)
	}
	if lapsed != "" {
		err = s.dropCut(ctx, b.Campaign, lapsed)
	}
	return id, err
}

// dropCut deletes the parcels of a cut that never counted.
func (s *Service) dropCut(ctx context.Context, campaignID, cut string) error {
	_, err := s.parcels.DeleteMany(ctx, campaignID, store.Query{Index: "cut", Equal: []any{cut}})
	return stored(err)
}

// abandon gives up a cut that will not count, and says why.
func (s *Service) abandon(ctx context.Context, b *Briefing, cut string, why error) error {
	ctx = context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := s.briefings.Update(ctx, b.Campaign, b.ID, func(b *Briefing) error {
		if b.Cutting == nil || b.Cutting.ID != cut {
			return ErrFenced
		}
		b.Cutting = nil
		return nil
	})
	if errors.Is(err, ErrFenced) {
		err = nil
	}
	return errors.Join(why, err, s.dropCut(ctx, b.Campaign, cut))
}

// commitCut makes a cut count, together with whatever else decide changes in
// the same write, unless another worker has taken the right to cut since. A cut
// that surely did not count is given up. After a store's failure it may count:
// then its parcels stay, and if it does not, who takes the lapsed right over
// deletes them.
func (s *Service) commitCut(ctx context.Context, b *Briefing, cut string, decide func(*Briefing) error) error {
	_, err := s.briefings.Update(ctx, b.Campaign, b.ID, func(b *Briefing) error {
		if b.Cutting == nil || b.Cutting.ID != cut || !b.running() {
			return ErrFenced
		}
		b.Cutting = nil
		return decide(b)
	})
	if errors.Is(err, ErrFenced) {
		return s.abandon(ctx, b, cut, err)
	}
	return stored(err)
}

// firstCut cuts a tier's audience at scheduling.
func (s *Service) firstCut(ctx context.Context, b *Briefing, tier int, now time.Time) error {
	cut, err := s.beginCut(ctx, b, now)
	if err != nil {
		return err
	}
	taken, err := s.people(ctx, b, tier, nil)
	if err != nil {
		return s.abandon(ctx, b, cut, err)
	}
	fresh, _, err := s.newcomers(ctx, b, tier, taken)
	if err != nil {
		return s.abandon(ctx, b, cut, err)
	}
	if err := s.writeParcels(ctx, b, tier, cut, fresh); err != nil {
		return s.abandon(ctx, b, cut, err)
	}
	return s.commitCut(ctx, b, cut, func(b *Briefing) error {
		if len(b.Tiers[tier].Cuts) > 0 || b.Tiers[tier].State != Waiting {
			return ErrFenced
		}
		b.Tiers[tier].Cuts = []string{cut}
		if tier == len(b.Tiers)-1 {
			b.ActiveAt = &b.Tiers[0].At // nothing to do before
		}
		return nil
	})
}

// lateCut brings a tier that is about to open up to date: newcomers get parcels
// under the cut's id; who left, or moved to an earlier tier, is marked Moved.
// It says how many newcomers there are.
func (s *Service) lateCut(ctx context.Context, b *Briefing, tier int, cut string) (int, error) {
	earlier, err := s.people(ctx, b, tier, nil)
	if err != nil {
		return 0, err
	}
	fresh, present, err := s.newcomers(ctx, b, tier, earlier)
	if err != nil {
		return 0, err
	}
	kept := map[string]bool{}
	for _, of := range b.Tiers[tier].Cuts {
		if err := s.markMoved(ctx, b, of, present, kept); err != nil {
			return 0, err
		}
	}
	fresh = slices.DeleteFunc(fresh, func(person string) bool { return kept[person] })
	return len(fresh), s.writeParcels(ctx, b, tier, cut, fresh)
}

// markMoved gives the outcome Moved to those of a cut who are not present, and
// adds those who stay to kept.
func (s *Service) markMoved(ctx context.Context, b *Briefing, cut string, present, kept map[string]bool) error {
	now := s.clock.Now()
	for p, err := range s.parcels.Scan(ctx, b.Campaign, store.Query{Index: "cut", Equal: []any{cut}, Limit: parcelsAtOnce}) {
		if err != nil {
			return stored(err)
		}
		left := map[string]bool{}
		for _, d := range p.Deliveries {
			switch {
			case d.Outcome == Moved:
			case present[d.Person]:
				kept[d.Person] = true
			default:
				left[d.Person] = true
			}
		}
		if len(left) == 0 {
			continue
		}
		_, err := s.parcels.Update(ctx, b.Campaign, p.ID, func(p *Parcel) error {
			if !p.Pending {
				return nil // another worker marked the last of them
			}
			for i := range p.Deliveries {
				if left[p.Deliveries[i].Person] {
					p.Deliveries[i].finish(Moved, now)
				}
			}
			p.settle(*p.ReadyAt)
			return nil
		})
		if err != nil {
			return stored(err)
		}
	}
	return nil
}

// people adds to known everybody who is in a tier before the given one.
func (s *Service) people(ctx context.Context, b *Briefing, before int, known map[string]bool) (map[string]bool, error) {
	if known == nil {
		known = map[string]bool{}
	}
	for _, tier := range b.Tiers[:before] {
		for _, cut := range tier.Cuts {
			for p, err := range s.parcels.Scan(ctx, b.Campaign, store.Query{Index: "cut", Equal: []any{cut}, Limit: parcelsAtOnce}) {
				if err != nil {
					return nil, stored(err)
				}
				for _, d := range p.Deliveries {
					if d.Outcome != Moved {
						known[d.Person] = true
					}
				}
			}
		}
	}
	return known, nil
}

// newcomers asks for the tier's audience and leaves out who is in an earlier
// tier: as a list without doubles, and as a set.
func (s *Service) newcomers(ctx context.Context, b *Briefing, tier int, earlier map[string]bool) ([]string, map[string]bool, error) {
	var list []string
	set := map[string]bool{}
	for person, err := range s.audience.Members(ctx, b.Campaign, b.Tiers[tier].Name) {
		if err != nil {
			return nil, nil, fmt.Errorf("audience of %s: %w", b.Tiers[tier].Name, err)
		}
		if !earlier[person] && !set[person] {
			set[person] = true
			list = append(list, person)
		}
	}
	return list, set, nil
}

// writeParcels writes the deliveries in random order, so that nobody is always
// first, and extends the lease while it does.
func (s *Service) writeParcels(ctx context.Context, b *Briefing, tier int, cut string, people []string) error {
	rand.Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
	at, err := s.now(ctx)
	if err != nil {
		return err
	}
	now, extended := at.shared, at.earlier
	var batch []*Parcel
	flush := func() error {
		err := errors.Join(s.parcels.Insert(ctx, b.Campaign, batch...)...)
		batch = nil
		return stored(err)
	}
	k := 0
	for chunk := range slices.Chunk(people, ParcelSize) {
		p := &Parcel{
			Meta:     store.Meta{ID: fmt.Sprintf("%s/%06d", cut, k)},
			Briefing: b.ID, Tier: b.Tiers[tier].Name, Cut: cut, K: k,
			Deliveries: make([]Delivery, len(chunk)), Pending: true, ReadyAt: &now,
		}
		for i, person := range chunk {
			p.Deliveries[i].Person = person
		}
		batch = append(batch, p)
		k++
		if len(batch) < parcelsAtOnce {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if at, err = s.now(ctx); err != nil {
			return err
		}
		if at.earlier.Sub(extended).Abs() > cutLease/4 {
			if err := s.extendCut(ctx, b, cut, at.earlier); err != nil {
				return err
			}
			extended = at.earlier
		}
	}
	if len(batch) > 0 {
		return flush()
	}
	return nil
}

func (s *Service) extendCut(ctx context.Context, b *Briefing, cut string, now time.Time) error {
	_, err := s.briefings.Update(ctx, b.Campaign, b.ID, func(b *Briefing) error {
		if b.Cutting == nil || b.Cutting.ID != cut || !b.running() {
			return ErrFenced
		}
		b.Cutting.Until = now.Add(cutLease)
		return nil
	})
	return stored(err)
}
