package goal

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Limits of goals.
const (
	MaxGoals    = 5 // of a unit, at a time
	MaxQuantity = 1_000_000_000_000
	MaxAhead    = 366 * 24 * time.Hour
	// Lateness is how long after its end a goal still takes what was done before
	// it, as a season does; then it never changes.
	Lateness = 48 * time.Hour
	kept     = 10 // goals of a unit that are over
)

// UnitKind is what a goal is for.
type UnitKind string

// The kinds of unit.
const (
	Team   UnitKind = "team"
	Region UnitKind = "region"
)

// Unit is a team, or a region with all below it.
type Unit struct {
	Kind UnitKind
	ID   string
}

func (u Unit) docID() string { return string(u.Kind) + ":" + u.ID }

// holds says whether who scores for a team in a leaf region scores for the unit.
func (u Unit) holds(d *Deed) bool {
	if u.Kind == Team {
		return d.Team == u.ID
	}
	return campaign.Covers(u.ID, d.Region)
}

// Mark is a place in the ledger; see points.Mark.
type Mark struct {
	At time.Time `bson:"at"`
	ID string    `bson:"id"`
}

func (m Mark) compare(other Mark) int {
	return cmp.Or(m.At.Compare(other.At), strings.Compare(m.ID, other.ID))
}

// Deed is an entry of the ledger as goals see it. What takes an action back has a
// negative quantity and else says the same as the action.
type Deed struct {
	Kind         string
	Quantity     int64
	OccurredAt   time.Time
	Team, Region string // whom it was done for; a leaf region
}

// Step is what was recorded at one place of the ledger.
type Step struct {
	Mark
	Deeds []Deed
}

// Ledger is what goals ask of the ledger.
type Ledger interface {
	// After gives what lies after a mark and was recorded before an instant, in
	// order, up to limit; fewer mean that there is no more.
	After(ctx context.Context, campaignID string, mark Mark, before time.Time, limit int) ([]Step, error)
	// Kind says whether actions of a kind may be recorded now.
	Kind(ctx context.Context, campaignID, name string) (bool, error)
	// Now is the clock that all nodes share.
	Now(ctx context.Context) (time.Time, error)
}

// Goal is a quantity of a kind of action by a day. What was done from SetAt on and
// before EndsAt counts, by the time it was done at.
type Goal struct {
	ID       string    `bson:"id"`
	Kind     string    `bson:"kind"`
	Quantity int64     `bson:"quantity"`
	SetAt    time.Time `bson:"set_at"`
	EndsAt   time.Time `bson:"ends_at"`
	SetBy    string    `bson:"set_by,omitempty"` // person's id; "" of a service token
	// Counted is the sum up to the unit's mark.
	Counted int64 `bson:"counted"`
	// ReachedAt is when Counted first came up to Quantity; it stays where
	// something is taken back later.
	ReachedAt *time.Time `bson:"reached_at,omitempty"`
}

// closes is when a goal stops changing.
func (g *Goal) closes() time.Time { return g.EndsAt.Add(Lateness) }

// takes says whether a deed that was recorded at an instant counts.
func (g *Goal) takes(d *Deed, recorded time.Time) bool {
	return d.Kind == g.Kind && !d.OccurredAt.Before(g.SetAt) && d.OccurredAt.Before(g.EndsAt) && recorded.Before(g.closes())
}

// reached notes that what was counted has come up to the quantity, and says whether
// that is new.
func (g *Goal) reached(at time.Time) bool {
	if g.Counted < g.Quantity || g.ReachedAt != nil {
		return false
	}
	g.ReachedAt = &at
	return true
}

// Goals are all of one unit.
type Goals struct {
	store.Meta    `bson:",inline"`
	store.Effects `bson:",inline"`
	UnitKind      UnitKind `bson:"unit_kind"`
	Of            string   `bson:"of"`
	// Revision counts what people changed, for ETags: the version of the
	// document also changes as it is counted.
	Revision int64 `bson:"revision"`
	// Mark is the place up to which the goals were counted, at least; see
	// following.
	Mark Mark `bson:"mark"`
	// OpenUntil is when the last of them closes.
	OpenUntil time.Time `bson:"open_until"`
	List      []Goal    `bson:"list"` // in the order they were given, those that are over last
}

// Unit is whose goals they are.
func (g *Goals) Unit() Unit { return Unit{g.UnitKind, g.Of} }

// count adds to the goals what of the steps lies after the mark, and moves it. It
// says which goals were reached by that.
func (g *Goals) count(steps []Step) (reached []*Goal) {
	unit := g.Unit()
	for i := range steps {
		step := &steps[i]
		if step.compare(g.Mark) <= 0 {
			continue
		}
		for j := range step.Deeds {
			deed := &step.Deeds[j]
			if !unit.holds(deed) {
				continue
			}
			for n := range g.List {
				goal := &g.List[n]
				if !goal.takes(deed, step.At) {
					continue
				}
				goal.Counted += deed.Quantity
				if goal.reached(step.At) {
					reached = append(reached, goal)
				}
			}
		}
		g.Mark = step.Mark
	}
	return reached
}

// Wanted is a goal as somebody sets it. With the ID of one that runs it takes that
// one's place and goes on with what was counted; without it begins now.
type Wanted struct {
	ID       string
	Kind     string
	Quantity int64
	EndsAt   time.Time
}

func (w *Wanted) check(now time.Time) error {
	switch {
	case w.Quantity < 1 || w.Quantity > MaxQuantity:
		return errs.New(errs.Invalid, "goal_invalid", "Let a goal be a quantity of 1 or more.")
	case !w.EndsAt.After(now) || w.EndsAt.After(now.Add(MaxAhead)):
		return errs.New(errs.Invalid, "goal_invalid", "Let a goal end within a year from now.")
	}
	return nil
}

var goalsSchema = store.Schema{
	Name: "goals",
	Indexes: []store.Index{
		{Name: "open", Order: "open_until"},
		store.EffectsIndex,
	},
}
