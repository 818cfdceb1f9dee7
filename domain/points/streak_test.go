package points

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestStreakAt(t *testing.T) {
	s := Streak{Weeks: 5, Last: "2026-w53", Grace: 1}
	spent := Streak{Weeks: 5, Last: "2026-w53"}
	pause := []Pause{{From: "2027-01-15", To: "2027-01-20"}} // weeks 2 and 3
	tests := []struct {
		at     string
		pauses []Pause
		want   Streak
	}{
		{"2026-12-30T12:00:00Z", nil, s},          // in its last week
		{"2027-01-10T22:59:59Z", nil, s},          // the week after still runs in Rome
		{"2027-01-10T23:00:00Z", nil, spent},      // Monday in Rome, a whole week has passed
		{"2027-01-17T22:59:59Z", nil, spent},      // the next one still runs
		{"2027-01-17T23:00:00Z", nil, Streak{}},   // and has passed, with no grace left
		{"2027-01-24T22:59:59Z", pause, spent},    // two weeks are excused, the first was not
		{"2027-01-31T22:59:59Z", pause, spent},    // week 4 runs
		{"2027-01-31T23:00:00Z", pause, Streak{}}, // and is missed
		{"2026-12-20T12:00:00Z", nil, s},          // somebody moved west
		{"2028-01-01T12:00:00Z", pause, Streak{}}, // long ago
	}
	for _, tt := range tests {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&State{Streak: s, Pauses: tt.pauses}).StreakAt(at, rome); got != tt.want {
			t.Errorf("at %s: %+v, want %+v", tt.at, got, tt.want)
		}
	}
	if got := new(State).StreakAt(wednesday, rome); got != (Streak{}) {
		t.Errorf("no streak becomes %+v", got)
	}
}

// streakOf is the streak of a history, a letter a week: a is active, m missed, p
// paused on one day.
func streakOf(history string) Streak {
	first := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC) // a Monday; the year has 53 weeks
	var pauses []Pause
	for i, week := range history {
		if day := first.AddDate(0, 0, 7*i+4).Format(time.DateOnly); week == 'p' {
			pauses = append(pauses, Pause{From: day, To: day})
		}
	}
	var s Streak
	for i, week := range history {
		if week == 'a' {
			s = s.with(first.AddDate(0, 0, 7*i+i%7).Format(time.DateOnly), pauses)
		}
	}
	return s
}

func TestGraceAndPauses(t *testing.T) {
	for history, want := range map[string][2]int{ // weeks and grace
		"a":                    {1, 0},
		"aaa":                  {3, 0},
		"aama":                 {1, 0}, // none earned yet
		"aaaa":                 {4, 1},
		"aaaama":               {5, 0}, // spent, and no longer for it
		"aaaamma":              {1, 0}, // two missed, one in hand
		"aaaaaaaa":             {8, 2},
		"aaaaaaaaaaaaaaaa":     {16, 2}, // at most two
		"aaaaaaaamma":          {9, 0},
		"aaaaaaaammma":         {1, 0},
		"aaaamaaaamaa":         {10, 0}, // earned again at the eighth active week, spent again
		"apppppa":              {2, 0},  // however long
		"aaaapmpa":             {5, 0},
		"aaaapmmpa":            {1, 0},
		"aapaa":                {4, 1}, // a pause earns nothing and hinders nothing
		"aaaammaaaamaaaaaamma": {1, 0},
	} {
		if got := streakOf(history); got.Weeks != want[0] || got.Grace != want[1] {
			t.Errorf("%s: %+v, want %v", history, got, want)
		}
	}
}

