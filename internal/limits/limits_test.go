package limits_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/internal/limits"
	"github.com/musterhq/muster/internal/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.Main(m)) }

// counted is a limiter on the Redis of this run, and how to reach below it.
type counted struct {
	*limits.Limiter
	t      *testing.T
	client redis.UniversalClient
	// Two campaigns that no other run has.
	c1, c2 string
}

func open(t *testing.T) *counted {
	t.Helper()
	client := redistest.Open(t)
	id := fmt.Sprint(time.Now().UnixNano())
	c := &counted{limits.New(client), t, client, "c1-" + id, "c2-" + id}
	t.Cleanup(func() {
		redistest.Wipe(t, client, "rate:muster:{"+c.c1+"}")
		redistest.Wipe(t, client, "rate:muster:{"+c.c2+"}")
	})
	return c
}

// elapse lets time pass for what is counted under k in the first campaign: on a
// Redis whose clock nobody turns, what it remembers, in seconds, is made older.
func (c *counted) elapse(d time.Duration) {
	c.t.Helper()
	if err := c.client.IncrByFloat(c.t.Context(), "rate:muster:{"+c.c1+"}:k", -d.Seconds()).Err(); err != nil {
		c.t.Fatal(err)
	}
}

// slack is what the test itself may take.
const slack = 10 * time.Second

func TestAllowGivesTheWholeRateAtOnceAndThenEvenly(t *testing.T) {
	l := open(t)
	ctx := context.Background()
	for i := range 5 {
		if ok, wait, err := l.Allow(ctx, l.c1, "k", 5, time.Hour); !ok || wait != 0 || err != nil {
			t.Fatalf("take %d: ok=%v wait=%v err=%v", i+1, ok, wait, err)
		}
	}
	ok, wait, err := l.Allow(ctx, l.c1, "k", 5, time.Hour)
	if ok || err != nil || (wait-12*time.Minute).Abs() > slack {
		t.Fatalf("the sixth: ok=%v wait=%v err=%v, want a wait of 12 minutes", ok, wait, err)
	}
	// A refusal takes nothing: exactly one is back after a fifth of the hour.
	l.elapse(12 * time.Minute)
	if ok, _, _ := l.Allow(ctx, l.c1, "k", 5, time.Hour); !ok {
		t.Fatal("refused after the wait it named")
	}
	if ok, _, _ := l.Allow(ctx, l.c1, "k", 5, time.Hour); ok {
		t.Fatal("a second one was back")
	}
}

func TestLeftTakesNothing(t *testing.T) {
	l := open(t)
	ctx := context.Background()
	for range 20 {
		if ok, _, err := l.Left(ctx, l.c1, "k", 3, time.Hour); !ok || err != nil {
			t.Fatalf("untouched: ok=%v err=%v", ok, err)
		}
	}
	for i := range 3 {
		if ok, _, err := l.Left(ctx, l.c1, "k", 3, time.Hour); !ok || err != nil {
			t.Fatalf("with %d taken: ok=%v err=%v", i, ok, err)
		}
		if ok, _, _ := l.Allow(ctx, l.c1, "k", 3, time.Hour); !ok {
			t.Fatalf("take %d refused", i+1)
		}
	}
	// Just after the last was taken, and still so just before one is back.
	var at time.Duration
	for _, more := range []time.Duration{0, time.Millisecond, 19 * time.Minute} {
		l.elapse(more)
		at += more
		ok, wait, err := l.Left(ctx, l.c1, "k", 3, time.Hour)
		if ok || err != nil || (wait-(20*time.Minute-at)).Abs() > slack {
			t.Fatalf("after %v: ok=%v wait=%v err=%v", at, ok, wait, err)
		}
	}
	l.elapse(time.Minute)
	if ok, _, _ := l.Left(ctx, l.c1, "k", 3, time.Hour); !ok {
		t.Fatal("none left after the wait it named")
	}
}

func TestKeysAreApartAndInTheCampaignsSlot(t *testing.T) {
	l := open(t)
	ctx := context.Background()
	l.Allow(ctx, l.c1, "k", 1, time.Hour)
	for _, other := range [][2]string{{l.c2, "k"}, {l.c1, "k2"}} {
		if ok, _, err := l.Allow(ctx, other[0], other[1], 1, time.Hour); !ok || err != nil {
			t.Fatalf("%v shares the count of another: err=%v", other, err)
		}
	}
	if keys := redistest.Keys(t, l.client, "rate:muster:{"+l.c1+"}"); len(keys) != 2 || !slices.Contains(keys, "rate:muster:{"+l.c1+"}:k") {
		t.Fatalf("keys are %v", keys)
	}
	if ttl := l.client.TTL(ctx, "rate:muster:{"+l.c1+"}:k").Val(); ttl <= 0 || ttl > time.Hour+time.Second {
		t.Fatalf("the key expires in %v", ttl)
	}
}

func TestConcurrentTakersGetExactlyTheRate(t *testing.T) {
	l := open(t)
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if ok, _, err := l.Allow(context.Background(), l.c1, "k", 10, time.Hour); err == nil && ok {
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
	server, client := redistest.InProcess(t)
	l := limits.New(client)
	server.Close()
	if ok, _, err := l.Allow(context.Background(), "c1", "k", 5, time.Hour); ok || err == nil {
		t.Fatalf("Allow without Redis: ok=%v err=%v", ok, err)
	}
	if ok, _, err := l.Left(context.Background(), "c1", "k", 5, time.Hour); ok || err == nil {
		t.Fatalf("Left without Redis: ok=%v err=%v", ok, err)
	}
}
