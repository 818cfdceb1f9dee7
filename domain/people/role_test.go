package people_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

func grants(roles ...campaign.Role) []campaign.Grant {
	list := make([]campaign.Grant, len(roles))
	for i, role := range roles {
		list[i].Role = role
	}
	return list
}

// Every role tries to give every role, and to take it away.
func TestWhoMayGiveAndTakeWhichRole(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	givers := map[campaign.Role]people.Identity{}
	for _, role := range []campaign.Role{campaign.Supporter, campaign.Volunteer, campaign.Lead, campaign.Media, campaign.Staff, campaign.Admin} {
		givers[role] = h.person(string(role)+"@example.org", campaign.Grant{Role: role})
	}
	givers[campaign.Display] = people.Identity{Campaign: liguria, Grants: grants(campaign.Display)}
	below := []campaign.Role{campaign.Volunteer, campaign.Lead, campaign.Media}
	may := map[campaign.Role][]campaign.Role{
		campaign.Staff: below,
		campaign.Admin: append(below, campaign.Staff, campaign.Admin),
	}
	root := people.Identity{Campaign: liguria, Grants: grants(campaign.Admin)}
	for giver, by := range givers {
		for _, role := range []campaign.Role{campaign.Volunteer, campaign.Lead, campaign.Media, campaign.Staff, campaign.Admin, campaign.Display, "root"} {
			t.Run(fmt.Sprintf("%s gives %s", giver, role), func(t *testing.T) {
				allowed := false
				for _, r := range may[giver] {
					allowed = allowed || r == role
				}
				want := "role_forbidden"
				if allowed {
					want = ""
				} else if (role == campaign.Display || role == "root") && may[giver] != nil {
					want = "role_invalid"
				}
				target := h.person(fmt.Sprintf("%s-%s@example.org", giver, role), campaign.Grant{Role: campaign.Supporter})
				_, err := h.PutRoles(ctx, liguria, by, target.Person, grants(role))
				wantCode(t, err, want)
				if role == campaign.Display || role == "root" {
					return
				}
				if _, err := h.PutRoles(ctx, liguria, root, target.Person, grants(role)); err != nil {
					t.Fatal(err)
				}
				_, err = h.PutRoles(ctx, liguria, by, target.Person, nil)
				wantCode(t, err, want)
				p, err := h.Person(ctx, liguria, target.Person)
				if err != nil || p.Has(role) == allowed || !p.Has(campaign.Supporter) {
					t.Fatalf("afterwards the roles are %v, %v", p.Grants, err)
				}
			})
		}
	}
}

func TestNobodyRaisesThemselves(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	staff := h.person("staff@example.org", grants(campaign.Staff, campaign.Lead)...)
	_, err := h.PutRoles(ctx, liguria, staff, staff.Person, grants(campaign.Staff, campaign.Lead, campaign.Media))
	wantCode(t, err, "own_roles")
	_, err = h.PutRoles(ctx, liguria, staff, staff.Person, grants(campaign.Staff, campaign.Admin))
	wantCode(t, err, "role_forbidden")
	p, err := h.PutRoles(ctx, liguria, staff, staff.Person, grants(campaign.Staff))
	if err != nil || p.Has(campaign.Lead) {
		t.Fatalf("to give up a role of one's own: %v", err)
	}
	// Staff may not touch an admin, not even where they may give the role.
	admin := h.person("admin@example.org", grants(campaign.Admin, campaign.Lead)...)
	_, err = h.PutRoles(ctx, liguria, staff, admin.Person, grants(campaign.Admin))
	wantCode(t, err, "role_forbidden")
	_, err = h.PutRoles(ctx, liguria, staff, admin.Person, grants(campaign.Admin, campaign.Lead, campaign.Media))
	wantCode(t, err, "role_forbidden")
}

