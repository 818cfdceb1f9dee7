package leaderboard

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/domain/points"
)

func TestApplyIsAbsoluteAndOrderedByN(t *testing.T) {
	w := newWorld(t)
	var all []*points.Posting
	for i := range 12 {
		account := fmt.Sprintf("a%d", i%3)
		home := []points.Home{genova, camogli, sarzana}[i%3]
		all = append(all, w.record(act{account: account, home: home, points: int64(i), hidden: i == 6}))
	}
	w.apply(all...)
	want := snapshotOf(t, w.redis, w.id).generation(w.id)
	delete(want, restChanges)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		again := slices.Concat(all, all)
		rng.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		for part := range slices.Chunk(again, 1+rng.IntN(5)) {
			w.apply(part...)
		}
		have := snapshotOf(t, w.redis, w.id).generation(w.id)
		delete(have, restChanges)
		if diff := cmp.Diff(want, have); diff != "" {
			t.Fatal(diff)
		}
	}
	w.equal()
}

func TestApplyWritesWhatTheDocumentsSay(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 4)
	w.act("q", genova, 0)
	have := snapshotOf(t, w.redis, w.id).generation(w.id)
	hour := hourOf(w.clock.Now())
	want := map[string]any{
		"contrib:2026-w47":     map[string]string{"p": "1|0|4", "q": "1|0|0"},
		"contrib:all":          map[string]string{"p": fmt.Sprintf("1|0|4|%d|team-genova it.l.ge.genova", hour), "q": fmt.Sprintf("1|0|0|%d|team-genova it.l.ge.genova", hour)},
		"members":              map[string]string{"team-genova it.l.ge.genova": "2"},
		restJoined(hour):       map[string]string{"team-genova it.l.ge.genova": "2"},
		"hours":                []string{fmt.Sprint(hour)},
		"2026-w47/people:all":  zset("p", 4),
		"2026-w47/people:it.l": zset("p", 4), "2026-w47/people:it.l.ge": zset("p", 4), "2026-w47/people:it.l.ge.genova": zset("p", 4),
		"2026-w47/people:team-genova": zset("p", 4),
		"all/people:all":              zset("p", 4), "all/people:team-genova": zset("p", 4),
	}
	for _, window := range []string{"all", "2026-w47"} {
		for _, scope := range []string{"all", "it.l", "it.l.ge", "it.l.ge.genova"} {
			want[window+"/teams:"+scope] = zset("team-genova", 4)
		}
		want[window+"/regions:it.l"], want[window+"/regions:it.l.ge"] = zset("it.l.ge", 4), zset("it.l.ge.genova", 4)
	}
	listed := map[string]string{"seq": "2"} // q changed no board of people
	for rest := range want {
		if _, board := splitBoard(rest); board != "" {
			listed[rest] = "2"
			if strings.HasPrefix(board, string(People)) {
				listed[rest] = "1"
			}
		}
	}
	want["changes"] = listed
	if diff := cmp.Diff(want, map[string]any(have)); diff != "" {
		t.Error(diff)
	}
}

func TestHidingTakesThePersonOffAndLeavesTheTeamsCredit(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 4)
	w.act("q", genova, 3)
	boards := []string{"people:all", "people:it.l", "people:it.l.ge.genova", "people:team-genova"}
	check := func(want ...string) {
		t.Helper()
		for _, board := range boards {
			if diff := cmp.Diff(want, show(w.page(PageRequest{Board: board}).Rows)); diff != "" {
				t.Errorf("%s: %s", board, diff)
			}
		}
		if diff := cmp.Diff(want, show(w.page(PageRequest{Board: "people:team-genova", Window: "all"}).Rows)); diff != "" {
			t.Error(diff)
		}
		w.equal()
	}
	check("1 p 4", "2 q 3")
	w.apply(w.record(act{account: "p", home: genova, points: 2, hidden: true}))
	check("1 q 3")
	if rows := show(w.page(PageRequest{Board: "teams:all"}).Rows); !slices.Equal(rows, []string{"1 team-genova 9"}) {
		t.Errorf("the team lost credit: %v", rows)
	}
	w.apply(w.record(act{account: "p", home: genova, points: 1, hidden: true}))
	check("1 q 3")
	w.apply(w.record(act{account: "p", home: genova, points: 0}))
	check("1 p 7", "2 q 3")
	w.apply(w.record(act{account: "p", home: genova, points: -7}))
	check("1 q 3")
}

func TestTransferCountsForTheNewTeamFromTheNextSeason(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 4)
	w.act("p", sarzana, 5) // asked for; this season's points stay with Genova
	if rows := show(w.page(PageRequest{Board: "teams:all"}).Rows); !slices.Equal(rows, []string{"1 team-genova 9"}) {
		t.Errorf("this season: %v", rows)
	}
	w.clock.Advance(7 * 24 * time.Hour)
	w.round()
	w.act("p", sarzana, 6)
	for window, want := range map[string][]string{
		"season": {"1 team-sarzana 6"}, "2026-w47": {"1 team-genova 9"}, "all": {"1 team-genova 9", "2 team-sarzana 6"},
	} {
		if diff := cmp.Diff(want, show(w.page(PageRequest{Board: "teams:all", Window: window}).Rows)); diff != "" {
			t.Errorf("%s: %s", window, diff)
		}
	}
	members, err := w.redis.HGetAll(w.ctx, genKey(w.id, w.generation(), restMembers)).Result()
	if diff := cmp.Diff(map[string]string{homeOf(genova): "0", homeOf(sarzana): "1"}, members); err != nil || diff != "" {
		t.Error(err, diff)
	}
	w.equal()
}

