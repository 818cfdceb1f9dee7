package season

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var someUnits = rapid.Custom(func(t *rapid.T) []Unit {
	n := rapid.IntRange(0, 40).Draw(t, "n")
	alike := rapid.Bool().Draw(t, "alike")
	units := make([]Unit, n)
	for i := range units {
		u := Unit{ID: fmt.Sprintf("u%02d", i), Members: rapid.Int64Range(0, 3000).Draw(t, "members")}
		if rapid.IntRange(0, 3).Draw(t, "small") == 0 {
			u.Members %= 12
		}
		if alike { // so that chance explains much of the difference
			u.Sum = max(0, u.Members*1000+rapid.Int64Range(-600, 600).Draw(t, "sum")*int64(math.Sqrt(float64(100*u.Members))))
		} else {
			u.Sum = rapid.Int64Range(0, 2_000_000).Draw(t, "sum")
		}
		units[i] = u
	}
	return units
})

func TestFairIsPermutationInvariant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := someUnits.Draw(t, "units")
		want := map[string]*float64{}
		for _, x := range Fair(units) {
			want[x.ID] = x.Value
		}
		for _, x := range Fair(rapid.Permutation(units).Draw(t, "shuffled")) {
			if diff := cmp.Diff(want[x.ID], x.Value); diff != "" {
				t.Fatalf("%s: %s", x.ID, diff)
			}
		}
	})
}

func TestFairShrinksTowardThePooledRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := someUnits.Draw(t, "units")
		var sum, members float64
		for _, u := range units {
			if u.Members >= MinMembers {
				sum, members = sum+float64(u.Sum), members+float64(u.Members)
			}
		}
		mu := sum / members
		for i, x := range Fair(units) {
			u := units[i]
			if (x.Value == nil) != (u.Members < MinMembers) || x.ID != u.ID {
				t.Fatalf("%+v answers %+v", u, x)
			}
			if x.Value == nil {
				continue
			}
			rate, slack := float64(u.Sum)/float64(u.Members), 1e-9*(mu+1)
			if *x.Value < min(rate, mu)-slack || *x.Value > max(rate, mu)+slack {
				t.Fatalf("%+v: %g is not between its rate %g and the pooled %g", u, *x.Value, rate, mu)
			}
			// The floor: never trusted more than n / (n + KFloor).
			if trust := float64(u.Members) / (float64(u.Members) + KFloor); math.Abs(*x.Value-mu) > trust*math.Abs(rate-mu)+slack {
				t.Fatalf("%+v: %g is too far from %g", u, *x.Value, mu)
			}
		}
	})
}

func TestFairOrders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := someUnits.Draw(t, "units")
		values := Fair(units)
		mu, _, tied := shrinkage(units)
		for i, a := range units {
			for j, b := range units {
				x, y := values[i].Value, values[j].Value
				if x == nil || y == nil {
					continue
				}
				if tied && *x != *y {
					t.Fatalf("a tie answers %g and %g", *x, *y)
				}
				if a.Members == b.Members && a.Sum < b.Sum && *x > *y {
					t.Fatalf("%+v stands above %+v", a, b)
				}
				// Equal rates above the mean: the larger unit has proved more.
				if a.Sum*b.Members == b.Sum*a.Members && float64(a.Sum) > mu*float64(a.Members) && a.Members < b.Members && *x > *y*(1+1e-12) {
					t.Fatalf("%+v stands above the larger %+v of the same rate", a, b)
				}
			}
		}
	})
}

func TestFairHasNoUnit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := someUnits.Draw(t, "units")
		times := rapid.Int64Range(2, 1000).Draw(t, "times")
		scaled := slices.Clone(units)
		for i := range scaled {
			scaled[i].Sum *= times
		}
		values := Fair(units)
		for i, x := range Fair(scaled) {
			if x.Value != nil && math.Abs(*x.Value-float64(times)**values[i].Value) > 1e-6*(1+math.Abs(*x.Value)) {
				t.Fatalf("%d times the points make %g of %g", times, *x.Value, *values[i].Value)
			}
		}
	})
}

