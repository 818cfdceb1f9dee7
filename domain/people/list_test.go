package people_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
)

func TestList(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	if _, err := h.CreateAdmin(ctx, liguria, "admin@example.org"); err != nil {
		t.Fatal(err)
	}
	for i := range 7 {
		in := signUp(fmt.Sprintf("a%d@example.org", i))
		if i%3 == 0 {
			in.Region, in.Team = savona, "team-sv"
		}
		h.enter(in)
	}
	holder := func(role campaign.Role, region string) people.Identity {
		return people.Identity{Campaign: liguria, Grants: []campaign.Grant{{Role: role, Region: region}}}
	}
	for _, c := range []struct {
		by     people.Identity
		region string
		want   int // -1: forbidden
	}{
		{holder(campaign.Staff, ""), "", 8},
		{holder(campaign.Admin, ""), "it.liguria", 7},
		{holder(campaign.Staff, ""), savona, 3},
		{holder(campaign.Staff, ""), "it.liguria.ge", 4},
		{holder(campaign.Staff, ""), "it.lazio", 0},
		{holder(campaign.Lead, "it.liguria.ge"), genova, 4},
		{holder(campaign.Lead, "it.liguria.ge"), "it.liguria.ge", 4},
		{holder(campaign.Lead, "it.liguria.ge"), "it.liguria", -1},
		{holder(campaign.Lead, "it.liguria.ge"), "", -1},
		{holder(campaign.Lead, "it.liguria.ge"), savona, -1},
		{holder(campaign.Lead, "it.liguria.g"), genova, -1},
		{holder(campaign.Lead, ""), "", 8},
		{holder(campaign.Volunteer, ""), genova, -1},
		{holder(campaign.Supporter, ""), genova, -1},
		{holder(campaign.Media, ""), genova, -1},
		{holder(campaign.Display, ""), genova, -1},
		{people.Identity{}, genova, -1},
		{people.Identity{Campaign: "other", Grants: grants(campaign.Admin)}, genova, -1},
	} {
		seen := map[string]bool{}
		cursor := ""
		for {
			page, err := h.List(ctx, liguria, c.by, c.region, cursor, 2)
			if c.want < 0 {
				wantCode(t, err, "people_forbidden")
				break
			}
			if err != nil || len(page.Items) > 2 {
				t.Fatalf("%+v: %d people, %v", c, len(page.Items), err)
			}
			for _, p := range page.Items {
				if seen[p.ID] || (c.region != "" && !slices.Contains(p.Within, c.region)) {
					t.Fatalf("%+v: %s is seen twice or elsewhere", c, p.ID)
				}
				seen[p.ID] = true
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if c.want >= 0 && len(seen) != c.want {
			t.Fatalf("%+v: %d people", c, len(seen))
		}
	}
	_, err := h.List(ctx, liguria, holder(campaign.Staff, ""), genova, "invented", 0)
	wantCode(t, err, "cursor_invalid")
}
