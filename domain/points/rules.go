package points

import (
	"regexp"
	"strings"

	"github.com/musterhq/muster/internal/errs"
)

// RuleSet is a table of what actions are worth. A set never changes; another has
// another id.
type RuleSet struct {
	ID    string `bson:"id"`
	Kinds []Kind `bson:"kinds"`
}

// Kind is what a rule set says of one kind of action.
type Kind struct {
	Name string `bson:"name"` // 1 to 32 of a-z, 0-9 and _, a letter first
	Unit string `bson:"unit"` // what a quantity of one is
	// Points are paid for each unit; 0 for a kind that is recorded and not
	// paid. At most MaxPoints.
	Points int64 `bson:"points"`
	// MaxQuantity is the largest quantity of one action, 1 to 100,000.
	MaxQuantity int64 `bson:"max_quantity"`
	// Weight is how much a unit adds to the day's weighted quantity, 1 to 100:
	// what the kind of evidence is held to be worth.
	Weight int64 `bson:"weight"`
	// Tiers are the daily caps, in order, one to eight. What lies above the last
	// is worth nothing.
	Tiers []Tier `bson:"tiers"`
	// CoolDown is in minutes, 0 for none, at most a day. The person's day is cut
	// into stretches of that length, from its midnight on, and what was done in
	// one of them counts up to the largest quantity of one action. So two events
	// attended within the same hour pay once, in whatever order they arrive.
	CoolDown int64 `bson:"cool_down,omitempty"`
	// Source says where the points come from, for the published table.
	Source string `bson:"source"`
}

// Tier pays a share of the points for the part of a day's weighted quantity
// up to UpTo that lies above the tier before.
type Tier struct {
	UpTo    int64 `bson:"up_to"`
	Percent int64 `bson:"percent"` // 0 to 100, and not above the tier before
}

// Limits of a rule set.
const (
	MaxKinds  = 64
	MaxPoints = 100_000 // of one unit
)

var kindName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// Check refuses a table that cannot be in force: Invalid rule_set_invalid, which
// names the kind and says what to do.
func (r *RuleSet) Check() error {
	if len(r.Kinds) < 1 || len(r.Kinds) > MaxKinds {
		return errs.New(errs.Invalid, "rule_set_invalid", "A rule set has 1 to %d kinds.", MaxKinds)
	}
	seen := map[string]bool{}
	for i := range r.Kinds {
		k := &r.Kinds[i]
		if problem := k.problem(); problem != "" {
			return errs.New(errs.Invalid, "rule_set_invalid", "Kind %q: %s", k.Name, problem)
		}
		if seen[k.Name] {
			return errs.New(errs.Invalid, "rule_set_invalid", "Kind %q is there twice.", k.Name)
		}
		seen[k.Name] = true
	}
	return nil
}

// problem says what is wrong with a kind, "" if nothing.
func (k *Kind) problem() string {
	switch {
	case !kindName.MatchString(k.Name):
		return "a name is 1 to 32 of a-z, 0-9 and _, a letter first."
	case blank(k.Unit, 80):
		return "say in at most 80 characters what a quantity of one is."
	case blank(k.Source, 500):
		return "say in at most 500 characters where its points come from; it is published beside them."
	case k.Points < 0 || k.Points > MaxPoints:
		return "points are 0 to 100,000 a unit."
	case k.MaxQuantity < 1 || k.MaxQuantity > 100_000:
		return "the largest quantity of one action is 1 to 100,000."
	case k.Weight < 1 || k.Weight > 100:
		return "a weight is 1 to 100."
	case k.CoolDown < 0 || k.CoolDown > 24*60:
		return "a cool-down is 0 to 1,440 minutes."
	case len(k.Tiers) < 1 || len(k.Tiers) > 8:
		return "it needs 1 to 8 tiers: what a day pays, and from where on less."
	}
	last := Tier{Percent: 100}
	for _, t := range k.Tiers {
		if t.UpTo <= last.UpTo || t.UpTo > 1_000_000_000 || t.Percent < 0 || t.Percent > last.Percent {
			return "each tier reaches further than the one before and pays no larger share, of at most 100 %."
		}
		last = t
	}
	return ""
}

func blank(s string, most int) bool { return strings.TrimSpace(s) == "" || len([]rune(s)) > most }

// slot is the stretch of the day that a minute of it lies in, from 1 on; 0 for a
// kind without a cool-down, whose day is whole.
func (k *Kind) slot(minute int32) int64 {
	if k.CoolDown == 0 {
		return 0
	}
	return 1 + int64(minute)/k.CoolDown
}

