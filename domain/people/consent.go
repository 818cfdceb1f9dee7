package people

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/musterhq/muster/internal/errs"
)

// Consent is one grant or withdrawal, for one purpose and one channel.
type Consent struct {
	Purpose string `bson:"purpose"` // slug the campaign chose, for example "news"
	Channel string `bson:"channel"` // one of the channels below
	Granted bool   `bson:"granted"`
	// Wording names the version of the text that the person agreed to; "" in a
	// withdrawal that was made without one.
	Wording string    `bson:"wording,omitempty"`
	At      time.Time `bson:"at"`
	// Source says where it was given: "sign-up/<request>", or what the caller
	// of PutConsents named.
	Source string `bson:"source"`
}

// The channels by which a campaign reaches people.
const (
	Email = "email"
	Push  = "push"
	SMS   = "sms"
	Call  = "call"
)

// ServicePurpose is the purpose of messages about the person's own affairs (a code, a
// shift of theirs). It needs no consent and none can be given for it.
const ServicePurpose = "service"

const (
	maxConsents = 20 // in one request
	// maxRecord bounds the record. Beyond it no further grant is taken; a
	// withdrawal always is, and there is at most one to each grant.
	maxRecord = 2000
)

var (
	purposePattern = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,39}$`)
	wordingPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}$`)
)

// checkConsents refuses what cannot be recorded as Invalid consent_invalid.
func checkConsents(consents []Consent) error {
	bad := func(message string) error { return errs.New(errs.Invalid, "consent_invalid", "%s", message) }
	if len(consents) > maxConsents {
		return bad("Too many consents in one request. Send up to 20.")
	}
	for _, c := range consents {
		if !purposePattern.MatchString(c.Purpose) || c.Purpose == ServicePurpose {
			return bad(`A consent names its purpose by a short word such as "news"; "service" needs none.`)
		}
		if c.Channel != Email && c.Channel != Push && c.Channel != SMS && c.Channel != Call {
			return bad("A consent names its channel: email, push, sms or call.")
		}
		if (c.Granted || c.Wording != "") && !wordingPattern.MatchString(c.Wording) {
			return bad("A consent names the version of the wording that was shown.")
		}
	}
	return nil
}

// consented says whether the latest word for the purpose and channel is a
// grant. Without any word it is no.
func consented(record []Consent, purpose, channel string) bool {
	c := latest(record, purpose, channel)
	return c != nil && c.Granted
}

func latest(record []Consent, purpose, channel string) *Consent {
	for i := len(record) - 1; i >= 0; i-- {
		if record[i].Purpose == purpose && record[i].Channel == channel {
			return &record[i]
		}
	}
	return nil
}

// record appends what changes something: a grant where there is none or where
// the wording is another, a withdrawal where there is a grant.
func (p *Person) record(given []Consent) error {
	for _, c := range given {
		last := latest(p.Consents, c.Purpose, c.Channel)
		if c.Granted && last != nil && last.Granted && last.Wording == c.Wording {
			continue
		}
		if !c.Granted && (last == nil || !last.Granted) {
			continue
		}
		if c.Granted && len(p.Consents) >= maxRecord {
			return errs.New(errs.Conflict, "consents_full", "Your consents were changed too often. Write to the campaign to grant more.")
		}
		p.Consents = append(p.Consents, c)
	}
	return nil
}

// Consents gives the latest word for each purpose and channel the person ever
// decided on, ordered by purpose and channel. What is not listed is no.
func (s *Service) Consents(ctx context.Context, campaignID, person string) ([]Consent, error) {
	p, err := s.Person(ctx, campaignID, person)
	if err != nil {
		return nil, err
	}
	return current(p.Consents), nil
}

// current gives the last entry of each purpose and channel.
func current(record []Consent) []Consent {
	last := map[[2]string]Consent{}
	for _, c := range record {
		last[[2]string{c.Purpose, c.Channel}] = c
	}
	now := make([]Consent, 0, len(last))
	for _, c := range last {
		now = append(now, c)
	}
	slices.SortFunc(now, func(a, b Consent) int {
		return cmp.Or(cmp.Compare(a.Purpose, b.Purpose), cmp.Compare(a.Channel, b.Channel))
	})
	return now
}

// PutConsents appends grants and withdrawals to the person's record, in order,
// in one write, and gives the state after them. What would change nothing is
// not recorded. At is filled in; Source is the caller's word for where the
// person decided ("settings"). Errors: Invalid consent_invalid, Conflict
// consents_full, NotFound person_unknown.
func (s *Service) PutConsents(ctx context.Context, campaignID, person string, changes []Consent) ([]Consent, error) {
	if err := checkConsents(changes); err != nil {
		return nil, err
	}
	given := slices.Clone(changes)
	now := s.clock.Now()
	for i := range given {
		given[i].At = now
	}
	p, err := s.update(ctx, campaignID, person, func(p *Person) error { return p.record(given) })
	if err != nil {
		return nil, err
	}
	return current(p.Consents), nil
}
