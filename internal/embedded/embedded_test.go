package embedded

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func start(t *testing.T) *Server {
	t.Helper()
	s, err := Start("a password")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestKeysAgeWithTheClock(t *testing.T) {
	s, ctx := start(t), context.Background()
	if err := s.Client().Set(ctx, "k", "v", 20*time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	ticks, began, done := make(chan time.Time), time.Now(), make(chan struct{})
	go func() { s.age(running, ticks, began); close(done) }()
	ticks <- began.Add(5 * time.Second)
	ticks <- began.Add(12 * time.Second) // that this one is taken means that the first has been carried out
	if left := s.Client().TTL(ctx, "k").Val(); left > 15*time.Second || left < 8*time.Second {
		t.Errorf("after 5 to 12 s %v are left", left)
	}
	ticks <- began.Add(21 * time.Second)
	stop()
	<-done
	if n := s.Client().Exists(ctx, "k").Val(); n != 0 {
		t.Error("the key is there after 21 s")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := start(t).Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestOnlyTheProcessGetsIn(t *testing.T) {
	s, ctx := start(t), context.Background()
	host, _, err := net.SplitHostPort(s.redis.Addr())
	if ip := net.ParseIP(host); err != nil || !ip.IsLoopback() {
		t.Errorf("it listens on %s", s.redis.Addr())
	}
	stranger := redis.NewClient(&redis.Options{Addr: s.redis.Addr(), MaxRetries: -1})
	defer stranger.Close()
	if err := stranger.Get(ctx, "k").Err(); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("a stranger is told %v", err)
	}
	if err := s.Client().Ping(ctx).Err(); err != nil {
		t.Error(err)
	}
}

func TestClientKeepsToTheCallersDeadline(t *testing.T) {
	o := start(t).Client().Options()
	if o.MaxRetries != 0 || !o.ContextTimeoutEnabled { // go-redis keeps -1 as 0
		t.Errorf("retries %d, context %v", o.MaxRetries, o.ContextTimeoutEnabled)
	}
}

func TestCloseEndsBoth(t *testing.T) {
	s, err := Start("a password")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Client().Ping(context.Background()).Err(); err == nil {
		t.Error("the client works after Close")
	}
}
