package people_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

func invite(uses int, roles ...campaign.Role) people.InviteRequest {
	return people.InviteRequest{Grants: grants(roles...), Uses: uses, Expires: saturday.Add(24 * time.Hour)}
}

func TestWhoMayInviteToWhat(t *testing.T) {
	h := newHouse(t)
	staff := h.person("staff@example.org", grants(campaign.Staff)...)
	admin := h.person("admin@example.org", grants(campaign.Admin)...)
	lead := h.person("lead@example.org", grants(campaign.Lead)...)
	root := people.Identity{Campaign: liguria, Grants: grants(campaign.Admin)}
	for name, c := range map[string]struct {
		by     people.Identity
		in     people.InviteRequest
		change func(*people.InviteRequest)
		code   string
	}{
		"staff to lead":     {by: staff, in: invite(1, campaign.Lead)},
		"staff to media":    {by: staff, in: invite(500, campaign.Media)},
		"staff to staff":    {by: staff, in: invite(1, campaign.Staff), code: "role_forbidden"},
		"staff to both":     {by: staff, in: invite(1, campaign.Media, campaign.Admin), code: "role_forbidden"},
		"admin to admin":    {by: admin, in: invite(1, campaign.Admin)},
		"lead to volunteer": {by: lead, in: invite(1, campaign.Volunteer), code: "role_forbidden"},
		"a service token":   {by: root, in: invite(1, campaign.Lead), code: "role_forbidden"},
		"to display":        {by: admin, in: invite(1, campaign.Display), code: "role_invalid"},
		"to nothing":        {by: admin, in: invite(1), code: "role_invalid"},
		"for nobody":        {by: admin, in: invite(0, campaign.Lead), code: "uses_invalid"},
		"for 501":           {by: admin, in: invite(501, campaign.Lead), code: "uses_invalid"},
		"ended":             {by: admin, in: invite(1, campaign.Lead), change: func(r *people.InviteRequest) { r.Expires = saturday }, code: "expiry_invalid"},
		"for ever":          {by: admin, in: invite(1, campaign.Lead), change: func(r *people.InviteRequest) { r.Expires = saturday.AddDate(0, 0, 91) }, code: "expiry_invalid"},
		"from another campaign": {by: people.Identity{Campaign: "other", Person: admin.Person, Grants: grants(campaign.Admin)},
			in: invite(1, campaign.Lead), code: "role_forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.change != nil {
				c.change(&c.in)
			}
			code, err := h.Invite(context.Background(), liguria, c.by, c.in)
			wantCode(t, err, c.code)
			if (len(code) >= 40) != (c.code == "") {
				t.Fatalf("the code is %q", code)
			}
		})
	}
}

