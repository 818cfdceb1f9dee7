package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/url"
	"time"
)

// Options say what the demo does.
type Options struct {
	BaseURL    string // of the server: "http://127.0.0.1:8080"; required
	Campaign   string // id of the campaign; required
	Root       string // id of its root region; required
	Places     []Place
	Volunteers int // at least 1
	// For is how long the run lasts from the first answer of /healthz:
	// sign-ups within a third of it, acting within it. 0 runs until the context
	// ends.
	For  time.Duration
	Seed uint64
	// Speed is how much faster than in life the pauses between a person's
	// actions are; 0 means DefaultSpeed.
	Speed float64
	// Journal is the file that gets a line an acknowledged action; "" means
	// none. It is appended to.
	Journal string
	// Progress is told how it goes: a line that is rewritten on a terminal, a
	// line every few seconds elsewhere. nil means silence.
	Progress io.Writer
	Log      *slog.Logger // required; gets no e-mail, code or token
	Clock    Clock        // required
	// Nonce begins the id of every action of this run and must be new for each
	// run on the same data; "" draws one.
	Nonce string

	// signUps is how long sign-ups take in a run without an end; 0 means
	// calmSignUps. Tests have less time.
	signUps time.Duration
}

// DefaultSpeed lets a day pass in a minute.
const DefaultSpeed = 1440

// Clock answers the present instant.
type Clock interface{ Now() time.Time }

// Place is where volunteers come from.
type Place struct {
	Region     string   // id of the leaf region
	Name       string   // as people call it
	Population int      // the chance that a volunteer lives here is in proportion to it
	Postcodes  []string // at least one
}

// System is what the demo asks of the machine that runs the server.
type System interface {
	// PrepareCampaign makes the campaign with its regions, or finds it made.
	// It is called once, before anything else.
	PrepareCampaign(ctx context.Context) error
	// StaffToken is an access token of the role staff, for posting tasks and
	// reading boards. It is asked again when the last one has ended.
	StaffToken(ctx context.Context) (string, error)
	// Headquarters are the e-mails of two people with the role admin, who sign
	// in like everybody.
	Headquarters() (author, approver string)
	// Ledger gives every action in the campaign's ledger, voids left out. It
	// is called when nobody acts any more.
	Ledger(ctx context.Context) iter.Seq2[LedgerAction, error]
	// Verify recounts the ledger and compares the boards with it.
	Verify(ctx context.Context) (VerifyResult, error)
}

// LedgerAction is one action as the ledger has it.
type LedgerAction struct{ Account, ID string }

// VerifyResult is what System.Verify found.
type VerifyResult struct {
	Equal    bool // boards and recount agree
	Compared int  // how many boards were compared
}

func (o *Options) check() error {
	if o.Speed == 0 {
		o.Speed = DefaultSpeed
	}
	if u, err := url.Parse(o.BaseURL); err != nil || u.Host == "" {
		return fmt.Errorf("demo: %q is not the address of a server", o.BaseURL)
	}
	switch {
	case o.Campaign == "" || o.Root == "":
		return errors.New("demo: the campaign and its root must be named")
	case o.Volunteers < 1:
		return errors.New("demo: at least one volunteer must take part")
	case o.For < 0:
		return errors.New("demo: the time it runs for cannot be negative")
	case !(o.Speed > 0):
		return errors.New("demo: the speed must be above 0")
	case o.Log == nil || o.Clock == nil:
		return errors.New("demo: a logger and a clock are needed")
	}
	total := 0
	for _, p := range o.Places {
		if p.Region == "" || len(p.Postcodes) == 0 || p.Population < 0 {
			return fmt.Errorf("demo: the place %q has no region, no postcode or a negative population", p.Name)
		}
		total += p.Population
	}
	if total == 0 {
		return errors.New("demo: the places have no people")
	}
	return nil
}
