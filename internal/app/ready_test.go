package app_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/musterhq/muster/internal/app"
	"github.com/musterhq/muster/internal/clock"
)

func openOn(t *testing.T, redisURL string, c clock.Clock) *app.App {
	t.Helper()
	a, err := app.Open(t.Context(), app.Options{Data: t.TempDir(), RedisURL: redisURL, Log: slog.New(slog.DiscardHandler), Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// TestReadyWithoutRedis: a node that has reached Redis stays in service while it
// is away; one that never has does not come into service.
func TestReadyWithoutRedis(t *testing.T) {
	server := miniredis.RunT(t)
	address := "redis://" + server.Addr() + "/0"
	now := clock.NewManual(time.Now())
	a := openOn(t, address, now)
	if err := a.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.SetTime(time.Now().Add(time.Minute))
	now.Advance(time.Second) // an answer is a second old at most
	if err := a.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "off Redis's") {
		t.Errorf("with Redis's clock a minute ahead: %v", err)
	}
	server.Close()
	now.Advance(time.Second)
	if err := a.Ready(t.Context()); err != nil {
		t.Errorf("Redis is away: %v", err)
	}
	if err := openOn(t, address, now).Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "redis:") {
		t.Errorf("Redis was never there: %v", err)
	}
}

// TestReadyAsksOnceASecond: however many ask, and at once, Redis is asked once;
// a second later it is asked again, and the answer is the new one. One caller who
// leaves takes nobody's answer along.
func TestReadyAsksOnceASecond(t *testing.T) {
	server := miniredis.RunT(t)
	now := clock.NewManual(time.Now())
	a := openOn(t, "redis://"+server.Addr()+"/0", now)
	gone, leave := context.WithCancel(t.Context())
	leave()
	before := server.CommandCount()
	if err := a.Ready(gone); err != nil {
		t.Errorf("who asked had gone: %v", err)
	}
	once := server.CommandCount() - before
	if once == 0 {
		t.Fatal("Redis was not asked")
	}
	ask := func() {
		t.Helper()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := a.Ready(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	now.Advance(900 * time.Millisecond)
	ask()
	if got := server.CommandCount() - before; got != once {
		t.Errorf("%d commands, want the %d of the first time", got, once)
	}
	now.Advance(100 * time.Millisecond)
	before = server.CommandCount()
	ask()
	if got := server.CommandCount() - before; got == 0 || got > once {
		t.Errorf("a second later: %d commands, want 1 to %d", got, once)
	}
	server.SetTime(time.Now().Add(time.Minute))
	now.Advance(time.Second)
	if a.Ready(t.Context()) == nil {
		t.Error("an old answer was given")
	}
}
