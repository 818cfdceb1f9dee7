package simulate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/season"
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

// Sizes are places with where their sizes are from.
type Sizes struct {
	Places []Place
	Source string // for people
}

// SizesOf makes places of the leaves of a campaign's tree, sized by population,
// members, postcodes or equal; auto takes the first of these that is known. Members
// are known where there are so many that most places could be compared.
func SizesOf(by string, leaves []campaign.Leaf, members map[string]int) (Sizes, error) {
	var signedUp, postcodes int
	peopled := len(leaves) > 0
	for _, l := range leaves {
		signedUp += members[l.Region]
		postcodes += l.Postcodes
		peopled = peopled && l.Population > 0
	}
	if by == "auto" {
		switch {
		case peopled:
			by = "population"
		case signedUp >= season.MinMembers*len(leaves):
			by = "members"
		case postcodes > 0:
			by = "postcodes"
		default:
			by = "equal"
		}
	}
	out := Sizes{}
	var size func(l campaign.Leaf) float64
	switch {
	case by == "population" && !peopled:
		return out, fmt.Errorf("the populations of regions are not known: they are a column of the file of --regions")
	case by == "members" && signedUp == 0:
		return out, fmt.Errorf("nobody has signed up for a campaign that was named")
	case by == "postcodes" && postcodes == 0:
		return out, fmt.Errorf("no postcode leads to a region")
	case by == "population":
		out.Source = fmt.Sprintf("population, %d volunteers for 1,000 people and %d at least (assumed)", MembersPer1000, LeastMembers)
		size = func(l campaign.Leaf) float64 { return OfPopulation(l.Population) }
	case by == "members":
		out.Source = "members signed up so far"
		size = func(l campaign.Leaf) float64 { return float64(members[l.Region]) }
	case by == "postcodes":
		out.Source = fmt.Sprintf("number of postcodes, %d volunteers a region on average (assumed)", LeastMembers)
		each := LeastMembers * float64(len(leaves)) / float64(postcodes)
		size = func(l campaign.Leaf) float64 { return each * float64(l.Postcodes) }
	case by == "equal":
		out.Source = fmt.Sprintf("all equal, %d volunteers each (assumed)", LeastMembers)
		size = func(campaign.Leaf) float64 { return LeastMembers }
	default:
		return out, fmt.Errorf("%q is no measure of size", by)
	}
	for _, l := range leaves {
		out.Places = append(out.Places, Place{ID: l.Region, Name: l.Name, Size: size(l)})
	}
	return out, nil
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