func TestFairCases(t *testing.T) {
	v := func(x float64) *float64 { return &x }
	tests := []struct {
		name  string
		units []Unit
		want  []Index
	}{
		{"none", nil, []Index{}},
		{"nobody", []Unit{{"a", 0, 0}}, []Index{{"a", nil}}},
		{"alone it is its own mean", []Unit{{"a", 100, 20}}, []Index{{"a", v(5)}}},
		{"no points: tied at nothing", []Unit{{"a", 0, 20}, {"b", 0, 90}}, []Index{{"a", v(0)}, {"b", v(0)}}},
		{"differences within chance: tied", []Unit{{"a", 100, 20}, {"b", 110, 20}}, []Index{{"a", v(5.25)}, {"b", v(5.25)}}},
		{"too small to compare, and not in the mean", []Unit{{"a", 100, 20}, {"b", 9000, 4}}, []Index{{"a", v(5)}, {"b", nil}}},
		// mu 5.5, within 121, scatter 1000*(4.5²+4.5²) = 40500, free 1000:
		// between 40.379, within/between 2.997, so the floor of 10 holds.
		{"far apart: the floor", []Unit{{"a", 1000, 1000}, {"b", 10000, 1000}}, []Index{{"a", v(1055.0 / 1010)}, {"b", v(10055.0 / 1010)}}},
		// mu 5.5, within 121, scatter 1000*(1.5²+1.5²) = 4500, free 1000:
		// between 4.379, k 27.632.
		{"apart", []Unit{{"a", 4000, 1000}, {"b", 7000, 1000}}, []Index{{"a", v((4000 + 121/4.379*5.5) / (1000 + 121/4.379))}, {"b", v((7000 + 121/4.379*5.5) / (1000 + 121/4.379))}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
			if diff := cmp.Diff(tt.want, Fair(tt.units), near); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Units whose true rates are equal: the smallest must not crowd the top and
// the bottom, as they do when bare rates are ranked.
func TestFairDoesNotFavourSmallUnits(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const units, rounds = 100, 200
	extremes := func(rank func([]Unit) []float64) (small int) {
		for range rounds {
			us := make([]Unit, units)
			for i := range us {
				us[i] = Unit{ID: fmt.Sprint(i), Members: int64(MinMembers + i*i/20)}
				for range us[i].Members {
					us[i].Sum += int64(20 * math.Exp(rng.NormFloat64()*1.2))
				}
			}
			values := rank(us)
			order := make([]int, units)
			for i := range order {
				order[i] = i
			}
			rng.Shuffle(units, func(i, j int) { order[i], order[j] = order[j], order[i] })
			slices.SortStableFunc(order, func(a, b int) int { return -cmpFloat(values[a], values[b]) })
			for _, i := range slices.Concat(order[:10], order[90:]) {
				if i < units/10 {
					small++
				}
			}
		}
		return small
	}
	fair := extremes(func(us []Unit) []float64 {
		out := make([]float64, len(us))
		for i, x := range Fair(us) {
			out[i] = *x.Value
		}
		return out
	})
	bare := extremes(func(us []Unit) []float64 {
		out := make([]float64, len(us))
		for i, u := range us {
			out[i] = float64(u.Sum) / float64(u.Members)
		}
		return out
	})
	// By chance the smallest tenth holds a tenth of the 20 extreme places.
	chance := rounds * 20 / 10
	t.Logf("the smallest tenth holds %d of the extreme places, %d by chance, %d by bare rates", fair, chance, bare)
	if fair > chance*3/2 || bare < chance*2 {
		t.Errorf("the smallest tenth holds %d extreme places, %d by chance; by bare rates %d", fair, chance, bare)
	}
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
