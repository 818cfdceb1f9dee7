package people_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/store"
)

func TestSignUpMakesThePersonOnceTheCodeIsEntered(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	in := signUp(" Anna.Rossi@Example.ORG ")
	in.YearOfBirth = 1990
	request, code := h.ask(in)
	if got := h.stored("people"); got != 0 {
		t.Fatalf("%d people before the code was entered", got)
	}
	h.advance(time.Minute)
	tokens, p, err := h.SignIn(ctx, liguria, people.SignInRequest{Request: request, Code: code, Device: "phone-1", Address: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	want := &people.Person{
		Meta:            store.Meta{Campaign: liguria, Version: 1},
		EmailAddresses:  []people.EmailAddress{{Address: "anna.rossi@example.org", Primary: true}},
		PostalAddresses: []people.PostalAddress{{PostalCode: "16121", Primary: true}},
		YearOfBirth:     1990,
		Team:            "team-ge", Region: genova, Within: []string{"it.liguria", "it.liguria.ge", genova},
		Grants: []campaign.Grant{{Role: campaign.Supporter}, {Role: campaign.Volunteer}},
		Consents: []people.Consent{{
			Purpose: "news", Channel: "email", Granted: true, Wording: "v1", At: saturday, Source: "sign-up/" + request,
		}},
		CreatedAt: saturday.Add(time.Minute),
	}
	want.Add(store.Effect{
		ID: "join/" + p.Account, Kind: people.EffectJoin, Due: want.CreatedAt,
		Data: map[string]string{"account": p.Account, "team": "team-ge", "region": genova, "time_zone": "Europe/Rome", "off_boards": "false"},
	})
	stored, err := h.Person(ctx, liguria, p.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []*people.Person{p, stored} {
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Meta{}, "ID"), cmpopts.IgnoreFields(people.Person{}, "Account")); diff != "" {
			t.Fatalf("the person (-want +got):\n%s", diff)
		}
	}
	if len(p.ID) != 26 || len(p.Account) != 26 || p.ID == p.Account {
		t.Fatalf("ids are %q and %q", p.ID, p.Account)
	}
	by, err := h.Authenticate(ctx, tokens.Access)
	if err != nil || by.Person != p.ID || by.Account != p.Account || by.Campaign != liguria || !by.Has(campaign.Volunteer) {
		t.Fatalf("the token gives %+v, %v", by, err)
	}
	if tokens.ExpiresIn != 15*time.Minute {
		t.Fatalf("the token lives %v", tokens.ExpiresIn)
	}
}

func TestSignUpRefusesWhatCannotBecomeAPerson(t *testing.T) {
	h := newHouse(t)
	for name, c := range map[string]struct {
		campaign, code string
		change         func(*people.SignUpRequest)
	}{
		"no e-mail":            {liguria, "email_invalid", func(r *people.SignUpRequest) { r.Email = "anna" }},
		"no region":            {liguria, "region_unknown", func(r *people.SignUpRequest) { r.Region = "" }},
		"a foreign region":     {liguria, "region_unknown", func(r *people.SignUpRequest) { r.Region = "it.lazio.rm" }},
		"a look-alike region":  {liguria, "region_unknown", func(r *people.SignUpRequest) { r.Region = "it.liguriana" }},
		"no team":              {liguria, "region_unknown", func(r *people.SignUpRequest) { r.Team = "" }},
		"no wording":           {liguria, "consent_invalid", func(r *people.SignUpRequest) { r.Consents[0].Wording = "" }},
		"an unknown channel":   {liguria, "consent_invalid", func(r *people.SignUpRequest) { r.Consents[0].Channel = "fax" }},
		"the purpose service":  {liguria, "consent_invalid", func(r *people.SignUpRequest) { r.Consents[0].Purpose = people.ServicePurpose }},
		"21 consents":          {liguria, "consent_invalid", func(r *people.SignUpRequest) { r.Consents = make([]people.Consent, 21) }},
		"a year to come":       {liguria, "year_of_birth_invalid", func(r *people.SignUpRequest) { r.YearOfBirth = 2027 }},
		"a year long ago":      {liguria, "year_of_birth_invalid", func(r *people.SignUpRequest) { r.YearOfBirth = 1890 }},
		"two digits":           {liguria, "year_of_birth_invalid", func(r *people.SignUpRequest) { r.YearOfBirth = 90 }},
		"no year where needed": {"grown-ups", "year_of_birth_missing", func(*people.SignUpRequest) {}},
		"too young":            {"grown-ups", "too_young", func(r *people.SignUpRequest) { r.YearOfBirth = 2012 }},
		"16 only this year":    {"grown-ups", "too_young", func(r *people.SignUpRequest) { r.YearOfBirth = 2010 }},
		"16 since last year":   {"grown-ups", "", func(r *people.SignUpRequest) { r.YearOfBirth = 2009 }},
		"a long device":        {liguria, "field_invalid", func(r *people.SignUpRequest) { r.Device = strings.Repeat("d", 129) }},
		"a long key":           {liguria, "field_invalid", func(r *people.SignUpRequest) { r.Key = strings.Repeat("k", 256) }},
		"a two-line postcode":  {liguria, "field_invalid", func(r *people.SignUpRequest) { r.Postcode = "16\n121" }},
		"no such campaign":     {"nowhere", "campaign_unknown", func(*people.SignUpRequest) {}},
		"no such invitation":   {liguria, "invitation_ended", func(r *people.SignUpRequest) { r.Invitation = "invented" }},
	} {
		t.Run(name, func(t *testing.T) {
			in := signUp("anna@example.org")
			c.change(&in)
			_, err := h.SignUp(context.Background(), c.campaign, in)
			wantCode(t, err, c.code)
		})
	}
	if got := h.stored("code_requests"); got != 0 {
		t.Fatalf("%d requests were stored", got)
	}
}

func TestAKnownEmailOpensTheOldAccount(t *testing.T) {
	h := newHouse(t)
	_, first := h.enter(signUp("anna@example.org"))
	h.advance(time.Hour)
	again := signUp("ANNA@example.org")
	again.Region, again.Team, again.YearOfBirth = savona, "team-sv", 1990
	again.Consents = []people.Consent{{Purpose: "news", Channel: people.Push, Wording: "v2"}}
	_, second := h.enter(again)
	if second.ID != first.ID || second.Account != first.Account {
		t.Fatal("the second sign-up made another person")
	}
	if second.Region != genova || second.Team != "team-ge" {
		t.Fatalf("the second sign-up moved the person to %s", second.Region)
	}
	if len(second.Effects.Effects) != 1 {
		t.Fatalf("the person joins by %v", second.Effects.Effects)
	}
	if second.YearOfBirth != 1990 {
		t.Fatal("the year of birth that was missing was not kept")
	}
	if len(second.Consents) != 2 || second.Consents[1].Channel != people.Push || !second.Consents[1].At.Equal(saturday.Add(time.Hour)) {
		t.Fatalf("consents are %+v", second.Consents)
	}
	if got := h.everybody(); len(got) != 1 {
		t.Fatalf("there are %d people", len(got))
	}
}

func TestAnAdminWithoutAPostcodeIsPlacedByTheirSignUp(t *testing.T) {
	h := newHouse(t)
	admin, err := h.CreateAdmin(context.Background(), liguria, "anna@example.org")
	if err != nil || admin.Region != "" || len(admin.Effects.Effects) != 0 {
		t.Fatalf("admin %+v, %v", admin, err)
	}
	_, p := h.enter(signUp("anna@example.org"))
	if p.ID != admin.ID || p.Region != genova || len(p.Within) != 3 || !p.Has(campaign.Admin) || len(p.Effects.Effects) != 1 {
		t.Fatalf("placed as %+v", p)
	}
}

func TestTheSameKeyFindsTheSameSignUp(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	in := signUp("anna@example.org")
	in.Key, in.Device = "key-1", "phone-1"
	first, code := h.ask(in)
	// Far more often than the limit: a repeat is no further code.
	for range 20 {
		if again, _ := h.ask(in); again != first {
			t.Fatal("a repeat made another sign-up")
		}
	}
	if h.code(first) != code || h.stored("code_requests") != 1 {
		t.Fatal("a repeat changed the sign-up")
	}
	other := in
	other.Region, other.Team = savona, "team-sv"
	_, err := h.SignUp(ctx, liguria, other)
	wantCode(t, err, "key_reused")
	other = in
	other.Email = "berta@example.org"
	if berta, _ := h.ask(other); berta == first {
		t.Fatal("two people share a sign-up by a key both chose")
	}

	// Its code has ended: the same sign-up gets a new one.
	h.advance(people.CodeLife)
	if again, err := h.SignUp(ctx, liguria, in); again != first || err != nil {
		t.Fatalf("repeat after the code ended: %s, %v", again, err)
	}
	renewed := h.code(first)
	if renewed == code {
		t.Fatal("the new code is the old one")
	}
	_, _, err = h.SignIn(ctx, liguria, people.SignInRequest{Request: first, Code: code})
	wantCode(t, err, "code_wrong")
	if _, _, err = h.SignIn(ctx, liguria, people.SignInRequest{Request: first, Code: renewed}); err != nil {
		t.Fatal(err)
	}
	// Used: a repeat still finds it and mails nothing.
	if again, err := h.SignUp(ctx, liguria, in); again != first || err != nil {
		t.Fatalf("repeat after the code was used: %s, %v", again, err)
	}
	if _, send, err := h.Gate().Code(ctx, liguria, first); send || err != nil {
		t.Fatalf("a used code is mailed again: %v", err)
	}
}

// The store forgets a request after an hour: the next one under its key has
// another code, since the old mail may still lie about.
func TestARequestStoredAgainHasAnotherCode(t *testing.T) {
	h := newHouse(t)
	in := signUp("anna@example.org")
	in.Key = "key-1"
	first, code := h.ask(in)
	h.remove("code_requests", first)
	h.advance(time.Hour)
	if again, next := h.ask(in); again != first || next == code {
		t.Fatalf("the same request %v, the same code %v", again == first, next == code)
	}
}

func TestOneKeyAtTheSameMomentIsOneSignUp(t *testing.T) {
	h := newHouse(t)
	in := signUp("anna@example.org")
	in.Key = "key-1"
	ids := make([]string, 5)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			id, err := h.SignUp(context.Background(), liguria, in)
			if err != nil {
				t.Error(err)
			}
			ids[i] = id
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Fatalf("ids are %v", ids)
		}
	}
}

