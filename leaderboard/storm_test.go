//go:build servers

package leaderboard

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/domain/points"
)

// storm is a campaign on servers that something happens to: people act, keepers
// keep, and readers read all the while and hold every answer against the ledger.
// The campaign's time runs faster than the machine's, so that the minutes of the
// scheme pass in seconds.
type storm struct {
	*world
	speed    int
	deadline time.Duration // of a call

	nodes   []*Boards
	keeping atomic.Bool // whether keepers do their rounds
	running sync.WaitGroup
	stop    []func() // ends writers, then keepers, then readers

	accounts []string
	homes    map[string]points.Home
	acted    atomic.Int64
	refused  atomic.Int64 // postings whose Apply answered an error

	fresh, stale, failed atomic.Int64 // answers to readers
	wrong                atomic.Pointer[string]
}

const (
	stormPeople = 60
	// A page is read, and then whether W is too old, which a node remembers for
	// lagLife: what a page without stale may lack is at most this old.
	stormLag = staleAfter + lagLife
)

// newStorm starts the storm; the test ends it with calm.
func newStorm(t *testing.T, client redis.UniversalClient, speed int) *storm {
	s := &storm{world: newWorldOn(t, client, newMemory()), speed: speed, deadline: 4 * time.Second, homes: map[string]points.Home{}}
	s.keeper.lease.release(s.ctx)
	for i := range stormPeople {
		account := fmt.Sprintf("a%02d", i)
		s.accounts = append(s.accounts, account)
		s.homes[account] = []points.Home{genova, camogli, sarzana}[i%3]
	}
	s.keeping.Store(true)
	clocks, stopClock := context.WithCancel(s.ctx)
	t.Cleanup(func() { stopClock(); s.running.Wait() })
	s.running.Go(func() { s.keepTime(clocks) })
	for range 2 {
		s.nodes = append(s.nodes, s.node())
	}
	writing, stopWriting := context.WithCancel(s.ctx)
	keeping, stopKeeping := context.WithCancel(s.ctx)
	reading, stopReading := context.WithCancel(s.ctx)
	s.stop = []func(){stopWriting, stopKeeping, stopReading}
	t.Cleanup(func() {
		for _, stop := range s.stop {
			stop()
		}
	})
	for i := range 6 {
		s.running.Go(func() { s.write(writing, i) })
	}
	for _, b := range s.nodes {
		s.running.Go(func() { s.keep(keeping, newKeeper(b, s.id)) })
	}
	for i := range 3 {
		s.running.Go(func() { s.read(reading, i) })
	}
	return s
}

