package season

import (
	"fmt"
	"time"

	"github.com/musterhq/muster/internal/errs"
)

// Grace is how long after its end a season still takes actions that happened
// in it: the time a phone without a network has to hand in what it holds.
const Grace = 48 * time.Hour

// Season is one or more ISO weeks of a campaign's time zone.
type Season struct {
	ID     string    // ISO year and week that it begins with, "2026-w47"
	Start  time.Time // Monday 00:00 in the zone, inclusive
	End    time.Time // a later Monday 00:00, exclusive
	Closes time.Time // End + Grace, exclusive: from this instant it never changes
}

// Calendar cuts time into the seasons of one campaign. Its zero value counts
// in UTC, by the week. All instants it answers are in UTC. A season of a week is
// 167 or 169 hours long when the clocks change.
type Calendar struct {
	Zone *time.Location
	// Weeks is how many weeks a season lasts, 0 for one. Seasons of several are
	// counted from the week of 5 January 1970, so the calendar alone says where
	// one begins.
	Weeks int
}

// firstMonday is the noon that weeks are counted from.
var firstMonday = time.Date(1970, time.January, 5, 12, 0, 0, 0, time.UTC)

// Location is the zone that seasons begin in, UTC when none was set.
func (c Calendar) Location() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// Of is the season that holds t. t must lie in the years 1 to 9998.
func (c Calendar) Of(t time.Time) Season {
	local := t.In(c.Location())
	sinceMonday := (int(local.Weekday()) + 6) % 7
	year, month, day := local.Date()
	s := c.holding(year, month, day-sinceMonday)
	// Where a zone turns its clock back over a Monday's midnight, local Sunday
	// comes a second time after the season began.
	if !t.Before(s.End) {
		return c.holding(year, month, day-sinceMonday+7)
	}
	return s
}

// holding is the season that holds the week whose Monday has this date; the day
// may be out of the month's range, as in time.Date.
func (c Calendar) holding(year int, month time.Month, monday int) Season {
	weeks := max(1, c.Weeks)
	noon := time.Date(year, month, monday, 12, 0, 0, 0, time.UTC)
	sinceFirst := int((noon.Unix() - firstMonday.Unix()) / (7 * 24 * 60 * 60))
	into := (sinceFirst%weeks + weeks) % weeks // weeks of the season before this one
	monday -= 7 * into
	noon = noon.AddDate(0, 0, -7*into)
	s := Season{ID: weekID(noon), Start: c.midnight(year, month, monday), End: c.midnight(year, month, monday+7*weeks)}
	s.Closes = s.End.Add(Grace)
	return s
}

func weekID(t time.Time) string {
	year, week := t.ISOWeek()
	return fmt.Sprintf("%04d-w%02d", year, week)
}

// midnight is the first instant of a date in the zone. Where the clock skips
// midnight that is the instant of the change; where midnight comes twice, it is
// the first of the two (time.Date promises neither).
func (c Calendar) midnight(year int, month time.Month, day int) time.Time {
	zone := c.Location()
	want := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	if !wallClock(t).Equal(want) {
		// Skipped, and answered from either side of the change, which leaves
		// out less than three hours, or a whole day.
		_, t = t.Add(-3 * time.Hour).ZoneBounds()
		return t.UTC()
	}
	if began, _ := t.ZoneBounds(); !began.IsZero() {
		_, now := t.Zone()
		_, before := began.Add(-time.Second).Zone()
		earlier := t.Add(time.Duration(now-before) * time.Second)
		if earlier.Before(began) && wallClock(earlier).Equal(want) {
			t = earlier
		}
	}
	return t.UTC()
}

// wallClock is what a clock on the wall shows at t, as an instant of UTC, so
// that two of them can be compared.
func wallClock(t time.Time) time.Time {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return time.Date(year, month, day, hour, minute, second, 0, time.UTC)
}

// ByID is the season with this id. An id that names no ISO week ("2026-w54",
// "2026-W1") answers Invalid season_unknown.
func (c Calendar) ByID(id string) (Season, error) {
	year, week, ok := parse(id)
	if !ok {
		return Season{}, unknown()
	}
	// The fourth of January lies in week 1 of its ISO year, by definition.
	fourth := time.Date(year, time.January, 4, 0, 0, 0, 0, time.UTC)
	sinceMonday := (int(fourth.Weekday()) + 6) % 7
	s := c.holding(year, time.January, 4-sinceMonday+7*(week-1))
	if s.ID != id { // week 53 of a year that has 52, or not the first of a season
		return Season{}, unknown()
	}
	return s, nil
}

func unknown() error {
	return errs.New(errs.Invalid, "season_unknown", "Name a season by its ISO year and week, for example 2026-w47.")
}

func parse(id string) (year, week int, ok bool) {
	if len(id) != len("2026-w47") || id[4:6] != "-w" {
		return 0, 0, false
	}
	number := func(digits string) (n int) {
		for _, d := range []byte(digits) {
			if d < '0' || d > '9' {
				return -1
			}
			n = n*10 + int(d-'0')
		}
		return n
	}
	year, week = number(id[:4]), number(id[6:])
	return year, week, year >= 1 && year <= 9998 && week >= 1 && week <= 53
}

// Open lists the seasons that have begun and are not closed at this instant,
// oldest first: this week's, and before it last week's until it closes.
func (c Calendar) Open(at time.Time) []Season {
	current := c.Of(at)
	last := c.Of(current.Start.Add(-time.Millisecond))
	if at.Before(last.Closes) {
		return []Season{last, current}
	}
	return []Season{current}
}

// IsOpen says whether the season has begun and is not closed at this instant;
// false for an id that is none.
func (c Calendar) IsOpen(id string, at time.Time) bool {
	s, err := c.ByID(id)
	return err == nil && !at.Before(s.Start) && at.Before(s.Closes)
}

// Next is the first season that begins at this instant or later, and its Monday,
// a date in the zone.
func (c Calendar) Next(from time.Time) (id, day string) {
	s := c.Of(from)
	if s.Start.Before(from) {
		s = c.Of(s.End)
	}
	return s.ID, s.Start.In(c.Location()).Format(time.DateOnly)
}

// Span is when a season begins and when it closes; Invalid season_unknown for an
// id that is none.
func (c Calendar) Span(id string) (start, closes time.Time, err error) {
	s, err := c.ByID(id)
	return s.Start, s.Closes, err
}

// Counts is the season in which an action counts that happened at occurredAt
// and was recorded at recordedAt: the season of its time, or "" when that one
// was closed by then and the action counts in all-time only.
func (c Calendar) Counts(occurredAt, recordedAt time.Time) string {
	s := c.Of(occurredAt)
	if !recordedAt.Before(s.Closes) {
		return ""
	}
	return s.ID
}
