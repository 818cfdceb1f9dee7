package season

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCourse(t *testing.T) {
	at := instant(t, "2026-11-18T12:00:00Z")
	var c Course
	see := func(after time.Duration, left, right float64) (keep, tell bool) {
		at = at.Add(after)
		return c.See(at, left, right)
	}
	if keep, tell := see(0, 0, 0); keep || tell {
		t.Error("a duel without points is worth keeping")
	}
	if keep, tell := see(time.Minute, 1, 0); !keep || tell || c.Leader != "left" || c.Changed != 0 {
		t.Errorf("the first to lead is news: %+v", c)
	}
	if keep, tell := see(time.Second, 2, 2); keep || tell {
		t.Errorf("a tie changes something: %+v", c)
	}
	if keep, tell := see(time.Second, 2, 3); !keep || !tell || c.Leader != "right" || c.Changed != 1 || len(c.Samples) != 2 {
		t.Errorf("a lead change is no news at once: %+v", c)
	}
	// The lead goes to and fro: four are told in the hour, all are counted.
	told := 1
	for i := range 20 {
		_, tell := see(time.Second, float64(10+10*i+10*(i%2)), float64(15+10*i))
		if tell {
			told++
		}
	}
	if told != NewsAnHour || c.Changed < 15 {
		t.Errorf("%d were told, %d changes counted", told, c.Changed)
	}
	_, _ = see(time.Second, 1000, 1) // left leads, and that was not told
	if c.Told == "left" {
		_, _ = see(time.Second, 1000, 2000)
	}
	leader := c.Leader
	if c.Told == leader {
		t.Fatalf("the course does not show what it should: %+v", c)
	}
	if _, tell := see(2*time.Hour, c.Samples[len(c.Samples)-1].Left, c.Samples[len(c.Samples)-1].Right); !tell || c.Told != leader {
		t.Errorf("what could not be told is not told later: %+v", c)
	}
}

func TestCourseHoldsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
		start := at
		var c Course
		var told []time.Time
		var left, right float64
		leader, changes := "", 0
		steps := rapid.IntRange(1, 3000).Draw(t, "steps")
		seed := rapid.Uint32().Draw(t, "seed")
		next := func(n uint32) uint32 { // quicker than to draw each
			seed = seed*1664525 + 1013904223
			return (seed >> 16) % n
		}
		for range steps {
			at = at.Add(time.Duration(1+next(400)) * time.Second)
			if next(2) == 0 {
				left += float64(next(3))
			} else {
				right += float64(next(3))
			}
			if left != right {
				now := map[bool]string{true: "left", false: "right"}[left > right]
				if leader != "" && now != leader {
					changes++
				}
				leader = now
			}
			before := c.Told
			if _, tell := c.See(at, left, right); tell {
				if c.Told == before || c.Told != leader {
					t.Fatalf("%q is told after %q, %q leads", c.Told, before, leader)
				}
				told = append(told, at)
			}
			if len(c.Samples) > MaxSamples || len(c.Changes) > maxChanges || c.Leader != leader || c.Changed != changes {
				t.Fatalf("%d samples, %d of %d changes (%d), %q leads (%q)", len(c.Samples), len(c.Changes), c.Changed, changes, c.Leader, leader)
			}
		}
		for i := range told {
			if i >= NewsAnHour && told[i].Sub(told[i-NewsAnHour]) < time.Hour {
				t.Fatalf("more than %d in the hour before %v", NewsAnHour, told[i])
			}
		}
		for i, s := range c.Samples {
			if i > 0 && !s.At.After(c.Samples[i-1].At) || s.At.Before(start) || s.At.After(at) {
				t.Fatalf("sample %d at %v", i, s.At)
			}
		}
	})
}
