package realtime

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one connection. Its reader is the goroutine that the HTTP server
// gave; its writer exists while something waits.
type conn struct {
	hub      *Hub
	campaign string
	raw      net.Conn // the socket itself, for writing and deadlines
	ctx      context.Context
	cancel   context.CancelFunc

	blockedAt atomic.Int64 // unix nanoseconds when the write under way began; 0: none

	mu       sync.Mutex
	session  *Session // nil until connected
	token    string
	nextPing time.Time
	subs     map[feedKey]*sub
	ready    []*sub   // subscriptions with something to send, in turn
	replies  [][]byte // frames that belong to no subscription
	closing  []byte   // the close frame; nothing else is sent after it
	told     bool     // the close frame was handed to the socket
	dead     bool     // nothing can be written any more
	writing  bool     // a writer exists
	flushed  chan struct{}
}

// sub is a subscription. Its fields but index are guarded by conn.mu.
type sub struct {
	conn   *conn
	stream *stream
	index  int // in stream.subs, guarded by stream.mu

	// cursor is the last node sent. nil: the subscriber is behind the list, at
	// the position at (log feeds), or needs the state (state feeds).
	cursor  *node
	at      Position
	pending [][]byte // frames for this subscriber alone, before what follows cursor
	fell    bool     // behind although it was live: not one that has just come
	missed  bool     // the state to come replaces one that the client had
	ready   bool     // in conn.ready, or in the writer's hands
	gone    bool
}

// wake starts a writer if there is none. mu must be held.
func (c *conn) wake() {
	if !c.writing && !c.dead {
		c.writing = true
		go c.flush()
	}
}

// send queues a frame that belongs to no subscription. A client that asks and
// does not take the answers is slow.
func (c *conn) send(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sendLocked(frame)
}

func (c *conn) sendLocked(frame []byte) {
	if c.closing != nil {
		return
	}
	if len(c.replies) >= c.hub.limits.replies {
		c.closeLocked(CloseSlow, -1)
		return
	}
	c.replies = append(c.replies, frame)
	c.wake()
}

// nudge tells that the stream of s has something, and judges how far behind s
// is. It never waits.
func (c *conn) nudge(s *sub, tail *node, now int64, l *limits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.gone || c.closing != nil {
		return
	}
	over := s.fell
	if s.cursor != nil {
		frames, bytes := tail.seq-s.cursor.seq, tail.bytes-s.cursor.bytes
		over = frames > l.queueFrames || bytes > l.queueBytes
		if bytes > l.queueBytes {
			s.fallBehind()
		}
	}
	if since := c.blockedAt.Load(); over && since != 0 && now-since >= int64(l.slowAfter) {
		c.closeLocked(CloseSlow, -1)
		return
	}
	c.readyLocked(s)
}

// renew makes s take the state anew.
func (c *conn) renew(s *sub, missed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.gone || c.closing != nil {
		return
	}
	s.cursor, s.missed = nil, s.missed || missed
	c.readyLocked(s)
}

// fallBehind lets go of the list, so that a client that takes nothing holds no
// memory; the writer will read history, or take the state.
func (s *sub) fallBehind() {
	s.at = Position{s.cursor.epoch, s.cursor.offset}
	s.cursor, s.missed, s.fell = nil, true, true
}

func (c *conn) readyLocked(s *sub) {
	if !s.ready {
		s.ready = true
		c.ready = append(c.ready, s)
	}
	c.wake()
}

// remove takes a subscription from the connection and queues frame, after which
// nothing of the feed is sent. false: it was gone already. The caller detaches
// it from its stream.
func (c *conn) remove(s *sub, frame []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.gone {
		return false
	}
	s.gone = true
	delete(c.subs, s.stream.key)
	c.sendLocked(frame)
	return true
}

// close ends the connection with a code, after what is being written.
// reconnectIn below zero gives no hint.
func (c *conn) close(code CloseCode, reconnectIn time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked(code, reconnectIn)
}

func (c *conn) closeLocked(code CloseCode, reconnectIn time.Duration) {
	if c.closing != nil {
		return
	}
	c.closing = code.frame(reconnectIn)
	if code == CloseSlow {
		c.hub.counters.slow.Add(1)
	}
	c.ready = nil
	c.wake()
}

// kill ends the connection at once, without a word.
func (c *conn) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killLocked()
}

func (c *conn) killLocked() {
	if c.closing == nil {
		c.closing = []byte{}
	}
	c.dead = true
	c.cancel()
	_ = c.raw.SetDeadline(time.Unix(1, 0)) // ends what is being read and written
}

// heard moves the read deadline. Before connect it stays where it was set: pings
// keep nobody in who does not say who they are.
func (c *conn) heard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing == nil && c.session != nil {
		_ = c.raw.SetReadDeadline(mono().Add(c.hub.limits.idle))
	}
}

// isClosing says whether requests are no longer answered.
func (c *conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing != nil
}

// retire waits until nobody writes and makes sure that nobody will, then gives
// up the subscriptions. The socket goes back to the HTTP server afterwards.
func (c *conn) retire() {
	c.mu.Lock()
	if c.closing == nil {
		c.killLocked()
	}
	wait := c.flushed
	if c.writing && wait == nil {
		wait = make(chan struct{})
		c.flushed = wait
	}
	c.mu.Unlock()
	if wait != nil {
		<-wait // bounded by the write deadline, and by cancel
	}
	c.cancel()
	c.mu.Lock()
	c.dead = true
	subs := make([]*sub, 0, len(c.subs))
	for _, s := range c.subs {
		s.gone = true
		subs = append(subs, s)
	}
	c.subs = nil
	c.mu.Unlock()
	for _, s := range subs {
		c.hub.detach(s)
	}
}
