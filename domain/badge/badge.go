package badge

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Measure is what a criterion looks at.
type Measure string

// The measures.
const (
	Points   Measure = "points"   // of all time
	Level    Measure = "level"    // by all-time points
	Quantity Measure = "quantity" // of one kind of action, of all time
	Weeks    Measure = "weeks"    // different weeks with a counted action
	Streak   Measure = "streak"   // weeks in a row, the longest ever
)

// Criterion is met by an account of which so much is in the ledger.
type Criterion struct {
	Measure Measure `bson:"measure"`
	Kind    string  `bson:"kind,omitempty"` // of Quantity
	AtLeast int64   `bson:"at_least"`
}

// Narrative says the criterion in a sentence.
func (c Criterion) Narrative() string {
	switch c.Measure {
	case Points:
		return fmt.Sprintf("Have made %d points or more in all.", c.AtLeast)
	case Level:
		return fmt.Sprintf("Have reached level %d.", c.AtLeast)
	case Quantity:
		return fmt.Sprintf("Have recorded %d or more of %q.", c.AtLeast, c.Kind)
	case Weeks:
		return fmt.Sprintf("Have taken part in %d or more different weeks.", c.AtLeast)
	case Streak:
		return fmt.Sprintf("Have taken part in %d or more weeks in a row; weeks of grace and pauses do not break the row.", c.AtLeast)
	}
	return ""
}

// Facts is what the ledger says of an account.
type Facts struct {
	Points     int64            `bson:"points"`
	Level      int64            `bson:"level"`
	Streak     int64            `bson:"streak"` // the longest ever
	Weeks      []string         `bson:"weeks,omitempty"`
	Quantities map[string]int64 `bson:"quantities,omitempty"`
}

// Of is how much of a criterion's measure there is.
func (f *Facts) Of(c Criterion) int64 {
	switch c.Measure {
	case Points:
		return f.Points
	case Level:
		return f.Level
	case Quantity:
		return f.Quantities[c.Kind]
	case Weeks:
		return int64(len(f.Weeks))
	case Streak:
		return f.Streak
	}
	return 0
}

func (f *Facts) meet(c Criterion) bool { return f.Of(c) >= c.AtLeast }

// Definition is a badge. Its document id is its id.
type Definition struct {
	store.Meta  `bson:",inline"`
	Name        string    `bson:"name"`        // 1 to 80 characters
	Description string    `bson:"description"` // 1 to 500 characters
	Criterion   Criterion `bson:"criterion"`
	// Retired: nobody is awarded it any more; who has it keeps it.
	Retired   bool      `bson:"retired,omitempty"`
	UpdatedAt time.Time `bson:"updated_at,omitzero"` // zero: as Muster brings it
	UpdatedBy string    `bson:"updated_by,omitempty"`
}

// MaxDefinitions bounds the badges of a campaign.
const MaxDefinitions = 100

