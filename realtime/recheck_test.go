package realtime

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/internal/redistest"
)

// TestRolesAreRecheckedOnEveryNode: a demoted lead loses the feed and keeps the
// rest; an erased person is disconnected; and others notice nothing.
func TestRolesAreRecheckedOnEveryNode(t *testing.T) {
	rdb := openRedis(t)
	var demoted, erased atomic.Bool
	may := func(session Session, feed Feed) error {
		if feed.Kind == HQ && session.Subject == "lead" && demoted.Load() {
			return errs.New(errs.Forbidden, "lead_only", "Only leads see this.")
		}
		return nil
	}
	authenticate := func(_ context.Context, _, token string) (Session, error) {
		if token == "gone" && erased.Load() {
			return Session{}, errs.New(errs.Unauthentic, "token_unknown", "Sign in.")
		}
		return testSession(token), nil
	}
	var servers []*server
	for range 2 {
		s := startServer(t, rdb)
		s.may.MayFn, s.auth.AuthenticateFn = may, authenticate
		servers = append(servers, s)
	}
	var leads, others []*phone
	for _, s := range servers {
		lead, other := s.connect("lead"), s.connect("other")
		for _, p := range []*phone{lead, other} {
			p.subscribe("hq:it")
			p.subscribe("tasks:it")
		}
		leads, others = append(leads, lead), append(others, other)
	}
	gone := servers[1].connect("gone")
	gone.subscribe("tasks:it")

	demoted.Store(true)
	began := time.Now()
	if err := servers[0].hub.Recheck(t.Context(), testCampaign, "lead"); err != nil {
		t.Fatal(err)
	}
	for _, p := range leads {
		got := p.next()
		if got.Type != "unsubscribed" || got.Feed != "hq:it" || string(got.Data) != `{"code":"forbidden","message":"Only leads see this."}` {
			t.Fatalf("got %+v with %s", got, got.Data)
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("losing the feed took %v", took)
	}
	servers[0].publish("hq:it", "secret")
	servers[0].publish("tasks:it", "open")
	for _, p := range leads {
		if got := p.next(); got.Feed != "tasks:it" {
			t.Fatalf("a demoted lead got %+v", got)
		}
	}
	for _, p := range others {
		feeds := map[string]bool{p.next().Feed: true, p.next().Feed: true}
		if !feeds["hq:it"] || !feeds["tasks:it"] {
			t.Fatalf("another lead got %v", feeds)
		}
	}
	if reply := leads[0].ask("subscribe", `{"feed":"hq:it"}`); reply.Error == nil || reply.Error.Code != "forbidden" {
		t.Fatalf("got %+v", reply)
	}

	erased.Store(true)
	if err := servers[0].feeds.Recheck(t.Context(), testCampaign, "gone"); err != nil {
		t.Fatal(err)
	}
	gone.expectClose(CloseBadToken)
}

// TestARightThatCannotBeShownIsNone: when nobody can say who a connection is,
// or whose it became, it ends.
func TestARightThatCannotBeShownIsNone(t *testing.T) {
	rdb := openRedis(t)
	for name, try := range map[string]struct {
		answer func() (Session, error)
		code   CloseCode
	}{
		"store away":    {func() (Session, error) { return Session{}, errors.New("away") }, CloseUnavailable},
		"expired":       {func() (Session, error) { return Session{}, errs.New(errs.Unauthentic, "token_expired", "x") }, CloseExpired},
		"somebody else": {func() (Session, error) { return testSession("bob"), nil }, CloseBadToken},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, rdb)
			var asked atomic.Bool
			s.auth.AuthenticateFn = func(context.Context, string, string) (Session, error) {
				if asked.Swap(true) {
					return try.answer()
				}
				return testSession("ann"), nil
			}
			p := s.connect("ann")
			if err := s.hub.Recheck(t.Context(), testCampaign, "ann"); err != nil {
				t.Fatal(err)
			}
			p.expectClose(try.code)
		})
	}
}

