package people_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

// watcher is a node that watches, and what it was told.
type watcher struct {
	*people.Service
	mu   sync.Mutex
	told []string
}

func (h *house) watch(s *people.Service) *watcher {
	h.t.Helper()
	w := &watcher{Service: s}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Watch(ctx, w.changed) }()
	h.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	})
	return w
}

func (w *watcher) changed(campaignID, person string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, campaignID+" "+person)
}

// times says how often the node was told of a person.
func (w *watcher) times(person string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, told := range w.told {
		if told == liguria+" "+person {
			n++
		}
	}
	return n
}

// soon waits until ok holds: what takes a node a second is given twenty.
func soon(t testing.TB, what string, ok func() bool) {
	t.Helper()
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// looked waits until the node has looked n times more.
func (h *house) looked(n int) {
	h.t.Helper()
	h.engine.taken()
	seen := 0
	soon(h.t, "the nodes look", func() bool {
		for _, call := range h.engine.taken() {
			if call == "find people" {
				seen++
			}
		}
		return seen >= n
	})
}

// TestWhatOneNodeEndsAnotherKnows: of each way in which sessions end and roles
// change, every node that watches learns, and tells whose it was once.
func TestWhatOneNodeEndsAnotherKnows(t *testing.T) {
	root := people.Identity{Campaign: liguria, Grants: grants(campaign.Admin)}
	for name, c := range map[string]struct {
		change func(t *testing.T, h *house, by people.Identity, tokens people.Tokens)
		ends   bool
	}{
		"signing out": {func(t *testing.T, h *house, by people.Identity, _ people.Tokens) {
			if err := h.SignOut(context.Background(), liguria, by); err != nil {
				t.Fatal(err)
			}
		}, true},
		"signing out everywhere": {func(t *testing.T, h *house, by people.Identity, _ people.Tokens) {
			if err := h.EndSessions(context.Background(), liguria, by.Person); err != nil {
				t.Fatal(err)
			}
		}, true},
		"reuse of a refresh token": {func(t *testing.T, h *house, _ people.Identity, tokens people.Tokens) {
			next, _, err := h.Refresh(context.Background(), liguria, tokens.Refresh)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := h.Refresh(context.Background(), liguria, next.Refresh); err != nil {
				t.Fatal(err)
			}
			_, _, err = h.Refresh(context.Background(), liguria, tokens.Refresh)
			wantCode(t, err, "refresh_refused")
		}, true},
		"a role given": {func(t *testing.T, h *house, by people.Identity, _ people.Tokens) {
			if _, err := h.PutRoles(context.Background(), liguria, root, by.Person, grants(campaign.Media)); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			ctx := context.Background()
			tokens, p := h.enter(signUp("anna@example.org"))
			_, other := h.enter(signUp("berta@example.org"))
			by, err := h.Authenticate(ctx, tokens.Access)
			if err != nil {
				t.Fatal(err)
			}
			here, there := h.watch(h.Service), h.watch(h.node())
			h.looked(2)
			if _, err := there.Authenticate(ctx, tokens.Access); err != nil {
				t.Fatal(err)
			}
			c.change(t, h, by, tokens)
			if here.times(p.ID) != 1 {
				t.Fatalf("the node itself was told %d times", here.times(p.ID))
			}
			soon(t, "the other node is told", func() bool { return there.times(p.ID) == 1 })
			_, err = there.Authenticate(ctx, tokens.Access)
			if ended := errs.CodeOf(err) == "session_ended"; ended != c.ends || (err != nil && !ended) {
				t.Fatalf("on the other node: %v", err)
			}
			if !c.ends {
				if by, err := there.AuthenticateAnew(ctx, tokens.Access); err != nil || !by.Has(campaign.Media) {
					t.Fatalf("asked anew: %v, %v", by.Grants, err)
				}
			}
			h.looked(6) // by either node: each looks over the same minute again
			if here.times(p.ID) != 1 || there.times(p.ID) != 1 || here.times(other.ID)+there.times(other.ID) != 0 {
				t.Fatalf("told here %v, there %v", here.told, there.told)
			}
		})
	}
}

// TestAChangeInTheSameMillisecondIsTold: two changes of one person's roles at one
// instant of the clock are two.
func TestAChangeInTheSameMillisecondIsTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := context.Background()
	root := people.Identity{Campaign: liguria, Grants: grants(campaign.Admin)}
	p := h.person("anna@example.org")
	there := h.watch(h.node())
	for n, roles := range [][]campaign.Grant{grants(campaign.Media), nil, grants(campaign.Lead)} {
		if _, err := h.PutRoles(ctx, liguria, root, p.Person, roles); err != nil {
			t.Fatal(err)
		}
		soon(t, "the other node is told", func() bool { return there.times(p.Person) == n+1 })
	}
	// What changes no role tells nothing.
	if _, err := h.Change(ctx, liguria, p.Person, people.Change{DisplayName: new("Anna")}); err != nil {
		t.Fatal(err)
	}
	h.looked(3)
	if there.times(p.Person) != 3 {
		t.Fatalf("told %d times", there.times(p.Person))
	}
}

