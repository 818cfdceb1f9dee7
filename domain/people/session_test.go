package people_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

func TestRefreshRotates(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	first, anna := h.enter(signUp("anna@example.org"))
	h.advance(time.Hour)
	second, p, err := h.Refresh(ctx, liguria, first.Refresh)
	if err != nil || p.ID != anna.ID || second.Refresh == first.Refresh || second.Access == first.Access {
		t.Fatalf("refreshed: %v", err)
	}
	if by, err := h.Authenticate(ctx, second.Access); err != nil || by.Person != anna.ID {
		t.Fatalf("the new token: %v", err)
	}
	// Two calls of one phone cross: the old one is refused, the session lives.
	_, _, err = h.Refresh(ctx, liguria, first.Refresh)
	wantCode(t, err, "refresh_refused")
	third, _, err := h.Refresh(ctx, liguria, second.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	// Later, an old one shows that two hold the session: it ends for both.
	h.advance(time.Minute)
	_, _, err = h.Refresh(ctx, liguria, first.Refresh)
	wantCode(t, err, "refresh_refused")
	_, _, err = h.Refresh(ctx, liguria, third.Refresh)
	wantCode(t, err, "refresh_refused")
	if h.stored("sessions") != 0 {
		t.Fatal("the session is still there")
	}
}

func TestConcurrentRefreshesGiveOneSuccessor(t *testing.T) {
	h := newHouse(t)
	nodes := []*people.Service{h.Service, h.node()}
	first, _ := h.enter(signUp("anna@example.org"))
	var given atomic.Int64
	var last atomic.Value
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			tokens, _, err := nodes[i%2].Refresh(context.Background(), liguria, first.Refresh)
			if err == nil {
				given.Add(1)
				last.Store(tokens.Refresh)
			} else if errs.CodeOf(err) != "refresh_refused" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if given.Load() != 1 {
		t.Fatalf("%d successors", given.Load())
	}
	if _, _, err := h.Refresh(context.Background(), liguria, last.Load().(string)); err != nil {
		t.Fatalf("the successor: %v", err)
	}
}

func TestASessionEndsAfter60DaysUnrefreshed(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	first, _ := h.enter(signUp("anna@example.org"))
	h.advance(people.SessionLife - time.Millisecond)
	second, _, err := h.Refresh(ctx, liguria, first.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	h.advance(people.SessionLife)
	_, _, err = h.Refresh(ctx, liguria, second.Refresh)
	wantCode(t, err, "refresh_refused")
}

func TestSignOutEndsTheSession(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	phone, _ := h.enter(signUp("anna@example.org"))
	laptop, _ := h.enter(signUp("anna@example.org"))
	by, err := h.Authenticate(ctx, phone.Access)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SignOut(ctx, "other", by); err != nil || h.stored("sessions") != 2 {
		t.Fatalf("signed out in another campaign: %v", err)
	}
	for range 2 {
		if err := h.SignOut(ctx, liguria, by); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = h.Refresh(ctx, liguria, phone.Refresh)
	wantCode(t, err, "refresh_refused")
	if _, _, err := h.Refresh(ctx, liguria, laptop.Refresh); err != nil {
		t.Fatalf("the other device: %v", err)
	}
}

func TestRefreshRefusesWhatItNeverGave(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	tokens, p := h.enter(signUp("anna@example.org"))
	id, secret, _ := strings.Cut(tokens.Refresh, ".")
	for _, token := range []string{
		"", ".", id, id + ".", "." + secret, "invented." + secret, "\x00." + secret, tokens.Refresh + "A", tokens.Refresh[:len(tokens.Refresh)-1],
		tokens.Access, strings.Repeat("x", 300) + "." + secret,
	} {
		_, _, err := h.Refresh(ctx, liguria, token)
		wantCode(t, err, "refresh_refused")
	}
	_, _, err := h.Refresh(ctx, "other", tokens.Refresh)
	wantCode(t, err, "refresh_refused")
	// None of that hurt the session; the person's end does.
	tokens, _, err = h.Refresh(ctx, liguria, tokens.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	h.remove("people", p.ID)
	_, _, err = h.Refresh(ctx, liguria, tokens.Refresh)
	wantCode(t, err, "refresh_refused")
}
