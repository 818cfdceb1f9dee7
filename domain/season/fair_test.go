package season

import (
	"fmt"
	"math"
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
		want := map[string]*Estimate{}
		for i, x := range Fair(units) {
			want[units[i].ID] = x
		}
		shuffled := rapid.Permutation(units).Draw(t, "shuffled")
		for i, x := range Fair(shuffled) {
			if diff := cmp.Diff(want[shuffled[i].ID], x); diff != "" {
				t.Fatalf("%s: %s", shuffled[i].ID, diff)
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
			if (x == nil) != (u.Members < MinMembers) {
				t.Fatalf("%+v answers %+v", u, x)
			}
			if x == nil {
				continue
			}
			if x.Low < 0 || x.Low > x.Value || x.High < x.Value || x.High == x.Value && mu > 0 {
				t.Fatalf("%+v: %+v is no interval", u, *x)
			}
			rate, slack := float64(u.Sum)/float64(u.Members), 1e-9*(mu+1)
			if x.Value < min(rate, mu)-slack || x.Value > max(rate, mu)+slack {
				t.Fatalf("%+v: %g is not between its rate %g and the pooled %g", u, x.Value, rate, mu)
			}
			// The floor: never trusted more than n / (n + KFloor).
			if trust := float64(u.Members) / (float64(u.Members) + KFloor); math.Abs(x.Value-mu) > trust*math.Abs(rate-mu)+slack {
				t.Fatalf("%+v: %g is too far from %g", u, x.Value, mu)
			}
		}
	})
}

func TestFairOrders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := someUnits.Draw(t, "units")
		values := Fair(units)
		pool := poolOf(units)
		for i, a := range units {
			for j, b := range units {
				if values[i] == nil || values[j] == nil {
					continue
				}
				x, y := values[i].Value, values[j].Value
				if pool.between == 0 && x != y {
					t.Fatalf("a tie answers %g and %g", x, y)
				}
				if a.Members == b.Members && a.Sum < b.Sum && x > y {
					t.Fatalf("%+v stands above %+v", a, b)
				}
				// Equal rates above the mean: the larger unit has proved more.
				if a.Sum*b.Members == b.Sum*a.Members && float64(a.Sum) > pool.mu*float64(a.Members) && a.Members < b.Members && x > y*(1+1e-12) {
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
			near := func(a, b float64) bool { return math.Abs(a-float64(times)*b) <= 1e-6*(1+a) }
			if x != nil && (!near(x.Value, values[i].Value) || !near(x.Low, values[i].Low) || !near(x.High, values[i].High)) {
				t.Fatalf("%d times the points make %+v of %+v", times, *x, *values[i])
			}
		}
	})
}

func TestFairCases(t *testing.T) {
	// v is a value with what is not known of it: what the unit's members leave
	// open, and what the between-variance does.
	v := func(value, members, between float64) *Estimate {
		half := 1.2815515655446004 * math.Sqrt(members+between)
		return &Estimate{value, value - half, value + half}
	}
	k := 121 / (4379.0 / 1000) // of the last case
	tests := []struct {
		name  string
		units []Unit
		want  []*Estimate
	}{
		{"none", nil, []*Estimate{}},
		{"nobody", []Unit{{"a", 0, 0}}, []*Estimate{nil}},
		{"alone it is its own mean", []Unit{{"a", 100, 20}}, []*Estimate{v(5, 100.0/20, 0)}},
		{"no points: tied at nothing", []Unit{{"a", 0, 20}, {"b", 0, 90}}, []*Estimate{{}, {}}},
		// within 110.25, rates a quarter off the mean of 5.25, shrunk to it: half of
		// V is left, and twice the square of the quarter.
		{"differences within chance: tied", []Unit{{"a", 100, 20}, {"b", 110, 20}}, []*Estimate{v(5.25, 110.25/20/2, 2*0.0625), v(5.25, 110.25/20/2, 2*0.0625)}},
		{"too small to compare, and not in the mean", []Unit{{"a", 100, 20}, {"b", 9000, 4}}, []*Estimate{v(5, 100.0/20, 0), nil}},
		// mu 5.5, within 121, scatter 1000*(4.5²+4.5²) = 40500, free 1000:
		// between 40.379, within/between 2.997, so the floor of 10 holds.
		{"far apart: the floor", []Unit{{"a", 1000, 1000}, {"b", 10000, 1000}}, []*Estimate{
			v(1055.0/1010, 0.121*(1-10.0/1010/2), 2*100.0/1010/1010*4.5*4.5), v(10055.0/1010, 0.121*(1-10.0/1010/2), 2*100.0/1010/1010*4.5*4.5),
		}},
		// mu 5.5, within 121, scatter 1000*(1.5²+1.5²) = 4500, free 1000:
		// between 4.379, k 27.632.
		{"apart", []Unit{{"a", 4000, 1000}, {"b", 7000, 1000}}, []*Estimate{
			v((4000+k*5.5)/(1000+k), 0.121*(1-k/(1000+k)/2), 2*k/(1000+k)*k/(1000+k)*1.5*1.5),
			v((7000+k*5.5)/(1000+k), 0.121*(1-k/(1000+k)/2), 2*k/(1000+k)*k/(1000+k)*1.5*1.5),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
			want := make([]*Estimate, len(tt.want))
			for i, e := range tt.want {
				if e != nil {
					want[i] = &Estimate{e.Value, max(0, e.Low), e.High}
				}
			}
			if diff := cmp.Diff(want, Fair(tt.units), near); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBands(t *testing.T) {
	e := func(value, half float64) *Estimate { return &Estimate{value, value - half, value + half} }
	tests := []struct {
		name string
		in   []*Estimate
		want []int
	}{
		{"none", nil, []int{}},
		{"not compared", []*Estimate{nil, e(1, 1)}, []int{0, 1}},
		{"each on its own", []*Estimate{e(10, 1), e(30, 1), e(20, 1)}, []int{3, 1, 2}},
		{"a chain of neighbours is not one band: it is the leader that must be reached", []*Estimate{e(30, 2), e(29, 2), e(28, 2), e(27, 2)}, []int{1, 1, 1, 2}},
		{"touching counts", []*Estimate{e(30, 0), e(28, 2)}, []int{1, 1}},
		{"a small unit further down may reach the leader", []*Estimate{e(30, 1), e(28, 1), e(26, 5)}, []int{1, 2, 1}},
		{"equals are together", []*Estimate{e(5, 0), e(5, 0), e(5, 0)}, []int{1, 1, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Bands(tt.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
