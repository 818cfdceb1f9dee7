package season

import (
	"cmp"
	"math"
	"slices"
)

// Contender is a region or team to be matched.
type Contender struct {
	ID   string
	Name string // as shown; decides where all else is equal
	// Rank is its competition rank on the final board of the last season, 0
	// when it was not on it.
	Rank    int
	Members int64 // at the season's start
}

// Duel is a matched rivalry over one season. Left is the one that stood
// higher when they were matched.
type Duel struct {
	// ID is made of the season and the two contenders, whichever is left, so
	// the same two in the same season always have the same id.
	ID          string
	Left, Right string
}

// Duels matches near-equals for a season: ranks 1 and 2, 3 and 4, and so on of
// the last season's final board. Those that were not on it follow, larger ones
// first, so a first season is matched by members, then name. The last of an
// odd number sits out. The answer does not depend on the order of the
// contenders; it holds for the whole season as long as it is given what held
// at the season's start.
func Duels(season string, contenders []Contender) []Duel {
	order := slices.Clone(contenders)
	slices.SortFunc(order, func(a, b Contender) int {
		return cmp.Or(
			cmp.Compare(position(a), position(b)),
			cmp.Compare(b.Members, a.Members),
			cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.ID, b.ID),
		)
	})
	duels := make([]Duel, 0, len(order)/2)
	for pair := range slices.Chunk(order, 2) {
		if len(pair) == 2 {
			left, right := pair[0].ID, pair[1].ID
			duels = append(duels, Duel{ID: duelID(season, left, right), Left: left, Right: right})
		}
	}
	return duels
}

// position puts those without a rank behind all that have one.
func position(c Contender) int {
	if c.Rank <= 0 {
		return math.MaxInt
	}
	return c.Rank
}

func duelID(season, a, b string) string {
	if b < a {
		a, b = b, a
	}
	return season + ":" + a + ":" + b
}
