package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// inFlight bounds the requests under way at once.
	inFlight = 256
	// answerTime is how long a request may take; afterwards its outcome is
	// unknown and it is repeated under the same ids. The server gives up an
	// insert after 10 s.
	answerTime = 15 * time.Second
	// maxPause bounds the growing pause between two tries, not what a server
	// asks for by Retry-After.
	maxPause  = 2 * time.Second
	maxAnswer = 4 << 20
)

// client speaks HTTP with the server.
type client struct {
	base  string
	http  *http.Client
	slots chan struct{}
}

func newClient(base string) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // the server is on this machine or named in full
	transport.MaxIdleConns = inFlight
	transport.MaxIdleConnsPerHost = inFlight
	return &client{
		base:  strings.TrimSuffix(base, "/"),
		http:  &http.Client{Transport: transport, Timeout: answerTime},
		slots: make(chan struct{}, inFlight),
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// problem is a refusal by the server (RFC 9457).
type problem struct {
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Choices []struct {
		Region string `json:"region"`
		Name   string `json:"name"`
	} `json:"choices"`

	retryAfter time.Duration
}

// Error names the refusal without the server's sentence, which may quote what
// was sent.
func (p *problem) Error() string {
	return fmt.Sprintf("the server refused: %d %s", p.Status, p.Code)
}

// errAnswer is a success whose body is not what the contract says.
var errAnswer = errors.New("demo: the server's answer is not what it should be")

// refusedWith says whether err is a refusal with the status.
func refusedWith(err error, status int) bool {
	p, ok := errors.AsType[*problem](err)
	return ok && p.Status == status
}

// request is one call. Body is sent as it is, so that a repeat is the same to
// the byte.
type request struct {
	method, path string
	token        string
	key          string // Idempotency-Key
	match        string // If-Match
	body         []byte
	into         any     // where a 2xx answer is decoded to; nil: nowhere
	tag          *string // where its ETag goes; nil: nowhere
}

func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // only values of this package are sent: all have a JSON form
	}
	return body
}

// call makes a request and repeats it, with growing jittered pauses, while it
// is not answered or the server asks to come back (429, 503), until ctx ends.
// What the server refuses for good is a *problem.
func (c *client) call(ctx context.Context, r request) error {
	for try := 0; ; try++ {
		err := c.once(ctx, r)
		if err == nil || errors.Is(err, errAnswer) {
			return err
		}
		pause := time.Duration(float64(min(50*time.Millisecond<<min(try, 10), maxPause)) * (.5 + rand.Float64()/2)) //nolint:gosec // jitter
		if p, ok := errors.AsType[*problem](err); ok {
			if p.Status < 500 && p.Status != http.StatusTooManyRequests {
				return err
			}
			if p.retryAfter > 0 {
				pause = time.Duration(float64(p.retryAfter) * (1 + rand.Float64()/4)) //nolint:gosec // jitter
			}
		}
		if !sleep(ctx, pause) {
			return err
		}
	}
}

func (c *client) once(ctx context.Context, r request) error {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return err
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	if r.match != "" {
		req.Header.Set("If-Match", r.match)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		p := &problem{}
		_ = json.Unmarshal(answer, p) // a proxy's page is no JSON: the status says enough
		p.Status = res.StatusCode
		p.retryAfter = retryAfter(res.Header.Get("Retry-After"))
		return p
	}
	if r.tag != nil {
		*r.tag = res.Header.Get("ETag")
	}
	if r.into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, r.into); err != nil {
		return fmt.Errorf("%w: %s: %w", errAnswer, r.method, err)
	}
	return nil
}

func retryAfter(header string) time.Duration {
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// sleep waits and answers false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
