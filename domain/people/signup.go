package people

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// SignUpRequest is what somebody gives who wants to take part.
type SignUpRequest struct {
	Email string
	// Postcode is kept as part of the postal address; Region (a leaf) and Team
	// are where the caller found that it leads.
	Postcode string
	Region   string
	Team     string
	// Consents are grants: purpose, channel and wording; the rest is filled in.
	Consents    []Consent
	YearOfBirth int    // 0 where it was not given
	Device      string // the phone's own id for itself, "" where it has none
	Invitation  string // the code of an invitation link, or ""
	Key         string // Idempotency-Key, or ""
}

// CodeRequest asks for a code to sign in again.
type CodeRequest struct {
	Email  string
	Device string
	Key    string
}

const (
	maxPostcode = 16
	maxDevice   = 128
	maxKey      = 255
	oldest      = 130 // years
)

// SignUp stores the sign-up, has its code mailed, and gives the sign-up's id,
// with which and the code SignIn makes the person. Anybody may call it; it
// answers by what was sent alone, never by whether the e-mail is known.
//
// A repeat under the same Key and e-mail gives the same id; where its code has
// ended meanwhile, a new one is mailed. The same Key with other content is
// Conflict key_reused. Other errors: Invalid email_invalid, region_unknown,
// consent_invalid, year_of_birth_missing, year_of_birth_invalid, too_young,
// field_invalid; Gone invitation_ended; Limited codes_limited; Unavailable
// limits_unavailable.
func (s *Service) SignUp(ctx context.Context, campaignID string, in SignUpRequest) (string, error) {
	email, err := NormaliseEmail(in.Email)
	if err != nil {
		return "", err
	}
	c, err := s.campaigns.Get(ctx, campaignID)
	if err != nil {
		return "", err
	}
	now := s.clock.Now()
	su, err := in.check(c, now)
	if err != nil {
		return "", err
	}
	if in.Invitation != "" {
		su.Invitation = invitationID(in.Invitation)
		if _, err := s.openInvitation(ctx, campaignID, su.Invitation); err != nil {
			return "", err
		}
	}
	r := &request{Email: email, SignUp: su}
	r.ID = requestID(campaignID, "sign-up", email, in.Key)
	for i := range su.Consents {
		su.Consents[i].Source = "sign-up/" + r.ID
	}
	device := in.Device
	in.Email, in.Device = email, "" // the same person may repeat it from another phone
	return s.ask(ctx, campaignID, r, asked{device: device, print: s.print(in)})
}

// RequestCode gives the id of a request whose code opens the account of that
// e-mail. It does the same and answers the same for an e-mail that nobody has;
// then nothing is mailed. Errors: Invalid email_invalid, field_invalid;
// Conflict key_reused; Limited codes_limited; Unavailable limits_unavailable.
func (s *Service) RequestCode(ctx context.Context, campaignID string, in CodeRequest) (string, error) {
	email, err := NormaliseEmail(in.Email)
	if err != nil {
		return "", err
	}
	if err := checkFields(in.Device, in.Key, ""); err != nil {
		return "", err
	}
	if _, err := s.campaigns.Get(ctx, campaignID); err != nil {
		return "", err // nothing is stored for a campaign that is not there
	}
	r := &request{Email: email}
	r.ID = requestID(campaignID, "code", email, in.Key)
	return s.ask(ctx, campaignID, r, asked{device: in.Device, print: s.print(CodeRequest{Email: email, Key: in.Key})})
}

// check refuses what cannot become a person and gives what will.
func (in *SignUpRequest) check(c *campaign.Campaign, now time.Time) (*signUp, error) {
	if err := checkFields(in.Device, in.Key, in.Postcode); err != nil {
		return nil, err
	}
	within := campaign.Within(c.Root, in.Region)
	if c.Root == "" || within == nil || in.Team == "" {
		return nil, errs.New(errs.Invalid, "region_unknown", "This region is not part of the campaign. Choose another postcode.")
	}
	if err := checkAge(c.MinimumAge, in.YearOfBirth, now); err != nil {
		return nil, err
	}
	consents := slices.Clone(in.Consents)
	for i := range consents {
		consents[i].Granted, consents[i].At = true, now
	}
	if err := checkConsents(consents); err != nil {
		return nil, err
	}
	return &signUp{
		Postcode: in.Postcode, Region: in.Region, Within: within, Team: in.Team, Zone: c.TimeZone,
		YearOfBirth: in.YearOfBirth, Consents: consents,
	}, nil
}

