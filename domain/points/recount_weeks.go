package points

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// pause takes up what a posting says of pauses, day by day.
func (r *recount) pause(p *Posting) error {
	e := p.Pause
	if e == nil {
		return nil
	}
	// The day of one person is at most a day off UTC's.
	since, err := time.Parse(time.DateOnly, e.Since)
	if err != nil || since.Sub(p.RecordedAt).Abs() > 48*time.Hour || e.From != "" && e.From < e.Since {
		return fmt.Errorf("says on %v that a pause of %s begins on %q", p.RecordedAt, e.Since, e.From)
	}
	maps.DeleteFunc(r.paused, func(day string, _ bool) bool { return day >= e.Since })
	for day := e.From; day != "" && day <= e.To; {
		r.paused[day] = true
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return fmt.Errorf("pauses on the day %q", day)
		}
		day = at.AddDate(0, 0, 1).Format(time.DateOnly)
	}
	return nil
}

// walk goes over the weeks one by one, from the first with an action to the last,
// and reckons streak and personal best anew.
func (r *recount) walk() {
	active := map[string]bool{}
	points := map[string]int64{} // by day
	for _, d := range r.Days {
		active[d.Day] = true
	}
	for key, day := range r.days {
		points[key.day] += r.rules.On(key.day).Points(key.kind, day.counted)
	}
	days := slices.Sorted(maps.Keys(active))
	if len(days) == 0 {
		return
	}
	first, err := time.Parse(time.DateOnly, days[0])
	if err != nil {
		return
	}
	monday := first.AddDate(0, 0, -int(first.Weekday()+6)%7)
	weeks, grace := 0, 0
	for ; monday.Format(time.DateOnly) <= days[len(days)-1]; monday = monday.AddDate(0, 0, 7) {
		year, week := monday.ISOWeek()
		name := fmt.Sprintf("%04d-w%02d", year, week)
		did, excused, sum := false, false, int64(0)
		for i := range 7 {
			day := monday.AddDate(0, 0, i).Format(time.DateOnly)
			did = did || active[day]
			excused = excused || r.paused[day]
			sum += points[day]
			if points[day] > r.Best.DayPoints {
				r.Best.Day, r.Best.DayPoints = day, points[day]
			}
		}
		if sum > r.Best.WeekPoints {
			r.Best.Week, r.Best.WeekPoints = name, sum
		}
		switch {
		case did:
			if weeks++; weeks%4 == 0 && grace < 2 {
				grace++
			}
			r.Longest = max(r.Longest, weeks)
			r.Streak = Streak{Weeks: weeks, Last: name, Grace: grace}
		case excused:
		case grace > 0:
			grace--
		default:
			weeks = 0
		}
	}
}
