package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Options is how a client connects.
type Options struct {
	// URL is the address of GET live, ws:// or wss://.
	URL string
	// Token gives an access token; it is asked before every connection. An
	// error of it is waited out like one of the network.
	Token func(ctx context.Context) (string, error)
	// Header is sent with the handshake.
	Header http.Header
	// Dialer is used as it is. Zero value means one with small buffers.
	Dialer *websocket.Dialer
	// Wait and MaxWait bound the random time before a new connection: up to
	// Wait after the first failure, twice that after each further one, at most
	// MaxWait. Zero values mean 1 s and 60 s.
	Wait, MaxWait time.Duration
	// Steady is how long a connection must stand for failures to be forgotten.
	// Zero value means 30 s.
	Steady time.Duration
	// Silence is how long the server may say nothing. Zero value means 60 s.
	Silence time.Duration
	// OnClose is told how each connection ended: the code of a close frame,
	// 1006 without one.
	OnClose func(code int)
}

// Client follows feeds. It is safe for concurrent use; Run runs once.
type Client struct {
	opts     Options
	counters counters

	mu    sync.Mutex
	feeds map[feedKey]*feed
	link  *link // nil while there is none
}

// New makes a client. It does no I/O.
func New(opts Options) *Client {
	if opts.Wait == 0 {
		opts.Wait = time.Second
	}
	if opts.MaxWait == 0 {
		opts.MaxWait = time.Minute
	}
	if opts.Steady == 0 {
		opts.Steady = 30 * time.Second
	}
	if opts.Silence == 0 {
		opts.Silence = time.Minute
	}
	if opts.Dialer == nil {
		opts.Dialer = &websocket.Dialer{HandshakeTimeout: 10 * time.Second, ReadBufferSize: 1024, WriteBufferSize: 512}
	}
	return &Client{opts: opts, feeds: map[feedKey]*feed{}}
}

// Subscribe follows a feed from now on, over all connections. A feed that is
// followed already is left as it is.
func (c *Client) Subscribe(s Subscription) {
	key := keyOf(s.Feed, s.Window)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.feeds[key] != nil {
		return
	}
	f := &feed{Subscription: s}
	if s.From != nil {
		f.at, f.known = *s.From, true
	}
	c.feeds[key] = f
	if c.link != nil {
		c.link.subscribe(f)
	}
}

// Unsubscribe follows a feed no longer.
func (c *Client) Unsubscribe(feed, window string) {
	key := keyOf(feed, window)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.feeds[key] == nil {
		return
	}
	delete(c.feeds, key)
	if c.link != nil {
		c.link.unsubscribe(feed, window)
	}
}

// Position is where a feed stands; false when it is not known yet.
func (c *Client) Position(feed, window string) (Position, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.feeds[keyOf(feed, window)]
	if f == nil {
		return Position{}, false
	}
	return f.at, f.known
}

// Cut breaks the connection as a lost network does, if there is one. The client
// comes back by itself.
func (c *Client) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil {
		_ = c.link.ws.NetConn().Close()
	}
}

// Counters is what the client saw so far.
func (c *Client) Counters() Counters {
	n := &c.counters
	return Counters{
		Connects: n.connects.Load(), Frames: n.frames.Load(), Resumes: n.resumes.Load(), Reloads: n.reloads.Load(),
		Missed: n.missed.Load(), Gaps: n.gaps.Load(), Doubled: n.doubled.Load(), Closes: n.closes.Load(),
	}
}

// Run connects and follows until ctx ends, which answers nil, or the server
// says not to come back: *CloseError or *RefusedError.
func (c *Client) Run(ctx context.Context) error {
	failures := 0
	for ctx.Err() == nil {
		began := mono()
		hint, err := c.connection(ctx)
		if closed, ok := errors.AsType[*CloseError](err); ok {
			return closed
		}
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			return refused
		}
		if mono().Sub(began) >= c.opts.Steady {
			failures = 0
		}
		wait := hint
		if hint < 0 {
			wait = c.backOff(failures)
		}
		failures++
		pause := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
	return nil
}

// backOff is a random time that may be twice as long after each failure.
func (c *Client) backOff(failures int) time.Duration {
	most := c.opts.Wait << min(failures, 16)
	if most > c.opts.MaxWait || most <= 0 {
		most = c.opts.MaxWait
	}
	return rand.N(most + 1) //nolint:gosec // jitter
}
