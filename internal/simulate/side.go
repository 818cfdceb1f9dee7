package simulate

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/musterhq/muster/domain/points"
)

// side is one of the two that are compared: rules, and how people behave.
type side struct {
	rules    *points.RuleSet
	p        Params
	kinds    []kind // of the parameters, by name
	extra    []kind // that only cheaters report, by name
	cheats   []Cheat
	comes    float64 // chance
	atOnce   int     // most goes of a day
	perHeavy int64   // calls a day of a heavy user
}

// kind is a kind of action on one side.
type kind struct {
	name    string
	upTo    float64 // shares of the kinds up to this one, of 1
	perHour float64
	largest int64 // quantity of one action that the rules take; 0: they do not know the kind
}

// heavyCalls is what a heavy user makes in a campaign.
const heavyCalls = 76_000

func newSide(rules *points.RuleSet, p Params, seasons int) *side {
	s := &side{
		rules: rules, p: p.clone(), cheats: Cheats(),
		comes:    1 - (1-p.ShowUp)*(1-p.ReminderLift),
		atOnce:   int(math.Ceil(24 / p.SessionHours * 2)),
		perHeavy: heavyCalls / int64(7*seasons),
	}
	var shares float64
	for _, w := range p.Kinds {
		shares += w.Share
	}
	var sum float64
	for _, name := range slices.Sorted(maps.Keys(p.Kinds)) {
		sum += p.Kinds[name].Share / shares
		s.kinds = append(s.kinds, s.kind(name, sum, p.Kinds[name].PerHour))
	}
	for _, k := range rules.Kinds {
		if _, worked := p.Kinds[k.Name]; !worked {
			s.extra = append(s.extra, s.kind(k.Name, 0, 1))
		}
	}
	slices.SortFunc(s.extra, func(a, b kind) int { return cmp.Compare(a.name, b.name) })
	return s
}

func (s *side) kind(name string, upTo, perHour float64) kind {
	k := kind{name: name, upTo: upTo, perHour: perHour}
	if known := s.rules.Kind(name); known != nil {
		k.largest = known.MaxQuantity
	}
	return k
}

// named finds a kind that the parameters or the rules have, nil for none.
func (s *side) named(name string) *kind {
	for _, list := range [][]kind{s.kinds, s.extra} {
		if at, ok := slices.BinarySearchFunc(list, name, func(k kind, name string) int { return cmp.Compare(k.name, name) }); ok {
			return &list[at]
		}
	}
	return nil
}

// pick is the kind that a draw falls on.
func (s *side) pick(u float64) int {
	at, _ := slices.BinarySearchFunc(s.kinds, u, func(k kind, u float64) int { return cmp.Compare(k.upTo, u) })
	return min(at, len(s.kinds)-1)
}

// inOneGo is how much of a kind one go of the usual length comes to.
func (k *kind) inOneGo(s *side) int64 { return max(1, int64(k.perHour*s.p.SessionHours+.5)) }

// tally is one person's day under the rules.
type tally struct {
	day    *points.Day
	acted  bool
	points int64
}

func (s *side) tally() *tally { return &tally{day: s.rules.Day()} }

func (t *tally) clear() {
	if t.acted {
		t.day.Clear()
		t.acted, t.points = false, 0
	}
}

// act hands in what was done, as a phone does: in actions of a quantity that the
// rules take. Work that the rules do not know is done all the same, for nothing.
func (t *tally) act(k *kind, minute int, quantity int64) {
	if k == nil || quantity < 1 {
		return
	}
	t.acted = true
	for k.largest > 0 && quantity > 0 {
		part := min(quantity, k.largest)
		t.points += t.day.Act(k.name, minute, part)
		quantity -= part
	}
}

// goes does a day's goes at something, each for some hours on end, an action an hour.
func (s *side) goes(t *tally, own int, n int, d *dice) {
	left := s.p.MostHours
	for range n {
		// As many throws whatever comes of them.
		uOwn, uKind, zLength, uStart, uPart := d.uniform(), d.uniform(), d.normal(), d.uniform(), d.uniform()
		hours := min(left, s.p.SessionHours*math.Exp(.5*zLength-.125))
		left -= hours
		at := own
		if uOwn >= s.p.OwnKind {
			at = s.pick(uKind)
		}
		k := &s.kinds[at]
		start := 8*60 + int(uStart*12*60)
		var done float64
		for h := 0.0; h < hours; h++ {
			// Rounded by a draw, so that half an event in a go is one in every second.
			upTo := math.Floor(k.perHour*min(h+1, hours) + uPart)
			t.act(k, min(start+60*int(h+1), 24*60-1), int64(upTo-done))
			done = upTo
		}
	}
}
