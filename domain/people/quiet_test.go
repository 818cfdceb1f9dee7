package people_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

// answer is what somebody who asks can see, and what they could time: the calls
// to the store, in order.
type answer struct {
	IDLength   int
	Code       string
	Message    string
	Detail     any
	RetryAfter time.Duration
	Calls      []string
}

func (h *house) observe(id string, err error) answer {
	a := answer{IDLength: len(id), Code: errs.CodeOf(err), Calls: h.engine.taken()}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		a.Message, a.Detail, a.RetryAfter = e.Message, e.Detail, e.RetryAfter.Round(time.Minute)
	}
	return a
}

// Whatever is asked about an e-mail, in whatever order, is answered alike for
// one that is known and one that is not, until the limit and beyond, by the
// same calls to the store.
func TestNothingTellsAKnownEmailFromAnUnknownOne(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		known, unknown := fmt.Sprintf("known%d@example.org", round), fmt.Sprintf("nobody%d@example.org", round)
		h.enter(signUp(known))
		h.redis.FlushAll()
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"sign up", "sign up by key", "code", "code by key", "guess", "wait"}), 1, 15).Draw(rt, "steps")
		request := map[string]string{}
		for i, step := range steps {
			if step == "wait" {
				h.advance(10 * time.Minute)
				continue
			}
			seen := map[string]answer{}
			for _, email := range []string{known, unknown} {
				h.engine.taken()
				var id string
				var err error
				switch step {
				case "sign up", "sign up by key":
					in := signUp(email)
					if in.Device = email; step != "sign up" {
						in.Key = "key-1"
					}
					id, err = h.SignUp(ctx, liguria, in)
				case "code", "code by key":
					in := people.CodeRequest{Email: email, Device: email}
					if step != "code" {
						in.Key = "key-2"
					}
					id, err = h.RequestCode(ctx, liguria, in)
				case "guess":
					// Eight characters that are the code of no request here.
					_, _, err = h.SignIn(ctx, liguria, people.SignInRequest{Request: request[email], Code: "ZZZZ-ZZZZ", Address: email})
				}
				seen[email] = h.observe(id, err)
				if id != "" {
					request[email] = id
				}
			}
			if diff := cmp.Diff(seen[known], seen[unknown]); diff != "" {
				rt.Fatalf("step %d, %s, of %v tells them apart (-known +unknown):\n%s", i, step, steps, diff)
			}
		}
	})
}
