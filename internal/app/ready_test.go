package app_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/musterhq/muster/internal/app"
)

func openOn(t *testing.T, redisURL string) *app.App {
	t.Helper()
	a, err := app.Open(t.Context(), app.Options{Data: t.TempDir(), RedisURL: redisURL, Log: slog.New(slog.DiscardHandler)})
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
	a := openOn(t, address)
	if err := a.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.SetTime(time.Now().Add(time.Minute))
	if err := a.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "off Redis's") {
		t.Errorf("with Redis's clock a minute ahead: %v", err)
	}
	server.Close()
	if err := a.Ready(t.Context()); err != nil {
		t.Errorf("Redis is away: %v", err)
	}
	if err := openOn(t, address).Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "redis:") {
		t.Errorf("Redis was never there: %v", err)
	}
}
