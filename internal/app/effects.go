package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/store"
)

// effectsTick is for what a crash left and for effects that fell due; a request
// that may have left an effect wakes the workers at once.
const effectsTick = time.Second

// carrier is a room whose documents hold effects.
type carrier interface {
	CarryOut(ctx context.Context, now time.Time, do func(ctx context.Context, campaign string, e store.Effect) error) (int, error)
}

// effect is the function that carries out one kind; it is idempotent by
// Effect.ID.
type effect func(ctx context.Context, campaign string, e store.Effect) error

// effects are the workers, one a room, that carry out what documents say must
// still happen.
type effects struct {
	rooms []room
	kinds map[string]effect
	clock clock.Clock
	log   *slog.Logger
}

type room struct {
	name string
	carrier
	wake chan struct{}
}

func newEffects(clock clock.Clock, log *slog.Logger) *effects {
	return &effects{kinds: map[string]effect{}, clock: clock, log: log}
}

// add gives a room a worker. It must not be called once Run runs.
func (w *effects) add(name string, c carrier) {
	w.rooms = append(w.rooms, room{name: name, carrier: c, wake: make(chan struct{}, 1)})
}

// Wake makes the workers look now. It never blocks.
func (w *effects) Wake() {
	for _, r := range w.rooms {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// Run works until ctx ends.
func (w *effects) Run(ctx context.Context) error {
	var group sync.WaitGroup
	for _, r := range w.rooms {
		group.Go(func() { w.work(ctx, r) })
	}
	group.Wait()
	return nil
}

func (w *effects) work(ctx context.Context, r room) {
	tick := time.NewTicker(effectsTick)
	defer tick.Stop()
	for {
		w.pass(ctx, r)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-r.wake:
		}
	}
}

// pass carries out what is due until a round finds nothing.
func (w *effects) pass(ctx context.Context, r room) {
	for ctx.Err() == nil {
		n, err := r.CarryOut(ctx, w.clock.Now(), w.do)
		if err != nil && ctx.Err() == nil {
			w.log.Warn("effects are late and will be tried again", "room", r.name, "error", firstLine(err))
		}
		if n == 0 || err != nil {
			return
		}
	}
}

func (w *effects) do(ctx context.Context, campaign string, e store.Effect) error {
	carry, ok := w.kinds[e.Kind]
	if !ok {
		return fmt.Errorf("no worker for effect kind %q", e.Kind)
	}
	return carry(ctx, campaign, e)
}

// firstLine keeps a log readable when a hundred effects fail for one reason.
func firstLine(err error) string {
	line, rest, more := strings.Cut(err.Error(), "\n")
	if more {
		return fmt.Sprintf("%s (and %d more)", line, strings.Count(rest, "\n")+1)
	}
	return line
}
