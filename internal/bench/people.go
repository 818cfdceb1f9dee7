package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sync/errgroup"

	"github.com/musterhq/muster/internal/liguria"
)

// signUps is how many sign up at the same time.
const signUps = 32

// codeWait is how long a code may take to come to the inbox.
const codeWait = 30 * time.Second

// tokens signs people up and in, as phones do, and gives their access tokens.
// done is called after each.
func (h *host) tokens(ctx context.Context, people int, done func()) ([]string, error) {
	comuni := liguria.Comuni()
	found := make([]string, people)
	var group errgroup.Group
	group.SetLimit(signUps)
	for i := range people {
		group.Go(func() error {
			comune := comuni[i%len(comuni)]
			token, err := h.token(ctx, fmt.Sprintf("bench-%d@example.org", i), comune.Postcodes[0])
			found[i] = token
			done()
			return err
		})
	}
	return found, group.Wait()
}

func (h *host) token(ctx context.Context, email, postcode string) (string, error) {
	body := map[string]any{"email": email, "postcode": postcode}
	var signUp struct {
		ID      string                    `json:"id"`
		Choices []struct{ Region string } `json:"choices"`
	}
	err := h.call("POST", h.path("sign-ups"), body, &signUp)
	if err != nil && len(signUp.Choices) > 0 {
		body["region"] = signUp.Choices[0].Region
		err = h.call("POST", h.path("sign-ups"), body, &signUp)
	}
	if err != nil {
		return "", fmt.Errorf("sign up: %w", err)
	}
	code, err := h.code(ctx, email, signUp.ID)
	if err != nil {
		return "", err
	}
	var session struct {
		Token string `json:"access_token"`
	}
	if err := h.call("POST", h.path("sessions"), map[string]any{"request": signUp.ID, "code": code}, &session); err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	return session.Token, nil
}

// code waits for the code that was mailed for a sign-up.
func (h *host) code(ctx context.Context, email, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, codeWait)
	defer cancel()
	for {
		var inbox struct {
			Messages []struct{ Request, Code string } `json:"messages"`
		}
		if err := h.call("GET", "/inbox.json?to="+url.QueryEscape(email), nil, &inbox); err != nil {
			return "", fmt.Errorf("read the inbox: %w", err)
		}
		for _, m := range inbox.Messages {
			if m.Request == id && m.Code != "" {
				return m.Code, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no code came: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// host is a listener of the server under test.
type host struct {
	campaign string
	client   *fasthttp.HostClient
}

func newHost(address, campaign string) *host {
	return &host{campaign, &fasthttp.HostClient{Addr: address, MaxConns: signUps, ReadTimeout: time.Hour, NoDefaultUserAgentHeader: true}}
}

func (h *host) path(below string) string { return "/v1/campaigns/" + h.campaign + "/" + below }

// call makes a request and decodes the answer, be it a refusal, in which case
// it is an error too.
func (h *host) call(method, path string, body, into any) error {
	return h.callAs("", method, path, body, into)
}

// callAs is call with somebody's token.
func (h *host) callAs(token, method, path string, body, into any) error {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.Header.SetMethod(method)
	request.SetRequestURI("http://" + h.client.Addr + path)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		request.Header.SetContentType("application/json")
		request.SetBody(raw)
	}
	if err := h.client.Do(request, response); err != nil {
		return err
	}
	if err := json.Unmarshal(response.Body(), into); err != nil {
		return fmt.Errorf("%d, and not JSON: %.200s", response.StatusCode(), response.Body())
	}
	if response.StatusCode()/100 != 2 {
		return fmt.Errorf("refused: %d %.200s", response.StatusCode(), response.Body())
	}
	return nil
}
