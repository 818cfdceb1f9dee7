package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// TestDrainSpreadsConnections: everybody is told to go and when to come back,
// in batches within the window, and nobody new is let in.
func TestDrainSpreadsConnections(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb, func(h *Hub) {
		h.opts.DrainWindow, h.opts.ReconnectSpread = time.Second, 10*time.Second
		h.limits.idle = 30 * time.Second
	})
	const connections = 200
	phones := make([]*phone, connections)
	for i := range phones {
		phones[i] = s.connect(fmt.Sprint("p", i))
	}
	began := time.Now()
	drained := make(chan error, 1)
	go func() { drained <- s.hub.Drain(t.Context()) }()
	var mu sync.Mutex
	var hints, times []time.Duration
	var readers sync.WaitGroup
	for _, p := range phones {
		readers.Go(func() {
			code, text := p.closed()
			var reason closeReason
			if err := json.Unmarshal([]byte(text), &reason); err != nil || code != int(CloseDraining) || reason.Code != "draining" || reason.ReconnectIn == nil {
				t.Errorf("closed with %d %s", code, text)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			hints = append(hints, time.Duration(*reason.ReconnectIn)*time.Millisecond)
			times = append(times, time.Since(began))
		})
	}
	waitFor(t, "draining", s.hub.draining.Load)
	if _, response, err := websocket.DefaultDialer.Dial(s.url(), nil); err == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("a new connection while draining: %v, %+v", err, response)
	}
	readers.Wait()
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("draining took %v", took)
	}
	var sum time.Duration
	distinct := map[time.Duration]bool{}
	for _, hint := range hints {
		if hint < 0 || hint > 10*time.Second {
			t.Fatalf("a hint of %v", hint)
		}
		sum += hint
		distinct[hint] = true
	}
	if mean := sum / connections; mean < 3*time.Second || mean > 7*time.Second || len(distinct) < connections/2 {
		t.Errorf("hints of %v in the mean, %d distinct, are not spread over 10 s", mean, len(distinct))
	}
	late := 0
	for _, at := range times {
		if at > 200*time.Millisecond {
			late++
		}
	}
	if late < connections/4 {
		t.Errorf("only %d of %d were closed after the first batch", late, connections)
	}
}

// TestDrainEndsWithItsContext: a client that does not go is dropped.
func TestDrainEndsWithItsContext(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb, func(h *Hub) { h.limits.linger = time.Hour })
	p := s.connect("ann") // reads nothing, so never answers the close frame
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.hub.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("drained with %v", err)
	}
	waitFor(t, "the connection to be gone", func() bool { return s.hub.Counters().Connections == 0 })
	s.hub.limits.linger = 300 * time.Millisecond // for the end of Run
	p.expectClose(CloseDraining)
}
