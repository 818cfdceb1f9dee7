package points

import (
	"iter"
	"slices"
	"time"
)

// Best is the day and the ISO week, by the person's own calendar, on which they
// made most points, the earlier of equals: what somebody measures themselves by
// who compares with nobody. "" and 0 where there were no points.
type Best struct {
	Day        string `bson:"day,omitempty"`
	DayPoints  int64  `bson:"day_points,omitempty"`
	Week       string `bson:"week,omitempty"`
	WeekPoints int64  `bson:"week_points,omitempty"`
}

// bestSoFar is Best over days that came in order, with the week of the last of
// them, which goes on.
type bestSoFar struct {
	Best  `bson:",inline"`
	Open  string `bson:"open,omitempty"`
	Holds int64  `bson:"holds,omitempty"` // points of the week Open
}

// with adds a further day. Days must come in order.
func (b bestSoFar) with(day string, points int64) bestSoFar {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil || points <= 0 {
		return b
	}
	week := weekOf(at)
	if open, ok := weekNumber(b.Open); !ok || open != week {
		b.Open, b.Holds = weekID(week), 0
	}
	b.Holds += points
	if b.Holds > b.WeekPoints {
		b.Week, b.WeekPoints = b.Open, b.Holds
	}
	if points > b.DayPoints {
		b.Day, b.DayPoints = day, points
	}
	return b
}

// byDay groups quantities by their day.
func byDay(days []DayQuantity) iter.Seq2[string, []DayQuantity] {
	return func(yield func(string, []DayQuantity) bool) {
		for len(days) > 0 {
			end := slices.IndexFunc(days, func(d DayQuantity) bool { return d.Day != days[0].Day })
			if end < 0 {
				end = len(days)
			}
			if !yield(days[0].Day, days[:end]) {
				return
			}
			days = days[end:]
		}
	}
}

// dayPoints is what a day came to, whose quantities these are.
func dayPoints(rules *RuleSet, day []DayQuantity) (sum int64) {
	for i := 0; i < len(day); {
		name := day[i].Kind
		kind := rules.Kind(name)
		var quantity int64
		for ; i < len(day) && day[i].Kind == name; i++ {
			quantity += kind.counted(day[i].Slot, day[i].Quantity)
		}
		sum += kind.worth(quantity)
	}
	return sum
}
