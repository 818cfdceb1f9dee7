package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	live "github.com/musterhq/muster/realtime/client"
)

const (
	// maxListeners is how many watch live, at most one for ten volunteers.
	maxListeners = 50
	// cutShare is the share of sockets that are cut at a time, as a train in a
	// tunnel cuts them.
	cutShare = 0.05
	cutEvery = 10 * time.Second
)

// listeners are leads who watch boards and tasks live. Each has a token and a
// connection of its own; now and then some lose it and must not miss anything.
type listeners struct {
	run     *run
	clients []*live.Client
}

func newListeners(r *run) *listeners {
	l := &listeners{run: r}
	address := "ws" + strings.TrimPrefix(r.o.BaseURL, "http") + "/v1/campaigns/" + r.o.Campaign + "/live"
	for range min(max(r.o.Volunteers/10, 1), maxListeners) {
		c := live.New(live.Options{URL: address, Token: r.system.StaffToken})
		for _, feed := range []string{"board:regions:" + r.o.Root, "board:teams:all", "tasks:" + r.o.Root} {
			c.Subscribe(live.Subscription{Feed: feed})
		}
		l.clients = append(l.clients, c)
	}
	return l
}

// watch listens until ctx ends. It is not an error of the demo's when a
// listener is sent away for good: the summary would show no frames.
func (l *listeners) watch(ctx context.Context) error {
	var connections sync.WaitGroup
	failures := make(chan error, len(l.clients))
	for _, c := range l.clients {
		connections.Go(func() {
			if err := c.Run(ctx); err != nil {
				failures <- err
			}
		})
	}
	l.cut(ctx)
	connections.Wait()
	select {
	case err := <-failures:
		return fmt.Errorf("a listener was sent away: %w", err)
	default:
		return nil
	}
}

// cut breaks connections until ctx ends: first early enough that a short run
// sees it.
func (l *listeners) cut(ctx context.Context) {
	every := cutEvery
	if l.run.o.For > 0 {
		every = min(every, l.run.o.For/4)
	}
	random := rand.New(rand.NewPCG(l.run.o.Seed, uint64(len(l.clients)))) //nolint:gosec // a schedule, not a secret
	for sleep(ctx, every) {
		for range max(int(float64(len(l.clients))*cutShare), 1) {
			l.clients[random.IntN(len(l.clients))].Cut()
		}
	}
}

// found adds up what the listeners saw.
func (l *listeners) found() *Feed {
	sum := &Feed{Clients: len(l.clients)}
	for _, c := range l.clients {
		n := c.Counters()
		sum.Frames += int(n.Frames)
		sum.Resumes += int(n.Resumes)
		sum.Gaps += int(n.Gaps)
		sum.Doubled += int(n.Doubled)
	}
	return sum
}