// TestLargeSums: scores are floats, exact below 2^53.
func TestLargeSums(t *testing.T) {
	w := newWorld(t)
	const most = 1<<53 - 2
	w.act("p", genova, most-1)
	w.act("p", genova, 1)
	w.act("q", genova, 1)
	rows := show(w.page(PageRequest{Board: "people:all"}).Rows)
	if !slices.Equal(rows, []string{fmt.Sprintf("1 p %d", int64(most)), "2 q 1"}) {
		t.Errorf("people: %v", rows)
	}
	if rows := show(w.page(PageRequest{Board: "teams:all", Window: "all"}).Rows); !slices.Equal(rows, []string{fmt.Sprintf("1 team-genova %d", int64(most+1))}) {
		t.Errorf("teams: %v", rows)
	}
	s, err := w.boards.Standing(w.ctx, w.id, StandingRequest{Account: "q", Team: genova.Team})
	if err != nil || s.Person.Next == nil || s.Person.Next.Gap != most-1 || s.Units[0].Sum != most+1 {
		t.Errorf("standing: %+v, %v", s, err)
	}
	w.equal()
}

func TestApplyOfManyLines(t *testing.T) {
	w := newWorld(t)
	var all []*points.Posting
	for i := range 1100 {
		home := points.Home{Team: fmt.Sprintf("team-%d", i), Region: fmt.Sprintf("it.l.p%d.c%d", i%7, i)}
		all = append(all, w.record(act{account: fmt.Sprintf("a%04d", i), home: home, points: int64(1 + i)}))
	}
	w.apply(all...)
	if page := w.page(PageRequest{Board: "teams:all", Limit: 1}); page.Total != 1100 {
		t.Errorf("%d teams", page.Total)
	}
	w.equal()
	// A rebuild loads the same.
	w.clock.Advance(65 * time.Second)
	w.round()
	wipe(t, w.redis, w.id)
	w.round()
	w.equal()
}

func TestApplyWithoutBoardsIsLeftToTheRebuild(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 4)
	wipe(t, w.redis, w.id)
	w.act("p", genova, 3)
	if page := w.page(PageRequest{Board: "people:all"}); !page.Stale || len(page.Rows) > 0 {
		t.Errorf("without boards: %+v", page)
	}
	select {
	case <-w.boards.wakeup(w.id):
	default:
		t.Error("nobody was woken")
	}
	w.round()
	w.equal()
}

// TestApplyFromManyNodesDuringRebuilds: nodes that know nothing of each other
// apply the same postings again and again while the boards are rebuilt.
func TestApplyFromManyNodesDuringRebuilds(t *testing.T) {
	w := newWorld(t)
	var all []*points.Posting
	for i := range 60 {
		all = append(all, w.record(act{account: fmt.Sprintf("a%d", i%9), home: []points.Home{genova, camogli, sarzana}[i%3], points: 1}))
	}
	var nodes sync.WaitGroup
	for n := range 4 {
		b := w.node()
		nodes.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(n), 1))
			for range 40 {
				from := rng.IntN(len(all))
				if err := b.Apply(w.ctx, w.id, all[from:min(len(all), from+5)]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	rebuilder := w.node()
	nodes.Go(func() {
		w.redis.Del(w.ctx, leaseKey(w.id))
		for range 4 {
			if err := rebuilder.Rebuild(w.ctx, w.id, RebuildOptions{FromLedger: true}); err != nil {
				t.Error(err)
			}
		}
	})
	nodes.Wait()
	if err := w.boards.Settle(w.ctx, w.id); err != nil {
		t.Fatal(err)
	}
	w.equal()
}

// What arrives while a call of the script is under way goes together into the
// next.
func TestManyCallersShareACall(t *testing.T) {
	w := newWorld(t)
	gate := &scriptGate{first: make(chan struct{}), pass: make(chan struct{})}
	w.redis.AddHook(gate)
	const others = 50
	answers := make(chan error, others+1)
	apply := func(account string) {
		p := w.record(act{account: account, home: genova, points: 3})
		go func() { answers <- w.boards.Apply(w.ctx, w.id, []*points.Posting{p}) }()
	}
	apply("first")
	<-gate.first
	for i := range others {
		apply(fmt.Sprint("other", i))
	}
	for w.boards.applies.Waiting(w.id) < others {
		runtime.Gosched()
	}
	close(gate.pass)
	for range others + 1 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if n := gate.calls.Load(); n != 2 {
		t.Errorf("%d calls of the script, want 2", n)
	}
	w.equal()
}

// scriptGate holds the first script call until pass is closed, and counts.
type scriptGate struct {
	calls       atomic.Int64
	first, pass chan struct{}
}

func (g *scriptGate) DialHook(next redis.DialHook) redis.DialHook { return next }

func (g *scriptGate) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (g *scriptGate) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "evalsha" && g.calls.Add(1) == 1 {
			close(g.first)
			<-g.pass
		}
		return next(ctx, cmd)
	}
}
