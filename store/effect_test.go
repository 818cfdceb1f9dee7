package store

import (
	"testing"
	"time"
)

func TestEffectsKeepTheFirstDue(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	var e Effects
	check := func(what string, want time.Time, left int) {
		t.Helper()
		switch {
		case len(e.Effects) != left:
			t.Errorf("%s: %d effects, want %d", what, len(e.Effects), left)
		case want.IsZero() && e.EffectsAt != nil:
			t.Errorf("%s: due at %v, want never", what, e.EffectsAt)
		case !want.IsZero() && (e.EffectsAt == nil || !e.EffectsAt.Equal(want)):
			t.Errorf("%s: due at %v, want %v", what, e.EffectsAt, want)
		}
	}
	check("none", time.Time{}, 0)
	e.Add(Effect{ID: "1", Due: noon})
	e.Add(Effect{ID: "2", Due: noon.Add(-time.Hour)})
	e.Add(Effect{ID: "3", Due: noon.Add(time.Hour)})
	check("the earliest of three", noon.Add(-time.Hour), 3)
	e.Defer("2", noon.Add(2*time.Hour))
	check("after the earliest is deferred", noon, 3)
	e.Defer("no such effect", noon.Add(-time.Hour))
	check("after nothing is deferred", noon, 3)
	e.Done("1")
	e.Done("1")
	check("after one is done", noon.Add(time.Hour), 2)
	e.Done("2")
	e.Done("3")
	check("after all are done", time.Time{}, 0)
}
