package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// What a Group answers by itself. In both cases nothing was begun: the same may
// be tried again.
var (
	// ErrFull: too many wait already.
	ErrFull = errors.New("store: too many calls are waiting")
	// ErrNotBegun: the caller's ctx ended before its turn came.
	ErrNotBegun = errors.New("store: the call was given up before it began")
)

// Group joins calls: what arrives under a key while a run of that key is under
// way waits, and goes together into the next. There is no timer, so a caller
// who is alone waits for nobody, and the busier it gets the more a run carries.
// It is safe for concurrent use.
type Group[I any] struct {
	run    func(ctx context.Context, key string, items []I) []error
	limits GroupLimits
	weigh  func(I) int // nil: an item weighs nothing
	most   int

	mu    sync.Mutex
	lanes map[string]*lane[I] // those with a run under way
}

// GroupLimits bound a Group. All fields are required.
type GroupLimits struct {
	Together int           // items in one run
	Waiting  int           // items that wait under one key; more are refused with ErrFull
	Within   time.Duration // how long one run may take
}

// lane is one key: a goroutine that runs, and who waits for it.
type lane[I any] struct{ waiting []*call[I] }

type call[I any] struct {
	item I
	done chan error
}

// NewGroup makes a Group of run, which is given 1 to Together items of one key
// and answers each by position. Runs of one key follow each other, those of
// several keys go on at once. The ctx of a run belongs to no caller and ends
// after Within.
func NewGroup[I any](limits GroupLimits, run func(ctx context.Context, key string, items []I) []error) *Group[I] {
	return &Group[I]{run: run, limits: limits, lanes: map[string]*lane[I]{}}
}

// Weigh bounds a run by what its items weigh, too: most together, or one item
// that alone weighs more. Where runs are long, shorter ones let the callers of
// one prepare their next call while the next runs. It is called before the
// first Do.
func (g *Group[I]) Weigh(most int, weigh func(I) int) *Group[I] {
	g.most, g.weigh = most, weigh
	return g
}

// Do hands an item to the next run of its key and answers what that said of it.
// A ctx that ends while the run is under way ends the wait and not the run: the
// outcome is then unknown. ErrFull and ErrNotBegun say that there was none.
func (g *Group[I]) Do(ctx context.Context, key string, item I) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrNotBegun, ctx.Err())
	}
	c := &call[I]{item: item, done: make(chan error, 1)}
	if err := g.enter(key, c); err != nil {
		return err
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		if g.leave(key, c) {
			return fmt.Errorf("%w: %w", ErrNotBegun, ctx.Err())
		}
		return ctx.Err()
	}
}

// Waiting is how many items of a key wait for a run that has not begun.
func (g *Group[I]) Waiting(key string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.lanes[key]; l != nil {
		return len(l.waiting)
	}
	return 0
}

func (g *Group[I]) enter(key string, c *call[I]) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lanes[key]
	if l != nil && len(l.waiting) >= g.limits.Waiting || g.limits.Waiting < 1 {
		return ErrFull
	}
	if l == nil {
		l = &lane[I]{}
		g.lanes[key] = l
		go g.serve(key, l)
	}
	l.waiting = append(l.waiting, c)
	return nil
}

// leave takes a call out of the queue, if it still is in it.
func (g *Group[I]) leave(key string, c *call[I]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lanes[key]
	if l == nil {
		return false
	}
	for i, other := range l.waiting {
		if other == c {
			l.waiting = append(l.waiting[:i:i], l.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// serve runs what waits under a key until nothing does.
func (g *Group[I]) serve(key string, l *lane[I]) {
	for {
		// Who is about to call does so first: those whom one answer woke come
		// together, and each run costs much beside one more item in it.
		runtime.Gosched()
		calls := g.take(key, l)
		if len(calls) == 0 {
			return
		}
		for i, err := range g.answers(key, calls) {
			calls[i].done <- err
		}
	}
}

// take gives the calls of the next run, oldest first; none, and the lane is
// gone, when nobody waits.
func (g *Group[I]) take(key string, l *lane[I]) []*call[I] {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.together(l.waiting)
	calls := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	if n == 0 {
		delete(g.lanes, key)
	}
	return calls
}

// together is how many of those who wait go into one run.
func (g *Group[I]) together(waiting []*call[I]) int {
	n := min(len(waiting), g.limits.Together)
	if g.weigh == nil {
		return n
	}
	weight := 0
	for i, c := range waiting[:n] {
		if weight += g.weigh(c.item); weight > g.most && i > 0 {
			return i
		}
	}
	return n
}

// answers carries out one run. What panics in it would otherwise end the
// process, and not one request as elsewhere.
func (g *Group[I]) answers(key string, calls []*call[I]) (answers []error) {
	items := make([]I, len(calls))
	for i, c := range calls {
		items[i] = c.item
	}
	defer func() {
		if reason := recover(); reason != nil {
			answers = make([]error, len(calls))
			for i := range answers {
				answers[i] = fmt.Errorf("store: a joined call panicked: %v", reason)
			}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), g.limits.Within)
	defer cancel()
	answers = g.run(ctx, key, items)
	if len(answers) != len(calls) {
		panic(fmt.Sprintf("%d answers for %d items", len(answers), len(calls)))
	}
	return answers
}
