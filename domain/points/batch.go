package points

import (
	"time"

	"github.com/musterhq/muster/internal/errs"
)

// Limits of what a phone may send.
const (
	MaxActions = 200                 // in one batch, at least 1
	MaxIDLen   = 64                  // of an action's id, in bytes
	MaxAge     = 14 * 24 * time.Hour // an action that is older is refused
	MaxAhead   = 5 * time.Minute     // an action further ahead is refused; up to this it is now
	// MaxClockError is the largest difference between the phone's clock and
	// ours that is taken for a difference of clocks. It is wide on purpose: a
	// phone that fell back to 1970 is half a century off and still knows how
	// long ago its actions were. Beyond it sent_at is no time at all.
	MaxClockError = 100 * 365 * 24 * time.Hour
)

// Action is one thing a person did, as their phone reports it.
type Action struct {
	// ID is the client's: 1 to 64 visible ASCII characters without "/", unique
	// among the person's actions.
	ID       string
	Kind     string
	Quantity int64
	// OccurredAt is by the phone's clock.
	OccurredAt time.Time
	// Task is the id of the task it was done for, "" for none; the same
	// characters as ID.
	Task string
}

// Batch is a phone's queue of actions.
type Batch struct {
	// SentAt is the phone's clock when it sent the batch. The difference to
	// the time of arrival is the error of that clock, and moves OccurredAt of
	// every action. What the way took is part of it, so an action may seem
	// later by as much.
	SentAt  time.Time
	Actions []Action // 1 to MaxActions
}

// Status is what became of an action.
type Status string

// The statuses.
const (
	Recorded  Status = "recorded"
	Duplicate Status = "duplicate" // the id was recorded before; First says how
	Rejected  Status = "rejected"  // Reason says why; nothing is kept and the id stays free
)

// Reason says why an action was rejected. It is documented API.
type Reason string

// The reasons.
const (
	BadID       Reason = "bad_id"                // not 1 to 64 visible ASCII characters without "/"
	UnknownKind Reason = "unknown_kind"          // the rule set has no such kind
	BadQuantity Reason = "quantity_out_of_range" // below 1 or above the kind's largest
	BadTask     Reason = "bad_task"              // cannot be the id of a task
	TooOld      Reason = "too_old"               // more than 14 days ago
	InFuture    Reason = "in_future"             // more than 5 minutes ahead
)

// Answer is what one action of a batch is told.
type Answer struct {
	ID     string
	Status Status
	// Points are what a recorded action changed; 0 with the other statuses.
	Points int64
	Reason Reason  // with Rejected
	First  *Answer // with Duplicate: the answer that the id got the first time
}

// clockError is how far the phone's clock is behind ours. It refuses a batch
// that is no batch; what is wrong with one action is not its business.
func (b *Batch) clockError(received time.Time) (time.Duration, error) {
	if len(b.Actions) < 1 || len(b.Actions) > MaxActions {
		return 0, errs.New(errs.Invalid, "batch_size", "Send between 1 and %d actions at once.", MaxActions)
	}
	off := received.Sub(b.SentAt) // saturates at 292 years
	if off > MaxClockError || off < -MaxClockError {
		return 0, errs.New(errs.Invalid, "sent_at_invalid", "Send the phone's own time in sent_at.")
	}
	return off, nil
}

// validID says whether s may be the id a client gives. No "/": the ids of
// voids are made with it.
func validID(s string) bool {
	if len(s) < 1 || len(s) > MaxIDLen {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '/' {
			return false
		}
	}
	return true
}

// judge says what is wrong with an action, "" if nothing, and when it happened by
// our clock, with the person's day.
func judge(t *terms, a Action, clockError time.Duration, now time.Time) (at time.Time, day string, reason Reason) {
	at = a.OccurredAt.Add(clockError).UTC().Truncate(time.Millisecond)
	if at.After(now) && !at.After(now.Add(MaxAhead)) {
		at = now
	}
	day = at.In(t.zone).Format(time.DateOnly)
	switch kind := t.rules.On(day).Kind(a.Kind); {
	case !validID(a.ID):
		return at, day, BadID
	case kind == nil:
		return at, day, UnknownKind
	case a.Quantity < 1 || a.Quantity > kind.MaxQuantity:
		return at, day, BadQuantity
	case a.Task != "" && !validID(a.Task):
		return at, day, BadTask
	case at.After(now.Add(MaxAhead)):
		return at, day, InFuture
	case at.Before(now.Add(-MaxAge)):
		return at, day, TooOld
	}
	return at, day, ""
}
