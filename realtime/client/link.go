package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	writeWait   = 5 * time.Second
	connectID   = 1
	noHint      = -time.Nanosecond
	againWithin = 5 * time.Second // a feed that was unavailable
	goodbye     = time.Second
)

// link is one connection.
type link struct {
	client *Client
	ws     *websocket.Conn
	ctx    context.Context
	done   chan struct{} // closed when the reading ended

	mu      sync.Mutex // of writing, and of what follows
	nextID  int64
	pending map[int64]*feed // subscribes under way
	closed  bool
	again   []*time.Timer
}

// connection makes one connection and follows it to its end. The answer is how
// long the server asked to wait, noHint when it did not.
func (c *Client) connection(ctx context.Context) (time.Duration, error) {
	token, err := c.opts.Token(ctx)
	if err != nil {
		return noHint, fmt.Errorf("live: token: %w", err)
	}
	ws, response, err := c.opts.Dialer.DialContext(ctx, c.opts.URL, c.opts.Header)
	if err != nil {
		return refusal(response, err)
	}
	l := &link{client: c, ws: ws, ctx: ctx, done: make(chan struct{}), nextID: connectID, pending: map[int64]*feed{}}
	stop := context.AfterFunc(ctx, l.leave)
	defer stop()
	err = l.follow(token)
	close(l.done)
	c.mu.Lock()
	c.link = nil
	c.mu.Unlock()
	l.close()
	c.counters.closes.Add(1)
	return c.ended(err)
}

// refusal reads an answer in HTTP.
func refusal(response *http.Response, err error) (time.Duration, error) {
	if response == nil {
		return noHint, err
	}
	_ = response.Body.Close()
	switch {
	case response.StatusCode == http.StatusServiceUnavailable || response.StatusCode == http.StatusTooManyRequests:
		seconds, bad := strconv.Atoi(response.Header.Get("Retry-After"))
		if bad != nil {
			return noHint, err
		}
		return time.Duration(seconds) * time.Second, err
	case response.StatusCode >= 400 && response.StatusCode < 500:
		return noHint, &RefusedError{response.StatusCode}
	}
	return noHint, err
}

// ended reads how a connection ended.
func (c *Client) ended(err error) (time.Duration, error) {
	code := websocket.CloseAbnormalClosure
	var reason closeReason
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		code = closed.Code
		_ = json.Unmarshal([]byte(closed.Text), &reason) // a reason that is not ours has nothing to tell
	}
	if c.opts.OnClose != nil {
		c.opts.OnClose(code)
	}
	switch {
	case code >= 4500 && code < 5000, code == websocket.CloseMessageTooBig, code == websocket.CloseProtocolError:
		return noHint, &CloseError{Code: code, Reason: reason.Code}
	case reason.ReconnectIn != nil:
		return time.Duration(*reason.ReconnectIn) * time.Millisecond, err
	}
	return noHint, err
}

// follow says who we are, subscribes, and handles frames until the end.
func (l *link) follow(token string) error {
	l.ws.SetPingHandler(func(data string) error {
		l.heard()
		err := l.ws.WriteControl(websocket.PongMessage, []byte(data), mono().Add(writeWait))
		if errors.Is(err, websocket.ErrCloseSent) {
			return nil
		}
		return err
	})
	l.heard()
	if err := l.write("connect", connectParams{Token: token, Version: 1}, nil); err != nil {
		return err
	}
	for {
		_, raw, err := l.ws.ReadMessage()
		if err != nil {
			return err
		}
		l.heard()
		var f frame
		if err := json.Unmarshal(raw, &f); err != nil {
			return fmt.Errorf("live: a frame that is no frame: %w", err)
		}
		switch {
		case f.ID == connectID:
			l.connected(f)
		case f.ID != 0:
			l.answered(f)
		default:
			l.client.pushed(f.Push)
		}
	}
}

func (l *link) heard() { _ = l.ws.SetReadDeadline(mono().Add(l.client.opts.Silence)) }

