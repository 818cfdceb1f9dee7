package season

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/musterhq/muster/internal/errs"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}

func TestSeasonBounds(t *testing.T) {
	tests := []struct {
		name, zone, at, id, start, end string
	}{
		{"middle of a week", "Europe/Rome", "2026-11-18T12:00:00Z", "2026-w47", "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z"},
		{"first instant", "Europe/Rome", "2026-11-15T23:00:00Z", "2026-w47", "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z"},
		{"last millisecond", "Europe/Rome", "2026-11-22T22:59:59.999Z", "2026-w47", "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z"},
		{"clocks forward: 167 h", "Europe/Rome", "2026-03-29T10:00:00Z", "2026-w13", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"clocks back: 169 h", "Europe/Rome", "2026-10-25T22:30:00Z", "2026-w43", "2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"clocks back, west of Greenwich", "America/New_York", "2026-11-02T04:30:00Z", "2026-w44", "2026-10-26T04:00:00Z", "2026-11-02T05:00:00Z"},
		{"a year's last days in week 1", "UTC", "2025-12-30T00:00:00Z", "2026-w01", "2025-12-29T00:00:00Z", "2026-01-05T00:00:00Z"},
		{"a year's first days in week 53", "UTC", "2027-01-03T23:00:00Z", "2026-w53", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"},
		{"Monday has no midnight", "Asia/Tehran", "2021-03-21T20:30:00Z", "2021-w12", "2021-03-21T20:30:00Z", "2021-03-28T19:30:00Z"},
		{"before a Monday without midnight", "Asia/Tehran", "2021-03-21T20:29:59Z", "2021-w11", "2021-03-14T20:30:00Z", "2021-03-21T20:30:00Z"},
		{"Sunday's last hour twice", "Asia/Tehran", "2020-09-20T20:00:00Z", "2020-w38", "2020-09-13T19:30:00Z", "2020-09-20T20:30:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			end := instant(t, tt.end)
			want := Season{ID: tt.id, Start: instant(t, tt.start), End: end, Closes: end.Add(48 * time.Hour)}
			if diff := cmp.Diff(want, Calendar{Zone: zone(t, tt.zone)}.Of(instant(t, tt.at))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// No zone has yet turned its clock back over a Monday's midnight. One that does
// gets Sunday's last half hour twice, and the second time in the new season.
func TestClocksBackOverMondaysMidnight(t *testing.T) {
	header := func(version byte) []byte { // one zone type, its name of four bytes, nothing else
		h := append([]byte{'T', 'Z', 'i', 'f', version}, make([]byte, 15+4*4)...)
		return append(h, 0, 0, 0, 1, 0, 0, 0, 4)
	}
	block := append(make([]byte, 6), "AAA\x00"...)
	rule := "\nAAA0BBB-1,M3.5.0/0,M10.4.1/0:30\n" // back on October's fourth Monday, 00:30 to Sunday 23:30
	loc, err := time.LoadLocationFromTZData("Test/Monday", slices.Concat(header('2'), block, header('2'), block, []byte(rule)))
	if err != nil {
		t.Fatal(err)
	}
	c := Calendar{Zone: loc}
	start := instant(t, "2026-10-25T23:00:00Z")
	again := start.Add(45 * time.Minute) // Sunday 23:45, for the second time
	if local := again.In(loc); local.Weekday() != time.Sunday {
		t.Fatalf("the zone is not as meant: %v", local)
	}
	for _, at := range []time.Time{start, again, start.Add(2 * time.Hour)} {
		if s := c.Of(at); s.ID != "2026-w44" || !s.Start.Equal(start) {
			t.Errorf("%v is in %+v", at, s)
		}
	}
	if s := c.Of(start.Add(-time.Millisecond)); s.ID != "2026-w43" || !s.End.Equal(start) {
		t.Errorf("before it is %+v", s)
	}
}

func TestOpenAndCounts(t *testing.T) {
	c := Calendar{Zone: zone(t, "Europe/Rome")}
	w47, w48 := c.Of(instant(t, "2026-11-18T12:00:00Z")), c.Of(instant(t, "2026-11-25T12:00:00Z"))
	tests := []struct {
		name string
		at   time.Time
		want []Season
	}{
		{"in the first 48 hours both are open", w48.Start, []Season{w47, w48}},
		{"to the last millisecond", w47.Closes.Add(-time.Millisecond), []Season{w47, w48}},
		{"then this week's alone", w47.Closes, []Season{w48}},
		{"to its end", w48.End.Add(-time.Millisecond), []Season{w48}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, c.Open(tt.at)); diff != "" {
				t.Error(diff)
			}
		})
	}
	inside := w47.Start.Add(time.Hour)
	if got := c.Counts(inside, w47.Closes.Add(-time.Millisecond)); got != "2026-w47" {
		t.Errorf("an action handed in before its season closes counts in %q", got)
	}
	if got := c.Counts(inside, w47.Closes); got != "" {
		t.Errorf("an action handed in when its season closes counts in %q", got)
	}
	if c.IsOpen("2026-w48", w48.Start.Add(-time.Millisecond)) {
		t.Error("a season is open before it began")
	}
	if c.IsOpen("nonsense", w48.Start) {
		t.Error("nonsense is open")
	}
}

// Zones with every kind of trouble: clocks that change at midnight, by half an
// hour, twice a year for Ramadan, and a day that was left out.
var hardZones = []string{"UTC", "Europe/Rome", "America/New_York", "America/Havana", "Asia/Tehran", "Asia/Beirut",
	"Africa/Cairo", "Africa/Casablanca", "Australia/Lord_Howe", "America/Goose_Bay", "Pacific/Apia", "Asia/Kathmandu",
	"America/Sao_Paulo", "Asia/Gaza", "Pacific/Kiritimati", "Antarctica/Troll"}

// The first instant of a date, found minute by minute, for every date on which
// a clock changed and those beside it.
func TestMidnightIsTheFirstInstantOfItsDate(t *testing.T) {
	skipped, twice := 0, 0
	for _, name := range append(hardZones, "America/St_Johns", "America/Asuncion", "Atlantic/Azores") {
		loc := zone(t, name)
		c := Calendar{Zone: loc}
		for at := instant(t, "1987-01-01T00:00:00Z"); at.Year() < 2012; {
			_, change := at.In(loc).ZoneBounds()
			if change.IsZero() {
				break
			}
			year, month, day := change.In(loc).Date()
			for _, d := range []int{day - 1, day, day + 1} {
				date := time.Date(year, month, d, 0, 0, 0, 0, time.UTC)
				// No zone is more than 14 hours east or 12 west of Greenwich,
				// and none but Apia's left out a day.
				want := date.Add(-15 * time.Hour)
				for ; wallClock(want.In(loc)).Before(date); want = want.Add(time.Minute) {
				}
				got := c.midnight(year, month, d)
				if !got.Equal(want) {
					t.Errorf("%s, %s begins at %v, want %v", name, date.Format(time.DateOnly), got, want)
				}
				if !wallClock(got.In(loc)).Equal(date) {
					skipped++
				}
				for again := got.Add(time.Minute); again.Sub(got) < 3*time.Hour; again = again.Add(time.Minute) {
					if wallClock(again.In(loc)).Equal(date) {
						twice++
					}
				}
			}
			at = change
		}
	}
	if skipped == 0 || twice == 0 {
		t.Errorf("%d midnights were skipped and %d came twice: the zones prove nothing", skipped, twice)
	}
}

func TestSeasonsTileTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(hardZones).Draw(t, "zone")
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		c := Calendar{Zone: loc, Weeks: rapid.IntRange(0, 13).Draw(t, "weeks")}
		// 1975 to 2060, and often close to a Monday's midnight.
		at := time.UnixMilli(rapid.Int64Range(157_766_400_000, 2_840_140_800_000).Draw(t, "at")).UTC()
		if rapid.Bool().Draw(t, "near the edge") {
			at = c.Of(at).Start.Add(time.Duration(rapid.IntRange(-7200, 7200).Draw(t, "seconds")) * time.Second)
		}
		s := c.Of(at)
		if at.Before(s.Start) || !at.Before(s.End) {
			t.Fatalf("%v is not in its season %+v", at, s)
		}
		if s.Start.In(loc).Weekday() != time.Monday {
			t.Fatalf("season starts on %v", s.Start.In(loc))
		}
		if days := s.End.Sub(s.Start).Hours() / 24; math.Round(days) != float64(7*max(1, c.Weeks)) && name != "Pacific/Apia" {
			t.Fatalf("%+v lasts %g days", s, days)
		}
		if before := s.Start.Add(-time.Millisecond); c.Of(before).End != s.Start {
			t.Fatalf("%+v does not end where %+v starts", c.Of(before), s)
		}
		if next := c.Of(s.End); next.Start != s.End || next.ID == s.ID {
			t.Fatalf("%+v does not follow %+v", next, s)
		}
		if got, err := c.ByID(s.ID); err != nil || got != s {
			t.Fatalf("ByID(%q) = %+v, %v; want %+v", s.ID, got, err, s)
		}
		open := c.Open(at)
		if open[len(open)-1] != s || len(open) > 2 {
			t.Fatalf("open at %v: %+v", at, open)
		}
		for _, o := range open {
			if !c.IsOpen(o.ID, at) || c.Counts(o.Start, at) != o.ID {
				t.Fatalf("%s is listed and not open at %v", o.ID, at)
			}
		}
	})
}

// Seasons of four weeks: the year does not begin them anew, and only their first
// week names them.
func TestSeasonsOfSeveralWeeks(t *testing.T) {
	c := Calendar{Zone: zone(t, "Europe/Rome"), Weeks: 4}
	want := Season{ID: "2026-w52", Start: instant(t, "2026-12-20T23:00:00Z"), End: instant(t, "2027-01-17T23:00:00Z"), Closes: instant(t, "2027-01-19T23:00:00Z")}
	for _, at := range []string{"2026-12-20T23:00:00Z", "2027-01-10T12:00:00Z", "2027-01-17T22:59:59.999Z"} {
		if diff := cmp.Diff(want, c.Of(instant(t, at))); diff != "" {
			t.Errorf("%s: %s", at, diff)
		}
	}
	if s, err := c.ByID("2027-w01"); errs.CodeOf(err) != "season_unknown" {
		t.Errorf("a week in the middle names %+v, %v", s, err)
	}
	if c.Of(instant(t, "1931-05-05T00:00:00Z")).End.Before(instant(t, "1931-05-05T00:00:00Z")) {
		t.Error("before 1970 a season does not hold its instants")
	}
}

func TestByIDRefuses(t *testing.T) {
	for _, id := range []string{"", "season", "all", "2026-w00", "2026-w54", "2025-w53", "2026-W47", "2026-w4", "2026-w470", "0000-w01", "+026-w01", "2026w47--", "２０26-w"} {
		if s, err := (Calendar{}).ByID(id); errs.CodeOf(err) != "season_unknown" || errs.KindOf(err) != errs.Invalid {
			t.Errorf("ByID(%q) = %+v, %v", id, s, err)
		}
	}
}

func FuzzByID(f *testing.F) {
	for _, id := range []string{"2026-w47", "2026-w53", "2025-w53", "0001-w01", "9998-w52", "9999-w52", "2026-w4７", ""} {
		f.Add(id)
	}
	c := Calendar{Zone: zone(f, "Europe/Rome")}
	f.Fuzz(func(t *testing.T, id string) {
		s, err := c.ByID(id)
		if err != nil {
			if s != (Season{}) {
				t.Errorf("a refused id answers %+v", s)
			}
			return
		}
		if s.ID != id || c.Of(s.Start) != s || !s.Start.Before(s.End) {
			t.Errorf("%q is %+v", id, s)
		}
	})
}

func BenchmarkCounts(b *testing.B) {
	c := Calendar{Zone: zone(b, "Europe/Rome")}
	at := instant(b, "2026-11-18T12:00:00Z")
	for b.Loop() {
		c.Counts(at, at)
	}
}