// each does something at an interval until ctx ends.
func each(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

func (s *storm) keepTime(ctx context.Context) {
	last := time.Now()
	each(ctx, 5*time.Millisecond, func() {
		passed := time.Since(last).Truncate(time.Millisecond)
		last = last.Add(passed)
		s.clock.Advance(passed * time.Duration(s.speed))
	})
}

// write lets every sixth person act. An insert happens whatever becomes of the
// call that applies it.
func (s *storm) write(ctx context.Context, worker int) {
	random := rand.New(rand.NewPCG(uint64(worker), 7))
	each(ctx, 20*time.Millisecond, func() {
		account := s.accounts[random.IntN(stormPeople/6)*6+worker]
		p := s.book.post(act{account: account, home: s.homes[account], points: 1 + random.Int64N(9), at: s.clock.Now()})
		if p == nil {
			return
		}
		s.acted.Add(1)
		call, cancel := context.WithTimeout(ctx, s.deadline)
		defer cancel()
		if s.nodes[worker%2].Apply(call, s.id, []*points.Posting{p}) != nil && ctx.Err() == nil {
			s.refused.Add(1)
		}
	})
}

func (s *storm) keep(ctx context.Context, k *keeper) {
	each(ctx, beat/time.Duration(s.speed), func() {
		if !s.keeping.Load() {
			return
		}
		call, cancel := context.WithTimeout(ctx, 10*s.deadline)
		defer cancel()
		_ = k.round(call) // tried again
	})
}

// bounds are the sums that an account may be shown with.
type bounds struct {
	least int64 // what surely is on the boards
	after []int64
}

func (b bounds) holds(sum int64) bool {
	if sum < b.least {
		return false
	}
	for _, total := range b.after {
		if total == sum {
			return true
		}
	}
	return sum == 0
}

// must lists what boards hold at least, if they are not stale, of everybody: all
// that was recorded before an instant.
func (s *storm) must(before time.Time) map[string]int64 {
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	least := map[string]int64{}
	for _, e := range s.book.entries {
		if p := e.posting; p.RecordedAt.Before(before) {
			least[p.Account] = max(least[p.Account], p.State.Total())
		}
	}
	return least
}

// may adds every sum that the ledger has given anybody until now.
func (s *storm) may(least map[string]int64) map[string]bounds {
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	all := map[string]bounds{}
	for _, account := range s.accounts {
		all[account] = bounds{least: least[account]}
	}
	for _, e := range s.book.entries {
		b := all[e.posting.Account]
		b.after = append(b.after, e.posting.State.Total())
		all[e.posting.Account] = b
	}
	return all
}

// read asks for boards, and for where people stand, and checks every answer.
func (s *storm) read(ctx context.Context, reader int) {
	random := rand.New(rand.NewPCG(uint64(reader), 9))
	each(ctx, 10*time.Millisecond, func() {
		call, cancel := context.WithTimeout(ctx, 3*s.deadline)
		defer cancel()
		b := s.nodes[random.IntN(2)]
		least := s.must(s.clock.Now().Add(-stormLag))
		var stale bool
		var err error
		var problem string
		if random.IntN(3) == 0 {
			account := s.accounts[random.IntN(stormPeople)]
			var standing Standing
			standing, err = b.Standing(call, s.id, StandingRequest{Account: account, Team: s.homes[account].Team, Region: s.homes[account].Region})
			if stale = standing.Stale; err == nil {
				problem = s.judgeStanding(account, standing, s.may(least))
			}
		} else {
			board := []string{"people:all", "people:team-genova", "teams:all", "regions:it.l"}[random.IntN(4)]
			window := []string{"season", "all"}[random.IntN(2)]
			var page Page
			page, err = b.Page(call, s.id, PageRequest{Board: board, Window: window, Limit: MaxLimit})
			if stale = page.Stale; err == nil {
				problem = s.judgePage(page, s.may(least))
			}
		}
		switch {
		case ctx.Err() != nil:
		case problem != "":
			s.wrong.CompareAndSwap(nil, &problem)
		case err != nil:
			s.failed.Add(1)
		case stale:
			s.stale.Add(1)
		default:
			s.fresh.Add(1)
		}
	})
}

// judgeStanding says what is wrong with an answer.
func (s *storm) judgeStanding(account string, got Standing, may map[string]bounds) string {
	if got.Stale {
		for _, u := range got.Units {
			if u.Rank != 0 || u.Next != nil {
				return fmt.Sprintf("stale, and %s has a rank: %+v", u.ID, got)
			}
		}
		if got.Person.Rank != 0 || got.Person.Next != nil {
			return fmt.Sprintf("stale, and there is a rank: %+v", got)
		}
		return ""
	}
	if !may[account].holds(got.Points) || !may[account].holds(got.AllTime) {
		return fmt.Sprintf("%s stands at %d and %d, which is none of %+v", account, got.Points, got.AllTime, may[account])
	}
	return ""
}

// judgePage says what is wrong with an answer: a page holds the whole board.
func (s *storm) judgePage(page Page, may map[string]bounds) string {
	seen := map[string]bool{}
	for i, row := range page.Rows {
		seen[row.ID] = true
		if page.Stale {
			if row.Rank != 0 {
				return fmt.Sprintf("stale, and there is a rank: %+v", page)
			}
			continue
		}
		rank := 1
		for _, other := range page.Rows {
			if other.Sum > row.Sum {
				rank++
			}
		}
		if row.Rank != rank || (i > 0 && row.Sum > page.Rows[i-1].Sum) {
			return fmt.Sprintf("row %d of %s has rank %d, and %d is due: %+v", i, page.Board, row.Rank, rank, page.Rows)
		}
		low, high := s.between(row.ID, may)
		exact, person := may[row.ID]
		if row.Sum < low || row.Sum > high || (person && !exact.holds(row.Sum)) {
			return fmt.Sprintf("%s has %d on %s %s, and the ledger gives %d to %d", row.ID, row.Sum, page.Window, page.Board, low, high)
		}
	}
	if page.Stale {
		return ""
	}
	for account, b := range may {
		listed := page.Board == "people:all" || page.Board == "people:"+s.homes[account].Team
		if listed && b.least > 0 && !seen[account] {
			return fmt.Sprintf("%s is missing on %s, with %d points at least", account, page.Board, b.least)
		}
	}
	return ""
}

// between bounds the sum of a person, team or region.
func (s *storm) between(id string, may map[string]bounds) (low, high int64) {
	for account, b := range may {
		home := s.homes[account]
		if account != id && home.Team != id && !within(home.Region, id) {
			continue
		}
		low += b.least
		most := int64(0)
		for _, total := range b.after {
			most = max(most, total)
		}
		high += most
	}
	return low, high
}

func within(region, id string) bool {
	return region == id || len(region) > len(id) && region[:len(id)+1] == id+"."
}

// await waits until something holds; a wrong answer ends the wait.
func (s *storm) await(what string, holds func() bool) {
	s.t.Helper()
	late := time.NewTimer(2 * time.Minute)
	defer late.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
			s.check()
		case <-late.C:
			s.t.Fatalf("waited two minutes for %s; %s", what, s.counts())
		}
	}
}

func (s *storm) check() {
	s.t.Helper()
	if wrong := s.wrong.Load(); wrong != nil {
		s.t.Fatalf("a wrong answer: %s", *wrong)
	}
}

// more waits until a count has grown by n.
func (s *storm) more(what string, count *atomic.Int64, n int64) {
	s.t.Helper()
	begin := count.Load()
	s.await(what, func() bool { return count.Load() >= begin+n })
}

func (s *storm) counts() string {
	return fmt.Sprintf("%d postings, %d not applied at once; answers: %d with ranks, %d stale, %d errors",
		s.acted.Load(), s.refused.Load(), s.fresh.Load(), s.stale.Load(), s.failed.Load())
}

// warm lets the storm go on until boards have ranks and the sweep has moved.
func (s *storm) warm() {
	s.t.Helper()
	begin := s.clock.Now()
	s.await("the boards to be kept", func() bool { return s.clock.Now().Sub(begin) > 2*margin })
	s.more("ranks", &s.fresh, 50)
}

// calm ends the storm: what it left must be equal to the ledger once the keepers
// have done what they do, with nobody's help.
func (s *storm) calm() {
	s.t.Helper()
	s.keeping.Store(true)
	s.stop[0]()
	last := s.clock.Now()
	s.await("W to pass the last posting", func() bool {
		m, err := s.nodes[0].readMeta(s.ctx, s.id)
		w, ok := m.mark(m.gen)
		return err == nil && ok && w.At.After(last) && m.next == ""
	})
	s.more("ranks at the end", &s.fresh, 20)
	s.stop[1]()
	s.stop[2]()
	s.check()
	s.equal()
	s.t.Log(s.counts())
}
