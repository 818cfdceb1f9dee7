package realtime

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/redistest"
)

// BenchmarkFanOut is one event to every subscriber, from the reading of the feed
// to the sockets of loopback, as fast as the readers take it.
func BenchmarkFanOut(b *testing.B) {
	for _, connections := range []int{100, 1000} {
		b.Run(fmt.Sprint(connections), func(b *testing.B) { benchmarkFanOut(b, connections) })
	}
}

func benchmarkFanOut(b *testing.B, connections int) {
	_, rdb := redistest.InProcess(b)
	hub, err := New(Options{
		Feeds: NewFeeds(rdb, clock.System{}, FeedsOptions{}), Authenticator: &authFake{}, Authorizer: &mayFake{},
		Clock: clock.System{}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = hub.Run(ctx) })
	defer running.Wait()
	defer cancel()
	for !hub.running.Load() {
	}
	app := fiber.New(fiber.Config{Immutable: true, DisableStartupMessage: true, ReduceMemoryUsage: true})
	app.Get("/v1/campaigns/:campaign/live", Handler(hub))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = app.Listener(listener) }()
	defer func() { _ = app.Shutdown() }()

	conns := make([]net.Conn, connections)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", listener.Addr().String()); err != nil {
			b.Fatal(err)
		}
		defer conns[i].Close()
		request := fmt.Sprintf(handshake, "muster") +
			string(maskedText(fmt.Sprintf(`{"id":1,"method":"connect","params":{"token":"p%d","version":1}}`, i))) +
			string(maskedText(`{"id":2,"method":"subscribe","params":{"feed":"duels"}}`))
		if _, err := io.Copy(conns[i], strings.NewReader(request)); err != nil {
			b.Fatal(err)
		}
	}
	for hub.Counters().Subscriptions < int64(connections) {
	}
	var f *stream
	key := logKey(testCampaign, Feed{Kind: Duels})
	shard := hub.streams.shard(key)
	shard.mu.Lock()
	f = shard.held[key]
	shard.mu.Unlock()
	f.mu.Lock()
	at := Position{f.tail.epoch, f.tail.offset}
	f.mu.Unlock()
	entryOf := func(n uint64) reading {
		return reading{epoch: at.Epoch, offset: n, entries: []entry{{offset: n, id: fmt.Sprint(n), kind: "happened", data: `"` + strings.Repeat("x", 220) + `"`}}}
	}
	hub.takeEvents(f, entryOf(at.Offset+1))
	size := int64(len(f.tail.wire))
	var readers sync.WaitGroup
	for _, conn := range conns {
		readers.Go(func() {
			_, _ = io.CopyN(io.Discard, conn, size*int64(b.N+1)) // and the replies, which are less
		})
	}
	f.io.Lock() // nobody else reads the feed
	b.ReportAllocs()
	b.ResetTimer()
	for n := range uint64(b.N) {
		hub.takeEvents(f, entryOf(at.Offset+2+n))
		// A lead of this many is within what the list keeps for everybody.
		const lead = 200
		for behind := int64(n) - lead; hub.counters.framesOut.Load() < behind*int64(connections); {
			runtime.Gosched()
		}
	}
	readers.Wait()
	b.StopTimer()
	f.io.Unlock()
	b.ReportMetric(float64(b.N*connections)/b.Elapsed().Seconds(), "deliveries/s")
	if slow := hub.Counters().SlowCloses; slow > 0 {
		b.Errorf("%d clients were called slow", slow)
	}
}
