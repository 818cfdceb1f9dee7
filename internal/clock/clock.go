// Package clock is the one source of time. Everything that decides by time
// takes a Clock, so a test can move it.
package clock

import (
	"sync"
	"time"
)

// Clock answers the present instant in UTC, cut to the millisecond: the
// precision that both stores keep, so a time read back equals the time written.
type Clock interface {
	Now() time.Time
}

// System is the machine's clock.
type System struct{}

// Now implements Clock.
func (System) Now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// Manual is a clock that a test moves. It is safe for concurrent use; its zero
// value stands at the zero time.
type Manual struct {
	mu  sync.Mutex
	now time.Time
}

// NewManual is a Manual that stands at t.
func NewManual(t time.Time) *Manual { return &Manual{now: t.UTC().Truncate(time.Millisecond)} }

// Now implements Clock.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Advance moves the clock by d, which may be negative.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}
