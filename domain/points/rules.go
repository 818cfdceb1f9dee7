package points

// RuleSet is a published table of what actions are worth. A set never changes
// once it is in force; another has another id.
type RuleSet struct {
	ID    string
	Kinds []Kind
}

// Kind is what a rule set says of one kind of action.
type Kind struct {
	Name string
	Unit string // what a quantity of one is
	// Points are paid for each unit; 0 for a kind that is recorded and not
	// paid.
	Points int64
	// MaxQuantity is the largest quantity of one action, which is at least 1.
	MaxQuantity int64
	// Weight is how much a unit adds to the day's weighted quantity: what the
	// kind of evidence is held to be worth.
	Weight int64
	// Tiers are the daily caps, in order. What lies above the last is worth
	// nothing.
	Tiers []Tier
	// Source says where the points come from, for the published table.
	Source string
}

// Tier pays a share of the points for the part of a day's weighted quantity
// up to UpTo that lies above the tier before.
type Tier struct {
	UpTo    int64
	Percent int64 // 0 to 100, and not above the tier before
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
func (r *RuleSet) Points(kind string, quantity int64) int64 {
	k := r.Kind(kind)
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

// V1 is the first rule set. One point is about 1/1250 of an expected vote.
// Contacts per extra vote are Green and Gerber's (Get Out the Vote, first
// edition): 14 at the door, 35 by a volunteer's phone. Contact rates and the
// contacts an hour are rounded from what campaigns published (a canvass of 650
// doors with 168 talks in 2022; about 30 dials an hour by hand). "Assumed" marks
// what no published figure supports.
func V1() *RuleSet {
	return &RuleSet{ID: "v1", Kinds: []Kind{
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
			Name: "event_attended", Unit: "event attended", Points: 100, MaxQuantity: 1, Weight: 1, Tiers: tiers(2, 3, 4),
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
