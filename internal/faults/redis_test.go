//go:build fault

package faults

import (
	"context"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/redistest"
	"github.com/musterhq/muster/internal/tcpproxy"
)

// onRedis is newWorld on a Redis of its own, which is behind a proxy.
func onRedis(t *testing.T, fault string) (*world, *redistest.Server, *tcpproxy.Proxy) {
	t.Helper()
	w := newWorld(t, fault)
	server := redistest.Start(t)
	proxy := tcpproxy.New(t, server.Addr)
	w.redis = "redis://" + proxy.Addr + "/0"
	return w, server, proxy
}

// writesGoOn holds the server to what it promises while Redis is away: what is
// handed in is answered ok, boards say that they are stale.
func (w *world) writesGoOn(what string) {
	w.t.Helper()
	w.more(what, &w.load.ok, 20)
	if code := status(*w.base.Load(), "/readyz"); code != 200 {
		w.t.Errorf("%s: /readyz answers %d", what, code)
	}
}

func TestRedisKilled(t *testing.T) {
	w, server, _ := onRedis(t, "Redis killed, away for 5 s, back empty")
	w.begin()
	for range 2 {
		server.Kill()
		refused, unknown := w.load.refused.Load(), w.load.unknown.Load()
		lasting(5 * time.Second)
		w.writesGoOn("answers without Redis")
		if w.load.refused.Load() != refused || w.load.unknown.Load() != unknown {
			t.Errorf("without Redis %d batches were refused and %d not answered", w.load.refused.Load()-refused, w.load.unknown.Load()-unknown)
		}
		server.Restart()
		w.heals()
	}
	w.row.Rounds = 2
	w.end("every batch is answered ok meanwhile; `/readyz` stays 200; boards are built again by themselves")
}

func TestRedisWiped(t *testing.T) {
	w, server, _ := onRedis(t, "Redis wiped (`FLUSHALL`) under load")
	w.begin()
	w.row.Rounds = 5
	for range w.row.Rounds {
		if err := server.Client().FlushAll(context.Background()).Err(); err != nil {
			t.Fatal(err)
		}
		w.heals()
	}
	w.end("ranks come back by themselves")
}

func TestRedisFailsOver(t *testing.T) {
	w, primary, proxy := onRedis(t, "Redis fails over to a replica that is at least 1.5 s behind")
	replica := primary.Replica()
	w.begin()
	replica.Stop()
	w.more("answers that the replica will lack", &w.load.ok, 30)
	lasting(1500 * time.Millisecond)
	primary.Kill()
	replica.Continue()
	replica.Promote()
	proxy.Lead(replica.Addr)
	w.heals()
	w.more("answers on the promoted one", &w.load.fresh, 100)
	w.end("what the replica had missed is on the boards again, though Redis had acknowledged it")
}

func TestRedisSlow(t *testing.T) {
	w, _, proxy := onRedis(t, "every answer of Redis 500 ms late")
	w.begin()
	proxy.Delay(500 * time.Millisecond)
	began, before := time.Now(), w.load.ok.Load()
	w.more("answers with a slow Redis", &w.load.ok, 40)
	w.row.Rounds = 1
	each := time.Since(began) * workers / time.Duration(w.load.ok.Load()-before)
	if each > 15*time.Second {
		t.Errorf("a batch took %v", each)
	}
	if w.load.unknown.Load() != 0 {
		t.Errorf("%d batches were not answered", w.load.unknown.Load())
	}
	proxy.Delay(0)
	w.heals()
	w.end("every batch is answered within 15 s (a rank is waited for 2 s, the points never)")
}

func TestRedisAnswersAreLost(t *testing.T) {
	w, _, proxy := onRedis(t, "one in five answers of Redis lost after it did the work")
	w.begin()
	proxy.Lose(0.2)
	await(t, "100 lost answers", func() bool { return proxy.Lost() >= 100 })
	proxy.Lose(0)
	w.heals()
	w.end("nothing is added to a board twice")
}
