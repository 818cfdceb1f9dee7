package people_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

// wrong is a code that is not this one.
func wrong(code string) string {
	if code[0] == '2' {
		return "3" + code[1:]
	}
	return "2" + code[1:]
}

func (h *house) guess(request, code string) error {
	_, _, err := h.SignIn(context.Background(), liguria, people.SignInRequest{Request: request, Code: code, Address: "192.0.2.1"})
	return err
}

func TestACodeIsReadAsPeopleTypeIt(t *testing.T) {
	h := newHouse(t)
	for i, typed := range []func(string) string{
		func(c string) string { return c },
		strings.ToLower,
		func(c string) string { return " " + strings.ReplaceAll(c, "-", "") + "\n" },
		func(c string) string { return strings.Join(strings.Split(c, ""), " ") },
		func(c string) string { return strings.ReplaceAll(strings.ReplaceAll(c, "0", "o"), "1", "l") },
	} {
		request, code := h.ask(signUp(fmt.Sprintf("a%d@example.org", i)))
		if !regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`).MatchString(code) {
			t.Fatalf("a code is %q", code)
		}
		if err := h.guess(request, typed(code)); err != nil {
			t.Errorf("%q is refused: %v", typed(code), err)
		}
	}
}

func TestWhatIsNoCodeCostsNoTry(t *testing.T) {
	h := newHouse(t)
	request, code := h.ask(signUp("anna@example.org"))
	for range 3 {
		for _, typed := range []string{"", "1234567", "123456789", "U234-5678", "2345 678é", strings.Repeat("1", 10_000), "\x00\x01"} {
			wantCode(t, h.guess(request, typed), "code_malformed")
		}
	}
	if err := h.guess(request, code); err != nil {
		t.Fatal(err)
	}
}

func TestFiveWrongCodesAreOneTooMany(t *testing.T) {
	h := newHouse(t)
	request, code := h.ask(signUp("anna@example.org"))
	for left := people.CodeTries - 1; left >= 0; left-- {
		err := h.guess(request, wrong(code))
		wantCode(t, err, "code_wrong")
		e, _ := errors.AsType[*errs.Error](err)
		if got := fmt.Sprintf("%+v", e.Detail); got != fmt.Sprintf("{TriesLeft:%d}", left) {
			t.Fatalf("the detail is %s, want %d left", got, left)
		}
	}
	wantCode(t, h.guess(request, code), "code_spent")
}

func TestConcurrentGuessesNeverExceedTheTries(t *testing.T) {
	h := newHouse(t)
	nodes := []*people.Service{h.Service, h.node()}
	request, code := h.ask(signUp("anna@example.org"))
	var read, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			_, _, err := nodes[i%2].SignIn(context.Background(), liguria, people.SignInRequest{Request: request, Code: wrong(code), Address: "192.0.2.1"})
			switch errs.CodeOf(err) {
			case "code_wrong":
				read.Add(1)
			case "code_spent":
				refused.Add(1)
			default:
				t.Errorf("a guess gave %v", err)
			}
		})
	}
	wg.Wait()
	if read.Load() != people.CodeTries || refused.Load() != 60-people.CodeTries {
		t.Fatalf("%d guesses were read and %d refused", read.Load(), refused.Load())
	}
	wantCode(t, h.guess(request, code), "code_spent")
}

func TestACodeEndsAfter15Minutes(t *testing.T) {
	h := newHouse(t)
	request, code := h.ask(signUp("anna@example.org"))
	late, lateCode := h.ask(signUp("berta@example.org"))
	h.advance(people.CodeLife - time.Millisecond)
	if err := h.guess(request, code); err != nil {
		t.Fatal(err)
	}
	h.advance(time.Millisecond)
	wantCode(t, h.guess(late, lateCode), "code_expired")
	if len(h.everybody()) != 1 {
		t.Fatal("the ended code made a person")
	}
}

func TestACodeOpensOnlyItsOwnRequest(t *testing.T) {
	h := newHouse(t)
	_, anna := h.ask(signUp("anna@example.org"))
	second, secondCode := h.ask(signUp("anna@example.org"))
	berta, bertaCode := h.ask(signUp("berta@example.org"))
	if secondCode == anna || bertaCode == anna {
		t.Fatal("two requests share a code")
	}
	wantCode(t, h.guess(second, anna), "code_wrong")
	wantCode(t, h.guess(berta, anna), "code_wrong")
	for _, id := range []string{"", "invented", "\x00", strings.Repeat("x", 5000), "\xff"} {
		wantCode(t, h.guess(id, anna), "code_expired")
	}
	_, _, err := h.SignIn(context.Background(), "other", people.SignInRequest{Request: berta, Code: bertaCode})
	wantCode(t, err, "code_expired")
	_, _, err = h.SignIn(context.Background(), "*", people.SignInRequest{Request: berta, Code: bertaCode})
	wantCode(t, err, "code_expired")
}

func TestACodeOpensOnce(t *testing.T) {
	h := newHouse(t)
	request, code := h.ask(signUp("anna@example.org"))
	if err := h.guess(request, code); err != nil {
		t.Fatal(err)
	}
	wantCode(t, h.guess(request, code), "code_used")
	wantCode(t, h.guess(request, wrong(code)), "code_used")
}

func TestACodeEnteredManyTimesAtOnceOpensOnce(t *testing.T) {
	h := newHouse(t)
	nodes := []*people.Service{h.Service, h.node()}
	request, code := h.ask(signUp("anna@example.org"))
	var opened atomic.Int64
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, _, err := nodes[i%2].SignIn(context.Background(), liguria, people.SignInRequest{Request: request, Code: code, Address: "192.0.2.1"})
			if err == nil {
				opened.Add(1)
			} else if errs.CodeOf(err) != "code_used" {
				t.Errorf("refused with %v", err)
			}
		})
	}
	wg.Wait()
	if opened.Load() != 1 || h.stored("sessions") != 1 || len(h.everybody()) != 1 {
		t.Fatalf("opened %d times, %d sessions, %d people", opened.Load(), h.stored("sessions"), len(h.everybody()))
	}
}

func TestManySignInsOfOneEmailMakeOnePerson(t *testing.T) {
	for round := range 5 {
		h := newHouse(t)
		nodes := []*people.Service{h.Service, h.node()}
		const n = 20
		ids := make([]string, n)
		requests, codes := make([]string, n), make([]string, n)
		for i := range n {
			if i > 0 && i%5 == 0 { // the limit of an e-mail gives back one in twelve minutes
				h.redis.FlushAll()
			}
			in := signUp("anna@example.org")
			in.Consents[0].Purpose = fmt.Sprintf("news-%d", i)
			requests[i], codes[i] = h.ask(in)
		}
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				_, p, err := nodes[i%2].SignIn(context.Background(), liguria, people.SignInRequest{Request: requests[i], Code: codes[i], Address: "192.0.2.1"})
				if err != nil {
					t.Error(err)
					return
				}
				ids[i] = p.ID
			})
		}
		wg.Wait()
		everybody := h.everybody()
		if len(everybody) != 1 || len(everybody[0].Consents) != n {
			t.Fatalf("round %d: %d people, the first with %d consents", round, len(everybody), len(everybody[0].Consents))
		}
		for _, id := range ids {
			if id != everybody[0].ID {
				t.Fatalf("round %d: signed in as %v", round, ids)
			}
		}
	}
}
