package realtime

import (
	"context"
	"runtime/debug"
	"sync"
)

// batch is what a writer found to do.
type batch struct {
	frames [][]byte
	bytes  int
	behind *sub // the list cannot serve it
	last   bool // a close frame ends it
}

func (b *batch) add(frame []byte) {
	b.frames = append(b.frames, frame)
	b.bytes += len(frame)
}

// flush is the writer: it writes until nothing waits.
func (c *conn) flush() {
	defer func() {
		if p := recover(); p != nil {
			c.hub.log.Error("a live connection's writer panicked", "panic", p, "stack", string(debug.Stack()))
			c.kill()
			c.rest()
		}
	}()
	for {
		b, some := c.gather()
		if !some {
			return
		}
		if b.behind != nil {
			c.catchUp(b.behind)
			continue
		}
		if err := c.write(b.frames, b.bytes); err != nil {
			c.failed(err)
			return
		}
		if b.last {
			// The peer has a moment for its own close frame; closing at once
			// could destroy ours on its way.
			_ = c.raw.SetReadDeadline(mono().Add(c.hub.limits.linger))
		}
	}
}

// gather takes what waits, up to one write; false means that the writer's life
// is over.
func (c *conn) gather() (batch, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b batch
	if c.dead || c.told {
		c.restLocked()
		return b, false
	}
	for _, frame := range c.replies {
		b.add(frame)
	}
	c.replies = nil // at most limits.replies of them, all small
	if c.closing != nil {
		b.add(c.closing)
		b.last, c.told = true, true
		return b, true
	}
	limit := c.hub.limits.writeBytes
	for len(c.ready) > 0 && b.bytes < limit && b.behind == nil {
		s := c.ready[0]
		switch {
		case s.gone:
		case !s.takePending(&b, limit):
			return b, true
		case s.cursor == nil:
			if len(b.frames) > 0 {
				return b, true // first what we have
			}
			b.behind = s
		case !s.take(&b, limit):
			return b, true
		default:
			s.ready = false
		}
		c.ready = c.ready[1:]
	}
	if len(c.ready) == 0 {
		c.ready = nil
	}
	if len(b.frames) == 0 && b.behind == nil {
		c.restLocked()
		return b, false
	}
	return b, true
}

// takePending takes what was queued for the subscription alone; false: there is
// more.
func (s *sub) takePending(b *batch, limit int) bool {
	for len(s.pending) > 0 {
		if b.bytes >= limit {
			return false
		}
		b.add(s.pending[0])
		s.pending = s.pending[1:]
	}
	s.pending = nil
	return true
}

// take moves the cursor over what fits; false: there is more.
func (s *sub) take(b *batch, limit int) bool {
	for n := s.cursor.next.Load(); n != nil; n = n.next.Load() {
		if b.bytes >= limit {
			return false
		}
		b.add(n.wire)
		s.cursor = n
	}
	return true
}

func (c *conn) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.restLocked()
}

func (c *conn) restLocked() {
	c.writing = false
	if c.flushed != nil {
		close(c.flushed)
		c.flushed = nil
	}
}

// failed ends the writer and the connection after a write did not work: the
// socket may hold half a frame, so not even a close frame can follow.
func (c *conn) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if isTimeout(err) && !c.dead {
		c.hub.counters.slow.Add(1)
	}
	c.killLocked()
	c.restLocked()
}

var writeBuffers = sync.Pool{New: func() any { return new([]byte) }}

// write puts the frames on the socket in one call.
func (c *conn) write(frames [][]byte, size int) error {
	wire := frames[0]
	if len(frames) > 1 {
		buffer := writeBuffers.Get().(*[]byte)
		defer writeBuffers.Put(buffer)
		*buffer = (*buffer)[:0]
		for _, frame := range frames {
			*buffer = append(*buffer, frame...)
		}
		wire = *buffer
	}
	now := mono()
	_ = c.raw.SetWriteDeadline(now.Add(c.hub.limits.write))
	c.blockedAt.Store(now.UnixNano())
	_, err := c.raw.Write(wire)
	c.blockedAt.Store(0)
	c.hub.counters.framesOut.Add(int64(len(frames)))
	c.hub.counters.bytesOut.Add(int64(size))
	return err
}