func TestAnInvitationGivesItsRolesToAsManyAsItSays(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	nodes := []*people.Service{h.Service, h.node()}
	admin := h.person("admin@example.org", grants(campaign.Admin)...)
	code, err := h.Invite(ctx, liguria, admin, invite(3, campaign.Lead, campaign.Media))
	if err != nil {
		t.Fatal(err)
	}
	guests := make([]people.Identity, 8)
	for i := range guests {
		guests[i] = h.person(fmt.Sprintf("a%d@example.org", i))
	}
	var got atomic.Int64
	var wg sync.WaitGroup
	for i, guest := range guests {
		for range 3 { // each taps the link three times
			wg.Go(func() {
				_, err := nodes[i%2].Accept(ctx, liguria, guest.Person, code)
				if err != nil && errs.CodeOf(err) != "invitation_ended" {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	for _, p := range h.everybody() {
		if p.Has(campaign.Media) && p.Has(campaign.Lead) && p.Has(campaign.Volunteer) {
			got.Add(1)
		}
	}
	if got.Load() != 3 {
		t.Fatalf("%d people got the roles", got.Load())
	}
	_, err = h.SignUp(ctx, liguria, func() people.SignUpRequest {
		in := signUp("late@example.org")
		in.Invitation = code
		return in
	}())
	wantCode(t, err, "invitation_ended")
}

func TestAnInvitationHoldsOnlyWhileItsInviterDoes(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	root := people.Identity{Campaign: liguria, Grants: grants(campaign.Admin)}
	staff := h.person("staff@example.org", grants(campaign.Staff)...)
	anna := h.person("anna@example.org")
	code, err := h.Invite(ctx, liguria, staff, invite(5, campaign.Media))
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Accept(ctx, liguria, staff.Person, code)
	wantCode(t, err, "own_roles")
	_, err = h.Accept(ctx, liguria, anna.Person, code+"x")
	wantCode(t, err, "invitation_ended")
	_, err = h.Accept(ctx, "other", anna.Person, code)
	wantCode(t, err, "invitation_ended")
	_, err = h.Accept(ctx, liguria, "nobody", code)
	wantCode(t, err, "person_unknown")

	in := signUp("berta@example.org")
	in.Invitation = code
	request, berta := h.ask(in)
	if _, err := h.PutRoles(ctx, liguria, root, staff.Person, nil); err != nil {
		t.Fatal(err)
	}
	_, err = h.Accept(ctx, liguria, anna.Person, code)
	wantCode(t, err, "role_forbidden")
	// It keeps nobody out who came with it.
	_, p, err := h.SignIn(ctx, liguria, people.SignInRequest{Request: request, Code: berta})
	if err != nil || p.Has(campaign.Media) || !p.Has(campaign.Volunteer) {
		t.Fatalf("%v, %v", p, err)
	}
	h.remove("people", staff.Person)
	_, err = h.Accept(ctx, liguria, anna.Person, code)
	wantCode(t, err, "role_forbidden")
}

func TestAnInvitationComesWithASignUp(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	admin := h.person("admin@example.org", grants(campaign.Admin)...)
	code, err := h.Invite(ctx, liguria, admin, people.InviteRequest{
		Grants: []campaign.Grant{{Role: campaign.Lead, Region: "it.liguria.ge"}}, Uses: 2, Expires: saturday.Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.enter(signUp("old@example.org"))
	for _, email := range []string{"new@example.org", "old@example.org"} {
		in := signUp(email)
		in.Invitation = code
		tokens, p := h.enter(in)
		by, err := h.Authenticate(ctx, tokens.Access)
		if err != nil || !by.CoversRegion(campaign.Lead, genova) || by.CoversRegion(campaign.Lead, savona) || !p.Has(campaign.Lead) {
			t.Fatalf("%s enters with %v, %v", email, by.Grants, err)
		}
	}
	late, err := h.Invite(ctx, liguria, admin, invite(1, campaign.Lead))
	if err != nil {
		t.Fatal(err)
	}
	guest := h.person("guest@example.org")
	h.advance(24 * time.Hour)
	_, err = h.Accept(ctx, liguria, guest.Person, late)
	wantCode(t, err, "invitation_ended")
	in := signUp("late@example.org")
	in.Invitation = late
	_, err = h.SignUp(ctx, liguria, in)
	wantCode(t, err, "invitation_ended")
}

func TestTheSameKeyGivesTheSameInvitation(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	admin, other := h.person("admin@example.org", grants(campaign.Admin)...), h.person("other@example.org", grants(campaign.Admin)...)
	in := invite(1, campaign.Lead)
	in.Key = "key-1"
	codes := map[string]bool{}
	for _, by := range []people.Identity{admin, admin, other} {
		code, err := h.Invite(ctx, liguria, by, in)
		if err != nil {
			t.Fatal(err)
		}
		codes[code] = true
	}
	if len(codes) != 2 {
		t.Fatalf("%d codes for two inviters", len(codes))
	}
	in.Key = strings.Repeat("k", 256)
	_, err := h.Invite(ctx, liguria, admin, in)
	wantCode(t, err, "field_invalid")
}
