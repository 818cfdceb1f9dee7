package points

import "time"

// How grace is earned and spent: one week for every four active ones, and at most
// two in hand.
const (
	graceEvery = 4
	maxGrace   = 2
)

// Streak counts ISO weeks in a row with at least one counted action, up to the
// last such week. A week is taken from the day in the person's own zone, and it
// counts while any kind holds a quantity above 0 in it. Every graceEvery weeks of
// a streak earn a week of grace, maxGrace at most in hand; a week that is missed
// spends one and makes the streak no longer, a week that a pause touches spends
// none. So the streak is a function of what was done on which day and of the
// pauses: an action that arrives late fills its week and joins what stands on
// either side of it, and a void that leaves a week empty takes the week out again.
type Streak struct {
	Weeks int    `bson:"weeks" json:"weeks"`
	Last  string `bson:"last,omitempty" json:"last,omitempty"` // last week with one, "2026-w47"
	Grace int    `bson:"grace,omitempty" json:"grace"`         // weeks that may still be missed
}

// StreakAt is the streak as it stands at this instant in the person's zone: the
// week that is running breaks nothing, weeks that have passed since spend grace,
// and once they spend more than there is the streak is zero. (Last may lie a week
// ahead of now when the person has moved west over a Sunday's midnight.)
func (s *State) StreakAt(now time.Time, zone *time.Location) Streak {
	last, ok := weekNumber(s.Streak.Last)
	if !ok {
		return Streak{}
	}
	missed := missedWeeks(last+1, weekOf(now.In(zone)), s.Pauses)
	if missed > s.Streak.Grace {
		return Streak{}
	}
	streak := s.Streak
	streak.Grace -= missed
	return streak
}

// with is the streak after a further day with an action. Days must come in
// order.
func (s Streak) with(day string, pauses []Pause) Streak {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return s // not a day this package wrote
	}
	week := weekOf(at)
	last, ok := weekNumber(s.Last)
	if ok && week == last {
		return s
	}
	id := weekID(week)
	missed := missedWeeks(last+1, week, pauses)
	if !ok || missed > s.Grace {
		return Streak{Weeks: 1, Last: id}
	}
	s.Weeks, s.Last, s.Grace = s.Weeks+1, id, s.Grace-missed
	if s.Weeks%graceEvery == 0 {
		s.Grace = min(s.Grace+1, maxGrace)
	}
	return s
}

// missedWeeks counts the weeks from one (inclusive) to another (exclusive) that no
// pause touches. Pauses must be in order.
func missedWeeks(from, to int, pauses []Pause) int {
	missed := to - from
	for _, p := range pauses {
		first, last := p.weeks()
		// A week that the pause before touched too was taken off already.
		first = max(first, from)
		if last = min(last, to-1); first <= last {
			missed -= last - first + 1
			from = last + 1
		}
	}
	return max(missed, 0)
}

// weekOf is the number of the ISO week of t's date, by the clock that t shows:
// weeks since the one that began on 29 December 1969.
func weekOf(t time.Time) int {
	year, month, day := t.Date()
	days := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
	return int((days + 3) / 7)
}

// Week is the id of the ISO week that a date, 2006-01-02, lies in; "" for none.
func Week(day string) string {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return weekID(weekOf(at))
}

// weekStart is the Monday of a week, as midnight in UTC.
func weekStart(week int) time.Time { return time.Unix(int64(week*7-3)*24*60*60, 0).UTC() }

// weekID is fmt's "%04d-w%02d", which would be most of the cost of a decision.
func weekID(week int) string {
	year, n := weekStart(week).ISOWeek()
	digit := func(n int) byte { return byte('0' + n%10) }
	return string([]byte{digit(year / 1000), digit(year / 100), digit(year / 10), digit(year), '-', 'w', digit(n / 10), digit(n)})
}

// weekNumber is the week of an id that weekID gave; false for "" and for others.
func weekNumber(id string) (week int, ok bool) {
	if len(id) != len("2026-w47") || id[4:6] != "-w" {
		return 0, false
	}
	number := func(digits string) (n int) {
		for _, d := range []byte(digits) {
			if d < '0' || d > '9' {
				ok = false
			}
			n = 10*n + int(d-'0')
		}
		return n
	}
	ok = true
	year, n := number(id[:4]), number(id[6:])
	// The fourth of January lies in week 1, by definition of ISO 8601.
	return weekOf(time.Date(year, time.January, 4, 0, 0, 0, 0, time.UTC)) + n - 1, ok
}
