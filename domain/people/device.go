package people

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Device is a phone or browser that can be pushed to.
type Device struct {
	ID         string    `bson:"id"`       // the app's own id for the installation
	Kind       string    `bson:"kind"`     // "token" (FCM registration token) or "fid" (Firebase installation id)
	Value      string    `bson:"value"`    // secret: who has it can be pushed to
	Platform   string    `bson:"platform"` // android, ios or web
	Categories []string  `bson:"categories,omitempty"`
	SeenAt     time.Time `bson:"seen_at"` // when the app last put it
}

// phones is what a person can be pushed on, under the person's id. An entry
// counts while the reservation of its value names this person.
type phones struct {
	store.Meta `bson:",inline"`
	Devices    []Device `bson:"devices,omitempty"`
}

var phonesSchema = store.Schema{Name: "devices"}

const (
	maxDevices    = 10
	maxValue      = 4096
	maxCategories = 20
	// deviceLife is how long FCM keeps an Android registration that is not seen.
	deviceLife = 270 * 24 * time.Hour
)

var categoryPattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

// check refuses what is no device as Invalid device_invalid.
func (d *Device) check() error {
	bad := func(message string) error { return errs.New(errs.Invalid, "device_invalid", "%s", message) }
	if d.ID == "" || !plainLine(d.ID, maxDevice) {
		return bad("A device has an id of up to 128 characters.")
	}
	if d.Kind != "token" && d.Kind != "fid" {
		return bad(`A device is registered by "token" or "fid".`)
	}
	if d.Value == "" || !plainLine(d.Value, maxValue) {
		return bad("A device has a registration of up to 4,096 characters.")
	}
	if d.Platform != "android" && d.Platform != "ios" && d.Platform != "web" {
		return bad("A device is android, ios or web.")
	}
	if len(d.Categories) > maxCategories || slices.ContainsFunc(d.Categories, func(c string) bool { return !categoryPattern.MatchString(c) }) {
		return bad("A device allows up to 20 categories, each a short word.")
	}
	return nil
}

// PutDevice registers the person's device, or what changed about it. The same
// registration cannot lead to two people: it moves to who put it last, so a
// phone that changed hands gets nothing of its former user's. A person has up
// to ten devices; the one not seen for longest makes room. Errors: Invalid
// device_invalid; NotFound person_unknown.
func (s *Service) PutDevice(ctx context.Context, campaignID, person string, d Device) error {
	if err := d.check(); err != nil {
		return err
	}
	if _, err := s.Person(ctx, campaignID, person); err != nil {
		return err
	}
	d.SeenAt = s.clock.Now()
	d.Categories = slices.Clone(d.Categories)
	err := s.phones.InsertOne(ctx, campaignID, &phones{Meta: store.Meta{ID: person}, Devices: []Device{d}})
	if errors.Is(err, store.ErrDuplicate) {
		_, err = s.phones.Update(ctx, campaignID, person, func(f *phones) error {
			f.put(d)
			return nil
		})
	}
	if err != nil {
		return storeError(err)
	}
	// Last, so that the registration is never without a person who lists it.
	return s.claimDevice(ctx, campaignID, person, d.Value)
}

func (f *phones) put(d Device) {
	f.Devices = slices.DeleteFunc(f.Devices, func(e Device) bool { return e.ID == d.ID || e.Value == d.Value })
	f.Devices = append(f.Devices, d)
	if len(f.Devices) > maxDevices {
		// Appended at each sight, so the first is the one not seen for longest.
		f.Devices = slices.Clone(f.Devices[len(f.Devices)-maxDevices:])
	}
}

// claimDevice makes the person the one whom the registration leads to.
func (s *Service) claimDevice(ctx context.Context, campaignID, person, value string) error {
	now, id := s.clock.Now(), deviceReservation(value)
	err := s.reservations.InsertOne(ctx, campaignID, &reservation{Meta: store.Meta{ID: id}, Owner: person, At: now})
	if errors.Is(err, store.ErrDuplicate) {
		_, err = s.reservations.Update(ctx, campaignID, id, func(r *reservation) error {
			r.Owner, r.At, r.PurgeAt = person, now, nil
			return nil
		})
	}
	return storeError(err)
}

// DeleteDevice takes the device with this id from the person. One that is not
// there is no error.
func (s *Service) DeleteDevice(ctx context.Context, campaignID, person, id string) error {
	_, err := s.phones.Update(ctx, campaignID, person, func(f *phones) error {
		f.Devices = slices.DeleteFunc(f.Devices, func(d Device) bool { return d.ID == id })
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return storeError(err)
}

// Devices gives the devices of up to 1,000 people that can be pushed to. People
// without any are missing from the answer. It is for what sends, after the
// Gate: no other caller may see a registration.
func (s *Service) Devices(ctx context.Context, campaignID string, people []string) (map[string][]Device, error) {
	listed, err := s.phones.GetMany(ctx, campaignID, people)
	if err != nil {
		return nil, storeError(err)
	}
	var ids []string
	for _, f := range listed {
		for _, d := range f.Devices {
			ids = append(ids, deviceReservation(d.Value))
		}
	}
	owners := make(map[string]string, len(ids))
	for part := range slices.Chunk(ids, store.MaxBatch) {
		reservations, err := s.reservations.GetMany(ctx, campaignID, part)
		if err != nil {
			return nil, storeError(err)
		}
		for id, r := range reservations {
			owners[id] = r.Owner
		}
	}
	oldest := s.clock.Now().Add(-deviceLife)
	devices := make(map[string][]Device, len(listed))
	for person, f := range listed {
		for _, d := range f.Devices {
			if owners[deviceReservation(d.Value)] == person && d.SeenAt.After(oldest) {
				devices[person] = append(devices[person], d)
			}
		}
	}
	return devices, nil
}

// Prune ends a registration that the push service says is gone: it leads to
// nobody until an app puts it again.
func (s *Service) Prune(ctx context.Context, campaignID, value string) error {
	purge := s.clock.Now().Add(24 * time.Hour)
	_, err := s.reservations.Update(ctx, campaignID, deviceReservation(value), func(r *reservation) error {
		r.Owner, r.PurgeAt = "", &purge
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return storeError(err)
}
