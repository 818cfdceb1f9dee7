package leaderboard

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

// watcher tells a test of the commands that were carried out.
type watcher struct {
	on   atomic.Bool
	seen chan string
}

func (w *watcher) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (w *watcher) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if w.on.Load() {
			w.seen <- cmd.Name()
		}
		return err
	}
}

func (w *watcher) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// TestRunBuildsTheBoardsAndEndsCleanly: a campaign is found, its boards are
// built from the ledger, a call into empty Redis wakes it, and no goroutine
// stays behind.
func TestRunBuildsTheBoardsAndEndsCleanly(t *testing.T) {
	w := newWorld(t)
	w.record(act{account: "p", home: genova, points: 5})
	wipe(t, w.redis, w.id)
	watch := &watcher{seen: make(chan string, 4096)}
	w.redis.AddHook(watch)
	ignored := goleak.IgnoreCurrent()
	ctx, stop := context.WithCancel(w.ctx)
	watch.on.Store(true)
	done := make(chan error)
	go func() { done <- w.boards.Run(ctx) }()
	// A round ends by looking which seasons are closed.
	wait := func() {
		t.Helper()
		for {
			select {
			case name := <-watch.seen:
				if name == "smembers" {
					return
				}
			case <-t.Context().Done():
				t.Fatal("no round was done")
			}
		}
	}
	wait()
	w.equal()
	drain(watch.seen)
	wipe(t, w.redis, w.id)
	w.apply(w.record(act{account: "q", home: genova, points: 5})) // wakes it
	wait()
	w.equal()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	watch.on.Store(false)
	if n := w.redis.Exists(w.ctx, leaseKey(w.id)).Val(); n != 0 {
		t.Error("the lease was not given back")
	}
	// The test's own Redis serves each connection of the pool.
	const serve = "github.com/alicebob/miniredis/v2/server.(*Server).servePeer"
	goleak.VerifyNone(t, ignored, goleak.IgnoreAnyFunction(serve), goleak.IgnoreAnyFunction(serve+".func2"))
}

func drain(c chan string) {
	for {
		select {
		case <-c:
		default:
			return
		}
	}
}

// TestNewTouchesNothing: neither Redis nor the store.
func TestNewTouchesNothing(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer client.Close()
	New(Parts{Redis: client, Store: newMemory()})
	if n := client.PoolStats().Misses; n != 0 {
		t.Errorf("%d connections", n)
	}
}

// TestScriptsNameTheirKeys: the head of each script lists every key and
// argument it uses.
func TestScriptsNameTheirKeys(t *testing.T) {
	for name, source := range map[string]string{"apply": applySource, "page": pageSource, "standing": standingSource, "lease": leaseSource} {
		head, body, _ := strings.Cut(source, "\n\n")
		for i := 1; i < 10; i++ {
			for _, what := range []string{"KEYS[", "ARGV["} {
				word := what + string(rune('0'+i)) + "]"
				if strings.Contains(body, word) && !strings.Contains(head, "-- "+word) {
					t.Errorf("%s.lua uses %s, and its head does not say what it is", name, word)
				}
			}
		}
		if !strings.Contains(head, "Returns") {
			t.Errorf("%s.lua does not say what it returns", name)
		}
	}
}
