package points

import (
	"context"
	"errors"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Member is what the ledger must know of a person, read from their document by
// the caller just before the call.
type Member struct {
	Account string // the random id; the ledger knows no other
	Team    string // where they belong now; counts from the next season on
	Region  string // leaf region of the team
	// TimeZone (IANA) decides where the person's day begins; the campaign's
	// zone where it is empty or unknown.
	TimeZone string
	// Hidden is taken up by the first posting alone; later only Hide changes
	// it, so that a stale copy of the person shows nobody.
	Hidden bool
}

func (m *Member) home() Home { return Home{Team: m.Team, Region: m.Region} }

func (m *Member) check() error {
	if m.Account == "" || strings.Contains(m.Account, "/") || m.Team == "" || m.Region == "" {
		return errs.New(errs.Internal, "member_incomplete", "Something went wrong on our side.")
	}
	return nil
}

// Config is what a Service is made of. All fields without a stated zero value
// are required.
type Config struct {
	Engine store.Engine
	Clock  clock.Clock
	// Calendar answers the seasons of a campaign; called at every write.
	Calendar func(ctx context.Context, campaign string) (Calendar, error)
	// Remember is how many accounts' last postings are kept in memory. Zero
	// value means 10,000 (about 2 KiB each).
	Remember int
}

// insertWithin is how long an insert may wait, and then how long it may take.
// Postings are swept into the boards for good a minute after RecordedAt, so one
// may not land later.
const insertWithin = 10 * time.Second

// Bounds of the queue for the store, for each campaign: what waits while an
// insert is under way goes into the next.
const (
	insertTogether = 256
	insertWaiting  = 4096
	// insertActions is how many actions go into one insert: on SQLite that takes
	// some hundredths of a second, much longer than its sync of the disk, while
	// those of the insert before are put on the boards and answered.
	insertActions = 2000
)

// Service keeps the ledgers of all campaigns. It is safe for concurrent use,
// and any number of processes may serve the same store.
type Service struct {
	postings *store.Collection[Posting]
	clock    clock.Clock
	calendar func(context.Context, string) (Calendar, error)
	book     *book
	queue    *store.Queue // callers of one account take turns
	// last holds last postings by campaign/account, as they were read or
	// acknowledged: it may be behind the store, never ahead of it. Its
	// postings are shared and never changed.
	last    *lru.Cache[string, *Posting]
	zones   *lru.Cache[string, *time.Location]
	inserts *store.Group[*Posting]
	within  time.Duration // insertWithin, but for a test
}

// New makes a Service. It does no I/O. It panics if Remember is negative.
func New(c Config) *Service {
	if c.Remember == 0 {
		c.Remember = 10_000
	}
	s := &Service{
		postings: store.NewCollection[Posting](c.Engine, Schema),
		clock:    c.Clock, calendar: c.Calendar, book: newBook(c),
		queue: store.NewQueue(),
		last:  newCache[*Posting](c.Remember),
		zones: newCache[*time.Location](1000),
	}
	s.answerWithin(insertWithin)
	return s
}

// answerWithin sets how long an insert may wait, and may take.
func (s *Service) answerWithin(within time.Duration) {
	s.within = within
	limits := store.GroupLimits{Together: insertTogether, Waiting: insertWaiting, Within: within}
	s.inserts = store.NewGroup(limits, func(ctx context.Context, campaign string, postings []*Posting) []error {
		return s.postings.Insert(ctx, campaign, postings...)
	}).Weigh(insertActions, func(p *Posting) int { return len(p.Actions) })
}

func newCache[V any](size int) *lru.Cache[string, V] {
	cache, err := lru.New[string, V](size)
	if err != nil {
		panic(err) // a size below 1
	}
	return cache
}

func (s *Service) terms(ctx context.Context, campaign string, m Member) (terms, error) {
	if err := m.check(); err != nil {
		return terms{}, err
	}
	calendar, err := s.calendar(ctx, campaign)
	if err != nil {
		return terms{}, err
	}
	rules, err := s.book.schedule(ctx, campaign)
	switch {
	case err != nil && ctx.Err() != nil:
		return terms{}, busy(err)
	case err != nil:
		return terms{}, err
	}
	return terms{rules: rules, calendar: calendar, zone: s.zone(m.TimeZone, calendar), member: m}, nil
}

func (s *Service) zone(name string, c Calendar) *time.Location {
	if name == "" || name == "Local" { // "Local" would be the server's
		return c.Location()
	}
	if zone, ok := s.zones.Get(name); ok {
		return zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		zone = c.Location()
	} else {
		s.zones.Add(name, zone)
	}
	return zone
}

// turn is one try to decide an account's next posting.
type turn struct {
	last *Posting // nil when there is none
	now  time.Time
	// seen: the try before was refused because one of its action ids is in
	// the ledger already.
	seen bool
}

// append is the one way into the ledger. decide makes the posting after
// turn.last, or nil to write nothing; it may run several times, after others
// wrote first, and its last run holds. append answers the account's last
// posting and whether it is a new one. An outcome that is not known is
// Unavailable; so is a ctx that ends before the turn came, with nothing written.
func (s *Service) append(ctx context.Context, campaign, account string, decide func(turn) (*Posting, error)) (*Posting, bool, error) {
	key := campaign + "/" + account
	leave, err := s.queue.Enter(ctx, key)
	if err != nil {
		return nil, false, busy(err)
	}
	defer leave()
	t, fresh := turn{}, false
	if cached, ok := s.last.Get(key); ok {
		t.last = cached
	} else if t.last, err = s.reload(ctx, campaign, account); err != nil {
		return nil, false, err
	} else {
		fresh = true
	}
	for try := 0; ; try++ {
		t.now = s.clock.Now()
		next, err := decide(t)
		switch {
		case err != nil:
			return nil, false, err
		case next == nil && fresh:
			return t.last, false, nil
		case next == nil:
			// To write nothing is decided by what the store says now: another
			// process may have written since the cache was filled.
		default:
			if err = s.insert(ctx, campaign, next); err == nil {
				s.last.Add(key, next)
				return next, true, nil
			}
			s.last.Remove(key)
			switch {
			case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrNotBegun):
				return nil, false, busy(err)
			case !errors.Is(err, store.ErrDuplicate):
				return nil, false, unknown(err)
			}
			if err = store.Pause(ctx, try); err != nil {
				return nil, false, busy(err)
			}
		}
		if t.last, err = s.reload(ctx, campaign, account); err != nil {
			return nil, false, err
		}
		fresh = true
		// Where the number was free, an action of the posting was there.
		t.seen = next != nil && (t.last == nil || t.last.N < next.N)
	}
}

