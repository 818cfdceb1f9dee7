package people

import (
	"context"
	"errors"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// SignInRequest opens a sign-up or a request for a code.
type SignInRequest struct {
	Request string // the id that SignUp or RequestCode gave
	Code    string // as typed
	Device  string
	Address string // of the caller; wrong codes are counted against it
}

// SignIn opens the request with its code and gives tokens. It makes the person
// where the e-mail of a sign-up is new; otherwise it opens the account that
// exists and adds the consents given at that sign-up. Anybody may call it.
//
// A code opens the request it was mailed for, once, within 15 minutes and with
// at most five wrong tries, however many come at once. A failure of ours leaves
// the code good. Errors: Invalid code_malformed (costs no try); Unauthentic
// code_wrong with the tries left; Gone code_expired, code_spent, code_used;
// Limited guesses_limited; Unavailable.
func (s *Service) SignIn(ctx context.Context, campaignID string, in SignInRequest) (Tokens, *Person, error) {
	typed, err := readCode(in.Code)
	if err != nil {
		return Tokens{}, nil, err
	}
	if err := checkFields(in.Device, "", ""); err != nil {
		return Tokens{}, nil, err
	}
	if err := s.mayGuess(ctx, campaignID, in.Address); err != nil {
		return Tokens{}, nil, err
	}
	r, err := s.try(ctx, campaignID, in.Request, typed)
	if errs.KindOf(err) == errs.Unauthentic || errs.KindOf(err) == errs.Gone {
		if err := s.countWrong(ctx, campaignID, in.Address); err != nil {
			return Tokens{}, nil, err
		}
	}
	if err != nil {
		return Tokens{}, nil, err
	}
	p, err := s.enter(ctx, campaignID, r)
	if err != nil {
		return Tokens{}, nil, err
	}
	tokens, err := s.openSession(ctx, p, r, in.Device)
	if err != nil {
		return Tokens{}, nil, err
	}
	s.close(ctx, r)
	return tokens, p, nil
}

// Detail of code_wrong.
type triesLeft struct {
	TriesLeft int `json:"tries_left"`
}

var errRight = errors.New("people: the code is right")

// try compares a code with the request's and counts a wrong one, in one Update:
// however many guesses come at once, the sixth is not read.
func (s *Service) try(ctx context.Context, campaignID, id, typed string) (*request, error) {
	expired := errs.New(errs.Gone, "code_expired", "This code has ended. Ask for a new one.")
	now := s.clock.Now()
	var right *request
	wrong, err := s.requests.Update(ctx, campaignID, id, func(r *request) error {
		switch {
		case r.Used:
			return errs.New(errs.Gone, "code_used", "This code was used already. Ask for a new one.")
		case !now.Before(r.ExpiresAt):
			return expired
		case r.Tries >= CodeTries:
			return errs.New(errs.Gone, "code_spent", "Too many wrong codes. Ask for a new one.")
		case sameCode(typed, s.keys.Load().code(r)):
			right = r
			return errRight // nothing to write
		}
		r.Tries++
		return nil
	})
	switch {
	case errors.Is(err, errRight):
		return right, nil
	case absent(err):
		// Purged, or never there: who asks learns no more than of an old one.
		return nil, expired
	case err != nil:
		return nil, storeError(err)
	}
	return nil, errs.New(errs.Unauthentic, "code_wrong", "This is not the code that was mailed. Type it as it stands in the mail.").
		WithDetail(triesLeft{CodeTries - wrong.Tries})
}

// enter gives the person whom the right code lets in. It may be repeated after
// any failure: what was done is found done.
func (s *Service) enter(ctx context.Context, campaignID string, r *request) (*Person, error) {
	now := s.clock.Now()
	var p *Person
	var created bool
	var err error
	if r.SignUp == nil {
		if p, err = s.byEmail(ctx, campaignID, r.Email); err != nil {
			return nil, err
		}
		if p == nil {
			return nil, errs.New(errs.Gone, "code_expired", "This code has ended. Ask for a new one.")
		}
		return p, nil
	}
	p, created, err = s.settle(ctx, campaignID, r.Email, func() *Person { return r.SignUp.person(now) })
	if err != nil {
		return nil, err
	}
	if !created && r.SignUp.adds(p) {
		p, err = s.update(ctx, campaignID, p.ID, func(p *Person) error {
			r.SignUp.add(p, now)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if r.SignUp.Invitation != "" {
		return s.acceptAtSignIn(ctx, p, r.SignUp.Invitation)
	}
	return p, nil
}

// person makes the new person, without id and e-mail.
func (su *signUp) person(now time.Time) *Person {
	p := &Person{
		Account: store.NewID(), CreatedAt: now,
		Grants: []campaign.Grant{{Role: campaign.Supporter}, {Role: campaign.Volunteer}},
	}
	su.place(p)
	p.YearOfBirth = su.YearOfBirth
	p.Consents = su.Consents
	p.join(su.Zone, now)
	return p
}

func (su *signUp) place(p *Person) {
	p.Team, p.Region, p.Within = su.Team, su.Region, su.Within
	if su.Postcode != "" {
		p.PostalAddresses = []PostalAddress{{PostalCode: su.Postcode, Primary: true}}
	}
}

// adds says whether the sign-up has anything to give to a person who exists.
func (su *signUp) adds(p *Person) bool {
	return p.Region == "" || (p.YearOfBirth == 0 && su.YearOfBirth != 0) || len(su.Consents) > 0
}

// add gives it: a home to who has none (the first admin), a year of birth that
// was missing, and the consents. The sign-up is their source, so a repeat adds
// nothing, not even over a withdrawal made since.
func (su *signUp) add(p *Person, now time.Time) {
	if p.Region == "" {
		su.place(p)
		p.join(su.Zone, now)
	}
	if p.YearOfBirth == 0 && su.YearOfBirth != 0 {
		p.YearOfBirth = su.YearOfBirth
		if p.minor(now) && !p.Hidden {
			p.tellHidden(now)
		}
	}
	if len(su.Consents) == 0 || len(p.Consents)+len(su.Consents) > maxRecord {
		return
	}
	for _, c := range p.Consents {
		if c.Source == su.Consents[0].Source {
			return
		}
	}
	for _, c := range su.Consents {
		c.At = now
		p.Consents = append(p.Consents, c)
	}
}

// close marks the request used and forgets what it knew. That the code opens
// nothing twice does not hang on it: the session's id is the request's, once.
func (s *Service) close(ctx context.Context, r *request) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := s.requests.Update(ctx, r.Campaign, r.ID, func(r *request) error {
		r.Used, r.Email, r.SignUp = true, "", nil
		return nil
	})
	if err != nil {
		s.log.Warn("a used code request was not closed; it will be purged", "campaign", r.Campaign, "request", r.ID, "error", err)
	}
}