// TestStreakIsAFunctionOfWeeks holds the streak over random days and pauses
// against a walk over the letters of the weeks.
func TestStreakIsAFunctionOfWeeks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SliceOfN(rapid.SampledFrom([]byte("aaaamp")), 1, 60).Draw(t, "weeks")
		weeks, grace, last := 0, 0, -1
		for i, letter := range letters {
			switch {
			case letter == 'a':
				weeks, last = weeks+1, i
				if weeks%4 == 0 {
					grace = min(2, grace+1)
				}
			case letter == 'm' && grace > 0:
				grace--
			case letter == 'm':
				weeks, grace = 0, 0
			}
		}
		// What was missed after the last active week is for StreakAt to say.
		trimmed := string(letters[:last+1])
		got := streakOf(trimmed)
		if last < 0 {
			if got != (Streak{}) {
				t.Fatalf("%s: %+v", trimmed, got)
			}
			return
		}
		monday := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC).AddDate(0, 0, 7*last)
		if week, ok := weekNumber(got.Last); !ok || !weekStart(week).Equal(monday) {
			t.Fatalf("%s: last is %s", trimmed, got.Last)
		}
		var pauses []Pause
		for i, letter := range letters {
			if day := time.Date(2026, 11, 2+7*i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly); letter == 'p' {
				pauses = append(pauses, Pause{From: day, To: day})
			}
		}
		now := time.Date(2026, 11, 2+7*len(letters), 12, 0, 0, 0, time.UTC) // in the week after all of them
		at := (&State{Streak: got, Pauses: pauses}).StreakAt(now, time.UTC)
		if at.Weeks != weeks || at.Grace != grace {
			t.Fatalf("%s: %+v at the end, want %d weeks, %d grace", letters, at, weeks, grace)
		}
	})
}

func TestWeeksAreISO(t *testing.T) {
	for at := time.Date(1990, 1, 1, 5, 0, 0, 0, time.UTC); at.Year() < 2060; at = at.AddDate(0, 0, 1) {
		year, week := at.ISOWeek()
		id := weekID(weekOf(at))
		number, ok := weekNumber(id)
		if want := fmt.Sprintf("%04d-w%02d", year, week); id != want || !ok || number != weekOf(at) || weekStart(number).Weekday() != time.Monday {
			t.Fatalf("%v is in %s, said %s and %v", at, want, id, number)
		}
	}
}

// The zones of the tests below: changes at midnight (Havana, Beirut, Asunción),
// of half an hour (Lord Howe), of a whole day (Apia left out 30 December 2011),
// on a Sunday evening UTC or a Saturday, and none at all.
var trickyZones = []string{
	"Europe/Rome", "America/New_York", "America/Havana", "Asia/Beirut", "America/Asuncion", "Pacific/Apia",
	"Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tehran", "America/Sao_Paulo", "Pacific/Kiritimati",
	"Pacific/Pago_Pago", "Antarctica/Troll", "Asia/Kathmandu",
}

// TestNoStreakIsLostAtAClockChange acts once a week, at any hour of any of its
// days by the clock on the wall, over years of changes in both directions, and
// looks at any instant in between: never is a week missed or counted twice.
func TestNoStreakIsLostAtAClockChange(t *testing.T) {
	for _, name := range trickyZones {
		zone := mustZone(name)
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				year := rapid.SampledFrom([]int{2011, 2012, 2016, 2018, 2025, 2026}).Draw(t, "year")
				var s State
				var days []string
				n := rapid.IntRange(2, 60).Draw(t, "weeks")
				for week := range n {
					at := instantIn(t, zone, year, week)
					if at.IsZero() {
						continue
					}
					days = append(days, at.In(zone).Format(time.DateOnly))
					s.Streak = s.Streak.with(days[len(days)-1], nil)
					if s.Streak.Weeks != week+1 {
						t.Fatalf("%v: week %d makes a streak of %+v, by %v", at, week, s.Streak, days)
					}
					// Any instant of this week after it, and of the next one.
					for _, next := range []int{week, week + 1} {
						now := instantIn(t, zone, year, next)
						if now.IsZero() {
							continue
						}
						if got := s.StreakAt(now, zone); got != s.Streak {
							t.Fatalf("acted at %v; at %v the streak is %+v", at, now, got)
						}
					}
				}
			})
		})
	}
}

