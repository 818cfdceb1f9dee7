package people_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/people"
)

func word(granted bool, purpose, channel, wording string) people.Consent {
	return people.Consent{Purpose: purpose, Channel: channel, Granted: granted, Wording: wording, Source: "settings"}
}

func TestConsentsAreARecordAndAState(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	request, code := h.ask(signUp("anna@example.org"))
	if err := h.guess(request, code); err != nil {
		t.Fatal(err)
	}
	anna := h.everybody()[0]
	h.advance(time.Hour)
	put := func(changes ...people.Consent) []people.Consent {
		t.Helper()
		state, err := h.PutConsents(ctx, liguria, anna.ID, changes)
		if err != nil {
			t.Fatal(err)
		}
		again, err := h.Consents(ctx, liguria, anna.ID)
		if diff := cmp.Diff(state, again); diff != "" || err != nil {
			t.Fatalf("what is put is not what is read: %v\n%s", err, diff)
		}
		return state
	}
	put(word(true, "news", people.Push, "v1"), word(true, "news", people.Email, "v1"), word(false, "events", people.SMS, ""))
	h.advance(time.Hour)
	state := put(word(false, "news", people.Email, ""), word(true, "news", people.Push, "v2"), word(false, "news", people.Email, "v2"))

	at := func(c people.Consent, after time.Duration) people.Consent {
		c.At = saturday.Add(after)
		return c
	}
	first := at(word(true, "news", people.Email, "v1"), 0)
	first.Source = "sign-up/" + request
	want := []people.Consent{
		first,
		at(word(true, "news", people.Push, "v1"), time.Hour),
		at(word(false, "news", people.Email, ""), 2*time.Hour),
		at(word(true, "news", people.Push, "v2"), 2*time.Hour),
	}
	p, err := h.Person(ctx, liguria, anna.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, p.Consents); diff != "" {
		t.Fatalf("the record (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[2:], state); diff != "" {
		t.Fatalf("the state (-want +got):\n%s", diff)
	}
}

func TestPutConsentsRefuses(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	anna := h.person("anna@example.org")
	for _, bad := range []people.Consent{
		word(true, "", people.Email, "v1"),
		word(true, "News letters", people.Email, "v1"),
		word(true, people.ServicePurpose, people.Email, "v1"),
		word(true, "news", "", "v1"),
		word(true, "news", "EMAIL", "v1"),
		word(true, "news", people.Email, ""),
		word(true, "news", people.Email, "<b>yes</b>"),
		word(false, "news", people.Email, "<b>no</b>"),
	} {
		_, err := h.PutConsents(ctx, liguria, anna.Person, []people.Consent{word(false, "news", people.Email, ""), bad})
		wantCode(t, err, "consent_invalid")
	}
	if state, err := h.Consents(ctx, liguria, anna.Person); err != nil || len(state) != 1 || !state[0].Granted {
		t.Fatalf("a refused request changed something: %v, %v", state, err)
	}
	_, err := h.PutConsents(ctx, liguria, "nobody", nil)
	wantCode(t, err, "person_unknown")
	_, err = h.Consents(ctx, "other", anna.Person)
	wantCode(t, err, "person_unknown")
}

// However long the record, a withdrawal is taken.
func TestAFullRecordStillTakesAWithdrawal(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	anna := h.person("anna@example.org")
	put := func(changes ...people.Consent) error {
		_, err := h.PutConsents(ctx, liguria, anna.Person, changes)
		return err
	}
	flips := make([]people.Consent, 20)
	for i := range flips {
		flips[i] = word(i%2 == 1, "news", people.Email, "v1")
	}
	// Nearly to the end in large steps, then one by one. The grant for events
	// still stands when the record is full.
	for range 98 {
		if err := put(flips...); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(word(true, "events", people.Email, "v1")); err != nil {
		t.Fatal(err)
	}
	granted := true
	for {
		if err := put(word(!granted, "news", people.Email, "v1")); err != nil {
			wantCode(t, err, "consents_full")
			break
		}
		granted = !granted
	}
	if granted {
		t.Fatal("a withdrawal was refused")
	}
	wantCode(t, put(word(true, "news", people.Email, "v1")), "consents_full")
	state, err := h.PutConsents(ctx, liguria, anna.Person, []people.Consent{word(false, "events", people.Email, "")})
	if err != nil || state[0].Granted || state[1].Granted {
		t.Fatalf("the last withdrawal: %v, %v", state, err)
	}
	// Nor does it keep the person out.
	h.enter(signUp("anna@example.org"))
}