// write sends a request; f, when not nil, waits for the answer.
func (l *link) write(method string, params any, f *feed) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return websocket.ErrCloseSent
	}
	id := l.nextID
	l.nextID++
	if f != nil {
		l.pending[id] = f
	}
	_ = l.ws.SetWriteDeadline(mono().Add(writeWait))
	return l.ws.WriteJSON(request{ID: id, Method: method, Params: params})
}

// connected subscribes to everything. A refusal is followed by a close, which
// says what to do.
func (l *link) connected(reply frame) {
	if reply.Error != nil {
		return
	}
	c := l.client
	c.counters.connects.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = l
	for _, f := range c.feeds {
		l.subscribe(f)
	}
}

// subscribe asks for a feed, from its position if it has one. The client's mu
// must be held. A write that fails ends the link, and the next one subscribes.
func (l *link) subscribe(f *feed) {
	p := subscribeParams{Feed: f.Feed, Window: f.Window}
	if f.asked = f.known; f.known {
		offset := f.at.Offset
		p.Epoch, p.Offset = f.at.Epoch, &offset
	}
	if l.write("subscribe", p, f) != nil {
		_ = l.ws.NetConn().Close()
	}
}

func (l *link) unsubscribe(feed, window string) {
	if l.write("unsubscribe", subscribeParams{Feed: feed, Window: window}, nil) != nil {
		_ = l.ws.NetConn().Close()
	}
}

// answered takes the reply to a subscribe.
func (l *link) answered(reply frame) {
	l.mu.Lock()
	f := l.pending[reply.ID]
	delete(l.pending, reply.ID)
	l.mu.Unlock()
	if f == nil {
		return
	}
	if reply.Error != nil {
		l.refused(f, reply.Error)
		return
	}
	var result subscribeResult
	if json.Unmarshal(reply.Result, &result) != nil {
		return
	}
	c := l.client
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case f.asked:
		c.counters.resumes.Add(1)
	case result.Epoch != "" && result.Offset != nil:
		f.at, f.known = Position{result.Epoch, *result.Offset}, true
	}
}

// refused drops a feed that is not given, and asks again for one that is not
// available just now.
func (l *link) refused(f *feed, why *ReplyError) {
	c := l.client
	if why.Code == "unavailable" {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.closed {
			wait := rand.N(againWithin) //nolint:gosec // jitter
			l.again = append(l.again, time.AfterFunc(wait, func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				if c.link == l && c.feeds[keyOf(f.Feed, f.Window)] == f {
					l.subscribe(f)
				}
			}))
		}
		return
	}
	c.mu.Lock()
	if c.feeds[keyOf(f.Feed, f.Window)] == f {
		delete(c.feeds, keyOf(f.Feed, f.Window))
	}
	c.mu.Unlock()
	if f.OnError != nil {
		f.OnError(why)
	}
}

// pushed hands a push to its feed.
func (c *Client) pushed(p Push) {
	c.counters.frames.Add(1)
	key := keyOf(p.Feed, p.Window)
	c.mu.Lock()
	f := c.feeds[key]
	if f != nil && p.Type == "unsubscribed" {
		delete(c.feeds, key)
	}
	fresh := f != nil && f.follow(p, &c.counters)
	c.mu.Unlock()
	switch {
	case f == nil: // unsubscribed meanwhile
	case p.Type == "unsubscribed":
		why := new(ReplyError)
		if json.Unmarshal(p.Data, why) == nil && f.OnError != nil {
			f.OnError(why)
		}
	case fresh && f.OnPush != nil:
		f.OnPush(p)
	}
}

// leave says goodbye and gives the server's answer, which ends the reading, a
// moment to come.
func (l *link) leave() {
	_ = l.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), mono().Add(goodbye))
	patience := time.NewTimer(goodbye)
	defer patience.Stop()
	select {
	case <-l.done:
	case <-patience.C:
		_ = l.ws.NetConn().Close()
	}
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, timer := range l.again {
		timer.Stop()
	}
	_ = l.ws.Close()
}
