package season_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/musterhq/muster/domain/points"
	. "github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/internal/liguria"
)

// What the fair index is held to: a thousand seasons over units of real and of
// spread sizes.
const seasons = 1000

// memberWeeks are the points of many members' weeks at the doors: half are idle,
// the others' days are as heavy in the tail as volunteers' work is (lognormal,
// sigma 1.6), and the rules' daily caps hold.
func memberWeeks(rng *rand.Rand) []int64 {
	rules := points.V1()
	weeks := make([]int64, 1<<15)
	for i := range weeks {
		if rng.IntN(2) == 0 {
			continue
		}
		pace := math.Exp(1.6*rng.NormFloat64()) * 10
		for range 1 + rng.IntN(5) {
			weeks[i] += rules.Points("door", int64(pace*math.Exp(0.5*rng.NormFloat64())))
		}
	}
	return weeks
}

// liguriaSizes are teams of two members for each 1,000 people, 20 at least.
func liguriaSizes() []Entrant {
	var units []Entrant
	for _, c := range liguria.Comuni() {
		units = append(units, Entrant{ID: c.Region, Members: max(20, int64(math.Round(float64(c.Population)*2/1000)))})
	}
	return units
}

// spreadSizes are 120 units of 20 to 2,000 members, as many in each octave.
func spreadSizes(rng *rand.Rand) []Entrant {
	units := make([]Entrant, 120)
	for i := range units {
		units[i] = Entrant{ID: fmt.Sprintf("u%03d", i), Members: int64(math.Round(20 * math.Pow(100, rng.Float64())))}
	}
	return units
}

// play gives every unit a season's sum, each member's points times rate.
func play(rng *rand.Rand, weeks []int64, units []Entrant, rate func(i int) float64) []Unit {
	out := make([]Unit, len(units))
	for i, u := range units {
		var sum int64
		for range u.Members {
			sum += weeks[rng.IntN(len(weeks))]
		}
		out[i] = Unit{ID: u.ID, Members: u.Members, Sum: int64(math.Round(float64(sum) * rate(i)))}
	}
	return out
}

// thirds counts how often units of the smallest, middle and largest third of a
// league are in its top and bottom tenth.
type thirds struct {
	units       int
	top, bottom [3]float64
	size        [3]float64
}

// count adds a season. Units of the same size are put into thirds at random, and
// where equals reach over the edge of the tenth, they share the places.
func (h *thirds) count(rng *rand.Rand, ids []string, members map[string]int64, value func(id string) float64) {
	h.units = len(ids)
	order := slices.Clone(ids)
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(members[a], members[b]) })
	third := map[string]int{}
	for i, id := range order {
		third[id] = i * 3 / len(order)
		h.size[third[id]]++
	}
	tenth := max(1, len(ids)/10)
	slices.SortFunc(order, func(a, b string) int { return cmp.Compare(value(b), value(a)) })
	share(order, tenth, value, func(id string, part float64) { h.top[third[id]] += part })
	slices.Reverse(order)
	share(order, tenth, value, func(id string, part float64) { h.bottom[third[id]] += part })
}

func share(order []string, places int, value func(id string) float64, add func(id string, part float64)) {
	edge := value(order[places-1])
	from := slices.IndexFunc(order, func(id string) bool { return value(id) == edge })
	to := from
	for to < len(order) && value(order[to]) == edge {
		to++
	}
	for i, id := range order[:to] {
		part := 1.0
		if i >= from {
			part = float64(places-from) / float64(to-from)
		}
		add(id, part)
	}
}

// worst is the largest share of the top or bottom tenth that a third holds,
// over its share of the units.
func (h *thirds) worst() float64 {
	var units, top, bottom, most float64
	for i := range 3 {
		units, top, bottom = units+h.size[i], top+h.top[i], bottom+h.bottom[i]
	}
	for i := range 3 {
		most = max(most, h.top[i]/top/(h.size[i]/units), h.bottom[i]/bottom/(h.size[i]/units))
	}
	return most
}