// The roles in the caller's hand may be a second old: what counts is the store.
func TestTheCallersRolesAreReadAnew(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	root := people.Identity{Campaign: liguria, Grants: grants(campaign.Admin)}
	staff := h.person("staff@example.org", grants(campaign.Staff)...)
	anna := h.person("anna@example.org")
	if _, err := h.PutRoles(ctx, liguria, root, staff.Person, nil); err != nil {
		t.Fatal(err)
	}
	_, err := h.PutRoles(ctx, liguria, staff, anna.Person, grants(campaign.Media))
	wantCode(t, err, "role_forbidden")
	h.remove("people", staff.Person)
	_, err = h.PutRoles(ctx, liguria, staff, anna.Person, grants(campaign.Media))
	wantCode(t, err, "role_forbidden")
	_, err = h.PutRoles(ctx, "other", root, anna.Person, grants(campaign.Media))
	wantCode(t, err, "role_forbidden")
}

func TestGrantsAreCheckedAndOrdered(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	root := people.Identity{Campaign: liguria, Grants: grants(campaign.Admin)}
	anna := h.person("anna@example.org")
	p, err := h.PutRoles(ctx, liguria, root, anna.Person, []campaign.Grant{
		{Role: campaign.Volunteer}, {Role: campaign.Lead, Region: savona}, {Role: campaign.Lead, Region: genova}, {Role: campaign.Volunteer},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []campaign.Grant{
		{Role: campaign.Supporter}, {Role: campaign.Lead, Region: genova}, {Role: campaign.Lead, Region: savona}, {Role: campaign.Volunteer},
	}
	if diff := cmp.Diff(want, p.Grants); diff != "" {
		t.Fatal(diff)
	}
	for _, bad := range [][]campaign.Grant{
		{{Role: campaign.Lead, Region: "it.lazio"}},
		{{Role: campaign.Lead, Region: "it"}},
		{{Role: campaign.Lead, Region: "it.liguria.<script>"}},
		{{Role: campaign.Staff, Region: genova}},
		{{}},
		make([]campaign.Grant, 21),
	} {
		_, err := h.PutRoles(ctx, liguria, root, anna.Person, bad)
		wantCode(t, err, "role_invalid")
	}
	_, err = h.PutRoles(ctx, liguria, root, "nobody", nil)
	wantCode(t, err, "person_unknown")
}

func (h *house) admins() int {
	h.t.Helper()
	n := 0
	for _, p := range h.everybody() {
		if p.Has(campaign.Admin) {
			n++
		}
	}
	return n
}

func TestTheLastAdminStays(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	anna, berta := h.person("anna@example.org", grants(campaign.Admin)...), h.person("berta@example.org", grants(campaign.Admin)...)
	if _, err := h.PutRoles(ctx, liguria, anna, berta.Person, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := h.PutRoles(ctx, liguria, anna, anna.Person, nil)
		wantCode(t, err, "last_admin")
	}
	if h.admins() != 1 {
		t.Fatalf("%d admins", h.admins())
	}
	// A refusal leaves no mark: the next admin may go.
	if _, err := h.PutRoles(ctx, liguria, anna, berta.Person, grants(campaign.Admin)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.PutRoles(ctx, liguria, anna, anna.Person, nil); err != nil {
		t.Fatal(err)
	}
}

// Admins who all remove each other, and themselves, at once from several nodes
// leave at least one.
func TestAdminsWhoRemoveEachOtherAtOnceLeaveOne(t *testing.T) {
	for round := range 15 {
		h := newHouse(t)
		nodes := []*people.Service{h.Service, h.node(), h.node()}
		ids := make([]people.Identity, 3)
		for i := range ids {
			ids[i] = h.person(fmt.Sprintf("a%d@example.org", i), grants(campaign.Admin)...)
		}
		var wg sync.WaitGroup
		for i, by := range ids {
			for j, target := range ids {
				wg.Go(func() {
					_, err := nodes[i].PutRoles(context.Background(), liguria, by, target.Person, nil)
					switch errs.CodeOf(err) {
					case "", "last_admin", "role_forbidden", "roles_changing":
					default:
						t.Errorf("%d removes %d: %v", i, j, err)
					}
				})
			}
		}
		wg.Wait()
		if h.admins() == 0 {
			t.Fatalf("round %d: no admin is left", round)
		}
	}
}

// The same race at its worst: both are marked before either counts, and both
// have counted before either goes on.
func TestTwoAdminsWhoAreBothMarkedBothStay(t *testing.T) {
	h := newHouse(t)
	anna, berta := h.person("anna@example.org", grants(campaign.Admin)...), h.person("berta@example.org", grants(campaign.Admin)...)
	var marked, counted sync.WaitGroup
	marked.Add(2)
	counted.Add(2)
	h.engine.onFind = func() { marked.Done(); marked.Wait() }
	h.engine.onFound = func() { counted.Done(); counted.Wait() }
	answers := make([]error, 2)
	other := h.node()
	var wg sync.WaitGroup
	wg.Go(func() { _, answers[0] = h.PutRoles(context.Background(), liguria, anna, berta.Person, nil) })
	wg.Go(func() { _, answers[1] = other.PutRoles(context.Background(), liguria, berta, anna.Person, nil) })
	wg.Wait()
	h.engine.onFind, h.engine.onFound = nil, nil
	wantCode(t, answers[0], "last_admin")
	wantCode(t, answers[1], "last_admin")
	if h.admins() != 2 {
		t.Fatalf("%d admins", h.admins())
	}
}

// Between the count and the removal another caller confirms the one admin,
// whereupon the other goes: the removal finds its mark gone and counts again.
func TestARemovalCountsAgainWhenItsMarkIsGone(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	root := people.Identity{Campaign: liguria, Grants: grants(campaign.Admin)}
	anna, berta := h.person("anna@example.org", grants(campaign.Admin)...), h.person("berta@example.org", grants(campaign.Admin)...)
	other := h.node()
	counts := 0
	h.engine.onFound = func() {
		if counts++; counts != 1 {
			return
		}
		if _, err := other.PutRoles(ctx, liguria, root, anna.Person, grants(campaign.Admin)); err != nil {
			t.Error(err)
		}
		if _, err := other.PutRoles(ctx, liguria, root, berta.Person, nil); err != nil {
			t.Error(err)
		}
	}
	_, err := h.PutRoles(ctx, liguria, root, anna.Person, nil)
	h.engine.onFound = nil
	wantCode(t, err, "last_admin")
	if h.admins() != 1 {
		t.Fatalf("%d admins", h.admins())
	}
}

// A removal that breaks off leaves an admin who does not count, never none.
func TestARemovalMayBreakAnywhere(t *testing.T) {
	for n := 1; ; n++ {
		h := newHouse(t)
		ctx := context.Background()
		anna, berta := h.person("anna@example.org", grants(campaign.Admin)...), h.person("berta@example.org", grants(campaign.Admin)...)
		reached := h.failNth(n, false)
		_, err := h.PutRoles(ctx, liguria, anna, berta.Person, nil)
		if !reached() {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, errBroken) {
			t.Fatalf("call %d broke: %v", n, err)
		}
		if _, err := h.PutRoles(ctx, liguria, anna, anna.Person, nil); errs.CodeOf(err) != "last_admin" && err != nil {
			t.Fatal(err)
		}
		if h.admins() == 0 {
			t.Fatalf("call %d: no admin is left", n)
		}
	}
}

func TestCreateAdmin(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	first, err := h.CreateAdmin(ctx, liguria, "Anna@Example.org")
	if err != nil || !first.Has(campaign.Admin) || !first.Has(campaign.Supporter) || first.Email() != "anna@example.org" {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := h.CreateAdmin(ctx, liguria, "anna@example.org"); err != nil || again.ID != first.ID {
		t.Fatalf("repeated: %v", err)
	}
	request, err := h.RequestCode(ctx, liguria, people.CodeRequest{Email: "anna@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	if _, p, err := h.SignIn(ctx, liguria, people.SignInRequest{Request: request, Code: h.code(request)}); err != nil || p.ID != first.ID {
		t.Fatalf("signed in: %v", err)
	}
	_, berta := h.enter(signUp("berta@example.org"))
	if p, err := h.CreateAdmin(ctx, liguria, "berta@example.org"); err != nil || p.ID != berta.ID || !p.Has(campaign.Admin) || !p.Has(campaign.Volunteer) {
		t.Fatalf("somebody who is there: %+v, %v", p, err)
	}
	_, err = h.CreateAdmin(ctx, liguria, "anna")
	wantCode(t, err, "email_invalid")
}
