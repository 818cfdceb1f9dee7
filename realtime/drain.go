package realtime

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	drainBatches = 10
	drainAtOnce  = 64 // as few are one batch
)

// Drain refuses new connections from now on, asks all there are to go (4001,
// each with a reconnect hint of its own) spread over Options.DrainWindow, and
// returns when none is left. When ctx ends first it closes the rest at once and
// returns ctx's error. Run it before the HTTP server's shutdown, which closes
// no live connection.
func (h *Hub) Drain(ctx context.Context) error {
	h.draining.Store(true)
	all := h.conns.all()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	size := max(drainAtOnce, (len(all)+drainBatches-1)/drainBatches)
	pause := time.NewTicker(h.opts.DrainWindow / drainBatches)
	defer pause.Stop()
	for len(all) > 0 {
		n := min(size, len(all))
		for _, c := range all[:n] {
			c.close(CloseDraining, h.reconnectIn())
		}
		if all = all[n:]; len(all) == 0 {
			break
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return h.drop(ctx)
		}
	}
	// A connection that was let in before draining began may have come after
	// the list was made; and those told to go need their moment.
	for h.counters.connections.Load() > 0 {
		select {
		case <-pause.C:
			for _, c := range h.conns.all() {
				c.close(CloseDraining, h.reconnectIn())
			}
		case <-ctx.Done():
			return h.drop(ctx)
		}
	}
	return nil
}

func (h *Hub) drop(ctx context.Context) error {
	for _, c := range h.conns.all() {
		c.kill()
	}
	return ctx.Err()
}
