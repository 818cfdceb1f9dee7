package simulate

import (
	"cmp"
	"math"
	"slices"

	"github.com/musterhq/muster/internal/liguria"
)

// Place is a region that people are placed in, the unit that is compared.
type Place struct {
	ID, Name string
	// Size is how many volunteers it would have; only the proportion between
	// places matters where a number of volunteers is given.
	Size float64
}

// What a place of known population has, where nobody says how many volunteers there
// are; the figures that the fair index is measured by (docs/gamification.md).
const (
	MembersPer1000 = 2
	LeastMembers   = 20
)

// OfPopulation is the size of a place with so many people.
func OfPopulation(people int64) float64 {
	return max(LeastMembers, math.Round(float64(people)*MembersPer1000/1000))
}

// Liguria is the demo's ground: 234 comuni by their populations.
func Liguria() []Place {
	comuni := liguria.Comuni()
	places := make([]Place, len(comuni))
	for i, c := range comuni {
		places[i] = Place{ID: c.Region, Name: c.Name, Size: OfPopulation(int64(c.Population))}
	}
	return places
}

// members gives every place its volunteers: so many in all, in proportion to the
// sizes, by largest remainders; 0 for as many as the sizes say.
func members(places []Place, volunteers int) []int {
	out, rest := make([]int, len(places)), make([]float64, len(places))
	var sum float64
	for _, p := range places {
		sum += p.Size
	}
	total := float64(volunteers)
	if volunteers == 0 {
		total = math.Round(sum)
	}
	left := int(total)
	order := make([]int, len(places))
	for i, p := range places {
		share := total * p.Size / sum
		out[i] = int(share)
		rest[i] = share - math.Floor(share)
		left -= out[i]
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for _, i := range order[:max(0, min(left, len(order)))] {
		out[i]++
	}
	return out
}
