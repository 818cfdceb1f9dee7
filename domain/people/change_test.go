package people_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/store"
)

func TestChange(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	_, before := h.enter(signUp("anna@example.org"))
	got, err := h.Change(ctx, liguria, before.ID, people.Change{
		GivenName: new(" Anna "), FamilyName: new("Rossi"), DisplayName: new("Anna R."), NameShown: new(true),
		Hidden: new(true), TimeZone: new("Europe/Lisbon"), LanguagesSpoken: &[]string{"it", "pt-BR"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := *before
	want.GivenName, want.FamilyName, want.DisplayName, want.NameShown = "Anna", "Rossi", "Anna R.", true
	want.Hidden, want.TimeZone, want.LanguagesSpoken = true, "Europe/Lisbon", []string{"it", "pt-BR"}
	ignore := cmpopts.IgnoreFields(people.Person{}, "Meta", "Effects")
	if diff := cmp.Diff(&want, got, ignore); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	hides := func(p *people.Person) (n int) {
		for _, e := range p.Effects.Effects {
			if e.Kind == people.EffectHide && e.Data["person"] == p.ID {
				n++
			}
		}
		return n
	}
	if hides(got) != 1 {
		t.Fatalf("effects are %v", got.Effects.Effects)
	}
	// What is not named stays; what stays as it was has no effect.
	same, err := h.Change(ctx, liguria, before.ID, people.Change{Hidden: new(true), FamilyName: new("")})
	want.FamilyName = ""
	if diff := cmp.Diff(&want, same, ignore); diff != "" || err != nil || hides(same) != 1 {
		t.Fatalf("%v, effects %v (-want +got):\n%s", err, same.Effects.Effects, diff)
	}
	shown, err := h.Change(ctx, liguria, before.ID, people.Change{Hidden: new(false), TimeZone: new(""), LanguagesSpoken: &[]string{}})
	if err != nil || shown.Hidden || shown.TimeZone != "" || len(shown.LanguagesSpoken) != 0 || hides(shown) != 2 {
		t.Fatalf("%+v, %v", shown, err)
	}
	_, err = h.CarryOut(ctx, h.clock.Now(), func(context.Context, string, store.Effect) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
}

func TestChangeRefuses(t *testing.T) {
	h := newHouse(t)
	_, anna := h.enter(signUp("anna@example.org"))
	for name, c := range map[string]struct {
		change people.Change
		code   string
	}{
		"a long name":          {people.Change{GivenName: new(strings.Repeat("é", 101))}, "name_invalid"},
		"a long display name":  {people.Change{DisplayName: new(strings.Repeat("é", 41))}, "name_invalid"},
		"two lines":            {people.Change{DisplayName: new("Anna\nRossi")}, "name_invalid"},
		"text turned around":   {people.Change{DisplayName: new("Anna\u202eissoR")}, "name_invalid"},
		"not UTF-8":            {people.Change{FamilyName: new("\xff")}, "name_invalid"},
		"an unknown zone":      {people.Change{TimeZone: new("Europe/Atlantis")}, "time_zone_invalid"},
		"the server's zone":    {people.Change{TimeZone: new("Local")}, "time_zone_invalid"},
		"a path":               {people.Change{TimeZone: new("../../etc/passwd")}, "time_zone_invalid"},
		"an unknown language":  {people.Change{LanguagesSpoken: &[]string{"Italian"}}, "language_invalid"},
		"twenty-one languages": {people.Change{LanguagesSpoken: &[]string{20: "it"}}, "language_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			c.change.NameShown = new(true)
			_, err := h.Change(context.Background(), liguria, anna.ID, c.change)
			wantCode(t, err, c.code)
		})
	}
	if p, err := h.Person(context.Background(), liguria, anna.ID); err != nil || p.NameShown || p.Version != anna.Version {
		t.Fatalf("a refused change changed something: %v", err)
	}
	_, err := h.Change(context.Background(), "other", anna.ID, people.Change{})
	wantCode(t, err, "person_unknown")
}
