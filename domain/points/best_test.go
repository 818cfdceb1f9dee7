package points

import (
	"testing"
	"time"
)

func TestBest(t *testing.T) {
	f := setUp(t) // Wednesday 2026-11-18, w47
	at := func(id string, quantity int64, day time.Time) Action {
		return Action{ID: id, Kind: "door", Quantity: quantity, OccurredAt: day}
	}
	f.record(at("a", 10, wednesday), at("b", 5, wednesday.AddDate(0, 0, -1)))
	f.record(at("c", 5, wednesday.AddDate(0, 0, -8)), at("d", 4, wednesday.AddDate(0, 0, -9)))
	if got, want := f.postings()[1].State.Best, (Best{"2026-11-18", 200, "2026-w47", 300}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	// What arrives late may make another week the best, and a void takes it back.
	r := f.record(at("e", 8, wednesday.AddDate(0, 0, -9)))
	if got, want := r.Posting.State.Best, (Best{"2026-11-09", 240, "2026-w46", 340}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	v, err := f.void("e")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := v.Posting.State.Best, (Best{"2026-11-18", 200, "2026-w47", 300}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	// It holds when the days have left the state; equal is not better.
	f.clock.Advance(70 * 24 * time.Hour)
	r = f.record(at("f", 10, f.clock.Now()), at("g", 5, f.clock.Now().AddDate(0, 0, -1)))
	if got, want := r.Posting.State.Best, (Best{"2026-11-18", 200, "2026-w47", 300}); got != want || len(r.Posting.State.Days) != 2 {
		t.Errorf("%+v, want %+v", r.Posting.State, want)
	}
}

func TestLevels(t *testing.T) {
	for points, want := range map[int64]int{-5: 1, 0: 1, 99: 1, 100: 2, 199: 2, 200: 3, 1599: 5, 1600: 6, 102_399: 11, 102_400: 12, 1 << 50: 12} {
		if got := Level(points); got != want {
			t.Errorf("%d points: level %d, want %d", points, got, want)
		}
	}
	if MaxLevel != 12 || LevelFrom(1) != 0 || LevelFrom(2) != 100 || LevelFrom(12) != 102_400 {
		t.Errorf("%d levels", MaxLevel)
	}
}
