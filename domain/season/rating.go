package season

import "math"

// Rating is what is known of a unit's strength: its points a member over those of
// all compared units of its board, so 1 is the mean. It goes on from season to
// season, and is what leagues and duels are made by.
type Rating struct {
	Mean float64 `bson:"mean"`
	SD   float64 `bson:"sd"` // standard deviation of what is not known; 0 only in the zero Rating
}

const (
	// newSD is what is not known of a unit that was never seen: a third of the
	// units are then outside of half to one and a half times the mean. Assumed.
	newSD = 0.5
	// drift is how far a unit's strength wanders in one season. Assumed: a
	// quarter of its weight is then lost in a month.
	drift = 0.15
)

// NewRating is the rating of a unit of which nothing is known.
func NewRating() Rating { return Rating{Mean: 1, SD: newSD} }

// After is the rating after a season in which the unit scored so many times the
// mean rate with so many members: the Kalman filter of a level that wanders (Durbin
// and Koopman, Time Series Analysis by State Space Methods, chapter 2), which for
// whole seasons of scores does what Glicko does for wins and losses, and learns
// more from each. times is measured with the variance spread2 / members, as Fair
// has it.
func (r Rating) After(times float64, members int64) Rating {
	if r.SD == 0 {
		r = NewRating()
	}
	before := r.SD*r.SD + drift*drift
	if members < 1 {
		return Rating{Mean: r.Mean, SD: math.Sqrt(min(before, newSD*newSD))}
	}
	noise := spread2 / float64(members)
	gain := before / (before + noise)
	return Rating{Mean: r.Mean + gain*(times-r.Mean), SD: math.Sqrt((1 - gain) * before)}
}

// Odds is how likely a unit scores more points a member than another in a season,
// by their ratings and sizes: 0 to 1, one half for equals.
func Odds(a, b Entrant) float64 {
	ra, rb := a.rating(), b.rating()
	variance := ra.SD*ra.SD + rb.SD*rb.SD + spread2/float64(max(1, a.Members)) + spread2/float64(max(1, b.Members))
	return 0.5 * math.Erfc(-(ra.Mean-rb.Mean)/math.Sqrt(2*variance))
}

func (e Entrant) rating() Rating {
	if e.Rating.SD == 0 {
		return NewRating()
	}
	return e.Rating
}
