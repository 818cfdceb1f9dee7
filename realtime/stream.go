package realtime

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/internal/errs"
)

// node is one encoded frame in a stream's list. A cursor is a pointer to the
// last node that was sent, so what follows it is what waits. Nodes that nobody
// points at any more are garbage.
type node struct {
	epoch  string
	offset uint64 // the position after the frame
	seq    int64  // frames up to here
	bytes  int64  // of their wire
	wire   []byte
	next   atomic.Pointer[node]
}

// stream is a feed as this node holds it, while somebody here wants it.
type stream struct {
	key     feedKey
	feed    Feed
	name    string // as pushes name it
	window  string
	account string // of Me

	refs      int       // guarded by the shard
	idleSince time.Time // guarded by the shard; since refs fell to 0

	queued, running bool // guarded by the dirty queue

	io     sync.Mutex   // held by who reads the feed
	readAt atomic.Int64 // unix nanoseconds of the last read that worked

	mu     sync.Mutex
	subs   []*sub
	parked int // of subs, that wait for a read to work
	// first to tail is the list that late readers may still be served from.
	// tail is nil until the feed was read.
	first, tail *node
	lastID      string // id of the event at tail; "" when not known
	oldest      uint64 // lowest offset that history held when last seen
	board       *Board // at tail
	me          []byte // at tail
	snapshots   [2][]byte

	claim   claim       // of the board publisher alone
	claimed atomic.Bool // whether there is one
	ended   atomic.Bool // the source says that there is no such board
}

func (f *stream) position() (at Position, lastID string, loaded bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tail == nil {
		return Position{}, "", false
	}
	return Position{f.tail.epoch, f.tail.offset}, f.lastID, true
}

// begin starts a new list at a position. Cursors into the old list stay there:
// the caller resets them. mu must be held.
func (f *stream) begin(at Position) {
	n := &node{epoch: at.Epoch, offset: at.Offset}
	if f.tail != nil {
		n.seq, n.bytes = f.tail.seq, f.tail.bytes
	}
	f.first, f.tail, f.lastID, f.snapshots = n, n, "", [2][]byte{}
}

// add appends the frame that leads to a position. mu must be held.
func (f *stream) add(at Position, p push, l *limits) {
	p.feed, p.window, p.epoch, p.offset = f.name, f.window, at.Epoch, at.Offset
	wire := textFrame(p.encode())
	n := &node{epoch: at.Epoch, offset: at.Offset, seq: f.tail.seq + 1, bytes: f.tail.bytes + int64(len(wire)), wire: wire}
	f.tail.next.Store(n)
	f.tail, f.snapshots = n, [2][]byte{}
	for f.first != n && (n.seq-f.first.seq > l.keepFrames || n.bytes-f.first.bytes > l.keepBytes) {
		f.first = f.first.next.Load()
	}
}

// find is the node at a position, nil when the list does not hold it. mu must
// be held.
func (f *stream) find(at Position) *node {
	for n := f.first; n != nil; n = n.next.Load() {
		if n.offset == at.Offset && n.epoch == at.Epoch {
			return n
		}
	}
	return nil
}

// announce tells every subscriber's connection that there is something. mu must
// be held.
func (f *stream) announce(l *limits) {
	now := mono().UnixNano()
	for _, s := range f.subs {
		s.conn.nudge(s, f.tail, now, l)
	}
	f.parked = 0
}

// announceSnapshot makes every subscriber take the state anew. mu must be held.
func (f *stream) announceSnapshot(missed bool) {
	for _, s := range f.subs {
		s.conn.renew(s, missed)
	}
	f.parked = 0
}

// snapshot is the frame that gives the state at tail, nil when there is none
// yet. mu must be held.
func (f *stream) snapshot(missed bool) []byte {
	which := 0
	if missed {
		which = 1
	}
	if f.tail == nil || f.snapshots[which] != nil {
		return f.snapshots[which]
	}
	data := f.me
	if f.feed.Kind == Boards {
		data = encode(f.board)
	}
	p := push{feed: f.name, window: f.window, epoch: f.tail.epoch, offset: f.tail.offset, kind: "snapshot", missed: missed, data: data}
	f.snapshots[which] = textFrame(p.encode())
	return f.snapshots[which]
}

// reloadPush tells a log feed's reader that what came before cannot be given.
func reloadPush(reason string) push {
	return push{kind: "reload", data: encode(struct {
		Reason string `json:"reason"`
	}{reason})}
}

// The reasons of a reload.
const (
	tooOld      = "too_old"
	epochIsNew  = "new_epoch"
	reloadTries = 3 // reads that a single refresh makes before it gives up
)

// unsubscribedFrame tells that a subscription ended without being asked to.
func (f *stream) unsubscribedFrame(err error) []byte {
	return textFrame(push{feed: f.name, window: f.window, kind: "unsubscribed", data: encode(replyOf(err))}.encode())
}

// end takes the feed away from all its subscribers: the source has no such thing.
func (h *Hub) end(f *stream, why error) {
	f.mu.Lock()
	subs := append([]*sub(nil), f.subs...)
	f.mu.Unlock()
	frame := f.unsubscribedFrame(errs.Wrap(why, errs.NotFound, errNotServed.Code, "%s", replyOf(why).Message))
	for _, s := range subs {
		if s.conn.remove(s, frame) {
			h.detach(s)
		}
	}
}

// detach takes a subscription that its connection gave up out of its stream.
func (h *Hub) detach(s *sub) {
	f := s.stream
	f.mu.Lock()
	if s.index < len(f.subs) && f.subs[s.index] == s {
		last := len(f.subs) - 1
		f.subs[s.index] = f.subs[last]
		f.subs[s.index].index = s.index
		f.subs[last] = nil
		f.subs = f.subs[:last]
		h.counters.subscriptions.Add(-1)
	}
	f.mu.Unlock()
	h.streams.release(f)
}