// TestAWatchingNodeReadsNoSession: the hot path. Without a watch, or once it has
// not succeeded for five seconds, each call reads its session, and fails closed.
func TestAWatchingNodeReadsNoSession(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	tokens, _ := h.enter(signUp("anna@example.org"))
	reads := func(s *people.Service) int {
		t.Helper()
		h.engine.taken()
		if _, err := s.Authenticate(ctx, tokens.Access); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, call := range h.engine.taken() {
			if call == "get sessions" {
				n++
			}
		}
		return n
	}
	if n := reads(h.Service); n != 1 {
		t.Fatalf("without a watch: %d reads", n)
	}
	w := h.watch(h.Service)
	soon(t, "the first look is done", func() bool { return reads(w.Service) == 0 })

	// The looks fail: what is known holds for five seconds.
	h.engine.mu.Lock()
	h.engine.fail = func(call string) (error, error) {
		if strings.HasPrefix(call, "find ") {
			return errBroken, nil
		}
		return nil, nil
	}
	h.engine.mu.Unlock()
	if n := reads(w.Service); n != 0 {
		t.Fatalf("a moment after: %d reads", n)
	}
	h.advance(5 * time.Second)
	if n := reads(w.Service); n != 1 {
		t.Fatalf("five seconds after: %d reads", n)
	}
	by, err := w.Authenticate(ctx, tokens.Access)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.node().SignOut(ctx, liguria, by); err != nil {
		t.Fatal(err)
	}
	_, err = w.Authenticate(ctx, tokens.Access)
	wantCode(t, err, "session_ended")

	h.engine.mu.Lock()
	h.engine.fail = func(call string) (error, error) {
		if call == "get sessions" || strings.HasPrefix(call, "find ") {
			return errBroken, nil
		}
		return nil, nil
	}
	h.engine.mu.Unlock()
	_, err = w.Authenticate(ctx, tokens.Access)
	wantCode(t, err, "store_unavailable")

	// The looks succeed again.
	h.engine.mu.Lock()
	h.engine.fail = nil
	h.engine.mu.Unlock()
	tokens, _ = h.enter(signUp("anna@example.org"))
	soon(t, "a look succeeds", func() bool { return reads(w.Service) == 0 })
}

// TestWhatAWrongClockEndedIsFound: a node whose clock is minutes behind ends a
// session as of then; the others find it with their next whole look.
func TestWhatAWrongClockEndedIsFound(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	h.advance(time.Hour)
	tokens, p := h.enter(signUp("anna@example.org"))
	by, err := h.Authenticate(ctx, tokens.Access)
	if err != nil {
		t.Fatal(err)
	}
	w := h.watch(h.node())
	h.looked(2)
	h.advance(-2 * time.Minute) // for the node that signs out alone: it is done between two looks
	err = h.SignOut(ctx, liguria, by)
	h.advance(2 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	h.advance(time.Minute)
	soon(t, "the whole look finds it", func() bool { return w.times(p.ID) == 1 })
	_, err = w.Authenticate(ctx, tokens.Access)
	wantCode(t, err, "session_ended")
}

// TestAnEndedSessionIsKeptUntilItsTokensRanOut: no node overlooks it, one that
// starts at the last moment neither.
func TestAnEndedSessionIsKeptUntilItsTokensRanOut(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	tokens, _ := h.enter(signUp("anna@example.org"))
	by, err := h.Authenticate(ctx, tokens.Access)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SignOut(ctx, liguria, by); err != nil {
		t.Fatal(err)
	}
	for h.clock.Now().Before(by.Expires.Add(4 * time.Second)) {
		if _, err := h.node().Authenticate(ctx, tokens.Access); errs.CodeOf(err) != "session_ended" {
			t.Fatalf("at %v: %v", h.clock.Now(), err)
		}
		h.advance(time.Minute)
	}
	if n := h.expireFrom(by.Expires.Add(10 * time.Second)); n != 1 {
		t.Fatalf("%d ended sessions are kept for as long as a token could be good on a node whose clock is slow", n)
	}
	late := h.watch(h.node())
	soon(t, "a node that starts late is told", func() bool { return late.times(by.Person) == 1 })
}

// A code that opened a session that has ended opens no other, though the session
// closed before its request did.
func TestACodeDoesNotOpenAnEndedSessionAgain(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	request, code := h.ask(signUp("anna@example.org"))
	h.engine.mu.Lock()
	replaced := 0
	h.engine.fail = func(call string) (error, error) {
		if call == "replace code_requests" {
			replaced++
			return errBroken, nil // the request stays open
		}
		return nil, nil
	}
	h.engine.mu.Unlock()
	tokens, _, err := h.SignIn(ctx, liguria, people.SignInRequest{Request: request, Code: code})
	h.engine.mu.Lock()
	h.engine.fail = nil
	h.engine.mu.Unlock()
	if err != nil || replaced == 0 {
		t.Fatalf("%d writes of the request, %v", replaced, err)
	}
	by, err := h.Authenticate(ctx, tokens.Access)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SignOut(ctx, liguria, by); err != nil {
		t.Fatal(err)
	}
	wantCode(t, h.guess(request, code), "code_used")
}
