package api

import (
	linked "container/list"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/musterhq/muster/internal/errs"
)

// class is a call's place in line when the server has more to do than it can.
// A call without one is a programming error that New refuses.
type class uint8

// The classes, first served first; docs/http.md lists the calls of each. None
// is kept for a lower one: while acts fill the server, lists get nothing.
const (
	unclassed class = iota
	acts            // what people did, the ways in, and what stops something
	boards          // what a screen shows first, and HQ's ordinary writes
	lists           // what can be looked at later
	classes   = iota
)

func (c class) String() string { return [classes]string{"none", "acts", "boards", "lists"}[c] }

const (
	// defaultInFlight is how many calls are answered at once. By Little's law
	// that is rate times duration: the 12,700 calls a second that one Redis
	// takes, at 20 ms for a group commit and its script, are 254 under way.
	// Calls wait for store and Redis, so cores do not count. More would only
	// queue inside the store, where nobody goes first; fewer would make the
	// commits that many share smaller.
	defaultInFlight = 256
	// waitingPerSlot bounds the line: at 1,024 and 1,000 answers a second who
	// is last has waited for about patience.
	waitingPerSlot = 4
	// patience is how long a call may wait for its turn. A person has given up
	// soon after, and every client repeats.
	patience = 1500 * time.Millisecond
	// maxPause bounds what Retry-After says, in seconds, drawn from 1: who was
	// refused together does not come back together.
	maxPause = 5
)

// reason is why a call was refused unserved.
type reason uint8

const (
	full      reason = iota // no place, and nobody of a lower class in line
	displaced               // gave its place to a higher class
	waited                  // patience ended
	gone                    // the caller went away while it waited
	reasons   = iota
)

func (r reason) String() string {
	return [reasons]string{"full", "displaced", "waited", "gone"}[r]
}

// admission lets a fixed number of calls in at once. Further ones wait in a
// bounded line: the highest class goes first, within a class who came first.
// It is safe for concurrent use.
type admission struct {
	slots, places int
	patience      time.Duration

	mu      sync.Mutex
	free    int                  // slots; above 0 only while nobody waits
	lines   [classes]linked.List // of *waiter, oldest first
	queued  int                  // in all lines
	refused [classes][reasons]uint64
}

// waiter is a call in line. Who takes it out of its line decides: by an error
// it is refused, by nil it has a slot.
type waiter struct {
	class   class
	since   time.Time
	place   *linked.Element // nil once out of line
	decided chan error      // holds one
}

func newAdmission(slots, places int, patience time.Duration) *admission {
	return &admission{slots: slots, places: places, patience: patience, free: slots}
}

// enter takes a slot, waiting for its turn at most for the patience and until
// ctx ends; with nil, leave must follow. It answers whether it had to wait.
// What it refuses is overloaded: nothing was done.
func (a *admission) enter(ctx context.Context, c class) (stood bool, err error) {
	a.mu.Lock()
	if a.free > 0 {
		a.free--
		a.mu.Unlock()
		return false, nil
	}
	w := a.line(c)
	a.mu.Unlock()
	if w == nil {
		return false, overloaded()
	}
	timer := time.NewTimer(a.patience)
	defer timer.Stop()
	select {
	case err := <-w.decided:
		return true, err
	case <-timer.C:
		a.withdraw(w, waited)
	case <-ctx.Done():
		a.withdraw(w, gone)
	}
	return true, <-w.decided
}

// line puts a call of class c at the end of its line; nil: there is no place.
// The newest of the lowest class below c makes room. Callers hold mu.
func (a *admission) line(c class) *waiter {
	if a.queued >= a.places && !a.displace(c) {
		a.refused[c][full]++
		return nil
	}
	w := &waiter{class: c, since: time.Now(), decided: make(chan error, 1)} //nolint:forbidigo // a duration on the monotonic clock
	w.place = a.lines[c].PushBack(w)
	a.queued++
	return w
}

func (a *admission) displace(c class) bool {
	for lowest := lists; lowest > c; lowest-- {
		if newest := a.lines[lowest].Back(); newest != nil {
			a.refuse(newest.Value.(*waiter), displaced)
			return true
		}
	}
	return false
}

// withdraw refuses w unless it was decided meanwhile.
func (a *admission) withdraw(w *waiter, why reason) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w.place != nil {
		a.refuse(w, why)
	}
}

// refuse and take end a wait. Callers hold mu.
func (a *admission) refuse(w *waiter, why reason) {
	a.refused[w.class][why]++
	a.take(w, overloaded())
}

func (a *admission) take(w *waiter, decision error) {
	a.lines[w.class].Remove(w.place)
	a.queued--
	w.place = nil
	w.decided <- decision
}

// leave gives the slot to who is next. Those whose patience ended are refused
// here too: on a busy machine their timers are late.
func (a *admission) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := acts; c < classes && a.queued > 0; c++ {
		for oldest := a.lines[c].Front(); oldest != nil; oldest = a.lines[c].Front() {
			w := oldest.Value.(*waiter)
			if time.Since(w.since) < a.patience {
				a.take(w, nil)
				return
			}
			a.refuse(w, waited)
		}
	}
	a.free++
}

// load is what an admission looks like at one moment.
type load struct {
	slots, inFlight int
	waiting         [classes]int
	refused         [classes][reasons]uint64
}

func (a *admission) load() load {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := load{slots: a.slots, inFlight: a.slots - a.free, refused: a.refused}
	for c := range a.lines {
		l.waiting[c] = a.lines[c].Len()
	}
	return l
}

// abandon counts a call whose caller went away before its turn came.
func (a *admission) abandon(c class) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refused[c][gone]++
}

func overloaded() error {
	pause := time.Duration(1+rand.IntN(maxPause)) * time.Second
	return errs.New(errs.Unavailable, "overloaded", "The server has more to do than it can, and did nothing of this. Send the same again after the pause in Retry-After.").WithRetryAfter(pause)
}

// inTurn lets a call in when its turn comes: before its token is looked at, so
// that what is refused cost nothing, and until its answer is written to memory,
// so that a slow reader holds no slot.
func (a *API) inTurn(c class) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		stood, err := a.admission.enter(ctx.Context(), c)
		if err != nil {
			a.refuse(ctx, err)
			return
		}
		defer a.admission.leave() // when a handler panics too
		if stood && hungUp(humafiber.Unwrap(ctx).Context().Conn()) {
			a.admission.abandon(c)
			a.refuse(ctx, overloaded()) // for the log: nobody reads it
			return
		}
		next(ctx)
	}
}
