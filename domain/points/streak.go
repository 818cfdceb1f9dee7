package points

import (
	"fmt"
	"time"
)

// Streak counts ISO weeks in a row with at least one counted action, up to the
// last such week. A week is taken from the day in the person's own zone, and it
// counts while any kind holds a quantity above 0 in it. So the streak is a
// function of what was done on which day: an action that arrives late fills its
// week and joins what stands on either side of it, and a void that leaves a
// week empty takes the week out again.
type Streak struct {
	Weeks int    `bson:"weeks" json:"weeks"`
	Last  string `bson:"last,omitempty" json:"last,omitempty"` // last week with one, "2026-w47"
}

// At is the streak as it stands at this instant in the person's zone: the week
// that is running breaks nothing, but once a whole week has passed without an
// action the streak is zero. (Last may lie a week ahead of now when the person
// has moved west over a Sunday's midnight.)
func (s Streak) At(now time.Time, zone *time.Location) Streak {
	last, ok := weekStart(s.Last)
	if !ok {
		return Streak{}
	}
	year, month, day := now.In(zone).Date()
	today := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if today.Sub(last) >= 14*24*time.Hour {
		return Streak{}
	}
	return s
}

// with is the streak after a further day with an action. Days must come in
// order.
func (s Streak) with(day string) Streak {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return s // not a day this package wrote
	}
	year, week := at.ISOWeek()
	id := weekID(year, week)
	if id == s.Last {
		return s
	}
	before := at.AddDate(0, 0, -7)
	year, week = before.ISOWeek()
	if s.Last != "" && s.Last == weekID(year, week) {
		return Streak{Weeks: s.Weeks + 1, Last: id}
	}
	return Streak{Weeks: 1, Last: id}
}

// weekID is fmt's "%04d-w%02d", which would be most of the cost of a decision.
func weekID(year, week int) string {
	digit := func(n int) byte { return byte('0' + n%10) }
	return string([]byte{digit(year / 1000), digit(year / 100), digit(year / 10), digit(year), '-', 'w', digit(week / 10), digit(week)})
}

// weekStart is the Monday of a week, as midnight in UTC.
func weekStart(id string) (time.Time, bool) {
	var year, week int
	if _, err := fmt.Sscanf(id, "%4d-w%2d", &year, &week); err != nil {
		return time.Time{}, false
	}
	// The fourth of January lies in week 1, by definition of ISO 8601.
	fourth := time.Date(year, time.January, 4, 0, 0, 0, 0, time.UTC)
	monday := 4 - (int(fourth.Weekday())+6)%7
	return time.Date(year, time.January, monday+7*(week-1), 0, 0, 0, 0, time.UTC), true
}
