package people

import (
	"context"
	"errors"
	"time"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// reservation makes a value unique in a campaign: its id is made from the kind
// and the value, and it names the person who has it. The value itself is not
// in it, since ids appear in errors and logs.
type reservation struct {
	store.Meta `bson:",inline"`
	Owner      string    `bson:"owner,omitempty"` // person; "" when it was given up
	At         time.Time `bson:"at"`              // when Owner got it, or took up what it began
	// PurgeAt is set while nobody has it.
	PurgeAt *time.Time `bson:"purge_at,omitempty"`
}

var reservationSchema = store.Schema{
	Name:    "reservations",
	Indexes: []store.Index{{Name: "purge", Order: "purge_at", Expire: true}},
}

func emailReservation(email string) string { return "email/" + store.IDFrom("email", email) }
func deviceReservation(value string) string {
	return "device/" + store.IDFrom("device", value)
}

const (
	// void is how long a reservation holds for an owner who does not exist.
	void = time.Minute
	// creation is how long a call has from looking for the owner to inserting
	// them. It is well under void, so nobody inserts under a reservation that
	// another took over, or takes over one whose owner was just inserted.
	creation = 20 * time.Second
)

// byEmail gives the person who has the e-mail, or nil.
func (s *Service) byEmail(ctx context.Context, campaignID, email string) (*Person, error) {
	r, err := s.reservations.Get(ctx, campaignID, emailReservation(email))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError(err)
	}
	p, err := s.people.Get(ctx, campaignID, r.Owner)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return p, storeError(err)
}

// settle gives the person who has the e-mail; where there is none, the one
// that build makes. However many callers come at once, and wherever an earlier
// one broke off, they get one and the same person.
func (s *Service) settle(ctx context.Context, campaignID, email string, build func() *Person) (p *Person, created bool, err error) {
	for range 5 {
		if p, created, err = s.findOrCreate(ctx, campaignID, email, build); p != nil || err != nil {
			return p, created, err
		}
	}
	return nil, false, errs.New(errs.Unavailable, "store_unavailable", "The server is busy. Try again in a moment.").WithRetryAfter(time.Second)
}

// findOrCreate finds the person, or reserves the e-mail and inserts its owner.
// It gives nil where another call inserted first. What it found out about the
// reservation it must use within the time that creation allows.
func (s *Service) findOrCreate(ctx context.Context, campaignID, email string, build func() *Person) (p *Person, created bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, creation)
	defer cancel()
	if p, err = s.byEmail(ctx, campaignID, email); p != nil || err != nil {
		return p, false, err
	}
	owner, err := s.reserve(ctx, campaignID, emailReservation(email))
	if err != nil {
		return nil, false, err
	}
	p = build()
	p.ID = owner
	p.EmailAddresses = []EmailAddress{{Address: email, Primary: true}}
	err = s.people.InsertOne(ctx, campaignID, p)
	if errors.Is(err, store.ErrDuplicate) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, storeError(err)
	}
	return p, true, nil
}

// reserve gives the id under which the person is to be inserted now: that of
// the reservation, which may stand from a call that is under way or broke off.
// After a minute the id is a new one: its owner may have existed and be gone,
// and a person who was erased must not come back under the old id.
func (s *Service) reserve(ctx context.Context, campaignID, id string) (owner string, err error) {
	now := s.clock.Now()
	first := &reservation{Meta: store.Meta{ID: id}, Owner: store.NewID(), At: now}
	err = s.reservations.InsertOne(ctx, campaignID, first)
	if err == nil {
		return first.Owner, nil
	}
	if !errors.Is(err, store.ErrDuplicate) {
		return "", storeError(err)
	}
	taken, err := s.reservations.Update(ctx, campaignID, id, func(r *reservation) error {
		if r.Owner == "" || !now.Before(r.At.Add(void)) {
			r.Owner = store.NewID()
		}
		r.At, r.PurgeAt = now, nil
		return nil
	})
	if err != nil {
		return "", storeError(err)
	}
	return taken.Owner, nil
}
