package season

import (
	"cmp"
	"math"
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
	Members int64 // people it is measured by
}

// Estimate is a unit's fair index in points a member, and how sure it is.
type Estimate struct {
	Value float64 `bson:"value"`
	// Low and High bound the 80 % interval: of ten such intervals about eight
	// hold the rate that the unit would have in the long run. Low is not below 0.
	Low  float64 `bson:"low"`
	High float64 `bson:"high"`
}

// Fair gives each unit's size-fair index
//
//	r = (S + k*mu) / (n + k)
//
// in the order of the units, nil for one of fewer than MinMembers members, which
// is not compared. S is the unit's sum, n its members, mu the pooled rate of the
// compared units (all points over all members), and k = within / between, the
// variance among the members of a unit over the variance among the true rates of
// units, not less than KFloor. A small unit is drawn toward mu, a large one keeps
// its own rate. Where the units differ no more than chance explains, between is 0,
// k has no bound, and all are mu: a tie.
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
// The interval is r ± 1.2816 standard deviations of what is left unknown, by
// Morris (Parametric empirical Bayes inference, JASA 78, 1983, section 3), for m
// units, V = within/n, B = k / (n + k) and A = between:
//
//	V*(1 - B*(m-1)/m) + 2/(m-3) * B² * (v+A)/(V+A) * (S/n - mu)²
//
// The first part is what one knows too little of the unit and of mu; the second,
// what one knows too little of A: without it the intervals of units far from mu are
// too short. v is the mean of V; with fewer than five units m-3 is taken as 1.
// 1.2816 is the ninth decile of the normal distribution.
//
// The values do not depend on the order of the units, and multiplying every
// sum by a constant multiplies every value by it. Units of equal size keep the
// order of their sums.
func Fair(units []Unit) []*Estimate {
	pool := poolOf(units)
	out := make([]*Estimate, len(units))
	for i, u := range units {
		if u.Members >= MinMembers {
			out[i] = pool.estimate(u)
		}
	}
	return out
}

// decile is the normal distribution's ninth decile.
const decile = 1.2815515655446004

func (p *pool) estimate(u Unit) *Estimate {
	n, m := float64(u.Members), float64(p.units)
	rate, shrink, value := float64(u.Sum)/n, 1.0, p.mu
	if p.between > 0 {
		shrink = p.k / (n + p.k)
		value = (float64(u.Sum) + p.k*p.mu) / (n + p.k)
	}
	own := p.within / n
	variance := own * (1 - shrink*(m-1)/m)
	if off := rate - p.mu; off != 0 {
		variance += 2 / max(1, m-3) * shrink * shrink * (p.meanWithin + p.between) / (own + p.between) * off * off
	}
	half := decile * math.Sqrt(variance)
	return &Estimate{Value: value, Low: max(0, value-half), High: value + half}
}

// Bands numbers the tie bands of estimates from 1 on, 0 for nil: the first band
// starts at the greatest value and holds every unit whose interval reaches it,
// the second starts at the greatest value that is left, and so on. So whoever is
// in a band cannot be told from its leader by what was done so far.
func Bands(estimates []*Estimate) []int {
	order := make([]int, 0, len(estimates))
	for i, e := range estimates {
		if e != nil {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(estimates[b].Value, estimates[a].Value), cmp.Compare(a, b))
	})
	bands := make([]int, len(estimates))
	for at, band := 0, 1; at < len(order); band++ {
		leader := estimates[order[at]]
		for _, i := range order[at:] {
			if bands[i] == 0 && estimates[i].High >= leader.Value {
				bands[i] = band
			}
		}
		for at < len(order) && bands[order[at]] != 0 {
			at++
		}
	}
	return bands
}

// pool is what the compared units have in common. Where between is 0, k has no
// bound.
type pool struct {
	units               int
	mu, within, between float64
	meanWithin          float64 // of within over members
	k                   float64
}

// poolOf estimates mu and k from the units that are compared.
func poolOf(units []Unit) pool {
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
		return pool{}
	}
	// Floating point addition depends on its order; the answer must not.
	slices.SortFunc(compared, func(a, b Unit) int {
		return cmp.Or(cmp.Compare(a.Members, b.Members), cmp.Compare(a.Sum, b.Sum))
	})
	all := float64(members)
	mu := float64(sum) / all
	p := pool{units: len(compared), mu: mu, within: spread2 * mu * mu}
	var scatter, squares float64
	for _, u := range compared {
		n := float64(u.Members)
		d := float64(u.Sum)/n - mu
		scatter += n * d * d
		squares += n * n
		p.meanWithin += p.within / n / float64(len(compared))
	}
	free := all - squares/all
	if len(compared) < 2 || free <= 0 {
		return p
	}
	p.between = max(0, (scatter-float64(len(compared)-1)*p.within)/free)
	if p.between > 0 {
		p.k = max(p.within/p.between, KFloor)
	}
	return p
}
