package season

import (
	"cmp"
	"math"
	"slices"
)

const (
	// Ratio bounds a league: its largest unit has at most so many times the
	// members of its smallest. Across sizes shrinking alone is not fair: with
	// equal true rates Liguria's largest comuni held 2.3 times their share of the
	// top tenth.
	Ratio = 2
	// DivisionSize is the most units that one division holds; a league with more
	// is divided by strength.
	DivisionSize = 20
	// Moves is how many units of a division go up, and how many go down, at the
	// end of a season.
	Moves = 2
)

// Entrant is a unit at a season's start.
type Entrant struct {
	ID      string
	Members int64 // at the start
	Rating  Rating
	Last    *Place // where it ended the season before; nil for one that is new
}

// Place is where a unit stands in its league.
type Place struct {
	League    int `bson:"league"`
	Division  int `bson:"division"`
	Divisions int `bson:"divisions"` // of the league
	Rank      int `bson:"rank"`      // competition rank in the division
	Equals    int `bson:"equals"`    // units on that rank, itself among them
	Of        int `bson:"of"`        // units of the division
}

// Goes is where a place leads at the season's end: -1 one division up, 1 one down,
// 0 nowhere. Of equals who together are too many, none moves.
func (p Place) Goes() int {
	switch {
	case p.Rank+p.Equals-1 <= Moves && p.Division > 1:
		return -1
	case p.Rank > p.Of-Moves && p.Division < p.Divisions:
		return 1
	}
	return 0
}

// League is a group of units of like size.
type League struct {
	Number            int   // from 1, the one of the largest units
	Smallest, Largest int64 // members of its smallest and largest unit
	// Divisions hold the units by strength, the strongest division first: ids,
	// every one in one division.
	Divisions [][]string
}

// Sizes cuts units into leagues, each of one division: from the largest unit down,
// a league holds all that have at least half as many members. So there are as few
// leagues as can be, and units of equal size are together. Units of fewer than
// MinMembers are in none. The answer does not depend on the order of the entrants.
func Sizes(entrants []Entrant) []League {
	var leagues []League
	for _, group := range sizeGroups(entrants) {
		leagues = append(leagues, leagueOf(len(leagues)+1, group, [][]Entrant{group}))
	}
	return leagues
}

// Leagues cuts units into leagues as Sizes does, and each league of more than
// DivisionSize into divisions of like size. The best Moves of a division go one up
// and its last Moves one down; the others stay. Who is new in a league begins at
// its end, among several the better rated first: in a league in which nobody has a
// place yet, ratings decide alone, and where they are equal, members.
//
// Given what held at the season's start, the answer holds for the whole season.
func Leagues(entrants []Entrant) []League {
	var leagues []League
	for _, group := range sizeGroups(entrants) {
		number := len(leagues) + 1
		n := (len(group) + DivisionSize - 1) / DivisionSize
		leagues = append(leagues, leagueOf(number, group, divide(number, group, n)))
	}
	return leagues
}

// Join adds units that came to MinMembers only after the season began: each to the
// last division of the first league that it fits into without breaking Ratio, and
// those that fit into none to leagues of their own, made by Sizes, behind the
// others. It changes none of the leagues it is given.
func Join(leagues []League, late []Entrant) []League {
	out := slices.Clone(leagues)
	var alone []Entrant
	for _, group := range sizeGroups(late) {
		for _, e := range group {
			at := slices.IndexFunc(out, func(l League) bool {
				return max(l.Largest, e.Members) <= Ratio*min(l.Smallest, e.Members)
			})
			if at < 0 {
				alone = append(alone, e)
				continue
			}
			l := &out[at]
			l.Smallest, l.Largest = min(l.Smallest, e.Members), max(l.Largest, e.Members)
			l.Divisions = slices.Clone(l.Divisions)
			last := len(l.Divisions) - 1
			l.Divisions[last] = append(slices.Clip(l.Divisions[last]), e.ID)
		}
	}
	for _, l := range Sizes(alone) {
		l.Number += len(leagues)
		out = append(out, l)
	}
	return out
}

