package people

import (
	"context"
	"sync"
	"time"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// How a node learns of what other nodes ended.
const (
	lookEvery = time.Second
	// lookWhole is how often everything is read again, which finds what a node
	// with a wrong clock wrote as of some time ago.
	lookWhole = time.Minute
	// lookBack is how far each look reaches behind the one before.
	lookBack = 30 * time.Second
	// lookValid is how long a look is believed. With none so new, each call
	// reads its session.
	lookValid = 5 * time.Second
	// lookLimit ends a look that the store does not answer.
	lookLimit = 10 * time.Second
)

// ended is what this node knows of sessions that ended and of roles that
// changed. The store knows both; a look reads what is new there.
type ended struct {
	mu sync.RWMutex
	// sessions and people hold "<campaign>/<id>" and when that may be
	// forgotten; people also when their roles changed, so that each change is
	// told once.
	sessions map[string]time.Time
	people   map[string]roleChange
	asOf     time.Time // begin of the last look that succeeded; zero: none
	whole    time.Time // of the last that read everything
	tell     func(campaignID, person string)
}

type roleChange struct{ at, until time.Time }

func newEnded() *ended {
	return &ended{sessions: map[string]time.Time{}, people: map[string]roleChange{}, tell: func(string, string) {}}
}

// says answers whether the session has ended, and whether that is known.
func (e *ended) says(campaignID, session string, now time.Time) (over, known bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	_, over = e.sessions[campaignID+"/"+session]
	age := now.Sub(e.asOf)
	return over, over || (!e.asOf.IsZero() && age >= 0 && age < lookValid)
}

// learn notes a session that has ended and tells once whose it was.
func (e *ended) learn(campaignID string, f *session) {
	key := campaignID + "/" + f.ID
	e.mu.Lock()
	_, old := e.sessions[key]
	e.sessions[key] = f.ExpiresAt
	tell := e.tell
	e.mu.Unlock()
	if !old {
		tell(campaignID, f.Person)
	}
}

// learnRoles notes when a person's roles changed, which p says, and tells it once.
func (e *ended) learnRoles(p *Person) {
	key := p.Campaign + "/" + p.ID
	e.mu.Lock()
	old := e.people[key].at.Equal(*p.RolesAt)
	e.people[key] = roleChange{*p.RolesAt, p.RolesAt.Add(endedKept)}
	tell := e.tell
	e.mu.Unlock()
	if !old {
		tell(p.Campaign, p.ID)
	}
}

// begin says from when on the look that begins now must read.
func (e *ended) begin(now time.Time) (from time.Time, whole bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if age := now.Sub(e.whole); e.asOf.IsZero() || age < 0 || age >= lookWhole {
		return now.Add(-endedKept), true
	}
	return e.asOf.Add(-lookBack), false
}

// finish notes that a look that began then has read everything, and forgets
// what no longer matters.
func (e *ended) finish(began time.Time, whole bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.asOf = began; !whole {
		return
	}
	e.whole = began
	for key, until := range e.sessions {
		if began.After(until) {
			delete(e.sessions, key)
		}
	}
	for key, change := range e.people {
		if began.After(change.until) {
			delete(e.people, key)
		}
	}
}

// Watch keeps this node informed until ctx ends: once a second it reads which
// sessions ended and whose roles changed, on any node, and calls changed for
// each such person, once a change. It is told of this node's own changes at
// once. While it runs and the store answers, Authenticate reads no session. It
// runs once; changed must not block.
func (s *Service) Watch(ctx context.Context, changed func(campaignID, person string)) error {
	s.ended.mu.Lock()
	s.ended.tell = changed
	s.ended.mu.Unlock()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	failing := false
	for {
		err := s.look(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			s.log.Warn("which sessions ended is not known; each call reads its own", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *Service) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	now := s.clock.Now()
	from, whole := s.ended.begin(now)
	for f, err := range s.sessions.Scan(ctx, store.Everywhere, store.Query{Index: "ended", From: from, Limit: store.MaxPage}) {
		if err != nil {
			return err
		}
		s.ended.learn(f.Campaign, f)
	}
	for p, err := range s.people.Scan(ctx, store.Everywhere, store.Query{Index: "roles", From: from, Limit: store.MaxPage}) {
		if err != nil {
			return err
		}
		s.ended.learnRoles(p)
	}
	s.ended.finish(now, whole)
	return nil
}

// checkSession refuses a session that has ended: Unauthentic session_ended.
// anew reads it past what this node knows.
func (s *Service) checkSession(ctx context.Context, campaignID, id string, anew bool) error {
	ended := errs.New(errs.Unauthentic, "session_ended", "You signed out, or were signed out. Sign in again with a code.")
	over, known := s.ended.says(campaignID, id, s.clock.Now())
	if over {
		return ended
	}
	if known && !anew {
		return nil
	}
	f, err := s.sessions.Get(ctx, campaignID, id)
	switch {
	case absent(err):
		return ended
	case err != nil:
		return storeError(err)
	case f.EndedAt != nil:
		return ended
	}
	return nil
}
