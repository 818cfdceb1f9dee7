package api

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/internal/errs"
)

// crowd is calls at one admission, each in a goroutine of its own.
type crowd struct {
	t      *testing.T
	line   *admission
	mu     sync.Mutex
	events []string // "l1 served", "l1 refused", in the order they happened
}

// arrive makes a call come and waits until it is served, in line or refused.
func (c *crowd) arrive(ctx context.Context, class class, name string) {
	go func() {
		_, err := c.line.enter(ctx, class)
		what := name + " served"
		if err != nil {
			what = name + " refused"
			if e := problemOf(err); e.Code != "overloaded" || e.Status != 503 || e.retryAfter < time.Second || e.retryAfter > maxPause*time.Second || e.retryAfter%time.Second != 0 {
				c.t.Errorf("%s refused with %d %s, again after %s", name, e.Status, e.Code, e.retryAfter)
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.events = append(c.events, what)
	}()
	synctest.Wait()
}

// leave ends one served call.
func (c *crowd) leave() {
	c.line.leave()
	synctest.Wait()
}

// happened holds the events since it was asked before.
func (c *crowd) happened(want ...string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.events, want) {
		c.t.Errorf("at %s\nhappened %q\nwant     %q", time.Now().Format(time.TimeOnly), c.events, want)
	}
	c.events = nil
}

// empty holds that every slot is free and nobody is in line.
func (c *crowd) empty() {
	c.t.Helper()
	if now := c.line.load(); now.inFlight != 0 || now.waiting != [classes]int{} || c.line.queued != 0 {
		c.t.Errorf("left behind: %+v, %d queued", now, c.line.queued)
	}
}

// TestServedByClassThenByArrival fills both slots and the line, the lowest
// class first, and lets one go at a time.
func TestServedByClassThenByArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{t: t, line: newAdmission(2, 9, patience)}
		c.arrive(t.Context(), lists, "x1")
		c.arrive(t.Context(), lists, "x2")
		c.happened("x1 served", "x2 served")
		for round := range 3 {
			for _, class := range []class{lists, boards, acts} {
				c.arrive(t.Context(), class, fmt.Sprintf("%s%d", class, round))
			}
		}
		c.happened()
		if now := c.line.load(); now.inFlight != 2 || now.waiting != [classes]int{acts: 3, boards: 3, lists: 3} {
			t.Errorf("in line: %+v", now)
		}
		for range 9 {
			c.leave()
		}
		c.happened("acts0 served", "acts1 served", "acts2 served", "boards0 served", "boards1 served", "boards2 served",
			"lists0 served", "lists1 served", "lists2 served")
		c.leave()
		c.leave()
		c.empty()
	})
}

// TestHigherClassesDisplaceTheNewestOfTheLowest: a full line keeps who would be
// served first, and never refuses an older call of the same class for a newer.
func TestHigherClassesDisplaceTheNewestOfTheLowest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{t: t, line: newAdmission(1, 3, patience)}
		c.arrive(t.Context(), acts, "x")
		c.arrive(t.Context(), lists, "l1")
		c.arrive(t.Context(), boards, "b1")
		c.arrive(t.Context(), lists, "l2")
		c.happened("x served")
		c.arrive(t.Context(), lists, "l3")
		c.happened("l3 refused")
		c.arrive(t.Context(), acts, "a1")
		c.happened("l2 refused")
		c.arrive(t.Context(), boards, "b2")
		c.happened("l1 refused")
		c.arrive(t.Context(), boards, "b3")
		c.happened("b3 refused")
		c.arrive(t.Context(), acts, "a2")
		c.happened("b2 refused")
		c.arrive(t.Context(), acts, "a3")
		c.happened("b1 refused")
		c.arrive(t.Context(), acts, "a4")
		c.happened("a4 refused")
		for range 4 {
			c.leave()
		}
		c.happened("a1 served", "a2 served", "a3 served")
		c.empty()
		want := [classes][reasons]uint64{acts: {full: 1}, boards: {full: 1, displaced: 2}, lists: {full: 1, displaced: 2}}
		if got := c.line.load().refused; got != want {
			t.Errorf("counted %v, want %v", got, want)
		}
	})
}

