package points

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Recounted is what an account's postings should have come to.
type Recounted struct {
	N       int64 // of the last posting, 0 without any
	Actions int   // recorded actions; what is said of them is not among them
	// AllTime is in the order of State.AllTime.
	AllTime []Share
	// Seasons are all the account ever had, closed ones too, oldest first.
	Seasons []SeasonShare
	// Days are the quantities of all days, by day, then kind, then slot.
	Days   []DayQuantity
	Streak Streak
	// Longest is the most weeks of any streak there was.
	Longest int
	Best    Best
}

// Total is the sum over all teams.
func (r *Recounted) Total() int64 {
	var sum int64
	for _, share := range r.AllTime {
		sum += share.Points
	}
	return sum
}

// Season is the share of a season, nil when the account has none in it.
func (r *Recounted) Season(id string) *SeasonShare {
	at := slices.IndexFunc(r.Seasons, func(x SeasonShare) bool { return x.Season == id })
	if at < 0 {
		return nil
	}
	return &r.Seasons[at]
}

// Agrees says where a state differs from what was recounted, nil if nowhere.
func (r *Recounted) Agrees(s *State) error {
	if !slices.Equal(r.AllTime, s.AllTime) {
		return fmt.Errorf("all-time shares are %v, recounted %v", s.AllTime, r.AllTime)
	}
	for _, share := range s.Seasons {
		if want := r.Season(share.Season); want == nil || *want != share {
			return fmt.Errorf("the share of season %s is %v, recounted %v", share.Season, share, want)
		}
	}
	if s.Streak != r.Streak {
		return fmt.Errorf("the streak is %v, recounted %v", s.Streak, r.Streak)
	}
	if s.Best != r.Best {
		return fmt.Errorf("the personal best is %v, recounted %v", s.Best, r.Best)
	}
	return nil
}

// Recount adds up one account's postings, given from the first in the order of
// n, from what was done alone: kind, quantity, day and season of each action,
// what was said of it, and what was said of pauses. Neither stored points nor stored states are read, except for
// State.Home, the team and region the person came from at each posting, which
// is written nowhere else.
//
// An error says what a ledger cannot hold: a gap in n, a time that goes back, an
// id twice, an entry about nothing, or that cannot follow what was said of the
// action before (a second void, a clear of what is not held), or that is about
// other than the whole action, a rule set that was not in force, or an entry in a season the person had no
// share of.
func Recount(rules Schedule, c Calendar, postings []*Posting) (Recounted, error) {
	count := recount{rules: rules, acts: map[string]act{}, days: map[dayKind]*dayCount{}, paused: map[string]bool{}}
	for i, p := range postings {
		if err := count.posting(c, postings[:i], p); err != nil {
			return count.Recounted, fmt.Errorf("posting %s: %w", p.ID, err)
		}
	}
	count.finish()
	return count.Recounted, nil
}

type recount struct {
	Recounted
	rules Schedule
	acts  map[string]act
	days  map[dayKind]*dayCount
	// paused are the days of all pauses there ever were.
	paused map[string]bool
}

type dayKind struct{ day, kind string }

// dayCount is a day's weighted quantity of a kind: by slot, and what of it
// counts.
type dayCount struct {
	slots   map[int64]int64
	counted int64
}

type act struct {
	Entry
	home Home
	said map[Verdict]bool // nil: nothing
}

// follows says what quantity an entry about the action must have, and whether
// there may be such an entry after those there were.
func (a *act) follows(v Verdict) (quantity int64, ok bool) {
	held := a.said[HoldIt] && !a.said[ClearIt]
	switch {
	case a.Of != "" || a.said[v] || a.said[VoidIt]:
		return 0, false
	case v == HoldIt, v == VoidIt && !held:
		return -a.Quantity, true
	case v == ClearIt:
		return a.Quantity, held
	}
	return 0, v == VoidIt
}

