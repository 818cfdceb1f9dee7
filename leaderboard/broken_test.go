//go:build servers

package leaderboard

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/internal/redistest"
	"github.com/musterhq/muster/internal/tcpproxy"
)

// The faults that Redis can have, each under load, each ended by boards that
// equal the ledger. The reader of the storm checks every answer in between:
// no rank while stale, and otherwise only what the ledger has been, and nothing
// older than the scheme allows.

// stand is servers of the test's own with a storm on them.
type stand struct {
	*storm
	servers []*redistest.Server
	server  *redistest.Server // that has the campaign
	direct  *redis.Client     // of that server
}

// Speeds of a storm. A machine that is busy makes boards stale at the first, and
// rightly so; where that would look like a failure time runs slower.
const (
	fast   = 20
	steady = 5
)

func newStand(t *testing.T, speed int) *stand {
	servers, address := redistest.StartLike(t)
	client := redistest.Dial(t, address+timeouts(address))
	s := &stand{storm: newStorm(t, client, speed), servers: servers}
	s.server = redistest.Of(t, servers, client, metaKey(s.id))
	s.direct = s.server.Client()
	s.warm()
	return s
}

// timeouts are those of a process, where others of these tests wait longer.
func timeouts(address string) string {
	for _, c := range address {
		if c == '?' {
			return "&read_timeout=3s"
		}
	}
	return "?read_timeout=3s"
}

// broken does something while no keeper is there to mend it, waits until a
// reader has been told that boards are stale, and lets the keepers in again.
func (s *stand) broken(what string, do func()) {
	s.t.Helper()
	s.keeping.Store(false)
	do()
	s.more("boards to be stale after: "+what, &s.stale, 20)
	s.keeping.Store(true)
	s.more("boards to have ranks again after: "+what, &s.fresh, 50)
}

func TestPrimaryRestartsEmpty(t *testing.T) {
	s := newStand(t, fast)
	s.broken("a restart without data", func() {
		s.server.Kill()
		s.more("boards to be stale while Redis is away", &s.stale, 20)
		s.server.Restart()
	})
	s.calm()
}

func TestPrimaryRestartsWithOldData(t *testing.T) {
	s := newStand(t, fast)
	s.server.Save()
	saved := s.clock.Now()
	s.await("the data to be old", func() bool { return s.clock.Now().Sub(saved) > 2*staleAfter })
	s.broken("a restart with old data", func() {
		s.server.Kill()
		s.server.Restart()
		s.await("the data to come back", func() bool { return s.direct.Exists(s.ctx, metaKey(s.id)).Val() == 1 })
	})
	s.calm()
}

// TestFailoverToAStaleReplica: writes that were acknowledged are lost.
func TestFailoverToAStaleReplica(t *testing.T) {
	servers, address := redistest.StartLike(t)
	var lead func(string)
	if len(servers) == 1 { // a Cluster's client finds the new primary by itself
		proxy := tcpproxy.New(t, servers[0].Addr)
		address, lead = "redis://"+proxy.Addr+"/0", proxy.Lead
	}
	client := redistest.Dial(t, address+timeouts(address))
	s := newStorm(t, client, fast)
	primary := redistest.Of(t, servers, client, metaKey(s.id))
	replica := primary.Replica()
	s.warm()
	replica.FallBehind()
	replica.Stop()
	stopped := time.Now()
	s.await("writes that the replica does not get", func() bool { return time.Since(stopped) > 1500*time.Millisecond })
	s.keeping.Store(false)
	primary.Kill()
	acknowledged := s.acted.Load() - s.refused.Load()
	replica.Continue()
	replica.Promote()
	if lost := s.behind(replica.Client()); lost == 0 {
		t.Fatal("nothing was lost: this is another test")
	} else {
		t.Logf("of %d acknowledged postings, those of %d people are lost", acknowledged, lost)
	}
	if lead != nil {
		lead(replica.Addr)
	}
	promoted, at := s.clock.Now(), time.Now()
	s.keeping.Store(true)
	s.await("what was lost to be back", func() bool { return s.lacking(promoted) == 0 })
	t.Logf("what was lost was back after %v of the campaign's time, %v of the machine's", s.clock.Now().Sub(promoted), time.Since(at))
	s.more("ranks after the failover", &s.fresh, 50)
	s.calm()
}

// behind counts the people whose last posting a server lacks.
func (s *storm) behind(server *redis.Client) (people int) {
	s.t.Helper()
	gen, err := server.HGet(s.ctx, metaKey(s.id), fieldGen).Result()
	if err != nil {
		s.t.Fatal(err)
	}
	stored := server.HGetAll(s.ctx, genKey(s.id, gen, restContrib(AllTime))).Val()
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	for account, last := range s.book.states {
		if c, err := parseContrib(stored[account]); err != nil || c.n < last.N {
			people++
		}
	}
	return people
}

