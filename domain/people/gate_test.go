package people_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

func TestTheGateClearsWhoConsented(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	// The sign-up of each grants news by e-mail.
	anna, berta := h.person("anna@example.org"), h.person("berta@example.org")
	if _, err := h.PutConsents(ctx, liguria, berta.Person, []people.Consent{
		word(false, "news", people.Email, ""), word(true, "news", people.Push, "v1"), word(true, "news", people.SMS, "v1"),
	}); err != nil {
		t.Fatal(err)
	}
	no := func(person string, reason people.Reason) people.Refused {
		return people.Refused{Person: person, Reason: reason}
	}
	for _, c := range []struct {
		purpose, channel string
		cleared          []string // person and address
		refused          []people.Refused
	}{
		{"news", people.Email, []string{anna.Person + " anna@example.org"}, []people.Refused{no(berta.Person, people.NoConsent), no("gone", people.NoPerson)}},
		{"news", people.Push, []string{berta.Person + " "}, []people.Refused{no(anna.Person, people.NoConsent), no("gone", people.NoPerson)}},
		{"news", people.SMS, nil, []people.Refused{no(anna.Person, people.NoConsent), no(berta.Person, people.NoAddress), no("gone", people.NoPerson)}},
		{"events", people.Email, nil, []people.Refused{no(anna.Person, people.NoConsent), no(berta.Person, people.NoConsent), no("gone", people.NoPerson)}},
		{people.ServicePurpose, people.Email, []string{anna.Person + " anna@example.org", berta.Person + " berta@example.org"}, []people.Refused{no("gone", people.NoPerson)}},
		{people.ServicePurpose, people.Push, []string{anna.Person + " ", berta.Person + " "}, []people.Refused{no("gone", people.NoPerson)}},
	} {
		t.Run(c.purpose+" by "+c.channel, func(t *testing.T) {
			h.engine.taken()
			cleared, refused, err := h.Gate().Clear(ctx, liguria, c.purpose, c.channel, []string{anna.Person, berta.Person, anna.Person, "gone"})
			if err != nil {
				t.Fatal(err)
			}
			if calls := h.engine.taken(); len(calls) != 1 {
				t.Fatalf("it took %v", calls)
			}
			var got []string
			for _, r := range cleared {
				got = append(got, r.Person()+" "+r.Address())
				if !r.Valid() || r.Campaign() != liguria || r.Purpose() != c.purpose || r.Channel() != c.channel || r.IsService() != (c.purpose == people.ServicePurpose) {
					t.Fatalf("cleared for %s by %s in %s", r.Purpose(), r.Channel(), r.Campaign())
				}
			}
			if diff := cmp.Diff(c.cleared, got); diff != "" {
				t.Fatalf("cleared (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.refused, refused); diff != "" {
				t.Fatalf("refused (-want +got):\n%s", diff)
			}
		})
	}
	// Nobody of one campaign is cleared in another.
	cleared, refused, err := h.Gate().Clear(ctx, "other", "news", people.Email, []string{anna.Person})
	if err != nil || len(cleared) != 0 || len(refused) != 1 {
		t.Fatalf("%v %v %v", cleared, refused, err)
	}
}

func TestTheGateClearsNobodyAfterAnError(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	anna := h.person("anna@example.org")
	for _, c := range [][2]string{{"", people.Email}, {"news", ""}, {"news", "fax"}} {
		if cleared, _, err := h.Gate().Clear(ctx, liguria, c[0], c[1], []string{anna.Person}); err == nil || len(cleared) != 0 {
			t.Fatalf("%v cleared %v", c, cleared)
		}
	}
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprint("p", i)
	}
	if cleared, _, err := h.Gate().Clear(ctx, liguria, "news", people.Email, many); errs.KindOf(err) != errs.Internal || len(cleared) != 0 {
		t.Fatalf("1,001 people: %v", err)
	}
	h.engine.fail = func(string) (error, error) { return errBroken, nil }
	if cleared, _, err := h.Gate().Clear(ctx, liguria, "news", people.Email, []string{anna.Person}); errs.KindOf(err) != errs.Unavailable || len(cleared) != 0 {
		t.Fatalf("a broken store: %v", err)
	}
}

func TestAClearedThatTheGateDidNotMakeIsWorthless(t *testing.T) {
	var c people.Cleared
	if err := json.Unmarshal([]byte(`{"c":{"person":"p"},"Person":"p","Address":"a@example.org"}`), &c); err != nil {
		t.Fatal(err)
	}
	if c.Valid() || c.Person() != "" || c.Address() != "" || c.Channel() != "" || c.Purpose() != "" || c.Campaign() != "" || c.IsService() {
		t.Fatalf("%+v is good for something", c)
	}
}

func TestWhatIsClearedPrintsNoAddress(t *testing.T) {
	h := newHouse(t)
	request, _ := h.ask(signUp("anna@example.org"))
	mail, _, err := h.Gate().Code(context.Background(), liguria, request)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%s"} {
		if got := fmt.Sprintf(format, mail); got != request {
			t.Fatalf("%s prints %q", format, got)
		}
		if got := fmt.Sprintf(format, mail.To); got != "" {
			t.Fatalf("%s prints %q", format, got)
		}
	}
}