// insert is the one place that writes a posting: with those of other accounts
// that came while the insert before was under way. store.ErrFull and
// store.ErrNotBegun say that nothing was written.
func (s *Service) insert(ctx context.Context, campaign string, p *Posting) error {
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	return s.inserts.Do(ctx, campaign, p)
}

// reload reads the last posting from the store and remembers it.
func (s *Service) reload(ctx context.Context, campaign, account string) (*Posting, error) {
	last, err := s.Last(ctx, campaign, account)
	if err == nil && last != nil {
		s.last.Add(campaign+"/"+account, last)
	}
	return last, err
}

// CarryOut hands what publishing left to do, over all campaigns, to do, which
// must be idempotent by the effect's id; it says how many were done.
func (s *Service) CarryOut(ctx context.Context, now time.Time, do func(ctx context.Context, campaign string, e store.Effect) error) (int, error) {
	const retry, limit = 10 * time.Second, 100
	return s.book.publications.CarryOut(ctx, now, retry, limit, do)
}

func busy(cause error) error {
	return errs.Wrap(cause, errs.Unavailable, "ledger_busy", "Nothing was saved; send the same again in a moment.").WithRetryAfter(time.Second)
}

func unknown(cause error) error {
	return errs.Wrap(cause, errs.Unavailable, "outcome_unknown", "It is not known whether this was saved; send the same again, with the same ids.").WithRetryAfter(time.Second)
}

func unreadable(cause error) error {
	return errs.Wrap(cause, errs.Unavailable, "ledger_unavailable", "The ledger cannot be read just now; try again in a moment.").WithRetryAfter(time.Second)
}
