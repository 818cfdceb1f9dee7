package simulate

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// parts gives everybody who acted the part of the others who have fewer points,
// equals counted half: 0 for the least, 1 for the most. The rest get 0.
func parts(points []int64, acted []bool) []float64 {
	out, order := make([]float64, len(points)), []int{}
	for i := range points {
		if acted[i] {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(points[a], points[b]) })
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && points[order[to]] == points[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			out[i] = float64(from+to) / 2 / float64(len(order))
		}
		from = to
	}
	return out
}

// thirds counts how often units of the smallest, middle and largest third are in the
// top and in the bottom tenth.
type thirds struct{ top, bottom, size [3]float64 }

// count adds a season of units. Units of the same size are put into thirds by a
// draw, and where equals reach over the edge of the tenth, they share its places.
func (h *thirds) count(rng *rand.Rand, sizes []int, values []float64) {
	order := make([]int, len(sizes))
	for i := range order {
		order[i] = i
	}
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sizes[a], sizes[b]) })
	third := make([]int, len(sizes))
	for i, at := range order {
		third[at] = i * 3 / len(order)
		h.size[third[at]]++
	}
	tenth := max(1, len(sizes)/10)
	for i, part := range within(values, tenth) {
		h.top[third[i]] += part
	}
	turned := make([]float64, len(values))
	for i, v := range values {
		turned[i] = -v
	}
	for i, part := range within(turned, tenth) {
		h.bottom[third[i]] += part
	}
}

// within gives each value the part it has of the first places: 1 inside, 0 outside,
// and what there is shared among the equals at the edge.
func within[N cmp.Ordered](values []N, places int) []float64 {
	out := make([]float64, len(values))
	if places < 1 || len(values) == 0 {
		return out
	}
	places = min(places, len(values))
	sorted := slices.Clone(values)
	slices.SortFunc(sorted, func(a, b N) int { return cmp.Compare(b, a) })
	edge := sorted[places-1]
	var above, equal int
	for _, v := range values {
		switch {
		case v > edge:
			above++
		case v == edge:
			equal++
		}
	}
	for i, v := range values {
		switch {
		case v > edge:
			out[i] = 1
		case v == edge:
			out[i] = float64(places-above) / float64(equal)
		}
	}
	return out
}

// share is what a third holds of a tenth, over its share of the units.
func (h *thirds) share(held [3]float64, third int) float64 {
	all, units := held[0]+held[1]+held[2], h.size[0]+h.size[1]+h.size[2]
	if all == 0 || h.size[third] == 0 {
		return math.NaN()
	}
	return held[third] / all / (h.size[third] / units)
}

// spearman is the rank correlation of two series, equals sharing their mean rank;
// not a number where it says nothing.
func spearman(a, b []float64) float64 {
	if len(a) < 3 {
		return math.NaN()
	}
	x, y := ranks(a), ranks(b)
	mean := float64(len(a)+1) / 2
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mean) * (y[i] - mean)
		xx += (x[i] - mean) * (x[i] - mean)
		yy += (y[i] - mean) * (y[i] - mean)
	}
	if xx == 0 || yy == 0 {
		return math.NaN()
	}
	return xy / math.Sqrt(xx*yy)
}

func ranks(values []float64) []float64 {
	order, out := make([]int, len(values)), make([]float64, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
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

// gini is 0 where all have the same and near 1 where one has all; values are sorted.
func gini(sorted []int64) float64 {
	var sum, weighted float64
	for i, v := range sorted {
		sum += float64(v)
		weighted += float64(i+1) * float64(v)
	}
	n := float64(len(sorted))
	if sum == 0 {
		return math.NaN()
	}
	return 2*weighted/(n*sum) - (n+1)/n
}

// quantile is the value that a part of the sorted has or less.
func quantile(sorted []int64, part float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return float64(sorted[min(len(sorted)-1, max(0, int(math.Ceil(part*float64(len(sorted))))-1))])
}

// average is the mean of numbers one by one; none is not a number.
type average struct {
	sum float64
	n   int
}

func (a *average) add(v float64) {
	if !math.IsNaN(v) {
		a.sum += v
		a.n++
	}
}

func (a *average) yes(is bool) {
	if is {
		a.sum++
	}
	a.n++
}

func (a *average) mean() float64 { return a.sum / float64(a.n) } // 0/0 is not a number
