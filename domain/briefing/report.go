package briefing

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Outcomes counts what became of a tier's deliveries. Times from opening are
// zero until a delivery was accepted.
type Outcomes struct {
	Recipients int `bson:"recipients"`
	Accepted   int `bson:"accepted"`
	Failed     int `bson:"failed"`  // gone, failed and expired
	Refused    int `bson:"refused"` // by the gate: no consent, no longer there
	Pending    int `bson:"pending"`
	// First and last accepted by the sender.
	FirstAcceptedAt *time.Time `bson:"first_accepted_at,omitempty"`
	LastAcceptedAt  *time.Time `bson:"last_accepted_at,omitempty"`
	// P50 and P95 are the times from the tier's opening within which that share
	// of what was accepted was accepted.
	P50 time.Duration `bson:"p50"`
	P95 time.Duration `bson:"p95"`
}

// TierReport is what one tier got, and when.
type TierReport struct {
	Tier
	Outcomes
	// Received counts people who opened the briefing in the app; the times are
	// from the tier's opening.
	Received    int
	ReceivedP50 time.Duration
	ReceivedP95 time.Duration
}

// Delivery reports on the tiers of a scheduled briefing, in order. For HQ; the
// caller has checked that. Errors: NotFound briefing_unknown.
func (s *Service) Delivery(ctx context.Context, campaignID, id string) ([]TierReport, error) {
	b, err := s.read(ctx, campaignID, id)
	if err != nil {
		return nil, err
	}
	reports := make([]TierReport, len(b.Tiers))
	for i, t := range b.Tiers {
		outcomes := t.Outcomes
		if outcomes == nil {
			if outcomes, err = s.outcomes(ctx, b, i); err != nil {
				return nil, err
			}
		}
		reports[i] = TierReport{Tier: t, Outcomes: *outcomes}
		if t.OpenedAt == nil {
			continue
		}
		if err := s.addReceipts(ctx, b, &reports[i]); err != nil {
			return nil, err
		}
	}
	return reports, nil
}

// outcomes reads a tier's parcels.
func (s *Service) outcomes(ctx context.Context, b *Briefing, tier int) (*Outcomes, error) {
	var o Outcomes
	var accepted []time.Time
	for _, cut := range b.Tiers[tier].Cuts {
		for p, err := range s.parcels.Scan(ctx, b.Campaign, store.Query{Index: "cut", Equal: []any{cut}, Limit: parcelsAtOnce}) {
			if err != nil {
				return nil, stored(err)
			}
			for _, d := range p.Deliveries {
				if o.count(d.Outcome); d.Outcome == Accepted {
					accepted = append(accepted, *d.At)
				}
			}
		}
	}
	if len(accepted) > 0 {
		slices.SortFunc(accepted, time.Time.Compare)
		o.FirstAcceptedAt, o.LastAcceptedAt = &accepted[0], &accepted[len(accepted)-1]
		o.P50, o.P95 = quantiles(accepted, *b.Tiers[tier].OpenedAt)
	}
	return &o, nil
}

func (o *Outcomes) count(outcome Outcome) {
	if outcome == Moved {
		return
	}
	o.Recipients++
	switch outcome {
	case Accepted:
		o.Accepted++
	case Refused:
		o.Refused++
	case "":
		o.Pending++
	default:
		o.Failed++
	}
}

// quantiles gives the nearest-rank 50 % and 95 % of sorted instants, as times
// since from.
func quantiles(sorted []time.Time, from time.Time) (p50, p95 time.Duration) {
	at := func(percent int) time.Duration {
		return max(0, sorted[(len(sorted)*percent+99)/100-1].Sub(from))
	}
	return at(50), at(95)
}

// Receipt says that a person opened a briefing in the app. Its id is
// "<briefing>/<person>": the first counts.
type Receipt struct {
	store.Meta `bson:",inline"`
	Briefing   string    `bson:"briefing"`
	Tier       TierName  `bson:"tier"` // the tier that held the person then
	At         time.Time `bson:"at"`
}

var receiptSchema = store.Schema{
	Name:    "receipts",
	Indexes: []store.Index{{Name: "tier", Equal: []string{"briefing", "tier"}, Order: "at"}},
}

// Receive records that person, who is v, opened the briefing. A repeat changes
// nothing. Errors: NotFound briefing_unknown where v may not read it.
func (s *Service) Receive(ctx context.Context, campaignID, id, person string, v Viewer) error {
	b, err := s.Get(ctx, campaignID, id, v)
	if err != nil {
		return err
	}
	if person == "" || group(v) == "" {
		return errs.New(errs.Forbidden, "no_person", "Only a signed-in person can receive a briefing.")
	}
	err = s.receipts.InsertOne(ctx, campaignID, &Receipt{
		Meta: store.Meta{ID: id + "/" + person}, Briefing: id, Tier: b.tierOf(v), At: s.clock.Now(),
	})
	if errors.Is(err, store.ErrDuplicate) {
		return nil
	}
	return stored(err)
}

// tierOf is the tier of b that holds v: media people are supporters where the
// briefing has no media tier.
func (b *Briefing) tierOf(v Viewer) TierName {
	if v.Has(campaign.Media) {
		for _, t := range b.Tiers {
			if t.Name == Media {
				return Media
			}
		}
	}
	return Supporters
}

func (s *Service) addReceipts(ctx context.Context, b *Briefing, r *TierReport) error {
	var at []time.Time
	q := store.Query{Index: "tier", Equal: []any{b.ID, string(r.Name)}, Limit: store.MaxPage}
	for receipt, err := range s.receipts.Scan(ctx, b.Campaign, q) {
		if err != nil {
			return stored(err)
		}
		at = append(at, receipt.At)
	}
	if r.Received = len(at); r.Received > 0 {
		r.ReceivedP50, r.ReceivedP95 = quantiles(at, *r.OpenedAt)
	}
	return nil
}

// unreadLooked is how far back Unread looks.
const unreadLooked = 50

// Unread counts the briefings that person, who is v, may read and has not
// opened, among the newest 50.
func (s *Service) Unread(ctx context.Context, campaignID, person string, v Viewer) (int, error) {
	name := group(v)
	if name == "" || person == "" {
		return 0, nil
	}
	page, err := s.briefings.Find(ctx, campaignID, store.Query{Index: string(name), Desc: true, Limit: unreadLooked})
	if err != nil {
		return 0, stored(err)
	}
	ids := make([]string, len(page.Items))
	for i, b := range page.Items {
		ids[i] = b.ID + "/" + person
	}
	read, err := s.receipts.GetMany(ctx, campaignID, ids)
	return len(ids) - len(read), stored(err)
}
