package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The time a code has to come to the inbox before another is asked for, and
// how many are asked for: the server gives an e-mail five an hour.
const (
	codeWait = 30 * time.Second
	maxCodes = 4
)

// session is a signed-in volunteer's tokens.
type session struct {
	access, refresh string
	// renewAt is a good while before the access token ends.
	renewAt time.Time
}

type tokensAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
}

func (r *run) session(answer tokensAnswer) *session {
	life := time.Duration(answer.ExpiresIn) * time.Second
	return &session{access: answer.AccessToken, refresh: answer.RefreshToken, renewAt: r.o.Clock.Now().Add(life - min(life/4, time.Minute))}
}

type consent struct {
	Purpose string `json:"purpose"`
	Channel string `json:"channel"`
	Wording string `json:"wording"`
}

type signUpBody struct {
	Email    string    `json:"email"`
	Postcode string    `json:"postcode"`
	Region   string    `json:"region,omitempty"`
	Consents []consent `json:"consents"`
	Device   string    `json:"device"`
}

// path is a call's path below the campaign.
func (r *run) path(parts string) string { return "/v1/campaigns/" + r.o.Campaign + "/" + parts }

// enter signs a volunteer up and in. An e-mail that is known opens its old
// account by the same way.
func (r *run) enter(ctx context.Context, v *volunteer) (*session, error) {
	var failure error
	for attempt := range maxCodes {
		id, err := r.signUp(ctx, v, attempt)
		if err != nil {
			return nil, fmt.Errorf("sign up: %w", err)
		}
		code, err := r.readCode(ctx, v.email, id)
		if err != nil {
			return nil, fmt.Errorf("read the code: %w", err)
		}
		if code == "" {
			failure = errors.New("no code came to the inbox")
			continue
		}
		var answer tokensAnswer
		err = r.http.call(ctx, request{method: http.MethodPost, path: r.path("sessions"), into: &answer,
			body: encode(map[string]string{"request": id, "code": code, "device": v.device})})
		if err == nil {
			return r.session(answer), nil
		}
		failure = fmt.Errorf("sign in: %w", err)
		// A code is used by a sign-in whose answer was lost, too: the next one
		// opens the account.
		if !refusedWith(err, http.StatusGone) && !refusedWith(err, http.StatusUnauthorized) {
			return nil, failure
		}
	}
	return nil, failure
}

// signUp answers the sign-up's id. Where places share the postcode it chooses
// the one the volunteer lives in; the plan drew that by population.
func (r *run) signUp(ctx context.Context, v *volunteer, attempt int) (string, error) {
	body := signUpBody{Email: v.email, Postcode: v.postcode, Device: v.device, Consents: []consent{}}
	if v.news {
		body.Consents = append(body.Consents, consent{"news", "email", "demo-1"}, consent{"news", "push", "demo-1"})
	}
	var answer struct {
		ID string `json:"id"`
	}
	send := func(key string) error {
		return r.http.call(ctx, request{method: http.MethodPost, path: r.path("sign-ups"), body: encode(body), into: &answer,
			key: r.nonce + "-" + key + "-" + strconv.Itoa(v.index) + "-" + strconv.Itoa(attempt)})
	}
	err := send("sign-up")
	if p, ok := errors.AsType[*problem](err); ok && len(p.Choices) > 0 {
		body.Region = p.Choices[0].Region
		for _, choice := range p.Choices {
			if choice.Region == v.place.Region {
				body.Region = choice.Region
			}
		}
		err = send("sign-up-in")
	}
	return answer.ID, err
}

// readCode waits for the code of a sign-up on the inbox page; "" when none has
// come in time.
func (r *run) readCode(ctx context.Context, email, id string) (string, error) {
	until := r.o.Clock.Now().Add(codeWait)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		var inbox struct {
			Messages []struct {
				Kind    string `json:"kind"`
				Request string `json:"request"`
				Code    string `json:"code"`
			} `json:"messages"`
		}
		if err := r.http.call(ctx, request{method: http.MethodGet, path: "/inbox.json?to=" + url.QueryEscape(email), into: &inbox}); err != nil {
			return "", err
		}
		for _, m := range inbox.Messages {
			if m.Kind == "code" && m.Request == id && m.Code != "" {
				return m.Code, nil
			}
		}
		if !r.o.Clock.Now().Before(until) {
			return "", nil
		}
		if !sleep(ctx, pause) {
			return "", ctx.Err()
		}
	}
}

// maxRenewals bounds how often one call renews the session: on a busy machine
// even a fresh token may have ended when it arrives, one that never works is a
// fault.
const maxRenewals = 5

// as makes a call with the volunteer's token. Tokens are renewed before they
// end, and when the server says that they have; where renewing fails the
// volunteer signs in again.
func (r *run) as(ctx context.Context, v *volunteer, s *session, q request) error {
	ended := !r.o.Clock.Now().Before(s.renewAt)
	for try := 0; ; try++ {
		if ended {
			if err := r.renew(ctx, v, s); err != nil {
				return err
			}
		}
		q.token = s.access
		err := r.http.call(ctx, q)
		if ended = refusedWith(err, http.StatusUnauthorized); !ended || try == maxRenewals {
			return err
		}
	}
}

func (r *run) renew(ctx context.Context, v *volunteer, s *session) error {
	var answer tokensAnswer
	err := r.http.call(ctx, request{method: http.MethodPost, path: r.path("sessions/refresh"), into: &answer,
		body: encode(map[string]string{"refresh_token": s.refresh})})
	if err == nil {
		*s = *r.session(answer)
		return nil
	}
	if _, refused := errors.AsType[*problem](err); !refused || ctx.Err() != nil {
		return fmt.Errorf("renew the session: %w", err)
	}
	// A refresh token works once; the answer to it may have been lost.
	again, err := r.enter(ctx, v)
	if err != nil {
		return fmt.Errorf("renew the session: %w", err)
	}
	*s = *again
	return nil
}
