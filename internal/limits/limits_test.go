package limits_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/internal/limits"
)

var start = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func open(t *testing.T) (*limits.Limiter, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	server.SetTime(start)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1, DisableIdentity: true})
	t.Cleanup(func() { client.Close() })
	return limits.New(client), server
}

func TestAllowGivesTheWholeRateAtOnceAndThenEvenly(t *testing.T) {
	l, server := open(t)
	ctx := context.Background()
	for i := range 5 {
		if ok, wait, err := l.Allow(ctx, "c1", "k", 5, time.Hour); !ok || wait != 0 || err != nil {
			t.Fatalf("take %d: ok=%v wait=%v err=%v", i+1, ok, wait, err)
		}
	}
	ok, wait, err := l.Allow(ctx, "c1", "k", 5, time.Hour)
	if ok || err != nil || (wait-12*time.Minute).Abs() > time.Second {
		t.Fatalf("the sixth: ok=%v wait=%v err=%v, want a wait of 12 minutes", ok, wait, err)
	}
	// A refusal takes nothing: exactly one is back after a fifth of the hour.
	server.SetTime(start.Add(12*time.Minute + time.Second))
	if ok, _, _ := l.Allow(ctx, "c1", "k", 5, time.Hour); !ok {
		t.Fatal("refused after the wait it named")
	}
	if ok, _, _ := l.Allow(ctx, "c1", "k", 5, time.Hour); ok {
		t.Fatal("a second one was back")
	}
}

func TestLeftTakesNothing(t *testing.T) {
	l, server := open(t)
	ctx := context.Background()
	for range 20 {
		if ok, _, err := l.Left(ctx, "c1", "k", 3, time.Hour); !ok || err != nil {
			t.Fatalf("untouched: ok=%v err=%v", ok, err)
		}
	}
	for i := range 3 {
		if ok, _, err := l.Left(ctx, "c1", "k", 3, time.Hour); !ok || err != nil {
			t.Fatalf("with %d taken: ok=%v err=%v", i, ok, err)
		}
		if ok, _, _ := l.Allow(ctx, "c1", "k", 3, time.Hour); !ok {
			t.Fatalf("take %d refused", i+1)
		}
	}
	// Just after the last was taken, and still so just before one is back.
	for _, at := range []time.Duration{0, time.Millisecond, 19 * time.Minute} {
		server.SetTime(start.Add(at))
		ok, wait, err := l.Left(ctx, "c1", "k", 3, time.Hour)
		if ok || err != nil || (wait-(20*time.Minute-at)).Abs() > time.Second {
			t.Fatalf("after %v: ok=%v wait=%v err=%v", at, ok, wait, err)
		}
	}
	server.SetTime(start.Add(20*time.Minute + time.Second))
	if ok, _, _ := l.Left(ctx, "c1", "k", 3, time.Hour); !ok {
		t.Fatal("none left after the wait it named")
	}
}

func TestKeysAreApartAndInTheCampaignsSlot(t *testing.T) {
	l, server := open(t)
	ctx := context.Background()
	l.Allow(ctx, "c1", "k", 1, time.Hour)
	for _, other := range [][2]string{{"c2", "k"}, {"c1", "k2"}} {
		if ok, _, err := l.Allow(ctx, other[0], other[1], 1, time.Hour); !ok || err != nil {
			t.Fatalf("%v shares the count of another: err=%v", other, err)
		}
	}
	if !server.Exists("rate:muster:{c1}:k") {
		t.Fatalf("keys are %v", server.Keys())
	}
	if ttl := server.TTL("rate:muster:{c1}:k"); ttl <= 0 || ttl > time.Hour+time.Second {
		t.Fatalf("the key expires in %v", ttl)
	}
}

func TestConcurrentTakersGetExactlyTheRate(t *testing.T) {
	l, _ := open(t)
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if ok, _, err := l.Allow(context.Background(), "c1", "k", 10, time.Hour); err == nil && ok {
				allowed.Add(1)
			}
		})
	}
	wg.Wait()
	if allowed.Load() != 10 {
		t.Fatalf("%d were allowed, want 10", allowed.Load())
	}
}

func TestAnErrorIsNeverAnAllowance(t *testing.T) {
	l, server := open(t)
	server.Close()
	if ok, _, err := l.Allow(context.Background(), "c1", "k", 5, time.Hour); ok || err == nil {
		t.Fatalf("Allow without Redis: ok=%v err=%v", ok, err)
	}
	if ok, _, err := l.Left(context.Background(), "c1", "k", 5, time.Hour); ok || err == nil {
		t.Fatalf("Left without Redis: ok=%v err=%v", ok, err)
	}
}