func (r *recount) posting(c Calendar, before []*Posting, p *Posting) error {
	if r.N++; p.N != r.N {
		return fmt.Errorf("number %d where %d is due", p.N, r.N)
	}
	if len(before) > 0 && p.RecordedAt.Before(before[len(before)-1].RecordedAt) {
		return fmt.Errorf("recorded at %v, before the one ahead of it", p.RecordedAt)
	}
	if want := r.rules.At(p.RecordedAt, c.Location()).ID; p.Rules != want {
		return fmt.Errorf("decided by rule set %q, where %q was in force", p.Rules, want)
	}
	if err := r.pause(p); err != nil {
		return err
	}
	current := c.Counts(p.RecordedAt, p.RecordedAt)
	r.begin(current, p.State.Home)
	for _, e := range p.Actions {
		if err := r.entry(e, current, p.State.Home); err != nil {
			return fmt.Errorf("entry %q: %w", e.ID, err)
		}
	}
	return nil
}

// begin gives a season its share, if it has none, at home.
func (r *recount) begin(season string, home Home) Home {
	if share := r.Season(season); share != nil {
		return share.Home
	}
	r.Seasons = append(r.Seasons, SeasonShare{Season: season, Share: Share{Home: home}})
	if !slices.ContainsFunc(r.AllTime, func(x Share) bool { return x.Home == home }) {
		r.AllTime = append(r.AllTime, Share{Home: home})
	}
	return home
}

func (r *recount) entry(e Entry, current string, home Home) error {
	if _, twice := r.acts[e.ID]; twice {
		return fmt.Errorf("is there twice")
	}
	if e.Of == "" {
		home = r.begin(cmp.Or(e.Season, current), home)
		if e.Quantity < 1 {
			return fmt.Errorf("has quantity %d", e.Quantity)
		}
		r.Actions++
	} else {
		of, ok := r.acts[e.Of]
		v, named := strings.CutPrefix(e.ID, e.Of+"/")
		quantity, may := of.follows(Verdict(v))
		if !ok || !named || !may {
			return fmt.Errorf("is about %q, of which it cannot be said", e.Of)
		}
		if e.Quantity != quantity || e.Kind != of.Kind || e.Day != of.Day || e.Minute != of.Minute || e.Season != of.Season && e.Season != "" {
			return fmt.Errorf("is not the whole of what it is about")
		}
		if of.said == nil {
			of.said = map[Verdict]bool{}
			r.acts[e.Of] = of
		}
		of.said[Verdict(v)] = true
		home = of.home
	}
	r.acts[e.ID] = act{Entry: e, home: home}
	worth := move(r.rules.On(e.Day), r.days, e)
	r.AllTime[slices.IndexFunc(r.AllTime, func(x Share) bool { return x.Home == home })].Points += worth
	if e.Season != "" {
		share := r.Season(e.Season)
		if share == nil {
			return fmt.Errorf("counts in season %s, of which there is no share", e.Season)
		}
		share.Points += worth
	}
	return nil
}

// move changes the day's quantity and answers the difference it makes by a rule
// set.
func move(rules *RuleSet, days map[dayKind]*dayCount, e Entry) int64 {
	kind := rules.Kind(e.Kind)
	if kind == nil {
		return 0
	}
	key := dayKind{e.Day, e.Kind}
	day := days[key]
	if day == nil {
		day = &dayCount{slots: map[int64]int64{}}
		days[key] = day
	}
	before, slot := day.counted, kind.slot(e.Minute)
	day.counted -= kind.counted(slot, day.slots[slot])
	day.slots[slot] += e.Quantity * kind.Weight
	day.counted += kind.counted(slot, day.slots[slot])
	return rules.Points(e.Kind, day.counted) - rules.Points(e.Kind, before)
}

// finish puts in order what the postings left in the order of recording.
func (r *recount) finish() {
	slices.SortFunc(r.Seasons, func(a, b SeasonShare) int { return cmp.Compare(a.Season, b.Season) })
	for key, day := range r.days {
		for slot, quantity := range day.slots {
			if quantity != 0 {
				r.Days = append(r.Days, DayQuantity{Day: key.day, Kind: key.kind, Slot: slot, Quantity: quantity})
			}
		}
	}
	slices.SortFunc(r.Days, DayQuantity.compare)
	r.walk()
}
