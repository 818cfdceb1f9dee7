package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/musterhq/muster/api"
	"github.com/musterhq/muster/internal/redisclient"
)

// maxSkew is how far this node's clock may be from the store's and Redis's
// before it stops calling itself ready: the margin by which the sweep stays
// behind the ledger stands on it.
const maxSkew = 5 * time.Second

// drainTimeout bounds how long requests in flight may take after SIGTERM.
const drainTimeout = 10 * time.Second

// ServeOptions decide how the process answers.
type ServeOptions struct {
	TrustedProxies []string // addresses whose X-Forwarded-For is believed; empty: none
	Origins        []string // origins of pages, besides this host's, that may open live feeds
	FCM            FCM      // how briefings reach phones; the zero value: the inbox page
	// PublicURL is where people reach the server, https://example.org: it stands in
	// credentials for ever. Empty: the listener's address where that is loopback,
	// and else nobody takes a badge along.
	PublicURL   string
	Mail        Mail // where code mails go; the zero value: to the inbox page
	MaxInFlight int  // calls answered at once; 0: 256
	// Begun is called once, when nothing is left that could refuse to serve: for
	// whoever tells people the address. nil: nobody.
	Begun func()
}

// Serve runs the rooms' loops and answers on the listener until ctx ends; then
// it stops taking requests, lets those in flight finish, and ends the loops:
// requests before workers, so that nothing accepted is left without its worker.
// It answers ErrOtherKeys before it has begun.
func (a *App) Serve(ctx context.Context, listener net.Listener, options ServeOptions) error {
	if a.joinNodes != nil {
		if err := a.joinNodes(ctx); err != nil {
			return err
		}
	}
	hub, err := a.newHub(options.Origins)
	if err != nil {
		return err
	}
	briefings := a.newBriefings(options.FCM)
	worker, err := a.newWorker(ctx, options.FCM, briefings)
	if err != nil {
		return err
	}
	a.effects.add("briefings", briefings)
	a.onRun("briefings", func(ctx context.Context) error { return briefings.Run(ctx, a.log) })
	a.onRun("push", worker.Run)
	a.onRun("sessions", func(ctx context.Context) error { return a.People.Watch(ctx, hub.RecheckHere) })
	a.onRun("keys", func(ctx context.Context) error { return a.followKeys(ctx, hub.RecheckEverybodyHere) })
	parts := api.Parts{
		Campaigns: a.Campaigns, People: a.People, Points: a.Points, Goals: a.Goals, Badges: a.Badges, Tasks: a.Tasks, Reviews: a.Reviews, Boards: a.Boards, Briefings: briefings,
		Live: hub, Feeds: a.feeds,
		Clock: a.clock, Log: a.log, Ready: a.Ready, Wake: a.effects.Wake,
	}
	if options.Mail.URL == "" {
		parts.Inbox = inbox{a}
	}
	if err := a.deliverBy(options.Mail); err != nil {
		return err
	}
	server := api.New(parts, api.Options{PublicURL: publicURL(options.PublicURL, listener.Addr()), TrustedProxies: options.TrustedProxies, Version: a.options.Version, MaxInFlight: options.MaxInFlight})

	loops, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoops()
	group, running := errgroup.WithContext(loops)
	for _, r := range a.runners {
		group.Go(func() error {
			if err := r.run(running); err != nil && running.Err() == nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			return nil
		})
	}
	group.Go(func() error { return hub.Run(running) })
	if options.Begun != nil {
		options.Begun()
	}
	served := make(chan error, 1)
	go func() { served <- server.Fiber().Listener(newPatient(listener, a.log)) }()

	var failure error
	select {
	case <-ctx.Done():
		a.log.Info("stopping: no new requests; those in flight finish")
	case failure = <-served:
	case <-running.Done():
	}
	// Fiber closes no live connection: the hub asks them to go first.
	draining, drained := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer drained()
	if err := hub.Drain(draining); err != nil {
		a.log.Warn("some live connections were cut", "error", err)
	}
	if err := server.Fiber().ShutdownWithTimeout(drainTimeout); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		failure = errors.Join(failure, err)
	}
	stopLoops()
	return errors.Join(failure, group.Wait())
}

// redisPatience is how long askReady waits for Redis: shorter than who asks waits.
const redisPatience = 700 * time.Millisecond

// readyLife is how long an answer of Ready is given again.
const readyLife = time.Second

// readiness is what Ready answers everybody who asks within a second.
type readiness struct {
	mu    sync.Mutex
	asked time.Time
	last  *asking // nil before the first
}

// asking is one round of questions to the store and to Redis.
type asking struct {
	done   chan struct{} // closed when answer stands
	answer error
}

// errUnanswered is what those who waited get should the one who asked have ended
// without an answer: not that all is well.
var errUnanswered = errors.New("whether this node can serve was not found out")

// Ready says whether this node can serve: the store answers, and its clock,
// this node's and those of all Redis servers agree. A node that has not reached
// Redis yet is not ready. One that has stays ready while Redis is away: what is
// recorded needs the store alone and boards say that they are stale, and to
// take every node out of service at once would stop the rest as well.
//
// However many ask, and anybody may, store and Redis are asked once a second: who
// comes within a second of the last question gets, or waits for, the answer to it.
func (a *App) Ready(ctx context.Context) error {
	r := &a.readiness
	r.mu.Lock()
	now := a.clock.Now()
	if r.last != nil && now.Sub(r.asked).Abs() < readyLife {
		last := r.last
		r.mu.Unlock()
		select {
		case <-last.done:
			return last.answer
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	mine := &asking{done: make(chan struct{}), answer: errUnanswered}
	r.asked, r.last = now, mine
	r.mu.Unlock()
	defer close(mine.done)
	// Others wait for it: that this caller has gone is no answer for them.
	mine.answer = a.askReady(context.WithoutCancel(ctx))
	return mine.answer
}

func (a *App) askReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	stored, err := a.store.Now(ctx)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if skew := a.clock.Now().Sub(stored).Abs(); skew > maxSkew {
		return fmt.Errorf("this node's clock is %s off the store's", skew)
	}
	asking, stop := context.WithTimeout(ctx, redisPatience)
	defer stop()
	times, err := redisclient.Times(asking, a.redis)
	if err != nil && !a.reached.Load() {
		return fmt.Errorf("redis: %w", err)
	}
	for _, remembered := range times {
		if skew := a.clock.Now().Sub(remembered).Abs(); skew > maxSkew {
			return fmt.Errorf("this node's clock is %s off Redis's", skew)
		}
	}
	if err == nil {
		a.reached.Store(true)
	}
	return nil
}