// lacking counts the people of whom boards lack what was recorded before an
// instant; all, while nobody can say.
func (s *storm) lacking(before time.Time) (people int) {
	t := tenantOf(s.t.(*testing.T), s.world)
	stored, err := s.nodes[0].readContrib(s.ctx, t, AllTime, s.accounts)
	if err != nil {
		return len(s.accounts)
	}
	least := map[string]int64{}
	s.book.mu.Lock()
	for _, e := range s.book.entries {
		if p := e.posting; p.RecordedAt.Before(before) {
			least[p.Account] = max(least[p.Account], p.N)
		}
	}
	s.book.mu.Unlock()
	for i, account := range s.accounts {
		if least[account] > 0 && (stored[i] == nil || stored[i].n < least[account]) {
			people++
		}
	}
	return people
}

// TestScriptsAreFlushed: nobody notices.
func TestScriptsAreFlushed(t *testing.T) {
	s := newStand(t, steady)
	refused, stale, failed := s.refused.Load(), s.stale.Load(), s.failed.Load()
	for range 100 {
		for _, server := range s.servers {
			if err := server.Client().ScriptFlush(s.ctx).Err(); err != nil {
				t.Fatal(err)
			}
		}
		s.more("answers", &s.fresh, 3)
	}
	if s.refused.Load() != refused || s.stale.Load() != stale || s.failed.Load() != failed {
		t.Errorf("it was noticed: %s", s.counts())
	}
	s.calm()
}

func TestEverythingIsFlushed(t *testing.T) {
	s := newStand(t, fast)
	flush := func() {
		if err := s.direct.FlushAll(s.ctx).Err(); err != nil {
			t.Fatal(err)
		}
	}
	s.broken("FLUSHALL", flush)
	// And under keepers, who may be in the middle of building.
	for range 10 {
		flush()
		s.more("answers", &s.fresh, 1)
	}
	s.calm()
}

// TestMemoryIsFull: what is there is kept, what is new is refused, boards say so
// once it is too old, and all is made good when there is memory again.
func TestMemoryIsFull(t *testing.T) {
	s := newStand(t, fast)
	limit := func(bytes string) {
		if err := s.direct.ConfigSet(s.ctx, "maxmemory", bytes).Err(); err != nil {
			t.Fatal(err)
		}
	}
	limit("1mb") // more is in use already
	s.more("writes to be refused", &s.refused, 20)
	s.more("boards to be stale", &s.stale, 20)
	if err := s.direct.Set(s.ctx, "more", "x", 0).Err(); err == nil {
		t.Fatalf("memory is not full: %v", err)
	}
	limit("0")
	s.more("boards to have ranks again", &s.fresh, 50)
	s.calm()
}

// onProxy is a storm whose way to Redis can be disturbed.
func onProxy(t *testing.T, speed int) (*storm, *tcpproxy.Proxy) {
	proxy := tcpproxy.New(t, redistest.Start(t).Addr)
	return newStorm(t, redistest.Dial(t, "redis://"+proxy.Addr+"/0?read_timeout=3s"), speed), proxy
}

// TestAnswersAreLost: a fifth of what is carried out is not heard of.
func TestAnswersAreLost(t *testing.T) {
	s, proxy := onProxy(t, fast)
	s.warm()
	proxy.Lose(0.2)
	s.await("200 answers to be lost", func() bool { return proxy.Lost() >= 200 })
	s.more("postings", &s.acted, 500)
	proxy.Lose(0)
	if s.refused.Load() == 0 {
		t.Error("nobody was told")
	}
	s.calm()
	t.Logf("%d answers were lost", proxy.Lost())
}

// TestRedisIsSlow: half a second for every answer. Calls still end in their time.
func TestRedisIsSlow(t *testing.T) {
	s, proxy := onProxy(t, steady)
	s.more("ranks", &s.fresh, 50)
	proxy.Delay(500 * time.Millisecond)
	for range 5 {
		call, cancel := context.WithTimeout(s.ctx, 200*time.Millisecond)
		began := time.Now()
		page, err := s.nodes[0].Page(call, s.id, PageRequest{Board: "people:all"})
		if took := time.Since(began); (err == nil && !page.Stale) || took > 2*time.Second {
			t.Errorf("a call with 200 ms took %v: %v", took, err)
		}
		cancel()
	}
	s.more("postings", &s.acted, 300)
	s.more("ranks all the same", &s.fresh, 20)
	proxy.Delay(0)
	s.calm()
}
