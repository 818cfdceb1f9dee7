package people

import (
	"context"
	"errors"
	"log/slog"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Gate decides who may be sent what. Everything that is sent to a person passes
// it: what sends takes a Cleared, and nothing but the Gate makes one.
type Gate struct{ s *Service }

// Gate gives the room's gate.
func (s *Service) Gate() *Gate { return &Gate{s: s} }

// Cleared is leave to send one thing to one person by one channel. Its zero
// value is leave for nothing: Valid is false and every answer empty. It is to
// be used at once, not kept.
type Cleared struct{ c *clearance }

type clearance struct{ campaign, person, purpose, channel, address string }

// Valid says whether the Gate made it. What sends must refuse one that is not.
func (c Cleared) Valid() bool { return c.c != nil }

func (c Cleared) get() clearance {
	if c.c == nil {
		return clearance{}
	}
	return *c.c
}

// Campaign is the campaign in whose name is sent.
func (c Cleared) Campaign() string { return c.get().campaign }

// Person is the recipient, "" in a code mail: it goes to an address.
func (c Cleared) Person() string { return c.get().person }

// Purpose is what was consented to, or ServicePurpose.
func (c Cleared) Purpose() string { return c.get().purpose }

// Channel is the one channel it may go by.
func (c Cleared) Channel() string { return c.get().channel }

// Address is the e-mail address or the phone number; "" for Push, where the
// recipient's devices are asked for by Service.Devices.
func (c Cleared) Address() string { return c.get().address }

// IsService says whether it is of the class service: first in every queue, and
// not news.
func (c Cleared) IsService() bool { return c.get().purpose == ServicePurpose }

// LogValue keeps the address out of logs.
func (c Cleared) LogValue() slog.Value { return slog.StringValue(c.get().person) }

// String keeps the address out of every kind of printing.
func (c Cleared) String() string { return c.get().person }

// Refused is a person who may not be sent it, and why.
type Refused struct {
	Person string
	Reason Reason
}

// Reason says why the Gate refused. It is recorded with the delivery.
type Reason string

// The reasons.
const (
	NoPerson  Reason = "no_person"  // erased since
	NoConsent Reason = "no_consent" // none for this purpose and channel, or withdrawn
	NoAddress Reason = "no_address" // nothing known to reach them by on this channel
)

// Clear says who of up to 1,000 people may be sent something for this purpose
// by this channel, as their documents stand at this moment: one read, no cache.
// Every person is in exactly one of the two answers, in the order given; one
// who is named twice is cleared once. ServicePurpose needs no consent. After an
// error nobody is cleared. Errors: Internal for more people or an unknown
// channel; Unavailable.
func (g *Gate) Clear(ctx context.Context, campaignID, purpose, channel string, people []string) ([]Cleared, []Refused, error) {
	if purpose == "" || (channel != Email && channel != Push && channel != SMS && channel != Call) {
		return nil, nil, errs.New(errs.Internal, "internal", "Something went wrong on our side.")
	}
	found, err := g.s.people.GetMany(ctx, campaignID, people)
	if err != nil {
		return nil, nil, storeError(err)
	}
	cleared, refused := make([]Cleared, 0, len(people)), []Refused(nil)
	seen := make(map[string]bool, len(people))
	for _, id := range people {
		if seen[id] {
			continue
		}
		seen[id] = true
		address, reason := reach(found[id], purpose, channel)
		if reason != "" {
			refused = append(refused, Refused{Person: id, Reason: reason})
			continue
		}
		cleared = append(cleared, Cleared{&clearance{
			campaign: campaignID, person: id, purpose: purpose, channel: channel, address: address,
		}})
	}
	return cleared, refused, nil
}

// reach gives where to send to, or why not to.
func reach(p *Person, purpose, channel string) (address string, reason Reason) {
	if p == nil {
		return "", NoPerson
	}
	if purpose != ServicePurpose && !consented(p.Consents, purpose, channel) {
		return "", NoConsent
	}
	switch channel {
	case Push:
		return "", ""
	case Email:
		address = p.Email()
	case SMS, Call:
		address = p.phone()
	}
	if address == "" {
		return "", NoAddress
	}
	return address, ""
}

// CodeMail is a code and where to send it. It prints as its request's id.
type CodeMail struct {
	To      Cleared // by Email, of the class service
	Request string
	Attempt int
	Code    string // as people read it: "K7M2-9QXP"
}

// String hides the code from every kind of printing.
func (m CodeMail) String() string { return m.Request }

// LogValue hides the code from logs.
func (m CodeMail) LogValue() slog.Value { return slog.StringValue(m.Request) }

// Code gives the mail for a sign-up or a request for a code. It answers false
// where none is to be sent: the request was opened or has ended, or it is a
// bare request for an e-mail that nobody has. Here alone is looked up whether
// somebody has it, out of sight of who asked.
func (g *Gate) Code(ctx context.Context, campaignID, requestID string) (mail CodeMail, send bool, err error) {
	r, err := g.s.requests.Get(ctx, campaignID, requestID)
	if errors.Is(err, store.ErrNotFound) {
		return CodeMail{}, false, nil
	}
	if err != nil {
		return CodeMail{}, false, storeError(err)
	}
	if !r.live(g.s.clock.Now()) {
		return CodeMail{}, false, nil
	}
	to := clearance{campaign: campaignID, purpose: ServicePurpose, channel: Email, address: r.Email}
	if r.SignUp == nil {
		p, err := g.s.byEmail(ctx, campaignID, r.Email)
		if p == nil || err != nil {
			return CodeMail{}, false, err
		}
	}
	return CodeMail{To: Cleared{&to}, Request: r.ID, Attempt: r.Attempt, Code: showCode(g.s.keys.Load().code(r))}, true, nil
}