// TestANodeRechecksByItselfWithoutRedis: what a node has learned otherwise it asks
// about at once, of one person or of everybody, and of nobody else.
func TestANodeRechecksByItselfWithoutRedis(t *testing.T) {
	mr, rdb := redistest.InProcess(t)
	s := startServer(t, rdb)
	var erased atomic.Bool
	s.auth.AuthenticateFn = func(_ context.Context, _, token string) (Session, error) {
		if erased.Load() {
			return Session{}, errs.New(errs.Unauthentic, "token_unknown", "Sign in.")
		}
		return testSession(token), nil
	}
	ann, bob, eve := s.connect("ann"), s.connect("bob"), s.connect("eve")
	// What the new link to Redis gave reason to ask is done: its end leaves nothing.
	mr.Close()
	before := s.hub.counters.rechecks.Load()
	s.hub.RecheckHere(testCampaign, "ann")
	waitFor(t, "ann to be asked", func() bool { return s.hub.counters.rechecks.Load() > before })
	ann.ask("ping", "{}")
	erased.Store(true)
	s.hub.RecheckHere("another-campaign", "ann")
	s.hub.RecheckHere(testCampaign, "ann")
	ann.expectClose(CloseBadToken)
	bob.ask("ping", "{}")
	s.hub.RecheckEverybodyHere()
	bob.expectClose(CloseBadToken)
	eve.expectClose(CloseBadToken)
}

// TestMissedRechecksAreMadeGood: a notice that was sent while the link to Redis
// was down is made good when it is up again.
func TestMissedRechecksAreMadeGood(t *testing.T) {
	mr, rdb := redistest.InProcess(t)
	s := startServer(t, rdb)
	var erased atomic.Bool
	s.auth.AuthenticateFn = func(context.Context, string, string) (Session, error) {
		if erased.Load() {
			return Session{}, errs.New(errs.Unauthentic, "token_unknown", "Sign in.")
		}
		return testSession("ann"), nil
	}
	p := s.connect("ann")
	p.ask("ping", "{}")
	mr.Close()
	erased.Store(true)
	if err := mr.Restart(); err != nil {
		t.Fatal(err)
	}
	p.expectClose(CloseBadToken)
}

// TestRolesThatChangeMeanwhile: a change between the asking and the subscribing
// is not overlooked, nor one while somebody connects.
func TestRolesThatChangeMeanwhile(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	var demoted atomic.Bool
	key := subjectKey{testCampaign, "lead"}
	s.may.MayFn = func(Session, Feed) error {
		if demoted.Swap(true) {
			return errs.New(errs.Forbidden, "lead_only", "Only leads see this.")
		}
		s.hub.recheck(s.hub.conns.of(key)[0]) // while the first answer is on its way
		return nil
	}
	p := s.connect("lead")
	if reply := p.ask("subscribe", `{"feed":"hq:it"}`); reply.Error == nil || reply.Error.Code != "forbidden" {
		t.Fatalf("subscribed with the old role: %+v", reply)
	}

	var erased atomic.Bool
	s.auth.AuthenticateFn = func(context.Context, string, string) (Session, error) {
		if erased.Swap(true) {
			return Session{}, errs.New(errs.Unauthentic, "token_unknown", "Sign in.")
		}
		s.hub.rechecks.push(subjectKey{testCampaign, "gone"}) // while this answer is on its way
		waitFor(t, "the recheck to find nobody", func() bool {
			s.hub.rechecks.mu.Lock()
			defer s.hub.rechecks.mu.Unlock()
			return len(s.hub.rechecks.list) == 0
		})
		return testSession("gone"), nil
	}
	q := dial(t, s.url())
	q.send(`{"id":1,"method":"connect","params":{"token":"gone","version":1}}`)
	q.expectClose(CloseBadToken)
}
