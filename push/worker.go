package push

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/store"
)

// Briefings is the queue; briefing.Service is one.
type Briefings interface {
	Ready(ctx context.Context, each int) ([]briefing.Ref, error)
	Take(ctx context.Context, ref briefing.Ref, holder string) (*briefing.Taken, error)
	Record(ctx context.Context, taken *briefing.Taken, results []briefing.Result) error
	Release(ctx context.Context, taken *briefing.Taken) error
}

// Gate clears people for a send; people.Gate is one.
type Gate interface {
	Clear(ctx context.Context, campaignID, purpose, channel string, to []string) ([]people.Cleared, []people.Refused, error)
}

// Options tunes a worker.
type Options struct {
	// Purpose is the consent that a briefing needs. Zero value means "news".
	Purpose string
	// Channel is the consent's channel: people.Push or, where the inbox stands
	// for a mailbox, people.Email. Zero value means people.Push.
	Channel string
	// Parcels is how many parcels this node works on at once. Zero value means 4.
	Parcels int
	// InFlight is how many sends of a parcel wait for their answer at once.
	// Zero value means 50.
	InFlight int
	// Flush is how often outcomes are recorded. Zero value means 50 ms.
	Flush time.Duration
	// Monotonic is a clock that no step of the machine's clock moves; leases
	// are held by it. Zero value means the runtime's.
	Monotonic func() time.Duration
}

func (o *Options) fill() {
	started := time.Now() //nolint:forbidigo // the monotonic clock
	if o.Purpose == "" {
		o.Purpose = "news"
	}
	if o.Channel == "" {
		o.Channel = people.Push
	}
	if o.Parcels == 0 {
		o.Parcels = 4
	}
	if o.InFlight == 0 {
		o.InFlight = 50
	}
	if o.Flush == 0 {
		o.Flush = 50 * time.Millisecond
	}
	if o.Monotonic == nil {
		o.Monotonic = func() time.Duration { return time.Since(started) }
	}
}

// Pace of a worker.
const (
	idle     = 200 * time.Millisecond // between looks that found nothing
	refsEach = 4                      // parcels of a tier in one look
	// sendTimeout bounds one send. leaseMargin is more than that, so a send
	// that begins under the lease is recorded under it.
	sendTimeout = 10 * time.Second
	leaseMargin = 15 * time.Second
)

// Worker delivers parcels. It is safe for concurrent use, and any number of
// nodes may run one.
type Worker struct {
	briefings Briefings
	gate      Gate
	sender    Sender
	rate      *Rate
	options   Options
	id        string
	log       *slog.Logger
}

// Parts are what a worker works with; all are required.
type Parts struct {
	Briefings Briefings
	Gate      Gate
	Sender    Sender
	Rate      *Rate
	Log       *slog.Logger
}

// New makes a worker; it starts nothing.
func New(parts Parts, options Options) *Worker {
	options.fill()
	return &Worker{
		briefings: parts.Briefings, gate: parts.Gate, sender: parts.Sender, rate: parts.Rate,
		options: options, id: store.NewID(), log: parts.Log,
	}
}

// Run delivers until ctx ends; then sends in flight are awaited and recorded.
func (w *Worker) Run(ctx context.Context) error {
	var group errgroup.Group
	for range w.options.Parcels {
		group.Go(func() error {
			w.loop(ctx)
			return nil
		})
	}
	return group.Wait()
}

func (w *Worker) loop(ctx context.Context) {
	for ctx.Err() == nil {
		worked, err := w.Work(ctx)
		if err != nil && ctx.Err() == nil {
			w.log.Warn("delivery is late", "error", err)
		}
		if worked && err == nil {
			continue
		}
		pause := time.NewTimer(idle/2 + rand.N(idle))
		select {
		case <-ctx.Done():
			pause.Stop()
		case <-pause.C:
		}
	}
}

// Work looks once and delivers what it can take. It says whether it got
// anything done; if not, the caller pauses before it looks again.
func (w *Worker) Work(ctx context.Context) (bool, error) {
	refs, err := w.briefings.Ready(ctx, refsEach)
	if err != nil {
		return false, err
	}
	worked, credit := false, 0
	for _, ref := range refs {
		if ctx.Err() != nil {
			return worked, ctx.Err()
		}
		if credit == 0 {
			credit = w.rate.Take(ctx, ref.Tier, 1)
		}
		if credit == 0 {
			continue // no quota for this tier: do not take what cannot be sent
		}
		begun := w.options.Monotonic() // before the taking: the lease cannot end sooner than we think
		taken, err := w.briefings.Take(ctx, ref, w.id)
		if errors.Is(err, briefing.ErrBusy) {
			continue
		}
		if err != nil {
			return worked, err
		}
		p := &pass{w: w, taken: taken, begun: begun, credit: credit}
		progress, err := p.deliver(ctx)
		credit = p.credit
		worked = worked || progress
		if err != nil {
			return worked, err
		}
	}
	return worked, nil
}
