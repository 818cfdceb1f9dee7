package people_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

// failNth fails the n-th call from now on, counted from 1, once: before it
// happens, or after with its answer lost. It says whether it came to it.
func (h *house) failNth(n int, after bool) (reached func() bool) {
	count := 0
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	h.engine.fail = func(string) (error, error) {
		if count++; count != n {
			return nil, nil
		}
		if after {
			return nil, errBroken
		}
		return errBroken, nil
	}
	return func() bool {
		h.engine.mu.Lock()
		defer h.engine.mu.Unlock()
		h.engine.fail = nil
		return count >= n
	}
}

// A sign-in that breaks at any of its calls to the store, before or after the
// call took effect, leaves nothing that keeps the person out, doubles them, or
// lets the code open twice.
func TestASignInMayBreakAnywhere(t *testing.T) {
	for _, known := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			for n := 1; ; n++ {
				h := newHouse(t)
				staff := h.person("staff@example.org", campaign.Grant{Role: campaign.Admin})
				invitation, err := h.Invite(context.Background(), liguria, staff, people.InviteRequest{
					Grants: []campaign.Grant{{Role: campaign.Media}}, Uses: 1, Expires: saturday.Add(time.Hour),
				})
				if err != nil {
					t.Fatal(err)
				}
				if known {
					h.enter(signUp("anna@example.org"))
				}
				in := signUp("anna@example.org")
				in.Consents[0].Purpose, in.Invitation = "events", invitation
				request, code := h.ask(in)
				reached := h.failNth(n, after)
				first := h.guess(request, code)
				if !reached() {
					if first != nil {
						t.Fatalf("without a failure: %v", first)
					}
					break
				}
				name := fmt.Sprintf("known=%v after=%v call=%d", known, after, n)
				if first != nil && errs.KindOf(first) != errs.Unavailable {
					t.Fatalf("%s: a broken store answers %v", name, first)
				}
				// The same code again: it works if the first did not, and is
				// used up where a session was made.
				sessions := h.stored("sessions")
				second := h.guess(request, code)
				if first == nil && errs.CodeOf(second) != "code_used" {
					t.Fatalf("%s: the code opened, and then gave %v", name, second)
				}
				if second != nil && errs.CodeOf(second) != "code_used" {
					t.Fatalf("%s: the repeat gives %v", name, second)
				}
				if second == nil && h.stored("sessions") != sessions+1 {
					t.Fatalf("%s: the repeat made %d sessions", name, h.stored("sessions")-sessions)
				}
				wantCode(t, h.guess(request, code), "code_used")
				wantAnna(t, h, name)
			}
		}
	}
}

// wantAnna fails unless there is one Anna with all she was given, once.
func wantAnna(t *testing.T, h *house, name string) {
	t.Helper()
	var annas []*people.Person
	for _, p := range h.everybody() {
		if p.Email() == "anna@example.org" {
			annas = append(annas, p)
		}
	}
	if len(annas) != 1 {
		t.Fatalf("%s: %d Annas", name, len(annas))
	}
	events := 0
	for _, c := range annas[0].Consents {
		if c.Purpose == "events" {
			events++
		}
	}
	if events != 1 || !annas[0].Has(campaign.Media) || len(annas[0].Effects.Effects) != 1 {
		t.Fatalf("%s: Anna has %d consents to events, roles %v, effects %v", name, events, annas[0].Grants, annas[0].Effects.Effects)
	}
	if _, p := h.enter(signUp("anna@example.org")); p.ID != annas[0].ID {
		t.Fatalf("%s: the next sign-in makes another Anna", name)
	}
}

// A crash between the reservation and the person heals at the next sign-in,
// whether it comes at once or a minute later.
func TestAReservationWithoutItsOwnerIsTakenUp(t *testing.T) {
	for _, pause := range []time.Duration{0, 59 * time.Second, time.Minute, time.Hour} {
		h := newHouse(t)
		request, code := h.ask(signUp("anna@example.org"))
		h.engine.fail = func(call string) (error, error) {
			if call == "insert people" {
				return errBroken, nil
			}
			return nil, nil
		}
		wantCode(t, h.guess(request, code), "store_unavailable")
		h.engine.fail = nil
		h.advance(pause)
		h.redis.FlushAll()
		_, p := h.enter(signUp("anna@example.org"))
		if _, again := h.enter(signUp("anna@example.org")); again.ID != p.ID || len(h.everybody()) != 1 {
			t.Fatalf("after %v: %d people", pause, len(h.everybody()))
		}
	}
}

// Who was erased does not come back under the old id.
func TestAReservationOfSomebodyErasedGivesANewPerson(t *testing.T) {
	h := newHouse(t)
	_, old := h.enter(signUp("anna@example.org"))
	h.remove("people", old.ID)
	h.advance(time.Minute)
	_, p := h.enter(signUp("anna@example.org"))
	if p.ID == old.ID || p.Account == old.Account {
		t.Fatal("the erased person is back")
	}
	request, err := h.RequestCode(context.Background(), liguria, people.CodeRequest{Email: "anna@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	_, again, err := h.SignIn(context.Background(), liguria, people.SignInRequest{Request: request, Code: h.code(request)})
	if err != nil || again.ID != p.ID {
		t.Fatalf("signed in as %v, %v", again, err)
	}
}
