package points

import (
	"testing"
	"time"
)

// TestHomeOf: what takes an action back is the action's team's, though the person has
// gone to another and the action's season has closed meanwhile.
func TestHomeOf(t *testing.T) {
	f := setUp(t)
	f.record(f.act("first", "door", 1)) // w47 is for Genova
	closes := calendar.Of(f.clock.Now()).Closes
	f.clock.Advance(closes.Add(-5 * time.Minute).Sub(f.clock.Now()))
	savona := Home{"team-sv", "it.liguria.sv.savona"}
	f.member.Team, f.member.Region = savona.Team, savona.Region
	late := f.act("late", "door", 2)
	late.OccurredAt = wednesday
	f.record(late, f.act("now", "door", 3))
	f.clock.Advance(10 * time.Minute) // w47 is closed
	if _, err := f.void("late"); err != nil {
		t.Fatal(err)
	}
	want := map[string]Home{"first": genova.home(), "late": genova.home(), "now": savona, "late/void": genova.home()}
	seen := 0
	for _, p := range f.postings() {
		for _, e := range p.Actions {
			home, err := f.HomeOf(t.Context(), testCampaign, p, e)
			if err != nil || home != want[e.ID] {
				t.Errorf("%s (season %q) is for %v, %v; want %v", e.ID, e.Season, home, err, want[e.ID])
			}
			seen++
		}
	}
	if seen != len(want) {
		t.Errorf("%d entries", seen)
	}
}

// TestAfter pages through postings, those of one millisecond among them.
func TestAfter(t *testing.T) {
	f := setUp(t)
	var ids []string
	for i, account := range []string{"a", "b", "c", "d"} {
		f.member.Account = account
		ids = append(ids, f.record(f.act("x", "door", 1)).Posting.ID)
		if i >= 1 {
			f.clock.Advance(time.Millisecond)
		}
	}
	var mark Mark
	var got []string
	for {
		page, err := f.After(t.Context(), testCampaign, mark, wednesday.Add(2*time.Millisecond), 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page {
			got, mark = append(got, p.ID), Mark{p.RecordedAt, p.ID}
		}
		if len(page) < 2 {
			break
		}
	}
	if len(got) != 3 || got[0] != ids[0] || got[1] != ids[1] || got[2] != ids[2] {
		t.Errorf("%v of %v", got, ids)
	}
}
