package leaderboard

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/internal/redistest"
)

// history is one random course of events, drawn from a seed: people act, their
// postings reach the boards or do not, processes end, Redis goes back or
// forgets, seasons close, boards are rebuilt.
type history struct {
	*world
	rng       *rand.Rand
	faults    *faults
	applyHash string

	nodes    []*Boards
	keepers  []*keeper
	older    []state // what a failover may go back to, oldest first
	late     [][]any // commands on their way
	accounts []string
	homes    map[string]points.Home
	hidden   map[string]bool
	next     map[string]points.Home // from the next season on
	withheld map[string]int64       // by account: points that a hold took off
	log      []string
	mutate   func(*Boards)
}

// mutant takes one of the scheme's three supports away.
type mutant struct {
	name   string
	boards func(*Boards)
	faults func(*faults)
}

var mutants = []mutant{
	{"version check", func(b *Boards) {
		const check = "if n > n0 then"
		if strings.Count(applySource, check) != 1 {
			panic("the version check is not where this test looks for it")
		}
		b.apply = redis.NewScript(strings.Replace(applySource, check, "if n > 0 then", 1))
	}, nil},
	{"60 s margin", func(b *Boards) { b.margin = 0 }, nil},
	{"joint write of W", nil, func(f *faults) { f.split = true }},
	{"comparison of W", func(b *Boards) {
		const check = "if (redis.call('HGET', meta, m[1]) or '') ~= m[2] then"
		if strings.Count(applySource, check) != 1 {
			panic("the comparison of W is not where this test looks for it")
		}
		b.apply = redis.NewScript(strings.Replace(applySource, check, "if #KEYS == 0 then", 1))
	}, nil},
}

func newHistory(t testing.TB, client redis.UniversalClient, hook *faults, seed uint64, m mutant) *history {
	h := &history{
		rng: rand.New(rand.NewPCG(seed, 2)), faults: hook, mutate: m.boards,
		homes: map[string]points.Home{}, hidden: map[string]bool{}, next: map[string]points.Home{},
		withheld: map[string]int64{},
	}
	*hook = faults{h: h, quiet: true}
	h.world = newWorldOn(t, client, newMemory())
	t.Cleanup(func() { wipe(t, client, h.id) })
	hook.quiet = false
	if m.faults != nil {
		m.faults(hook)
	}
	for range 2 {
		h.nodes, h.keepers = append(h.nodes, nil), append(h.keepers, nil)
	}
	h.restart()
	for i := range 2 + h.rng.IntN(4) {
		account := fmt.Sprintf("a%d", i)
		h.accounts = append(h.accounts, account)
		h.homes[account] = []points.Home{genova, camogli, sarzana}[h.rng.IntN(3)]
	}
	// Somewhere in the two weeks in which a season runs, ends and closes.
	h.clock.Advance(time.Duration(h.rng.IntN(14*24)) * time.Hour)
	return h
}

func (h *history) note(format string, args ...any) {
	h.log = append(h.log, h.clock.Now().Format("02 15:04:05 ")+fmt.Sprintf(format, args...))
}

// restart ends both processes and starts them anew.
func (h *history) restart() {
	for i := range h.nodes {
		b := h.node()
		if h.mutate != nil {
			h.mutate(b)
		}
		h.applyHash = b.apply.Hash()
		h.nodes[i], h.keepers[i] = b, newKeeper(b, h.id)
	}
	h.faults.calm()
}

func (h *history) advance(d time.Duration) {
	h.clock.Advance(d)
	if d >= leaseLife {
		h.faults.silently(func() { h.redis.Del(h.ctx, leaseKey(h.id)) })
	}
}

func (h *history) failover() {
	if len(h.older) == 0 {
		return
	}
	// Whatever is newer than the state gone back to never was.
	at := h.rng.IntN(len(h.older))
	h.note("failover to %d of %d", at, len(h.older))
	h.faults.silently(func() {
		h.older[at].restore(h.t, h.redis, h.id)
		// A lease that came back with the older state ends by itself in seconds;
		// in here no time passes while somebody waits for it.
		h.redis.Del(h.ctx, leaseKey(h.id))
	})
	h.older = h.older[:at+1]
}

func (h *history) wipe() {
	h.note("wipe")
	h.faults.silently(func() { wipe(h.t, h.redis, h.id) })
	h.older = nil
}

// arrive delivers one of the commands that were on their way.
func (h *history) arrive() {
	if len(h.late) == 0 {
		return
	}
	at := h.rng.IntN(len(h.late))
	h.note("a late command arrives")
	h.faults.silently(func() {
		h.redis.Do(h.ctx, h.late[at]...)
		h.redis.Del(h.ctx, leaseKey(h.id)) // if it was a lease, it has run out: no time passes here
	})
	h.late = slices.Delete(h.late, at, at+1)
}

func (h *history) between(low, high time.Duration) time.Duration {
	return low + time.Duration(h.rng.Int64N(int64(high-low)))
}

