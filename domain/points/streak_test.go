package points

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestStreakAt(t *testing.T) {
	s := Streak{Weeks: 3, Last: "2026-w53"}
	tests := []struct {
		at   string
		want Streak
	}{
		{"2026-12-30T12:00:00Z", s},          // in its last week
		{"2027-01-10T22:59:59Z", s},          // the week after still runs in Rome
		{"2027-01-10T23:00:00Z", Streak{}},   // Monday in Rome, a whole week has passed
		{"2026-12-20T12:00:00Z", s},          // somebody moved west
		{"2028-01-01T12:00:00Z", (Streak{})}, // long ago
	}
	for _, tt := range tests {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.At(at, rome); got != tt.want {
			t.Errorf("at %s: %+v, want %+v", tt.at, got, tt.want)
		}
	}
	if got := (Streak{}).At(wednesday, rome); got != (Streak{}) {
		t.Errorf("no streak becomes %+v", got)
	}
}

func TestStreakCountsWeeksInARow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Days of about a year around a year of 53 weeks.
		offsets := rapid.SliceOfN(rapid.IntRange(0, 80), 1, 40).Draw(t, "days")
		slices.Sort(offsets)
		first := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC) // a Monday
		var got Streak
		active := map[int]bool{}
		for _, o := range offsets {
			got = got.with(first.AddDate(0, 0, o).Format(time.DateOnly))
			active[o/7] = true
		}
		last := offsets[len(offsets)-1] / 7
		weeks := 0
		for w := last; active[w]; w-- {
			weeks++
		}
		monday, ok := weekStart(got.Last)
		if got.Weeks != weeks || !ok || !monday.Equal(first.AddDate(0, 0, 7*last)) {
			t.Fatalf("%v gives %+v, want %d weeks", offsets, got, weeks)
		}
	})
}