func TestACodeIsMailedOnlyToSomebodyOrForASignUp(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	h.enter(signUp("anna@example.org"))
	var known, unknown string
	for email, request := range map[string]*string{"anna@example.org": &known, "nobody@example.org": &unknown} {
		var err error
		if *request, err = h.RequestCode(ctx, liguria, people.CodeRequest{Email: email}); err != nil {
			t.Fatal(err)
		}
	}
	mail, send, err := h.Gate().Code(ctx, liguria, known)
	if !send || err != nil || mail.To.Address() != "anna@example.org" || mail.To.Channel() != people.Email || !mail.To.IsService() || mail.Request != known {
		t.Fatalf("the known e-mail's mail: %v %v", send, err)
	}
	if _, send, err := h.Gate().Code(ctx, liguria, unknown); send || err != nil {
		t.Fatalf("the unknown e-mail is mailed to: %v %v", send, err)
	}
	if _, send, err := h.Gate().Code(ctx, liguria, "invented"); send || err != nil {
		t.Fatalf("an invented request is mailed: %v %v", send, err)
	}
	if _, send, err := h.Gate().Code(ctx, "other", known); send || err != nil {
		t.Fatalf("another campaign mails it: %v %v", send, err)
	}
	h.advance(people.CodeLife)
	if _, send, err := h.Gate().Code(ctx, liguria, known); send || err != nil {
		t.Fatalf("an ended code is mailed: %v %v", send, err)
	}
}

func TestEffectsAreCarriedOutOnce(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	request, code := h.ask(signUp("anna@example.org"))
	var seen []string
	do := func(_ context.Context, campaign string, e store.Effect) error {
		seen = append(seen, fmt.Sprint(campaign, " ", e.Kind, " ", e.Data["request"], e.Data["account"]))
		return nil
	}
	if n, err := h.CarryOut(ctx, h.clock.Now(), do); n != 1 || err != nil {
		t.Fatalf("carried out %d, %v", n, err)
	}
	_, p, err := h.SignIn(ctx, liguria, people.SignInRequest{Request: request, Code: code})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		if n, err := h.CarryOut(ctx, h.clock.Now(), do); n != want || err != nil {
			t.Fatalf("carried out %d, %v, want %d", n, err, want)
		}
	}
	want := []string{liguria + " code_mail " + request, liguria + " join " + p.Account}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Fatal(diff)
	}
}