// sizeGroups are the entrants by league, the larger first.
func sizeGroups(entrants []Entrant) [][]Entrant {
	all := slices.DeleteFunc(slices.Clone(entrants), func(e Entrant) bool { return e.Members < MinMembers })
	slices.SortFunc(all, func(a, b Entrant) int {
		return cmp.Or(cmp.Compare(b.Members, a.Members), cmp.Compare(a.ID, b.ID))
	})
	var groups [][]Entrant
	for len(all) > 0 {
		end := slices.IndexFunc(all, func(e Entrant) bool { return e.Members*Ratio < all[0].Members })
		if end < 0 {
			end = len(all)
		}
		groups, all = append(groups, all[:end:end]), all[end:]
	}
	return groups
}

func leagueOf(number int, group []Entrant, divisions [][]Entrant) League {
	l := League{Number: number, Largest: group[0].Members, Smallest: group[len(group)-1].Members}
	for _, division := range divisions {
		ids := make([]string, len(division))
		for i, e := range division {
			ids[i] = e.ID
		}
		l.Divisions = append(l.Divisions, ids)
	}
	return l
}

// divide cuts a league's units into n divisions, of which the first are the larger
// by one where it does not come out even.
func divide(league int, group []Entrant, n int) [][]Entrant {
	order := slices.Clone(group)
	slices.SortStableFunc(order, func(a, b Entrant) int { // equals stay by members, then id
		return cmp.Or(
			slices.Compare(a.seat(league), b.seat(league)),
			cmp.Compare(b.Rating.Mean, a.Rating.Mean),
		)
	})
	var divisions [][]Entrant
	for i := range n {
		size := (len(order) + n - i - 1) / (n - i)
		divisions = append(divisions, order[:size])
		order = order[size:]
	}
	return divisions
}

// seat orders the units of a league: by the division they are bound for; in it
// those who come down, then those who come up, so that who was promoted does not
// fall back where a division is full, then those who stay, by rank.
func (e Entrant) seat(league int) []int {
	const down, up, stay = 0, 1, 2
	last := e.Last
	switch {
	case last == nil || last.League != league:
		return []int{math.MaxInt}
	case last.Goes() < 0:
		return []int{last.Division - 1, up, last.Rank}
	case last.Goes() > 0:
		return []int{last.Division + 1, down, last.Rank}
	}
	return []int{last.Division, stay, last.Rank}
}

// Standing is a unit's estimate and its place by it.
type Standing struct {
	Estimate `bson:",inline"`
	Place    `bson:",inline"`
	Band     int `bson:"band"` // tie band in the division, see Bands
}

// Table gives the units of leagues their estimates and places. Every league is
// estimated by itself, by all of its divisions, to the thousandth of a point, so
// that what is shown as equal is equal. A unit that is in none is not in the
// answer, nor one that units does not hold or that has come to fewer than
// MinMembers.
func Table(leagues []League, units []Unit) map[string]Standing {
	known := make(map[string]Unit, len(units))
	for _, u := range units {
		known[u.ID] = u
	}
	table := map[string]Standing{}
	for _, l := range leagues {
		var group []Unit
		for _, division := range l.Divisions {
			for _, id := range division {
				if u, ok := known[id]; ok {
					group = append(group, u)
				}
			}
		}
		estimates := map[string]*Estimate{}
		for i, e := range Fair(group) {
			if e != nil {
				estimates[group[i].ID] = &Estimate{thousandth(e.Value), thousandth(e.Low), thousandth(e.High)}
			}
		}
		for d, division := range l.Divisions {
			tabulate(table, Place{League: l.Number, Division: d + 1, Divisions: len(l.Divisions)}, division, estimates)
		}
	}
	return table
}

func thousandth(x float64) float64 { return math.Round(x*1000) / 1000 }

// tabulate adds a division to the table; place has what its units have in common.
func tabulate(table map[string]Standing, place Place, ids []string, estimates map[string]*Estimate) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return estimates[id] == nil })
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(estimates[b].Value, estimates[a].Value), cmp.Compare(a, b))
	})
	found, equals := make([]*Estimate, len(ids)), map[float64]int{}
	for i, id := range ids {
		found[i] = estimates[id]
		equals[found[i].Value]++
	}
	place.Of = len(ids)
	for i, band := range Bands(found) {
		if i == 0 || found[i].Value != found[i-1].Value {
			place.Rank = i + 1
		}
		place.Equals = equals[found[i].Value]
		table[ids[i]] = Standing{Estimate: *found[i], Place: place, Band: band}
	}
}
