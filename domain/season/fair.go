package season

import (
	"cmp"
	"slices"
)

const (
	// MinMembers is the smallest unit that is compared; a smaller one shows
	// only inside its parent, so that nobody can be told from an average.
	MinMembers = 5
	// KFloor is the least k, in members: units of this size and below are
	// never trusted more than half, however unlike the units are.
	KFloor = 10.0
	// spread2 is the square of the coefficient of variation of points among
	// the members of one unit, taken as known; see Fair.
	spread2 = 4.0
)

// Unit is a team or a region of which the fair index is asked.
type Unit struct {
	ID      string
	Sum     int64 // day-capped points of its members in the window
	Members int64 // people it is measured by (at the season's start)
}

// Index is a unit's fair index in points a member; nil when the unit has fewer
// than MinMembers members and is not compared.
type Index struct {
	ID    string
	Value *float64
}

// Fair gives each unit's size-fair index
//
//	r = (S + k*mu) / (n + k)
//
// in the order of the units. S is the unit's sum, n its members, mu the pooled
// rate of the compared units (all points over all members), and k = within /
// between, the variance among the members of a unit over the variance among
// the true rates of units, not less than KFloor. A small unit is drawn toward
// mu, a large one keeps its own rate. Where the units differ no more than
// chance explains, between is 0, k has no bound, and all are mu: a tie.
//
// This is the credibility estimator of Bühlmann and Straub (Glaubwürdigkeit für
// Schadensätze, 1970; Bühlmann and Gisler, A Course in Credibility Theory,
// 2005, chapter 4), the same r as in Efron and Morris's empirical Bayes.
//
// The moments. Only sums S and sizes n are known, not single members, so:
//
//   - mu by the first moment: sum of S over sum of n.
//   - within is taken as known, by a coefficient of variation: spread2 * mu².
//     A Poisson variance (within = mu) would be in the wrong unit: points are
//     not counts, and ten times the points a door would change every rank. The
//     value 4 is that of a real stream of volunteers' acts (the Higgs data of
//     De Domenico et al., Sci. Rep. 3:2980, 2013: 1.7 among the active, 4.3
//     where half of the members act).
//   - between by the second moment, the unbiased estimator of Bühlmann and
//     Straub: (sum of n*(S/n - mu)² - (m-1)*within) / (N - sum of n²/N) for m
//     units with N members in all, and 0 where that is negative. With one
//     unit it is 0.
//
// The values do not depend on the order of the units, and multiplying every
// sum by a constant multiplies every value by it. Units of equal size keep the
// order of their sums.
func Fair(units []Unit) []Index {
	mu, k, tied := shrinkage(units)
	out := make([]Index, len(units))
	for i, u := range units {
		out[i].ID = u.ID
		if u.Members < MinMembers {
			continue
		}
		r := mu
		if !tied {
			r = (float64(u.Sum) + k*mu) / (float64(u.Members) + k)
		}
		out[i].Value = &r
	}
	return out
}

// shrinkage estimates mu and k from the units that are compared; tied means
// that k has no bound.
func shrinkage(units []Unit) (mu, k float64, tied bool) {
	compared := make([]Unit, 0, len(units))
	var sum, members int64
	for _, u := range units {
		if u.Members >= MinMembers {
			compared = append(compared, u)
			sum += u.Sum
			members += u.Members
		}
	}
	if members == 0 {
		return 0, 0, true
	}
	// Floating point addition depends on its order; the answer must not.
	slices.SortFunc(compared, func(a, b Unit) int {
		return cmp.Or(cmp.Compare(a.Members, b.Members), cmp.Compare(a.Sum, b.Sum))
	})
	all := float64(members)
	mu = float64(sum) / all
	within := spread2 * mu * mu
	var scatter, squares float64
	for _, u := range compared {
		n := float64(u.Members)
		d := float64(u.Sum)/n - mu
		scatter += n * d * d
		squares += n * n
	}
	free := all - squares/all
	if len(compared) < 2 || free <= 0 {
		return mu, 0, true
	}
	between := (scatter - float64(len(compared)-1)*within) / free
	if between <= 0 {
		return mu, 0, true
	}
	return mu, max(within/between, KFloor), false
}
