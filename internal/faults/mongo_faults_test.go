//go:build fault && servers

package faults

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/redistest"
	"github.com/musterhq/muster/internal/tcpproxy"
)

// behindProxy is a world on a fresh database of the MongoDB server, which is
// behind a proxy, and on a Redis of its own.
func behindProxy(t *testing.T, fault string) (*world, *tcpproxy.Proxy) {
	t.Helper()
	w := anyWorld(t, fault)
	proxy := tcpproxy.New(t, hostOf(mongoURL))
	w.mongo = behind(database(t), proxy.Addr)
	w.redis = redistest.Start(t).URL()
	w.migrated()
	return w, proxy
}

// behind is an address whose host is another. The driver asks no server for
// others: they would not be behind the proxy.
func behind(address, host string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	hosts, rest, _ := strings.Cut(rest, "/")
	user := hosts[:strings.Index(hosts, "@")+1]
	mark := "?"
	if strings.Contains(rest, "?") {
		mark = "&"
	}
	return scheme + "://" + user + host + "/" + rest + mark + "directConnection=true"
}

// acknowledgesNothing holds the server to what it promises while the store is
// away: nothing is answered ok, it is not ready, and it stays.
func (w *world) acknowledgesNothing(during time.Duration) {
	w.t.Helper()
	await(w.t, "a server that says that it is not ready", func() bool { return status(*w.base.Load(), "/readyz") == 503 })
	// What was written before is still answered: a rank is waited for 2 s.
	const answered = 3 * time.Second
	lasting(answered)
	ok := w.load.ok.Load()
	lasting(during - answered)
	if more := w.load.ok.Load() - ok; more > 0 {
		w.t.Errorf("%d batches were acknowledged without the store", more)
	}
	if w.server.died() {
		w.t.Fatalf("the server ended:\n%s", w.server.tail())
	}
	if code := status(*w.base.Load(), "/healthz"); code != 200 {
		w.t.Errorf("/healthz answers %d", code)
	}
}

func TestMongoGone(t *testing.T) {
	w, proxy := behindProxy(t, "MongoDB gone for 5 s: connections break and new ones are refused")
	w.begin()
	w.row.Rounds = 2
	for range w.row.Rounds {
		proxy.Down()
		w.acknowledgesNothing(5 * time.Second)
		proxy.Up()
		w.heals()
	}
	w.end("nothing is acknowledged meanwhile, `/readyz` is 503, the process stays; who waited is answered when it is back")
}

// TestMongoSilent: longer than any call may take. What was asked is carried out,
// and nobody hears of it.
func TestMongoSilent(t *testing.T) {
	w, proxy := behindProxy(t, "MongoDB silent for 15 s: connections stand, requests arrive, no answer comes back")
	w.begin()
	proxy.Silence(true)
	w.acknowledgesNothing(15 * time.Second)
	if w.load.unknown.Load() == 0 {
		t.Error("every outcome was known: this is no fault")
	}
	proxy.Silence(false)
	w.heals()
	w.end("calls end by their deadline with 503; what was done meanwhile, unheard, counts once")
}

func TestMongoSlow(t *testing.T) {
	w, proxy := behindProxy(t, "every answer of MongoDB 500 ms late")
	w.begin()
	proxy.Delay(500 * time.Millisecond)
	w.more("answers with a slow store", &w.load.ok, 40)
	if w.load.unknown.Load() != 0 {
		t.Errorf("%d batches were not answered", w.load.unknown.Load())
	}
	proxy.Delay(0)
	w.heals()
	w.end("answers are late and none is missing")
}

func TestMongoAnswersAreLost(t *testing.T) {
	w, proxy := behindProxy(t, "one in five answers of MongoDB lost after it did the work")
	w.begin()
	proxy.Lose(0.2)
	await(t, "100 lost answers", func() bool { return proxy.Lost() >= 100 })
	proxy.Lose(0)
	if w.load.unknown.Load() == 0 {
		t.Error("every outcome was known: this is no fault")
	}
	w.heals()
	w.end("whose outcome is unknown is told so; sent again under the same ids it counts once")
}

// TestNodeKilledOnServers: of two nodes on MongoDB and a Redis Cluster one is
// killed again and again, every second time when the ledger has a posting that no
// board has heard of. The other goes on, and makes up for it.
func TestNodeKilledOnServers(t *testing.T) {
	w := anyWorld(t, "one of two nodes on MongoDB and a Redis Cluster killed (`kill -9`) mid-burst, started again")
	w.mongo = database(t)
	_, w.redis = redistest.StartCluster(t)
	w.migrated()
	w.start()
	w.join()
	w.load = newLoad(w)
	w.load.begin()
	w.more("answers with ranks", &w.load.fresh, 40)
	random := rand.New(rand.NewPCG(31, 37))
	w.row.Rounds = kills
	for round := range kills {
		if round%2 == 0 {
			w.order(fmt.Sprintf("die %d", 3+random.IntN(40)))
			await(t, "the node to die", w.server.died)
			w.order()
		} else {
			w.more("answers", &w.load.ok, 10)
			lasting(time.Duration(random.IntN(1500)) * time.Millisecond)
			w.server.kill()
		}
		w.more("answers of the one that is left", &w.load.ok, 10)
		if round%3 == 0 {
			if equal, _ := w.recount(w.command("verify", "boards", "--json")); !equal {
				t.Errorf("round %d: beside the running node the boards do not equal the ledger", round)
			}
		}
		w.start()
		w.heals()
	}
	w.end("the other node serves on; every second kill lies between a posting's insert and the boards; boards recounted after every third, beside the running node")
}
