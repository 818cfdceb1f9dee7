package simulate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(a, b, by float64) bool { return math.Abs(a-b) <= by }

func TestMeasures(t *testing.T) {
	if got := gini([]int64{5, 5, 5, 5}); !near(got, 0, 1e-12) {
		t.Errorf("equal: %v", got)
	}
	if got := gini([]int64{0, 0, 0, 8}); !near(got, .75, 1e-12) {
		t.Errorf("one has all of four: %v", got)
	}
	if got := gini([]int64{1, 2, 3}); !near(got, 2./9, 1e-12) { // mean difference 8/9 over twice the mean 2
		t.Errorf("1, 2, 3: %v", got)
	}
	if !math.IsNaN(gini(nil)) || !math.IsNaN(gini([]int64{0, 0})) {
		t.Error("nothing is distributed")
	}
	if got := spearman([]float64{1, 2, 3, 4}, []float64{10, 20, 20, 5}); !near(got, -.3162, 1e-4) {
		t.Errorf("rank correlation %v", got)
	}
	if got := spearman([]float64{1, 2, 3}, []float64{-1, 0, 9}); !near(got, 1, 1e-12) {
		t.Errorf("the same order: %v", got)
	}
	if !math.IsNaN(spearman([]float64{1, 1, 1}, []float64{1, 2, 3})) {
		t.Error("equals have an order")
	}
	if got, want := within([]float64{9, 5, 5, 5, 1}, 2), []float64{1, 1. / 3, 1. / 3, 1. / 3, 0}; !slices.EqualFunc(got, want, func(a, b float64) bool { return near(a, b, 1e-12) }) {
		t.Errorf("two places: %v", got)
	}
	if got, want := parts([]int64{4, 0, 4, 9, 1}, []bool{true, false, true, true, true}), []float64{.5, 0, .5, .875, .125}; !slices.Equal(got, want) {
		t.Errorf("parts %v, want %v", got, want)
	}
	for part, want := range map[float64]float64{0: 1, .25: 1, .5: 2, .75: 3, 1: 4} {
		if got := quantile([]int64{1, 2, 3, 4}, part); got != want {
			t.Errorf("quantile %v is %v, want %v", part, got, want)
		}
	}
}

// TestThirds: sizes in order of values put the whole top tenth into the largest third.
func TestThirds(t *testing.T) {
	var h thirds
	sizes, values := make([]int, 30), make([]float64, 30)
	for i := range sizes {
		sizes[i], values[i] = 10+i, float64(i)
	}
	h.count(rand.New(rand.NewPCG(1, 2)), sizes, values)
	if h.share(h.top, 2) != 3 || h.share(h.top, 0) != 0 || h.share(h.bottom, 0) != 3 || h.share(h.bottom, 2) != 0 {
		t.Errorf("thirds %+v", h)
	}
	h = thirds{}
	for i := range values {
		values[i] = 1 // all equal: everybody has their part
	}
	h.count(rand.New(rand.NewPCG(1, 2)), sizes, values)
	for i := range 3 {
		if !near(h.share(h.top, i), 1, 1e-9) || !near(h.share(h.bottom, i), 1, 1e-9) {
			t.Errorf("all equal, third %d: %+v", i, h)
		}
	}
}

// TestIntervals: of a hundred 95 % intervals about 95 hold the truth.
func TestIntervals(t *testing.T) {
	if got := valueOf([]float64{1, 2, 3, math.NaN()}); !near(*got.Mean, 2, 1e-12) || !near(*got.Low, 2-4.302653/math.Sqrt(3), 1e-6) || !near(*got.High, 2+4.302653/math.Sqrt(3), 1e-6) {
		t.Errorf("1, 2, 3: %v %v %v", *got.Mean, *got.Low, *got.High)
	}
	for free, want := range map[int]float64{1: 12.7062, 30: 2.0423, 31: 2.0395, 60: 2.0003, 120: 1.9799, 999: 1.9623} {
		if got := student(free); !near(got, want, 1e-4) {
			t.Errorf("Student's point for %d is %v, want %v", free, got, want)
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	held := 0
	for range 2000 {
		values := make([]float64, 8)
		for i := range values {
			values[i] = 5 + rng.NormFloat64()
		}
		if v := valueOf(values); *v.Low <= 5 && 5 <= *v.High {
			held++
		}
	}
	if held < 1870 || held > 1930 {
		t.Errorf("%d of 2000 intervals hold the truth", held)
	}
}

// TestDice: the draws are what they are called, and the same for the same purpose.
func TestDice(t *testing.T) {
	var d dice
	const n = 50_000
	var sum, squares, events float64
	for i := range n {
		d.throw(9, 1, forDays, i)
		u, z := d.uniform(), d.normal()
		if !(u > 0 && u < 1) {
			t.Fatal("not inside of 0 and 1")
		}
		sum += u
		squares += z * z
		events += float64(poisson(u, 2.5, math.Exp(-2.5), 100))
	}
	if !near(sum/n, .5, .01) || !near(squares/n, 1, .03) || !near(events/n, 2.5, .05) {
		t.Errorf("means %v, %v, %v", sum/n, squares/n, events/n)
	}
	d.throw(9, 1, forDays, 3, 4)
	a := d.uniform()
	d.throw(9, 1, forDays, 4, 3)
	b := d.uniform()
	d.throw(9, 1, forDays, 3, 4)
	if d.uniform() != a || a == b {
		t.Error("dice are not thrown for what they are thrown for")
	}
	for _, u := range []float64{.1, .5, .9, .999} {
		last := 0
		for mean := 0.1; mean < 20; mean *= 1.3 {
			if n := poisson(u, mean, math.Exp(-mean), 100); n < last {
				t.Errorf("a greater mean brings fewer: %d after %d", n, last)
			} else {
				last = n
			}
		}
	}
}

// TestMembersAddUp: the volunteers are all placed, in proportion.
func TestMembersAddUp(t *testing.T) {
	places := []Place{{Size: 1}, {Size: 1}, {Size: 1}, {Size: 7}}
	for n, want := range map[int][]int{0: {1, 1, 1, 7}, 10: {1, 1, 1, 7}, 11: {1, 1, 1, 8}, 2: {0, 0, 0, 2}, 1005: {101, 101, 100, 703}} {
		got := members(places, n)
		sum := 0
		for _, m := range got {
			sum += m
		}
		if n != 0 && sum != n || !slices.Equal(got, want) {
			t.Errorf("%d volunteers: %v, want %v", n, got, want)
		}
	}
	sum := 0
	for _, m := range members(comuni(), 1999) {
		sum += m
	}
	if sum != 1999 {
		t.Errorf("%d of 1999 are placed", sum)
	}
}