// catchUp serves a subscription that the list cannot serve: with the state, or
// with history.
func (c *conn) catchUp(s *sub) {
	if s.stream.feed.IsLog() {
		c.catchUpLog(s)
		return
	}
	f := s.stream
	f.mu.Lock()
	defer f.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	frame := f.snapshot(s.missed)
	if frame == nil {
		s.ready = false // the first state will announce itself
		f.parked++
		return
	}
	s.cursor, s.missed, s.fell = f.tail, false, false
	c.resume(s, frame)
}

// resume queues frames for s and puts s back into the turn. mu must be held.
func (c *conn) resume(s *sub, frames ...[]byte) {
	if s.gone || c.closing != nil {
		return
	}
	s.pending = append(s.pending, frames...)
	c.ready = append(c.ready, s)
}

// catchUpLog serves a subscription from history, one piece a call.
func (c *conn) catchUpLog(s *sub) {
	f := s.stream
	c.mu.Lock()
	at := s.at
	c.mu.Unlock()
	if c.join(s, at) {
		return
	}
	got, err := c.hub.history(c.ctx, f, at)
	switch {
	case err != nil:
		c.hub.complain("history could not be read", err)
		c.park(s)
	case got.epoch != at.Epoch:
		c.joinAfterReload(s, epochIsNew)
	case got.offset < at.Offset:
		c.joinAfterReload(s, epochIsNew)
	case len(got.entries) == 0 && got.offset == at.Offset:
		// Nothing was missed; it is the node that is behind. It was read again
		// by history, so that now the list knows the position, or never will.
		if !c.join(s, at) {
			c.joinAfterReload(s, tooOld)
		}
	case len(got.entries) == 0 || got.entries[0].offset != at.Offset+1:
		c.joinAfterReload(s, tooOld)
	default:
		c.replay(s, got)
	}
}

// replay queues a piece of history.
func (c *conn) replay(s *sub, got reading) {
	frames := make([][]byte, len(got.entries))
	last := at(got, len(got.entries)-1)
	for i, e := range got.entries {
		frames[i] = textFrame(push{feed: s.stream.name, epoch: got.epoch, offset: e.offset, kind: "event", event: e.kind, data: []byte(e.data)}.encode())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.at = last
	c.resume(s, frames...)
}

func at(got reading, i int) Position { return Position{got.epoch, got.entries[i].offset} }

// join lets s go on from the list if the list holds its position.
func (c *conn) join(s *sub, at Position) bool {
	f := s.stream
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.find(at)
	if n == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.cursor, s.missed, s.fell = n, false, false
	c.resume(s)
	return true
}

// joinAfterReload lets s go on from the end of the list and tells the client to
// load anew.
func (c *conn) joinAfterReload(s *sub, reason string) {
	f := s.stream
	f.mu.Lock()
	defer f.mu.Unlock()
	p := reloadPush(reason)
	p.feed, p.epoch, p.offset = f.name, f.tail.epoch, f.tail.offset
	c.mu.Lock()
	defer c.mu.Unlock()
	s.cursor, s.missed, s.fell = f.tail, false, false
	c.resume(s, textFrame(p.encode()))
}

// park leaves s alone until a read of its stream works.
func (c *conn) park(s *sub) {
	f := s.stream
	f.mu.Lock()
	defer f.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	s.ready = false
	f.parked++
}

// history reads what follows a position. At most some connections do so at
// once: a storm of returning clients must not become one of Redis.
func (h *Hub) history(ctx context.Context, f *stream, after Position) (reading, error) {
	select {
	case h.catchUps <- struct{}{}:
	case <-ctx.Done():
		return reading{}, ctx.Err()
	}
	defer func() { <-h.catchUps }()
	asking, cancel := context.WithTimeout(ctx, h.limits.ask)
	defer cancel()
	got, err := h.feeds.read(asking, f.key, newEpoch(), after.Offset+1, h.limits.historyEntries)
	if err == nil && len(got.entries) == 0 {
		err = h.refresh(ctx, f)
	}
	return got, err
}
