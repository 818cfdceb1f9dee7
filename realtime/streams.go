package realtime

import (
	"hash/maphash"
	"sync"
	"time"
)

const shardCount = 16

// streams is the table of feeds that somebody on this node wants, in shards so
// that subscribing does not queue at one lock.
type streams struct {
	seed   maphash.Seed
	shards [shardCount]streamShard
	waker  *waker
	dirty  *marks
}

type streamShard struct {
	mu   sync.Mutex
	held map[feedKey]*stream
	// boards is those of held that have a publisher.
	boards map[feedKey]*stream
}

func newStreams(waker *waker, dirty *marks) *streams {
	t := &streams{seed: maphash.MakeSeed(), waker: waker, dirty: dirty}
	for i := range t.shards {
		t.shards[i].held, t.shards[i].boards = map[feedKey]*stream{}, map[feedKey]*stream{}
	}
	return t
}

func (t *streams) shard(key feedKey) *streamShard {
	return &t.shards[maphash.Comparable(t.seed, key)%shardCount]
}

// acquire finds or makes the stream of a key and holds it until release.
func (t *streams) acquire(key feedKey, feed Feed, window, account string) *stream {
	shard := t.shard(key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	f := shard.held[key]
	if f == nil {
		f = &stream{key: key, feed: feed, name: feed.String(), window: window, account: account}
		shard.held[key] = f
		if feed.Kind == Boards {
			shard.boards[key] = f
		}
		t.waker.want(f)
	}
	f.refs++
	f.ended.Store(false)
	return f
}

func (t *streams) release(f *stream) {
	shard := t.shard(f.key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if f.refs--; f.refs == 0 {
		f.idleSince = mono()
	}
}

// watched is a board's stream and whether anybody still wants it.
type watched struct {
	stream *stream
	wanted bool
}

// boards is the streams that have a publisher, by campaign.
func (t *streams) boards(l *limits) map[string][]watched {
	now := mono()
	boards := map[string][]watched{}
	for i := range t.shards {
		shard := &t.shards[i]
		shard.mu.Lock()
		for key, f := range shard.boards {
			boards[key.campaign] = append(boards[key.campaign], watched{f, !f.idle(now, l) && !f.ended.Load()})
		}
		shard.mu.Unlock()
	}
	return boards
}

// idle says whether nobody has wanted the stream for long. The shard's lock
// must be held.
func (f *stream) idle(now time.Time, l *limits) bool {
	return f.refs == 0 && now.Sub(f.idleSince) > l.keepStream
}

// tick drops streams that nobody wants any more, and has those read again that
// have not been for a while.
func (t *streams) tick(now time.Time, l *limits) {
	for i := range t.shards {
		shard := &t.shards[i]
		shard.mu.Lock()
		for key, f := range shard.held {
			// A board's publisher gives its lease up first.
			if f.idle(now, l) && !f.claimed.Load() {
				delete(shard.held, key)
				delete(shard.boards, key)
				t.waker.forget(f)
				continue
			}
			every := l.check
			if f.feed.Kind == Me {
				every = l.meCheck
			}
			if now.UnixNano()-f.readAt.Load() >= int64(every) {
				t.dirty.push(f)
			}
		}
		shard.mu.Unlock()
	}
}

// marks are the streams that are to be read: feeds apart from people's own
// states, which a slow source must not let wait for each other.
type marks struct{ feeds, own *dirtyQueue }

func newMarks() *marks { return &marks{feeds: newDirtyQueue(), own: newDirtyQueue()} }

func (m *marks) queue(f *stream) *dirtyQueue {
	if f.feed.Kind == Me {
		return m.own
	}
	return m.feeds
}

func (m *marks) push(f *stream) { m.queue(f).push(f) }

func (m *marks) close() {
	m.feeds.close()
	m.own.close()
}

// dirtyQueue holds streams that are to be read. A stream is in it once, and is
// read by one worker at a time; marked while it is read, it is read again.
type dirtyQueue struct {
	mu     sync.Mutex
	some   sync.Cond
	list   []*stream
	closed bool
}

func newDirtyQueue() *dirtyQueue {
	q := new(dirtyQueue)
	q.some.L = &q.mu
	return q
}

func (q *dirtyQueue) push(f *stream) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if f.queued || q.closed {
		return
	}
	f.queued = true
	if !f.running {
		q.list = append(q.list, f)
		q.some.Signal()
	}
}

// pop waits for a stream; false means that the queue is closed.
func (q *dirtyQueue) pop() (*stream, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.list) == 0 && !q.closed {
		q.some.Wait()
	}
	if q.closed {
		return nil, false
	}
	f := q.list[0]
	q.list[0] = nil
	q.list = q.list[1:]
	f.queued, f.running = false, true
	return f, true
}

func (q *dirtyQueue) done(f *stream) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f.running = false
	if f.queued && !q.closed {
		q.list = append(q.list, f)
		q.some.Signal()
	}
}

func (q *dirtyQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.some.Broadcast()
}