// instantIn is some instant of a week of a year by a zone's clock, at the edges
// of the week more often than elsewhere; the zero time where the clock skipped
// the minute that was drawn.
func instantIn(t *rapid.T, zone *time.Location, year, week int) time.Time {
	const minutes = 7 * 24 * 60
	minute := rapid.OneOf(rapid.IntRange(0, 200), rapid.IntRange(minutes-200, minutes-1), rapid.IntRange(0, minutes-1)).Draw(t, "minute")
	monday := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)
	monday = monday.AddDate(0, 0, -int(monday.Weekday()+6)%7+7*week)
	wall := monday.Add(time.Duration(minute) * time.Minute)
	at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
	if at.Day() != wall.Day() || at.Hour() != wall.Hour() || at.Minute() != wall.Minute() {
		// The clock skips that minute, or that day. A week of Apia's is a day
		// short; another minute of it will do.
		at = time.Date(wall.Year(), wall.Month(), wall.Day(), 12, 0, 0, 0, zone)
		if at.Day() != wall.Day() {
			at = time.Date(monday.Year(), monday.Month(), monday.Day(), 12, 0, 0, 0, zone)
		}
	}
	return at.UTC()
}

// TestAWeekEndsWhenTheClockSaysSo is the table of the edges: the last instant
// of a week and the first of the next, around clock changes that fall on them.
func TestAWeekEndsWhenTheClockSaysSo(t *testing.T) {
	for _, tt := range []struct{ zone, last, first string }{
		// Havana: at midnight of Sunday 2026-03-08 the clock goes to one; on
		// 2026-11-01 at one it goes back to midnight.
		{"America/Havana", "2026-03-09T03:59:59Z", "2026-03-09T04:00:00Z"},
		{"America/Havana", "2026-11-02T04:59:59Z", "2026-11-02T05:00:00Z"},
		// Beirut: forward at midnight of 2026-03-29, back at midnight of 2026-10-25.
		{"Asia/Beirut", "2026-03-29T20:59:59Z", "2026-03-29T21:00:00Z"},
		{"Asia/Beirut", "2026-10-25T21:59:59Z", "2026-10-25T22:00:00Z"},
		// Rome: forward on 2026-03-29, back on 2026-10-25.
		{"Europe/Rome", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"},
		{"Europe/Rome", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"},
		// Lord Howe: back half an hour on 2026-04-05, forward on 2026-10-04.
		{"Australia/Lord_Howe", "2026-04-05T13:29:59Z", "2026-04-05T13:30:00Z"},
		{"Australia/Lord_Howe", "2026-10-04T12:59:59Z", "2026-10-04T13:00:00Z"},
		// Apia has no Friday 2011-12-30: the week is six days long.
		{"Pacific/Apia", "2012-01-01T09:59:59Z", "2012-01-01T10:00:00Z"},
	} {
		zone := mustZone(tt.zone)
		last, err1 := time.Parse(time.RFC3339, tt.last)
		first, err2 := time.Parse(time.RFC3339, tt.first)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if weekOf(last.In(zone))+1 != weekOf(first.In(zone)) {
			t.Errorf("%s: %v is in week %d, %v in week %d", tt.zone, last.In(zone), weekOf(last.In(zone)), first.In(zone), weekOf(first.In(zone)))
		}
		s := State{Streak: Streak{}.with(last.In(zone).AddDate(0, 0, -7).Format(time.DateOnly), nil)}
		if got := s.StreakAt(last, zone); got.Weeks != 1 {
			t.Errorf("%s: in the last second of the week after: %+v", tt.zone, got)
		}
		if got := s.StreakAt(first, zone); got.Weeks != 0 {
			t.Errorf("%s: when that week is over: %+v", tt.zone, got)
		}
	}
}

// TestAJourneyLosesNoStreak: whoever acts each week by the calendar of wherever
// they are that week loses none, whichever way they travel.
func TestAJourneyLosesNoStreak(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terms := terms{calendar: calendar, member: genova}
		var last *Posting
		home := rapid.SampledFrom(trickyZones).Draw(t, "home")
		at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) // a Wednesday
		for week := range 34 {
			if rapid.IntRange(0, 3).Draw(t, "journey") == 0 {
				home = rapid.SampledFrom(trickyZones).Draw(t, "zone")
			}
			terms.zone = mustZone(home)
			// From Tuesday to Saturday noon it is that week everywhere.
			now := at.Add(time.Duration(rapid.IntRange(-24, 72).Draw(t, "hours")) * time.Hour)
			d := begin(terms, last, now)
			d.act(Action{ID: fmt.Sprint("a", week), Kind: "door", Quantity: 1, OccurredAt: now}, 0)
			last = d.finish()
			if last.State.Streak.Weeks != week+1 {
				t.Fatalf("week %d in %s: %+v", week, home, last.State.Streak)
			}
			at = at.AddDate(0, 0, 7)
		}
	})
}

