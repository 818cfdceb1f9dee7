package people_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/store"
)

func TestPseudonym(t *testing.T) {
	// Golden: a change would rename everybody.
	for account, want := range map[string]string{"": "Friendly Linnet 3555", "0123456789abcdefghjkmnpqrs": "Dewy Lark 3626"} {
		if got := people.Pseudonym(account); got != want {
			t.Errorf("%q is %q, want %q", account, got, want)
		}
	}
	pattern := regexp.MustCompile(`^[A-Z][a-z]+ [A-Z][a-z]+ [0-9]{4}$`)
	seen, first, second := map[string]bool{}, map[string]bool{}, map[string]bool{}
	const n = 20_000
	for range n {
		name := people.Pseudonym(store.NewID())
		if !pattern.MatchString(name) {
			t.Fatalf("a pseudonym is %q", name)
		}
		seen[name] = true
		var a, b string
		fmt.Sscan(name, &a, &b)
		first[a], second[b] = true, true
	}
	// Of 41 million, 20,000 draws repeat about five.
	if len(first) != 64 || len(second) != 64 || len(seen) < n-30 {
		t.Fatalf("%d adjectives, %d nouns, %d different of %d", len(first), len(second), len(seen), n)
	}
}

func TestPublicName(t *testing.T) {
	pseudonym := people.Pseudonym("a1")
	for name, c := range map[string]struct {
		person people.Person
		want   string
	}{
		"by default":             {people.Person{DisplayName: "Anna"}, pseudonym},
		"opted in":               {people.Person{DisplayName: "Anna", NameShown: true}, "Anna"},
		"opted in without one":   {people.Person{GivenName: "Anna", NameShown: true}, pseudonym},
		"hidden":                 {people.Person{DisplayName: "Anna", NameShown: true, Hidden: true}, pseudonym},
		"an adult":               {people.Person{DisplayName: "Anna", NameShown: true, YearOfBirth: 2007}, "Anna"},
		"a minor":                {people.Person{DisplayName: "Anna", NameShown: true, YearOfBirth: 2012}, pseudonym},
		"18 only this year":      {people.Person{DisplayName: "Anna", NameShown: true, YearOfBirth: 2008}, pseudonym},
		"a hidden minor":         {people.Person{DisplayName: "Anna", NameShown: true, YearOfBirth: 2012, Hidden: true}, pseudonym},
		"an adult not opted in ": {people.Person{DisplayName: "Anna", YearOfBirth: 1990}, pseudonym},
	} {
		c.person.Account = "a1"
		if got := c.person.PublicName(saturday); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	anna, berta := h.person("anna@example.org"), h.person("berta@example.org")
	other := h.node()
	accounts := []string{anna.Account, berta.Account, "unlinked", anna.Account}
	want := map[string]string{}
	for _, account := range accounts {
		want[account] = people.Pseudonym(account)
	}
	check := func(s *people.Service) {
		t.Helper()
		got, err := s.Names(ctx, liguria, accounts)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	}
	check(h.Service)
	check(other)
	h.engine.taken()
	check(h.Service)
	if calls := h.engine.taken(); len(calls) != 0 {
		t.Fatalf("within a second it took %v", calls)
	}
	if _, err := h.Change(ctx, liguria, anna.Person, people.Change{DisplayName: new("Anna R."), NameShown: new(true)}); err != nil {
		t.Fatal(err)
	}
	want[anna.Account] = "Anna R."
	check(h.Service)
	h.advance(time.Second)
	check(other)
	if _, err := h.Change(ctx, liguria, anna.Person, people.Change{Hidden: new(true)}); err != nil {
		t.Fatal(err)
	}
	want[anna.Account] = people.Pseudonym(anna.Account)
	check(h.Service)
	if _, err := h.Change(ctx, liguria, anna.Person, people.Change{Hidden: new(false)}); err != nil {
		t.Fatal(err)
	}
	want[anna.Account] = "Anna R."
	h.advance(time.Second)
	h.engine.taken()
	check(h.Service)
	if calls := h.engine.taken(); len(calls) != 2 { // who is linked at once, and who is not
		t.Errorf("it took %v", calls)
	}
	h.remove("people", anna.Person)
	want[anna.Account] = people.Pseudonym(anna.Account)
	h.advance(time.Second)
	check(h.Service)

	h.advance(time.Second)
	h.engine.fail = func(string) (error, error) { return errBroken, nil }
	_, err := h.Names(ctx, liguria, accounts)
	wantCode(t, err, "store_unavailable")
}