// TestPatienceEnds: whoever waited for too long is refused at that moment, and
// who came later keeps the turn.
func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{t: t, line: newAdmission(1, 9, patience)}
		c.arrive(t.Context(), acts, "x")
		c.arrive(t.Context(), boards, "b1")
		time.Sleep(time.Second)
		c.arrive(t.Context(), boards, "b2")
		time.Sleep(patience - time.Second - time.Nanosecond)
		synctest.Wait()
		c.happened("x served")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		c.happened("b1 refused")
		c.leave()
		c.happened("b2 served")
		time.Sleep(time.Minute)
		c.leave()
		c.empty()
		if got := c.line.load().refused; got != [classes][reasons]uint64{boards: {waited: 1}} {
			t.Errorf("counted %v", got)
		}
	})
}

// TestLateTimersServeNobody: on a machine too busy to run a timer in time, the
// slot goes to who still waits for it.
func TestLateTimersServeNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newAdmission(1, 9, patience)
		if _, err := line.enter(t.Context(), acts); err != nil {
			t.Fatal(err)
		}
		line.mu.Lock()
		late, tooLate := line.line(acts), line.line(boards) // nothing ends their wait but leave
		line.mu.Unlock()
		time.Sleep(patience)
		line.mu.Lock()
		inTime := line.line(lists)
		line.mu.Unlock()
		line.leave()
		if err := <-late.decided; errs.CodeOf(err) != "overloaded" {
			t.Errorf("the first waited for %s and got %v", patience, err)
		}
		if err := <-tooLate.decided; errs.CodeOf(err) != "overloaded" {
			t.Errorf("the second waited for %s and got %v", patience, err)
		}
		if err := <-inTime.decided; err != nil {
			t.Errorf("the third did not wait and got %v", err)
		}
		line.leave()
		(&crowd{t: t, line: line}).empty()
	})
}

// TestWhoLeavesFreesThePlace: the end of ctx takes a call out of the line.
func TestWhoLeavesFreesThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{t: t, line: newAdmission(1, 2, patience)}
		c.arrive(t.Context(), acts, "x")
		ctx, hangUp := context.WithCancel(t.Context())
		c.arrive(ctx, acts, "a1")
		c.arrive(t.Context(), acts, "a2")
		hangUp()
		synctest.Wait()
		c.happened("x served", "a1 refused")
		c.arrive(t.Context(), acts, "a3")
		c.leave()
		c.leave()
		c.leave()
		c.happened("a2 served", "a3 served")
		c.empty()
	})
}

// TestNoSlotIsLostOrMadeUp: many at once, some without patience, never more
// than the slots served, and all slots back at the end. For the race detector.
func TestNoSlotIsLostOrMadeUp(t *testing.T) {
	const slots = 4
	line := newAdmission(slots, 8, 200*time.Microsecond)
	var inside, served, refused atomic.Int64
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for range 200 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(400))*time.Microsecond)
				if _, err := line.enter(ctx, acts+class(rand.IntN(3))); err != nil {
					refused.Add(1)
				} else {
					if n := inside.Add(1); n > slots {
						t.Errorf("%d served at once", n)
					}
					served.Add(1)
					inside.Add(-1)
					line.leave()
				}
				cancel()
			}
		})
	}
	all.Wait()
	(&crowd{t: t, line: line}).empty()
	var counted uint64
	for _, by := range line.load().refused {
		for _, n := range by {
			counted += n
		}
	}
	if int64(counted) != refused.Load() || served.Load()+refused.Load() != 32*200 {
		t.Errorf("%d served, %d refused, %d counted", served.Load(), refused.Load(), counted)
	}
}

// TestEveryCallNamesItsClass: New refuses a call that does not.
func TestEveryCallNamesItsClass(t *testing.T) {
	defer func() {
		if said := fmt.Sprint(recover()); !strings.Contains(said, "how soon") {
			t.Errorf("a call without a class: %s", said)
		}
	}()
	add(quiet(Options{}), call{method: "GET", path: "/nothing", id: "nothing", allow: public}, func(context.Context, *Scope) (*empty, error) { return nil, nil })
}

func BenchmarkAdmission(b *testing.B) {
	b.Run("free", func(b *testing.B) {
		line := newAdmission(defaultInFlight, waitingPerSlot*defaultInFlight, patience)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := line.enter(b.Context(), acts); err == nil {
					line.leave()
				}
			}
		})
	})
	b.Run("in line", func(b *testing.B) {
		line := newAdmission(1, 1<<20, time.Hour)
		b.ReportAllocs()
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := line.enter(b.Context(), acts); err == nil {
					line.leave()
				}
			}
		})
	})
	b.Run("refused", func(b *testing.B) {
		line := newAdmission(0, 0, patience)
		b.ReportAllocs()
		for b.Loop() {
			_, _ = line.enter(b.Context(), lists)
		}
	})
}
