package api

import (
	"context"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

// access says who may make a call. A call without one is a programming error
// that New refuses: nothing is open by omission.
type access struct {
	public bool
	roles  []campaign.Role
	// person: the call acts on the caller's own record, which a token without
	// a person (a wall screen's, a load test's) does not have.
	person bool
}

// The kinds of access, which docs/http.md tabulates. Where a lead's region
// matters the handler narrows further.
var (
	public = access{public: true}
	// anyone is every signed-in person: all are supporters.
	anyone = access{roles: []campaign.Role{campaign.Supporter}, person: true}
	// viewers see aggregates, wall screens too.
	viewers = access{roles: []campaign.Role{campaign.Supporter, campaign.Display, campaign.Lead, campaign.Media, campaign.Staff, campaign.Admin}}
	// anyRole reads what is meant for people, by whatever token.
	anyRole = access{roles: []campaign.Role{campaign.Supporter, campaign.Lead, campaign.Media, campaign.Staff, campaign.Admin}}
	leads   = access{roles: []campaign.Role{campaign.Lead, campaign.Staff, campaign.Admin}}
	// judges decide about others, and answer for it by name.
	judges = access{roles: []campaign.Role{campaign.Lead, campaign.Staff, campaign.Admin}, person: true}
	staff  = access{roles: []campaign.Role{campaign.Staff, campaign.Admin}}
	// managers answer for what they do by name.
	managers = access{roles: []campaign.Role{campaign.Staff, campaign.Admin}, person: true}
	admins   = access{roles: []campaign.Role{campaign.Admin}, person: true}
)

type callerKey struct{}

// callerOf is the identity behind a request; the zero Identity on public calls.
func callerOf(ctx context.Context) people.Identity {
	id, _ := ctx.Value(callerKey{}).(people.Identity)
	return id
}

// guard authenticates before anything of the body is read. The campaign in the
// path must exist and be the token's: any other does not exist for the caller.
func (a *API) guard(allow access) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		identity, err := a.admit(ctx.Context(), allow, ctx.Param("campaign"), ctx.Header("Authorization"))
		if err != nil {
			a.refuse(ctx, err)
			return
		}
		next(huma.WithValue(ctx, callerKey{}, identity))
	}
}

func (a *API) admit(ctx context.Context, allow access, campaignID, header string) (people.Identity, error) {
	var none people.Identity
	if allow.public {
		if _, err := a.parts.Campaigns.Get(ctx, campaignID); err != nil {
			return none, err
		}
		return none, nil
	}
	token, ok := strings.CutPrefix(header, "Bearer ")
	if !ok || token == "" {
		return none, errs.New(errs.Unauthentic, "token_required", "Sign in first: send the access token as \"Authorization: Bearer ...\".")
	}
	identity, err := a.parts.People.Authenticate(ctx, token)
	if err != nil {
		return none, err
	}
	if identity.Campaign != campaignID {
		return none, errs.New(errs.NotFound, "campaign_unknown", "There is no such campaign.")
	}
	if allow.person && identity.Person == "" {
		return none, errs.New(errs.Forbidden, "person_required", "This call acts for a person; this token stands for none. Sign in.")
	}
	for _, role := range allow.roles {
		if identity.Has(role) {
			return identity, nil
		}
	}
	return none, errs.New(errs.Forbidden, "role_required", "Your role does not allow this. Ask the campaign's staff.")
}

// isHQ says whether the caller is of headquarters.
func isHQ(caller people.Identity) bool {
	return caller.Has(campaign.Staff) || caller.Has(campaign.Admin)
}

// mayLead says whether the caller answers for a region: staff and admins for
// all, a lead for the subtree.
func mayLead(caller people.Identity, region string) bool {
	return isHQ(caller) || caller.CoversRegion(campaign.Lead, region)
}