// checkAge refuses who may be younger than the campaign allows. A year of birth
// leaves a year open, so who turns the age this year is let in the next.
func checkAge(minimum, yearOfBirth int, now time.Time) error {
	if yearOfBirth == 0 && minimum > 0 {
		return errs.New(errs.Invalid, "year_of_birth_missing", "This campaign has a minimum age. Send your year of birth.")
	}
	if yearOfBirth != 0 && (yearOfBirth > now.Year() || yearOfBirth < now.Year()-oldest) {
		return errs.New(errs.Invalid, "year_of_birth_invalid", "The year of birth cannot be right. Send it with four digits.")
	}
	if minimum > 0 && !surely(minimum, yearOfBirth, now) {
		return errs.New(errs.Invalid, "too_young", "To take part you must have turned %d before this year.", minimum)
	}
	return nil
}

func checkFields(device, key, postcode string) error {
	if !plainLine(device, maxDevice) || !plainLine(key, maxKey) || !plainLine(postcode, maxPostcode) {
		return errs.New(errs.Invalid, "field_invalid", "A device id has up to %d characters, an Idempotency-Key up to %d, a postcode up to %d.", maxDevice, maxKey, maxPostcode)
	}
	return nil
}

// requestID is the same for a repeat under a key, and random without one. A
// keyed id holds the e-mail in a hash, so a key that two phones both chose
// never leads from one's request to the other's.
func requestID(campaignID, kind, email, key string) string {
	if key == "" {
		return store.NewID()
	}
	return store.IDFrom(campaignID, kind, email, key)
}

// print tells whether two requests say the same.
func (s *Service) print(in any) string {
	body, err := json.Marshal(in)
	if err != nil {
		panic(err) // plain structs of strings and numbers: cannot happen
	}
	return hex.EncodeToString(s.keys.Load().derive("print", string(body))[:16])
}

type asked struct{ device, print string }

// ask stores the request with its mail, once a key. Every path through it is
// chosen by what was sent and by earlier requests, none by who is known.
func (s *Service) ask(ctx context.Context, campaignID string, r *request, a asked) (string, error) {
	now := s.clock.Now()
	r.Print = a.print
	for {
		found, err := s.requests.Get(ctx, campaignID, r.ID)
		if err == nil {
			return s.repeat(ctx, campaignID, found, a)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return "", storeError(err)
		}
		if err := s.allowCode(ctx, campaignID, r.Email, a.device); err != nil {
			return "", err
		}
		r.open(now)
		err = s.requests.InsertOne(ctx, campaignID, r)
		if err == nil {
			return r.ID, nil
		}
		if !errors.Is(err, store.ErrDuplicate) {
			return "", storeError(err)
		}
		// The same key at the same moment: the other call's is the one.
		r.Effects, r.Attempt, r.Campaign, r.Version = store.Effects{}, 0, "", 0
	}
}

// repeat answers for a request that was stored before.
func (s *Service) repeat(ctx context.Context, campaignID string, found *request, a asked) (string, error) {
	if found.Print != a.print {
		return "", errs.New(errs.Conflict, "key_reused", "This Idempotency-Key was used for another request. Use a new one.")
	}
	now := s.clock.Now()
	if found.Used || found.live(now) {
		return found.ID, nil
	}
	if err := s.allowCode(ctx, campaignID, found.Email, a.device); err != nil {
		return "", err
	}
	_, err := s.requests.Update(ctx, campaignID, found.ID, func(r *request) error {
		if !r.Used && !r.live(now) {
			r.open(now)
		}
		return nil
	})
	return found.ID, storeError(err)
}

func attemptString(attempt int) string { return strconv.Itoa(attempt) }
