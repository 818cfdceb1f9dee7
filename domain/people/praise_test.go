package people_test

import (
	"context"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/people"
)

// TestMayPraise: only who asked for it, never who is hidden or may be a minor.
func TestMayPraise(t *testing.T) {
	now := time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		p    people.Person
		want bool
	}{
		"asked for nothing":        {people.Person{Team: "t"}, false},
		"asked":                    {people.Person{Team: "t", ShoutOuts: true}, true},
		"an adult who asked":       {people.Person{Team: "t", ShoutOuts: true, YearOfBirth: 2007}, true},
		"hidden":                   {people.Person{Team: "t", ShoutOuts: true, Hidden: true}, false},
		"a minor":                  {people.Person{Team: "t", ShoutOuts: true, YearOfBirth: 2010}, false},
		"18 only this year":        {people.Person{Team: "t", ShoutOuts: true, YearOfBirth: 2008}, false},
		"somebody without a team":  {people.Person{ShoutOuts: true}, false},
		"a name shown, not asked ": {people.Person{Team: "t", NameShown: true, DisplayName: "A"}, false},
	} {
		if got := tt.p.MayPraise(now); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestANewMemberIsWelcomedOnce: in their first two weeks, when they ask for it.
func TestANewMemberIsWelcomedOnce(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	welcomes := func(p *people.Person) (n int) {
		for _, e := range p.Effects.Effects {
			if e.Kind == people.EffectPraise {
				n++
			}
		}
		return n
	}
	change := func(id string, c people.Change) *people.Person {
		t.Helper()
		p, err := h.Change(ctx, liguria, id, c)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	_, anna := h.enter(signUp("anna@example.org"))
	if anna.ShoutOuts || welcomes(anna) != 0 {
		t.Errorf("nobody asked: %+v", anna)
	}
	if p := change(anna.ID, people.Change{ShoutOuts: new(true), Hidden: new(true)}); welcomes(p) != 0 {
		t.Error("a hidden person is welcomed")
	}
	for range 2 {
		if p := change(anna.ID, people.Change{ShoutOuts: new(true), Hidden: new(false)}); welcomes(p) != 1 {
			t.Errorf("%d welcomes", welcomes(p))
		}
		change(anna.ID, people.Change{ShoutOuts: new(false)})
	}
	_, bruno := h.enter(signUp("bruno@example.org"))
	h.clock.Advance(15 * 24 * time.Hour)
	if p := change(bruno.ID, people.Change{ShoutOuts: new(true)}); welcomes(p) != 0 {
		t.Error("somebody of two weeks ago is new")
	}
	for account, want := range map[string]bool{anna.Account: true, "nobody": false} {
		if p, err := h.ByAccount(ctx, liguria, account); err != nil || (p != nil) != want {
			t.Errorf("%s: %v, %v", account, p, err)
		}
	}
}
