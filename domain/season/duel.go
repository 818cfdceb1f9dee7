package season

import (
	"cmp"
	"slices"
)

// Duel is a matched rivalry over one season. Left is the one with the higher
// rating when they were matched.
type Duel struct {
	// ID is made of the season and the two units, whichever is left, so the
	// same two in the same season always have the same id.
	ID          string
	Left, Right string
	// Odds is how likely Left ends ahead, as their ratings and sizes have it.
	Odds float64
}

// Duels matches near-equals for a season: within each league those whose ratings
// are next to each other, then those that are left over, from the largest league
// down. The last of an odd number sits out. Where ratings are equal, as in a first
// season, the larger come first, then the name decides.
//
// The answer does not depend on the order of the units; it holds for the whole
// season as long as it is given what held at the season's start. Units of fewer
// than MinMembers members are not matched: their sums are shown to nobody.
func Duels(season string, units []Entrant, names map[string]string) []Duel {
	order := func(a, b Entrant) int {
		return cmp.Or(
			cmp.Compare(b.rating().Mean, a.rating().Mean),
			cmp.Compare(b.Members, a.Members),
			cmp.Compare(names[a.ID], names[b.ID]),
			cmp.Compare(a.ID, b.ID),
		)
	}
	duels := make([]Duel, 0, len(units)/2)
	var over []Entrant
	match := func(group []Entrant) {
		slices.SortFunc(group, order)
		for pair := range slices.Chunk(group, 2) {
			if len(pair) == 1 {
				over = append(over, pair[0])
				continue
			}
			duels = append(duels, duelOf(season, pair[0], pair[1]))
		}
	}
	for _, group := range sizeGroups(units) {
		match(group)
	}
	for pair := range slices.Chunk(over, 2) {
		if len(pair) == 2 {
			slices.SortFunc(pair, order)
			duels = append(duels, duelOf(season, pair[0], pair[1]))
		}
	}
	return duels
}

func duelOf(season string, left, right Entrant) Duel {
	a, b := left.ID, right.ID
	if b < a {
		a, b = b, a
	}
	return Duel{ID: season + ":" + a + ":" + b, Left: left.ID, Right: right.ID, Odds: Odds(left, right)}
}
