package realtime

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	wakeSilence = 3 * time.Second // after which the link is asked whether it lives
	wakeChunk   = 500             // channels in one SUBSCRIBE
	wakePause   = time.Second     // between links, at most
)

// waker keeps the node's one pub/sub link: it is subscribed to the feeds that
// the streams want, and marks a stream when its channel speaks. A message is
// only a hint; what a confirmation of a subscription marks is read too, so that
// nothing published while the link was down is overlooked.
type waker struct {
	rdb      redis.UniversalClient
	dirty    *marks
	rechecks *recheckQueue
	lost     func() // rechecks may have been missed

	mu      sync.Mutex
	wanted  map[string]*stream
	changes []change
	signal  chan struct{}
}

type change struct {
	channel string
	add     bool
}

func newWaker(rdb redis.UniversalClient, dirty *marks, rechecks *recheckQueue, lost func()) *waker {
	return &waker{rdb: rdb, dirty: dirty, rechecks: rechecks, lost: lost, wanted: map[string]*stream{}, signal: make(chan struct{}, 1)}
}

func (w *waker) want(f *stream)   { w.change(f, true) }
func (w *waker) forget(f *stream) { w.change(f, false) }

func (w *waker) change(f *stream, add bool) {
	channel := f.key.channel()
	w.mu.Lock()
	defer w.mu.Unlock()
	if add {
		w.wanted[channel] = f
	} else {
		delete(w.wanted, channel)
	}
	w.changes = append(w.changes, change{channel, add})
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// run keeps a link until ctx ends.
func (w *waker) run(ctx context.Context) error {
	for ctx.Err() == nil {
		w.link(ctx)
		pause := time.NewTimer(rand.N(wakePause)) //nolint:gosec // jitter
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
	return nil
}

// link subscribes to everything wanted and serves until something fails.
func (w *waker) link(ctx context.Context) {
	w.mu.Lock()
	channels := make([]string, 0, len(w.wanted)+1)
	channels = append(channels, recheckChannel)
	for channel := range w.wanted {
		channels = append(channels, channel)
	}
	w.changes = nil
	w.mu.Unlock()

	link := w.rdb.Subscribe(ctx)
	failed := make(chan struct{})
	var receiver sync.WaitGroup
	receiver.Go(func() {
		defer close(failed)
		w.receive(ctx, link)
	})
	defer receiver.Wait()
	defer func() { _ = link.Close() }() // ends the receiver
	if each(channels, func(part []string) error { return link.Subscribe(ctx, part...) }) != nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-failed:
			return
		case <-w.signal:
			if w.adjust(ctx, link) != nil {
				return
			}
		}
	}
}

func each(channels []string, do func([]string) error) error {
	for len(channels) > 0 {
		n := min(wakeChunk, len(channels))
		if err := do(channels[:n]); err != nil {
			return err
		}
		channels = channels[n:]
	}
	return nil
}

// adjust carries out the changes in their order.
func (w *waker) adjust(ctx context.Context, link *redis.PubSub) error {
	w.mu.Lock()
	changes := w.changes
	w.changes = nil
	w.mu.Unlock()
	for len(changes) > 0 {
		var part []string
		add := changes[0].add
		for len(changes) > 0 && changes[0].add == add {
			part = append(part, changes[0].channel)
			changes = changes[1:]
		}
		err := each(part, func(part []string) error {
			if add {
				return link.Subscribe(ctx, part...)
			}
			return link.Unsubscribe(ctx, part...)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// receive reads the link until it fails. The client would mend a broken link by
// itself; we make a new one, so that it is known what was confirmed.
func (w *waker) receive(ctx context.Context, link *redis.PubSub) {
	asked := false
	for {
		message, err := link.ReceiveTimeout(ctx, wakeSilence)
		switch {
		case isTimeout(err) && !asked && ctx.Err() == nil:
			if link.Ping(ctx) != nil {
				return
			}
			asked = true
			continue
		case err != nil:
			return
		}
		asked = false
		switch m := message.(type) {
		case *redis.Subscription:
			if m.Kind == "subscribe" {
				w.confirmed(m.Channel)
			}
		case *redis.Message:
			w.message(m.Channel, m.Payload)
		}
	}
}

// confirmed treats a new subscription as if its channel had spoken: what was
// said before it is unknown.
func (w *waker) confirmed(channel string) {
	if channel == recheckChannel {
		w.lost()
		return
	}
	w.message(channel, "")
}

func (w *waker) message(channel, payload string) {
	if channel == recheckChannel {
		if campaign, subject, ok := strings.Cut(payload, " "); ok {
			w.rechecks.push(subjectKey{campaign, subject})
		}
		return
	}
	w.mu.Lock()
	f := w.wanted[channel]
	w.mu.Unlock()
	if f != nil {
		w.dirty.push(f)
	}
}