// TestPauseLimits: what a pause may be, said on Wednesday 2026-11-18.
func TestPauseLimits(t *testing.T) {
	f := setUp(t)
	f.record(f.act("a", "door", 1))
	for _, tt := range []struct {
		pause Pause
		ok    bool
	}{
		{Pause{"2026-11-17", "2026-11-20"}, false}, // yesterday
		{Pause{"2026-11-20", "2026-11-19"}, false},
		{Pause{"tomorrow", "2026-11-20"}, false},
		{Pause{"2027-02-17", "2027-02-18"}, false}, // 91 days ahead
		{Pause{"2027-02-16", "2027-02-16"}, true},
		{Pause{"2026-11-18", "2027-01-13"}, false}, // 57 days
		{Pause{"2026-11-18", "2027-01-12"}, true},
	} {
		p, err := f.Pause(t.Context(), testCampaign, f.member, tt.pause)
		if (err == nil) != tt.ok {
			t.Errorf("%v: %v", tt.pause, err)
		}
		if tt.ok && !slices.Equal(p.State.Pauses, []Pause{tt.pause}) {
			t.Errorf("%v gives %v", tt.pause, p.State.Pauses)
		}
		f.verify()
	}
	f.clock.Advance(10 * 24 * time.Hour)
	n := f.postings()
	// The same again, and then longer, though it begins before today by now.
	for _, to := range []string{"2027-01-12", "2027-01-18"} {
		p, err := f.Pause(t.Context(), testCampaign, f.member, Pause{"2026-11-18", to})
		if err != nil || !slices.Equal(p.State.Pauses, []Pause{{"2026-11-18", to}}) {
			t.Errorf("to %s: %v, %v", to, p, err)
		}
	}
	if got := f.postings(); len(got) != len(n)+1 {
		t.Errorf("%d postings became %d", len(n), len(got))
	}
	p, err := f.EndPause(t.Context(), testCampaign, f.member)
	if err != nil || !slices.Equal(p.State.Pauses, []Pause{{"2026-11-18", "2026-11-27"}}) {
		t.Errorf("ended: %v, %v", p, err)
	}
	f.verify()
	// Weeks 47 and 48 are used; ten more are left, and not eleven.
	if _, err := f.Pause(t.Context(), testCampaign, f.member, Pause{"2026-11-30", "2027-01-24"}); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(57 * 24 * time.Hour) // Sunday 2027-01-24
	for to, ok := range map[string]bool{"2027-02-14": false, "2027-02-07": true} {
		if _, err := f.Pause(t.Context(), testCampaign, f.member, Pause{"2027-01-25", to}); (err == nil) != ok {
			t.Errorf("to %s: %v", to, err)
		}
	}
	f.verify()
	if got := f.postings(); got[len(got)-1].State.StreakAt(f.clock.Now(), rome).Weeks != 1 {
		t.Errorf("the pause did not hold the streak: %+v", got[len(got)-1].State)
	}
	if _, err := f.EndPause(t.Context(), testCampaign, Member{Account: "nobody", Team: "t", Region: "r"}); err != nil {
		t.Errorf("the end of no pause: %v", err)
	}
}
