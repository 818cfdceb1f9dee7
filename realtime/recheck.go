package realtime

import (
	"context"
	"sync"

	"github.com/musterhq/muster/internal/errs"
)

// recheckQueue holds people whose connections are to be asked again, each once.
type recheckQueue struct {
	mu      sync.Mutex
	some    sync.Cond
	waiting map[subjectKey]bool
	list    []subjectKey
	pushed  uint64 // so far
	closed  bool
}

func newRecheckQueue() *recheckQueue {
	q := &recheckQueue{waiting: map[subjectKey]bool{}}
	q.some.L = &q.mu
	return q
}

func (q *recheckQueue) push(key subjectKey) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pushed++
	if q.closed || q.waiting[key] {
		return
	}
	q.waiting[key] = true
	q.list = append(q.list, key)
	q.some.Signal()
}

// count says how many were pushed so far. Who authenticates notes it first: if
// it is another afterwards, roles may have changed in between.
func (q *recheckQueue) count() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pushed
}

func (q *recheckQueue) pop() (subjectKey, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.list) == 0 && !q.closed {
		q.some.Wait()
	}
	if q.closed {
		return subjectKey{}, false
	}
	key := q.list[0]
	q.list = q.list[1:]
	delete(q.waiting, key)
	return key, true
}

func (q *recheckQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.some.Broadcast()
}

// Recheck is Feeds.Recheck: every node, this one too, asks again about a
// person's connections.
func (h *Hub) Recheck(ctx context.Context, campaign, subject string) error {
	return h.feeds.Recheck(ctx, campaign, subject)
}

// RecheckHere asks again about a person's connections to this node alone. It
// never blocks, so it may be called for what this node has learned by itself,
// without Redis.
func (h *Hub) RecheckHere(campaign, subject string) {
	h.rechecks.push(subjectKey{campaign, subject})
}

// RecheckEverybodyHere asks again about all connections to this node: for when
// notices may have been lost, or tokens became bad by the key that signed them.
func (h *Hub) RecheckEverybodyHere() {
	for _, key := range h.conns.subjectsNow() {
		h.rechecks.push(key)
	}
}

func (h *Hub) recheckLoop() error {
	for {
		key, ok := h.rechecks.pop()
		if !ok {
			return nil
		}
		for _, c := range h.conns.of(key) {
			h.recheck(c)
		}
	}
}

// recheck asks again who a connection is and what it may see. Where nobody can
// say, it is closed: a right that cannot be shown is none.
func (h *Hub) recheck(c *conn) {
	defer h.survive("rechecking a live connection")
	h.counters.rechecks.Add(1)
	c.mu.Lock()
	token, before := c.token, c.session
	c.mu.Unlock()
	session, err := c.authenticate(token)
	if err == nil && (session.Subject != before.Subject || session.Account != before.Account) {
		err = errs.New(errs.Unauthentic, "bad_token", "The token speaks for somebody else now.")
	}
	if err != nil {
		c.close(closeCodeOf(err), -1)
		return
	}
	c.mu.Lock()
	c.session = &session // what was decided for the old one is decided again, here or in attach
	subs := make([]*sub, 0, len(c.subs))
	for _, s := range c.subs {
		subs = append(subs, s)
	}
	c.mu.Unlock()
	for _, s := range subs {
		h.recheckSub(c, s, session)
	}
}

func (h *Hub) recheckSub(c *conn, s *sub, session Session) {
	ctx, cancel := context.WithTimeout(c.ctx, h.limits.ask)
	defer cancel()
	err := h.opts.Authorizer.May(ctx, c.campaign, session, s.stream.feed)
	if err == nil {
		return
	}
	if c.remove(s, s.stream.unsubscribedFrame(err)) {
		h.detach(s)
	}
}
