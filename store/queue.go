package store

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Queue lets callers of one key take turns within this process, first come
// first served, so that the conflict of an optimistic write is met between
// processes only. It keeps nothing of a key that nobody waits for. Make one
// with NewQueue; it is safe for concurrent use.
type Queue struct {
	mu   sync.Mutex
	keys map[string]*turn
}

type turn struct {
	token   chan struct{} // holds one token while nobody is in
	waiting int           // callers in or waiting; the last one out removes the key
}

// NewQueue is a queue in which nobody waits.
func NewQueue() *Queue { return &Queue{keys: map[string]*turn{}} }

// Enter waits for the key's turn and returns the function that passes it on,
// to be called once. It fails only with ctx's error, and then holds nothing.
func (q *Queue) Enter(ctx context.Context, key string) (leave func(), err error) {
	q.mu.Lock()
	t := q.keys[key]
	if t == nil {
		t = &turn{token: make(chan struct{}, 1)}
		t.token <- struct{}{}
		q.keys[key] = t
	}
	t.waiting++
	q.mu.Unlock()

	out := func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if t.waiting--; t.waiting == 0 {
			delete(q.keys, key)
		}
	}
	select {
	case <-ctx.Done():
		out()
		return nil, ctx.Err()
	case <-t.token:
		return func() { t.token <- struct{}{}; out() }, nil
	}
}

// Pause waits before another try at an optimistic write that met somebody
// else's: a random while, up to 5 ms after the first try (0) and up to 50 ms
// after the tenth, so that two processes do not keep meeting. It fails only
// with ctx's error.
func Pause(ctx context.Context, try int) error {
	longest := time.Duration(min(try+1, 10)) * 5 * time.Millisecond
	timer := time.NewTimer(rand.N(longest)) //nolint:gosec // spreads load, guards nothing
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