var (
	idPattern   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	kindPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

func (d *Definition) check() error {
	text := func(s string, most int) bool { return strings.TrimSpace(s) != "" && len([]rune(s)) <= most }
	c := d.Criterion
	switch {
	case !idPattern.MatchString(d.ID):
		return invalid("The id of a badge is 1 to 40 of a-z, 0-9 and -, a letter first.")
	case !text(d.Name, 80) || !text(d.Description, 500):
		return invalid("Give the badge a name of at most 80 characters and a description of at most 500.")
	case !slices.Contains([]Measure{Points, Level, Quantity, Weeks, Streak}, c.Measure):
		return invalid("A criterion measures points, level, quantity, weeks or streak.")
	case (c.Measure == Quantity) != kindPattern.MatchString(c.Kind):
		return invalid("A criterion of quantity, and no other, names a kind of action.")
	case c.AtLeast < 1 || c.AtLeast > 1_000_000_000_000:
		return invalid("A criterion asks for 1 or more.")
	}
	return nil
}

func invalid(what string) error { return errs.New(errs.Invalid, "badge_invalid", "%s", what) }

// Standard is the set that every campaign begins with. It rewards to begin and to
// come back, and only then volume; the last of each row is far, and there is no badge
// for being ahead of others.
func Standard() []Definition {
	define := func(id, name, description string, m Measure, kind string, atLeast int64) Definition {
		return Definition{Meta: store.Meta{ID: id}, Name: name, Description: description, Criterion: Criterion{m, kind, atLeast}}
	}
	return []Definition{
		define("first-week", "First week", "Took part for the first time.", Weeks, "", 1),
		define("regular", "Regular", "Took part in four different weeks.", Weeks, "", 4),
		define("mainstay", "Mainstay", "Took part in twelve different weeks.", Weeks, "", 12),
		define("streak-4", "Four in a row", "Took part four weeks in a row.", Streak, "", 4),
		define("streak-12", "A season long", "Took part twelve weeks in a row.", Streak, "", 12),
		define("doors-50", "Fifty doors", "Knocked on fifty doors.", Quantity, "door", 50),
		define("doors-500", "Five hundred doors", "Knocked on five hundred doors.", Quantity, "door", 500),
		define("calls-100", "A hundred calls", "Dialled a hundred numbers.", Quantity, "call", 100),
		define("recruiter", "Recruiter", "Brought three people into the campaign.", Quantity, "signup_recruited", 3),
		define("level-6", "A long day's work", "Reached level 6.", Level, "", 6),
		define("level-10", "Pillar of the campaign", "Reached level 10.", Level, "", 10),
	}
}

// Award is a badge that an account holds, or held. It keeps the words and the
// criterion it was given under.
type Award struct {
	ID          string    `bson:"id"` // random, and told to nobody but the holder
	Badge       string    `bson:"badge"`
	Name        string    `bson:"name"`
	Description string    `bson:"description"`
	Criterion   Criterion `bson:"criterion"`
	At          time.Time `bson:"at"` // when what earned it was recorded
	// RevokedAt is when it was withdrawn, Reason why, in words for the holder, and
	// RevokedBy the person of staff who did; "" where a void did.
	RevokedAt *time.Time `bson:"revoked_at,omitempty"`
	RevokedBy string     `bson:"revoked_by,omitempty"`
	Reason    string     `bson:"reason,omitempty"`
	// List and Index are the place of its credential in a status list, from its
	// first export on; RevokedOn is List once it is withdrawn.
	List      string `bson:"list,omitempty"`
	Index     int    `bson:"index,omitempty"`
	RevokedOn string `bson:"revoked_on,omitempty"`
}

func (a *Award) revoke(now time.Time, by, reason string) {
	a.RevokedAt, a.RevokedBy, a.Reason, a.RevokedOn = &now, by, reason, a.List
}

// Holder is what is known of one account. Its document id is the account.
type Holder struct {
	store.Meta    `bson:",inline"`
	store.Effects `bson:",inline"`
	Account       string `bson:"account"`
	// N is the account's last posting that is in Facts.
	N     int64 `bson:"n"`
	Facts Facts `bson:"facts"`
	// BestWeek is the last week that was the person's best when they came up to it.
	BestWeek string  `bson:"best_week,omitempty"`
	Awards   []Award `bson:"awards,omitempty"` // oldest first
}

// Held is the award of a badge that is not withdrawn, nil for none.
func (h *Holder) Held(badge string) *Award {
	for i := range h.Awards {
		if a := &h.Awards[i]; a.Badge == badge && a.RevokedAt == nil {
			return a
		}
	}
	return nil
}

// barred says whether staff took a badge away: then no worker gives it again.
func (h *Holder) barred(badge string) bool {
	return slices.ContainsFunc(h.Awards, func(a Award) bool { return a.Badge == badge && a.RevokedBy != "" })
}

// judge awards what the facts meet. at is when they came to it.
func (h *Holder) judge(definitions []*Definition, at time.Time) (fresh []Award) {
	for _, d := range definitions {
		if d.Retired || !h.Facts.meet(d.Criterion) || h.Held(d.ID) != nil || h.barred(d.ID) {
			continue
		}
		award := Award{ID: store.NewID(), Badge: d.ID, Name: d.Name, Description: d.Description, Criterion: d.Criterion, At: at}
		h.Awards = append(h.Awards, award)
		fresh = append(fresh, award)
	}
	return fresh
}

// due says whether judge would award something.
func (h *Holder) due(definitions []*Definition) bool {
	return slices.ContainsFunc(definitions, func(d *Definition) bool {
		return !d.Retired && h.Facts.meet(d.Criterion) && h.Held(d.ID) == nil && !h.barred(d.ID)
	})
}

// withdraw takes back what the facts no longer meet.
func (h *Holder) withdraw(now time.Time) {
	for i := range h.Awards {
		if a := &h.Awards[i]; a.RevokedAt == nil && !h.Facts.meet(a.Criterion) {
			a.revoke(now, "", "An action that this badge rested on was voided.")
		}
	}
}

var (
	definitionSchema = store.Schema{Name: "badges"}
	holderSchema     = store.Schema{
		Name: "badge_holders",
		Indexes: []store.Index{
			// By account, which never changes: a scan sees everybody who was there
			// when it began.
			{Name: "account", Order: "account"},
			// What the status list of these awards says.
			{Name: "revoked", Equal: []string{"awards.revoked_on"}, Each: "awards.revoked_on"},
			store.EffectsIndex,
		},
		Set: []string{"n", "facts", "best_week"},
	}
	markSchema = store.Schema{Name: "badge_marks", Indexes: []store.Index{store.EffectsIndex}}
	listSchema = store.Schema{Name: "badge_lists"}
)

// Schemas declares the room's collections.
var Schemas = []store.Schema{definitionSchema, holderSchema, markSchema, listSchema}