// counted is what a stretch's weighted quantity adds to the day's.
func (k *Kind) counted(slot, quantity int64) int64 {
	if k == nil || slot == 0 {
		return quantity
	}
	return min(quantity, k.MaxQuantity*k.Weight)
}

// Kind finds a kind by name, nil when the set has none.
func (r *RuleSet) Kind(name string) *Kind {
	for i := range r.Kinds {
		if r.Kinds[i].Name == name {
			return &r.Kinds[i]
		}
	}
	return nil
}

// Points are what a day's weighted quantity of a kind is worth in all: whole
// points, rounded down once over the whole day, never less for more, 0 for a
// kind the set does not have. An action that brings the quantity from a to b
// is worth Points(b) - Points(a).
func (r *RuleSet) Points(kind string, quantity int64) int64 { return r.Kind(kind).worth(quantity) }

// worth is RuleSet.Points of a kind; k is nil for one the set does not have.
func (k *Kind) worth(quantity int64) int64 {
	if k == nil {
		return 0
	}
	var hundredths, paid int64
	for _, tier := range k.Tiers {
		part := min(quantity, tier.UpTo) - paid
		if part <= 0 {
			break
		}
		hundredths += part * k.Points * tier.Percent
		paid += part
	}
	return hundredths / 100
}

// FirstRules is the id of V1, by which every campaign begins.
const FirstRules = "v1"

// V1 is the first rule set. One point is about 1/1250 of an expected vote.
// Contacts per extra vote are Green and Gerber's (Get Out the Vote, first
// edition): 14 at the door, 35 by a volunteer's phone. Contact rates and the
// contacts an hour are rounded from what campaigns published (a canvass of 650
// doors with 168 talks in 2022; about 30 dials an hour by hand). "Assumed" marks
// what no published figure supports.
func V1() *RuleSet {
	return &RuleSet{ID: FirstRules, Kinds: []Kind{
		{
			Name: "door", Unit: "door knocked", Points: 20, MaxQuantity: 100, Weight: 1, Tiers: tiers(80, 160, 320),
			Source: "22 % of doors open and 14 talks win a vote: 0.0157 votes a door, 0.31 an hour at 3 minutes a door. 80 is a long shift.",
		},
		{
			Name: "call", Unit: "number dialled", Points: 3, MaxQuantity: 200, Weight: 1, Tiers: tiers(120, 240, 480),
			Source: "8 % answer and 35 talks win a vote: 0.0023 votes a dial, 0.07 an hour at 30 dials an hour. 120 is four hours.",
		},
		{
			Name: "text", Unit: "message sent by hand", Points: 1, MaxQuantity: 2000, Weight: 1, Tiers: tiers(60, 180, 360),
			Source: "Between no measurable effect (to strangers, Florida 2025) and 0.0029 votes (mass text): the least that is above nothing, capped under the worth of an evening of calls.",
		},
		{
			Name: "share", Unit: "post shared", Points: 0, MaxQuantity: 50, Weight: 1, Tiers: tiers(20, 40, 80),
			Source: "A share pays by what it brings in, never by itself.",
		},
		{
			Name: "event_attended", Unit: "event attended", Points: 100, MaxQuantity: 1, Weight: 1, CoolDown: 60, Tiers: tiers(2, 3, 4),
			Source: "Assumed: a quarter of an hour at the doors for having come; the work done there pays by itself. Signing up pays nothing.",
		},
		{
			Name: "donation_asked", Unit: "person asked for a gift", Points: 5, MaxQuantity: 50, Weight: 1, Tiers: tiers(20, 40, 80),
			Source: "Assumed: between a call and a friend's ask (0.01 votes). The ask pays, never the sum given.",
		},
		{
			Name: "signup_recruited", Unit: "volunteer recruited", Points: 100, MaxQuantity: 50, Weight: 1, Tiers: tiers(5, 10, 20),
			Source: "A volunteer makes 68 contacts on average (Obama 2012), half show up: 0.3 votes; a quarter of it, for the recruit's own work pays again.",
		},
		{
			Name: "data_entry", Unit: "record entered", Points: 1, MaxQuantity: 1000, Weight: 1, Tiers: tiers(200, 400, 800),
			Source: "Assumed: at 60 records an hour two thirds of an hour of calls.",
		},
	}}
}

// tiers pays in full up to the first bound, half up to the second, a quarter
// up to the third, and nothing above.
func tiers(full, half, quarter int64) []Tier {
	return []Tier{{UpTo: full, Percent: 100}, {UpTo: half, Percent: 50}, {UpTo: quarter, Percent: 25}}
}