// post lets somebody act; what becomes of the call that applies it is drawn.
func (h *history) post() {
	account := h.accounts[h.rng.IntN(len(h.accounts))]
	if h.rng.IntN(8) == 0 {
		h.hidden[account] = !h.hidden[account]
	}
	if h.rng.IntN(12) == 0 {
		h.homes[account] = []points.Home{genova, camogli, sarzana}[h.rng.IntN(3)]
	}
	a := act{
		account: account, home: h.homes[account], hidden: h.hidden[account], late: h.rng.IntN(4) == 0,
		points: int64(h.rng.IntN(5)), at: h.clock.Now().Add(h.between(-2*time.Second, 2*time.Second)),
	}
	if h.rng.IntN(3) == 0 {
		a.visible = h.between(0, 10*time.Second)
	}
	if last := h.book.states[account]; h.rng.IntN(10) == 0 && last != nil { // a void
		a.points = -last.State.Total()
		if s := last.State.Season(h.book.calendar.Of(a.at).ID); s == nil || s.Points < -a.points {
			a.points = 0
		}
	}
	h.rule(&a)
	p := h.book.post(a)
	if p == nil {
		return
	}
	h.withheld[account] += a.withheld
	kind := []fault{none, none, none, dropped, dropped, unheard, delayed, delayed, lostReply, doubled, failover, overtaken}[h.rng.IntN(12)]
	h.note("%s posts %d, season %v, hidden %v, seen after %v; fault %d", account, p.N, p.State.Seasons, a.hidden, a.visible, kind)
	h.faults.arm(kind, 0, true)
	_ = h.nodes[h.rng.IntN(2)].Apply(h.ctx, h.id, []*points.Posting{p})
	h.faults.calm()
	if (kind == dropped || kind == unheard) && h.rng.IntN(3) == 0 {
		h.restart()
	}
}

// rule makes of some acts a hold of what stands, or the clear of what is held: to
// the boards they are points that go and come again.
func (h *history) rule(a *act) {
	held := h.withheld[a.account]
	switch last := h.book.states[a.account]; {
	case last == nil || h.rng.IntN(8) != 0:
	case held > 0 && h.rng.IntN(2) == 0: // cleared, wherever it counts by now
		a.points, a.withheld = held, -held
	default:
		s := last.State.Season(h.book.calendar.Of(a.at).ID)
		if s == nil || s.Points < 1 || a.late {
			return
		}
		a.withheld = 1 + h.rng.Int64N(s.Points)
		a.points = -a.withheld
	}
}

// armSomewhere makes a fault happen at one of the next commands, or at one of
// the next few that write.
func (h *history) armSomewhere(kind fault, commands int) {
	if h.rng.IntN(2) == 0 {
		h.faults.arm(kind, h.rng.IntN(3), true)
		return
	}
	h.faults.arm(kind, h.rng.IntN(commands), false)
}

// round lets a process do its round, and something happen at one of its calls.
func (h *history) round() {
	kind := none
	if h.rng.IntN(3) == 0 {
		kind = []fault{dropped, unheard, delayed, lostReply, doubled, failover, failover, wiped, overtaken}[h.rng.IntN(9)]
	}
	h.armSomewhere(kind, 14)
	node := h.rng.IntN(2)
	err := h.keepers[node].round(h.ctx)
	h.note("round of %d, fault %d: %v", node, kind, err)
	if h.faults.ended {
		h.restart()
	}
	h.faults.calm()
}

func (h *history) rebuild() {
	h.redis.Del(h.ctx, leaseKey(h.id))
	kind := []fault{none, dropped, unheard, failover, wiped, overtaken}[h.rng.IntN(6)]
	h.armSomewhere(kind, 16)
	err := h.nodes[h.rng.IntN(2)].Rebuild(h.ctx, h.id, RebuildOptions{FromLedger: h.rng.IntN(3) == 0})
	h.note("rebuild, fault %d: %v", kind, err)
	if h.faults.ended {
		h.restart()
	}
	h.faults.calm()
}

func (h *history) step() {
	switch n := h.rng.IntN(100); {
	case n < 40:
		h.post()
	case n < 57:
		h.advance(h.between(time.Second, 25*time.Second))
	case n < 77:
		h.round()
	case n < 83:
		h.note("state %d kept", len(h.older))
		h.faults.silently(func() { h.older = append(h.older, snapshotOf(h.t, h.redis, h.id)) })
	case n < 87:
		h.arrive()
	case n < 90:
		h.failover()
	case n < 92:
		h.note("restart")
		h.restart()
	case n < 93:
		h.wipe()
	case n < 95:
		h.rebuild()
	case n < 98:
		h.advance(h.between(time.Minute, 5*time.Minute))
	default:
		h.advance(h.between(time.Hour, 60*time.Hour))
	}
}

// converge lets the faults end, and the margin pass. What is on its way arrives
// in the middle or at the very end.
func (h *history) converge() error {
	h.faults.calm()
	for range 3 {
		h.advance(65 * time.Second)
		if err := h.keepers[0].round(h.ctx); err != nil {
			return fmt.Errorf("a round without faults: %w", err)
		}
		if h.rng.IntN(2) == 0 {
			h.arrive()
		}
	}
	for len(h.late) > 0 {
		h.arrive()
	}
	return h.check()
}

// runHistory answers what is wrong at the end of the history of a seed, nil if
// nothing is.
func runHistory(t testing.TB, client redis.UniversalClient, hook *faults, seed uint64, m mutant) error {
	h := newHistory(t, client, hook, seed, m)
	defer func() { hook.quiet = true }()
	for range 20 + h.rng.IntN(25) {
		h.step()
	}
	err := h.converge()
	if err == nil && seed%8 == 0 {
		var r Report
		if r, err = h.nodes[0].Verify(h.ctx, h.id, VerifyOptions{NoWriters: true}); err == nil && !r.Equal {
			err = fmt.Errorf("verify: %+v", r.Differences)
		}
	}
	if err != nil {
		return fmt.Errorf("seed %d: %w\n%s", seed, err, strings.Join(h.log, "\n"))
	}
	hook.quiet = true
	wipe(t, client, h.id)
	return nil
}

func faultyRedis(t testing.TB) (redis.UniversalClient, *faults) {
	client, hook := redistest.Open(t), &faults{quiet: true}
	for _, source := range []string{applySource, pageSource, standingSource, leaseSource} {
		client.ScriptLoad(context.Background(), source)
	}
	client.AddHook(hook)
	return client, hook
}
