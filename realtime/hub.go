package realtime

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Hub serves live connections. It is safe for concurrent use.
type Hub struct {
	opts     Options
	feeds    *Feeds
	log      *slog.Logger
	limits   limits
	origins  map[string]bool
	conns    *registry
	streams  *streams
	dirty    *marks
	waker    *waker
	rechecks *recheckQueue
	catchUps chan struct{}
	counters counters

	ctx      context.Context // ends when Run does
	cancel   context.CancelFunc
	running  atomic.Bool
	draining atomic.Bool

	quiet      sync.Mutex
	complained time.Time
	suppressed int
}

const (
	readers    = 4 // of streams, and as many of people's own
	recheckers = 2
)

// New makes a hub. It does no I/O and starts nothing: until Run runs, the hub
// lets nobody in.
func New(opts Options) (*Hub, error) {
	if err := opts.settle(); err != nil {
		return nil, err
	}
	h := &Hub{opts: opts, feeds: opts.Feeds, log: opts.Log, limits: defaultLimits(), conns: newRegistry(), dirty: newMarks()}
	h.origins = make(map[string]bool, len(opts.Origins))
	for _, origin := range opts.Origins {
		h.origins[originKey(origin)] = true
	}
	h.rechecks = newRecheckQueue()
	h.waker = newWaker(opts.Feeds.rdb, h.dirty, h.rechecks, h.RecheckEverybodyHere)
	h.streams = newStreams(h.waker, h.dirty)
	h.catchUps = make(chan struct{}, h.limits.catchUps)
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h, nil
}

// Run serves until ctx ends, then closes every connection (4001) and returns
// when none is left. It runs once.
func (h *Hub) Run(ctx context.Context) error {
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return h.waker.run(running) })
	g.Go(func() error { return h.beat(running) })
	g.Go(func() error { return h.publishBoards(running) })
	for range readers {
		g.Go(func() error { return h.readStreams(h.dirty.feeds) })
		g.Go(func() error { return h.readStreams(h.dirty.own) })
	}
	for range recheckers {
		g.Go(h.recheckLoop)
	}
	g.Go(func() error {
		<-running.Done()
		h.dirty.close()
		h.rechecks.close()
		return nil
	})
	h.running.Store(true)
	err := g.Wait()
	h.stop()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return err
}

// stop closes what is left and waits for it.
func (h *Hub) stop() {
	h.running.Store(false)
	h.conns.stop()
	for _, c := range h.conns.all() {
		c.close(CloseDraining, h.reconnectIn())
	}
	gone := make(chan struct{})
	go func() {
		h.conns.serving.Wait()
		close(gone)
	}()
	patience := time.NewTimer(2 * h.limits.linger)
	defer patience.Stop()
	select {
	case <-gone:
	case <-patience.C:
		for _, c := range h.conns.all() {
			c.kill()
		}
		h.cancel()
		<-gone
	}
	h.cancel()
}

func (h *Hub) reconnectIn() time.Duration {
	return rand.N(h.opts.ReconnectSpread) //nolint:gosec // jitter
}

// beat sends pings, ends what has expired, and drops streams nobody wants.
func (h *Hub) beat(ctx context.Context) error {
	tick := time.NewTicker(h.limits.tick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			wall := h.opts.Clock.Now()
			for _, c := range h.conns.all() {
				c.beat(now, wall)
			}
			h.streams.tick(now, &h.limits)
		}
	}
}

// beat is a connection's share of a beat.
func (c *conn) beat(now, wall time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil || c.closing != nil {
		return
	}
	if !wall.Before(c.session.Expires) {
		c.closeLocked(CloseExpired, -1)
		return
	}
	if now.Before(c.nextPing) {
		return
	}
	c.nextPing = now.Add(c.hub.limits.ping)
	c.sendLocked(pingFrame)
}

// readStreams reads streams that are marked, until the queue closes.
func (h *Hub) readStreams(queue *dirtyQueue) error {
	for {
		f, ok := queue.pop()
		if !ok {
			return nil
		}
		h.readStream(queue, f)
	}
}

func (h *Hub) readStream(queue *dirtyQueue, f *stream) {
	defer queue.done(f)
	defer h.survive("reading a feed")
	if err := h.refresh(h.ctx, f); err != nil {
		h.complain("a feed could not be read", err)
	}
}

// survive is deferred where code of others runs: its panic must not end the
// process.
func (h *Hub) survive(doing string) {
	if p := recover(); p != nil {
		h.log.Error("panic", "doing", doing, "panic", p, "stack", string(debug.Stack()))
	}
}

// complain logs at most one failure in ten seconds: with Redis gone every feed
// fails, and says the same.
func (h *Hub) complain(what string, err error) {
	if h.ctx.Err() != nil {
		return
	}
	h.quiet.Lock()
	defer h.quiet.Unlock()
	if now := mono(); now.Sub(h.complained) < 10*time.Second {
		h.suppressed++
		return
	}
	h.log.Warn(what, "error", err, "not_logged", h.suppressed)
	h.complained, h.suppressed = mono(), 0
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
