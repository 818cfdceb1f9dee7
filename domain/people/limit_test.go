package people_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

// A hall full of phones shares one address.
func TestThreeHundredPhonesBehindOneAddressGetIn(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	const phones, together = 300, 10
	for batch := range phones / together {
		var wg sync.WaitGroup
		for i := range together {
			wg.Go(func() {
				n := batch*together + i
				in := signUp(fmt.Sprintf("phone%d@example.org", n))
				in.Device = fmt.Sprintf("device-%d", n)
				request, err := h.SignUp(ctx, liguria, in)
				if err != nil {
					t.Errorf("phone %d: %v", n, err)
					return
				}
				mail, _, err := h.Gate().Code(ctx, liguria, request)
				if err != nil {
					t.Error(err)
					return
				}
				if n%4 == 0 { // one in four mistypes once
					_, _, err := h.SignIn(ctx, liguria, people.SignInRequest{Request: request, Code: wrong(mail.Code), Device: in.Device, Address: "198.51.100.7"})
					if errs.CodeOf(err) != "code_wrong" {
						t.Errorf("phone %d mistypes: %v", n, err)
					}
				}
				if _, _, err := h.SignIn(ctx, liguria, people.SignInRequest{Request: request, Code: mail.Code, Device: in.Device, Address: "198.51.100.7"}); err != nil {
					t.Errorf("phone %d: %v", n, err)
				}
			})
		}
		wg.Wait()
		h.advance(5 * time.Minute / (phones / together))
	}
	if got := h.stored("people"); got != phones {
		t.Fatalf("%d people got in", got)
	}
}

func TestCodesAreLimitedByEmailAndByDevice(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		most int
		ask  func(h *house, i int) error
	}{
		"e-mail": {5, func(h *house, i int) error {
			if i%2 == 0 {
				_, err := h.RequestCode(ctx, liguria, people.CodeRequest{Email: "anna@example.org", Device: fmt.Sprint(i)})
				return err
			}
			_, err := h.SignUp(ctx, liguria, signUp("Anna@example.org"))
			return err
		}},
		"device": {10, func(h *house, i int) error {
			_, err := h.RequestCode(ctx, liguria, people.CodeRequest{Email: fmt.Sprintf("a%d@example.org", i), Device: "phone-1"})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			for i := range c.most {
				if err := c.ask(h, i); err != nil {
					t.Fatalf("code %d: %v", i+1, err)
				}
			}
			err := c.ask(h, c.most)
			wantCode(t, err, "codes_limited")
			e, _ := errors.AsType[*errs.Error](err)
			if e.Kind != errs.Limited || e.RetryAfter <= 0 || e.RetryAfter > time.Hour {
				t.Fatalf("%+v", e)
			}
			h.advance(e.RetryAfter + time.Second)
			if err := c.ask(h, c.most+1); err != nil {
				t.Fatalf("after the wait it named: %v", err)
			}
		})
	}
}

// A phone that is refused uses up nobody's codes.
func TestARefusedDeviceDoesNotUseUpTheEmail(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	for i := range 10 {
		if _, err := h.RequestCode(ctx, liguria, people.CodeRequest{Email: fmt.Sprintf("a%d@example.org", i), Device: "bad"}); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		_, err := h.RequestCode(ctx, liguria, people.CodeRequest{Email: "anna@example.org", Device: "bad"})
		wantCode(t, err, "codes_limited")
	}
	if _, err := h.RequestCode(ctx, liguria, people.CodeRequest{Email: "anna@example.org", Device: "good"}); err != nil {
		t.Fatal(err)
	}
}

func TestAnAddressIsLimitedByItsWrongCodes(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	guess := func(address, request, code string) error {
		_, _, err := h.SignIn(ctx, liguria, people.SignInRequest{Request: request, Code: code, Address: address})
		return err
	}
	request, code := h.ask(signUp("anna@example.org"))
	for i := range 100 {
		// Two hosts of one subscriber, and requests that are not there.
		wantCode(t, guess(fmt.Sprintf("2001:db8:1:2::%x", i%2), "invented", "ZZZZ-ZZZZ"), "code_expired")
	}
	wantCode(t, guess("2001:db8:1:2::ffff", request, code), "guesses_limited")
	wantCode(t, guess("2001:db8:1:2::ffff", "invented", code), "guesses_limited")
	if err := guess("2001:db8:1:3::1", request, code); err != nil {
		t.Fatalf("the neighbour: %v", err)
	}
}

func TestWithoutTheLimiterThereAreNoCodes(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	request, code := h.ask(signUp("anna@example.org"))
	h.redis.Close()
	_, err := h.SignUp(ctx, liguria, signUp("berta@example.org"))
	wantCode(t, err, "limits_unavailable")
	if errs.KindOf(err) != errs.Unavailable {
		t.Fatalf("%+v", err)
	}
	_, err = h.RequestCode(ctx, liguria, people.CodeRequest{Email: "anna@example.org"})
	wantCode(t, err, "limits_unavailable")
	wantCode(t, h.guess(request, code), "limits_unavailable")
	if h.stored("code_requests") != 1 || h.stored("people") != 0 {
		t.Fatal("something was stored")
	}
}

func TestLimitsKeepNothingPersonal(t *testing.T) {
	h := newHouse(t)
	in := signUp("anna@example.org")
	in.Device = "phone-1"
	enter := func() []string {
		h.redis.FlushAll()
		request, code := h.ask(in)
		wantCode(t, h.guess(request, wrong(code)), "code_wrong")
		return h.redis.Keys()
	}
	keys := enter()
	// Without the server's key nobody can tell whose a key is, not by hashing
	// every address there is either.
	h.keys = people.NewKeys()
	h.Service = h.node()
	others := enter()
	if len(keys) != 3 || len(others) != 3 {
		t.Fatalf("keys are %v and %v", keys, others)
	}
	for _, key := range keys {
		if slices.Contains(others, key) {
			t.Fatalf("%s does not depend on the server's key", key)
		}
		if strings.Contains(key, "anna") || strings.Contains(key, "phone") || strings.Contains(key, "192.0") || !strings.Contains(key, "{"+liguria+"}") {
			t.Fatalf("a key is %s", key)
		}
	}
}
