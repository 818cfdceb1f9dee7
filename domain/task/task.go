package task

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Kind says what sort of work a task is.
type Kind string

// The kinds of task.
const (
	Door      Kind = "door"
	Call      Kind = "call"
	Text      Kind = "text"
	Event     Kind = "event"
	Share     Kind = "share"
	DataEntry Kind = "data_entry"
	Ride      Kind = "ride"
	Training  Kind = "training"
	Custom    Kind = "custom"
)

// leases is how long a slot of each kind is held; zero means until the task
// ends, for work that happens at a fixed time.
var leases = map[Kind]time.Duration{
	Door:      4 * time.Hour,
	Call:      2 * time.Hour,
	Text:      2 * time.Hour,
	Event:     0,
	Share:     24 * time.Hour,
	DataEntry: 4 * time.Hour,
	Ride:      0,
	Training:  0,
	Custom:    4 * time.Hour,
}

// State is whether a task can still be claimed.
type State string

// The states of a task. A task whose EndsAt has passed counts as closed,
// whatever is stored.
const (
	Open   State = "open"
	Closed State = "closed"
)

// Limits of a task's shape.
const (
	MaxCapacity = 1000
	MaxTitle    = 200                  // characters
	MaxWindow   = 366 * 24 * time.Hour // from now to EndsAt
)

// Task is one piece of work with room for Capacity people.
type Task struct {
	store.Meta    `bson:",inline"`
	Kind          Kind      `bson:"kind"`
	Title         string    `bson:"title"`
	Region        string    `bson:"region"`
	Within        []string  `bson:"within"`   // the region and all above it, root first
	Capacity      int       `bson:"capacity"` // 1 to MaxCapacity
	StartsAt      time.Time `bson:"starts_at"`
	EndsAt        time.Time `bson:"ends_at"`
	State         State     `bson:"state"`
	PostedBy      string    `bson:"posted_by"` // account of the poster; never shown
	CreatedAt     time.Time `bson:"created_at"`
	store.Effects `bson:",inline"`
}

// open says whether the task can be claimed at now.
func (t *Task) open(now time.Time) bool { return t.State == Open && now.Before(t.EndsAt) }

// leaseUntil is when a slot claimed at now falls free by itself. A lease on
// work that has not begun runs from its beginning; none outlives the task.
func (t *Task) leaseUntil(now time.Time) time.Time {
	lease := leases[t.Kind]
	if lease == 0 {
		return t.EndsAt
	}
	if now.Before(t.StartsAt) {
		now = t.StartsAt
	}
	if until := now.Add(lease); until.Before(t.EndsAt) {
		return until
	}
	return t.EndsAt
}

// PostRequest is a new task.
type PostRequest struct {
	Kind     Kind
	Title    string
	Region   string    // any region of the campaign's tree
	Capacity int       // 1 to MaxCapacity
	StartsAt time.Time // zero means now
	EndsAt   time.Time // after StartsAt and now, at most MaxWindow ahead
	PostedBy string    // account
	Key      string    // Idempotency-Key: the same poster's same key finds the first task; "" makes a new one
}

// check answers Invalid with the code of the first field that is wrong, and
// fills in what may be left out.
// first answers the task that the request's key made, unless the request says
// something else now. When it starts is not compared: absent, it is the time of
// the call.
func (r *PostRequest) first(made *Offer, err error) (*Offer, error) {
	if err != nil {
		return nil, err
	}
	same := made.Kind == r.Kind && made.Title == strings.TrimSpace(r.Title) && made.Region == r.Region &&
		made.Capacity == r.Capacity && made.EndsAt.UnixMilli() == r.EndsAt.UnixMilli()
	if !same {
		return nil, errs.New(errs.Conflict, "key_reused", "This Idempotency-Key was used for another task. Use a new one.")
	}
	return made, nil
}

// hidden is a character that is not seen, or that turns what follows around.
func hidden(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }

func (r *PostRequest) check(now time.Time) error {
	r.Title = strings.TrimSpace(r.Title)
	if r.StartsAt.IsZero() {
		r.StartsAt = now
	}
	r.StartsAt, r.EndsAt = r.StartsAt.UTC().Truncate(time.Millisecond), r.EndsAt.UTC().Truncate(time.Millisecond)
	if _, known := leases[r.Kind]; !known {
		return errs.New(errs.Invalid, "task_kind_unknown", "Choose one of door, call, text, event, share, data_entry, ride, training, custom as the kind.")
	}
	if n := utf8.RuneCountInString(r.Title); n == 0 || n > MaxTitle || !utf8.ValidString(r.Title) || strings.ContainsFunc(r.Title, hidden) {
		return errs.New(errs.Invalid, "task_title_invalid", "Give the task a title of 1 to %d characters.", MaxTitle)
	}
	if r.Capacity < 1 || r.Capacity > MaxCapacity {
		return errs.New(errs.Invalid, "task_capacity_invalid", "Give the task room for 1 to %d people.", MaxCapacity)
	}
	if !r.EndsAt.After(r.StartsAt) || !r.EndsAt.After(now) || r.EndsAt.Sub(now) > MaxWindow {
		return errs.New(errs.Invalid, "task_window_invalid", "Let the task end after it starts, in the future and within a year.")
	}
	return nil
}

// Schemas declares the room's collections.
var Schemas = []store.Schema{taskSchema, claimSchema}

var taskSchema = store.Schema{
	Name: "tasks",
	Indexes: []store.Index{
		// A person's list: the open tasks of one region, soonest end first.
		{Name: "region", Equal: []string{"state", "region"}, Order: "ends_at"},
		// A lead's list: the same for a whole subtree.
		{Name: "subtree", Equal: []string{"state", "within"}, Each: "within", Order: "ends_at"},
		store.EffectsIndex,
	},
}