// Equal true rates: no size third of a league may hold more than one and a half
// times its share of the top or of the bottom tenth.
func TestNoSizeIsFavouredInALeague(t *testing.T) {
	const limit = 1.5
	for name, sizes := range map[string]func(*rand.Rand) []Entrant{
		"Liguria": func(*rand.Rand) []Entrant { return liguriaSizes() }, "20 to 2,000": spreadSizes,
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			weeks, units := memberWeeks(rng), sizes(rng)
			members := map[string]int64{}
			for _, u := range units {
				members[u.ID] = u.Members
			}
			leagues := Sizes(units)
			inLeagues, together, means, bySum := make([]thirds, len(leagues)), thirds{}, thirds{}, thirds{}
			var all []string
			for id := range members {
				all = append(all, id)
			}
			slices.Sort(all)
			for range seasons {
				sums := play(rng, weeks, units, func(int) float64 { return 1 })
				table := Table(leagues, sums)
				for i, l := range leagues {
					if ids := l.Divisions[0]; len(ids) >= 3 {
						inLeagues[i].count(rng, ids, members, func(id string) float64 { return table[id].Value })
					}
				}
				fair, mean, sum := map[string]float64{}, map[string]float64{}, map[string]float64{}
				for i, e := range Fair(sums) {
					id := sums[i].ID
					fair[id], mean[id], sum[id] = e.Value, float64(sums[i].Sum)/float64(sums[i].Members), float64(sums[i].Sum)
				}
				together.count(rng, all, members, func(id string) float64 { return fair[id] })
				means.count(rng, all, members, func(id string) float64 { return mean[id] })
				bySum.count(rng, all, members, func(id string) float64 { return sum[id] })
			}
			measured := 0
			for i, l := range leagues {
				if inLeagues[i].units == 0 {
					continue
				}
				measured++
				worst := inLeagues[i].worst()
				t.Logf("league %d, %d units of %d to %d members: at most %.2f times its share", l.Number, inLeagues[i].units, l.Smallest, l.Largest, worst)
				if worst > limit {
					t.Errorf("in league %d a third holds %.2f times its share of the top or bottom tenth", l.Number, worst)
				}
			}
			t.Logf("without leagues: %.2f by the fair index, %.2f by points a member, %.2f by sums", together.worst(), means.worst(), bySum.worst())
			if measured < 3 || bySum.worst() < limit {
				t.Errorf("%d leagues measured, and sums come to %.2f: the seasons prove nothing", measured, bySum.worst())
			}
		})
	}
}

// True rates that differ: the fair index is nearer to the truth than sums and than
// points a member, and its intervals hold what they say.
func TestFairIsNearestToTheTruth(t *testing.T) {
	for name, sizes := range map[string]func(*rand.Rand) []Entrant{
		"Liguria": func(*rand.Rand) []Entrant { return liguriaSizes() }, "20 to 2,000": spreadSizes,
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			weeks, units := memberWeeks(rng), sizes(rng)
			var mean float64
			for _, w := range weeks {
				mean += float64(w) / float64(len(weeks))
			}
			leagues := Sizes(units)
			var fair, bare, sum, held, intervals float64
			for range seasons {
				truth := make([]float64, len(units))
				for i := range truth {
					truth[i] = math.Exp(0.3 * rng.NormFloat64())
				}
				sums := play(rng, weeks, units, func(i int) float64 { return truth[i] })
				table := Table(leagues, sums)
				byFair, byMean, bySum := make([]float64, len(units)), make([]float64, len(units)), make([]float64, len(units))
				for i, u := range sums {
					s := table[u.ID]
					byFair[i], byMean[i], bySum[i] = s.Value, float64(u.Sum)/float64(u.Members), float64(u.Sum)
					intervals++
					if real := truth[i] * mean; s.Low <= real && real <= s.High {
						held++
					}
				}
				fair += spearman(byFair, truth) / seasons
				bare += spearman(byMean, truth) / seasons
				sum += spearman(bySum, truth) / seasons
			}
			t.Logf("rank correlation with the truth: fair %.4f, points a member %.4f, sums %.4f; %.0f %% of the 80 %% intervals hold it", fair, bare, sum, 100*held/intervals)
			if fair <= bare || fair <= sum {
				t.Errorf("fair %.4f, points a member %.4f, sums %.4f", fair, bare, sum)
			}
			if share := held / intervals; share < 0.7 || share > 0.92 {
				t.Errorf("%.0f %% of the 80 %% intervals hold the truth", 100*share)
			}
		})
	}
}

// spearman is the rank correlation of two series; equals share their mean rank.
func spearman(a, b []float64) float64 {
	x, y := ranks(a), ranks(b)
	mean := float64(len(a)+1) / 2
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mean) * (y[i] - mean)
		xx += (x[i] - mean) * (x[i] - mean)
		yy += (y[i] - mean) * (y[i] - mean)
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	out := make([]float64, len(values))
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			out[i] = float64(from+to+1) / 2
		}
		from = to
	}
	return out
}
