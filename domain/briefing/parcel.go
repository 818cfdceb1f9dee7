package briefing

import (
	"time"

	"github.com/musterhq/muster/store"
)

// ParcelSize is how many deliveries a parcel has at most.
const ParcelSize = 200

// Lease is how long a worker has a parcel.
const Lease = 60 * time.Second

// Outcome is what became of a delivery. Once set it never changes.
type Outcome string

// The outcomes, all final. A delivery without one is still to be sent.
const (
	Accepted Outcome = "accepted" // the sender took it: not yet proof that a phone showed it
	Gone     Outcome = "gone"     // no address or device reaches the person any more
	Refused  Outcome = "refused"  // the gate did not clear the person
	Failed   Outcome = "failed"   // the sender refused the message itself
	Expired  Outcome = "expired"  // the tier's deadline passed first
	Moved    Outcome = "moved"    // left the tier's audience before it opened; not a recipient
)

// Parcel is a share of a tier's deliveries, the unit that one worker takes. Its
// id is "<cut>/<k>".
type Parcel struct {
	store.Meta `bson:",inline"`
	Briefing   string   `bson:"briefing"`
	Tier       TierName `bson:"tier"`
	// Cut names the pass over the audience that made the parcel. It counts
	// once the briefing's tier lists it: a cut that a crash left half made, or
	// that lost against another worker's, is never sent.
	Cut        string     `bson:"cut"`
	K          int        `bson:"k"` // 0, 1, 2 ... within the cut
	Deliveries []Delivery `bson:"deliveries"`
	// Pending is true while a delivery has no outcome and absent afterwards: a
	// tier with no pending parcel has settled. It never comes back.
	Pending bool `bson:"pending,omitempty"`
	// ReadyAt is when a worker may take it next: now, the end of a lease, or
	// the next retry. Absent once nothing is pending.
	ReadyAt *time.Time `bson:"ready_at,omitempty"`
	Holder  string     `bson:"holder,omitempty"`
	// Fence counts the takings; a write under an older fence is refused.
	Fence int64 `bson:"fence"`
}

// Delivery is the message to one person.
type Delivery struct {
	Person  string  `bson:"person"`
	Outcome Outcome `bson:"outcome,omitempty"`
	// At is when the outcome was known.
	At *time.Time `bson:"at,omitempty"`
	// Tries counts the sends that were answered and are to be repeated.
	Tries   int        `bson:"tries,omitempty"`
	RetryAt *time.Time `bson:"retry_at,omitempty"`
}

// Due says whether the delivery is to be tried at now.
func (d *Delivery) Due(now time.Time) bool {
	return d.Outcome == "" && (d.RetryAt == nil || !now.Before(*d.RetryAt))
}

// finish sets an outcome, if there is none yet.
func (d *Delivery) finish(o Outcome, at time.Time) {
	if d.Outcome == "" {
		d.Outcome, d.At, d.RetryAt = o, &at, nil
	}
}

// settle brings Pending and ReadyAt in line with the deliveries. A parcel with
// something left is ready at at.
func (p *Parcel) settle(at time.Time) {
	for i := range p.Deliveries {
		if p.Deliveries[i].Outcome == "" {
			p.Pending, p.ReadyAt = true, &at
			return
		}
	}
	p.Pending, p.ReadyAt, p.Holder = false, nil, ""
}

// nextTry is the earliest instant at which a delivery without an outcome may be
// tried, not before now.
func (p *Parcel) nextTry(now time.Time) time.Time {
	var next time.Time
	for i := range p.Deliveries {
		d := &p.Deliveries[i]
		if d.Outcome != "" {
			continue
		}
		at := now
		if d.RetryAt != nil && d.RetryAt.After(now) {
			at = *d.RetryAt
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

var parcelSchema = store.Schema{
	Name:     "parcels",
	ShardKey: "cut",
	Indexes: []store.Index{
		{Name: "cut", Equal: []string{"cut"}, Order: "k", Unique: true},
		{Name: "ready", Equal: []string{"cut"}, Order: "ready_at"},
		// Entries of this index leave and never move, so one look at it is
		// enough to know that a tier has settled.
		{Name: "pending", Equal: []string{"cut", "pending"}},
	},
}
