package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
)

type peopleInput struct {
	Scope
	Paging
	Region string `query:"region" maxLength:"200" doc:"People of this region and below. A lead names one of theirs; absent: everybody (staff)."`
}

type personView struct {
	ID      string           `json:"id"`
	Account string           `json:"account"`
	Name    string           `json:"name" doc:"As others see it."`
	Given   string           `json:"given_name,omitempty"`
	Family  string           `json:"family_name,omitempty"`
	Email   string           `json:"email,omitempty"`
	Team    string           `json:"team"`
	Region  string           `json:"region"`
	Roles   []campaign.Grant `json:"roles"`
	Since   Time             `json:"since"`
}

type peopleAnswer struct {
	People []personView `json:"people"`
	Next   string       `json:"next_cursor"`
}

type rolesInput struct {
	Scope
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Roles []grantInput `json:"roles" maxItems:"20" doc:"All the roles the person shall hold; supporter is everybody's."`
	}
}

type grantInput struct {
	Role   string `json:"role" enum:"supporter,volunteer,lead,media,staff,admin"`
	Region string `json:"region,omitempty" maxLength:"200" doc:"Of a lead: root of the regions; absent: all."`
}

type invitationInput struct {
	Created
	Body struct {
		Roles     []grantInput `json:"roles" minItems:"1" maxItems:"20"`
		Uses      int          `json:"uses,omitempty" minimum:"1" maximum:"1000" default:"1"`
		ExpiresAt time.Time    `json:"expires_at"`
	}
}

type invitationAnswer struct {
	Code      string `json:"code" doc:"For the link. It is shown this once."`
	ExpiresAt Time   `json:"expires_at"`
	Uses      int    `json:"uses"`
}

func (a *API) headquarters() {
	add(a, call{method: http.MethodGet, path: "/people", id: "list-people", tag: "HQ", summary: "People of a region, by name; each look is logged", allow: leads, class: lists}, a.listPeople)
	add(a, call{method: http.MethodPut, path: "/people/{id}/roles", id: "put-roles", tag: "HQ", summary: "Give and take roles", allow: managers, class: acts}, a.putRoles)
	add(a, call{method: http.MethodPost, path: "/invitations", id: "invite", tag: "HQ", summary: "Make an invitation link for leads, media or staff", status: http.StatusCreated, allow: managers, class: boards}, a.invite)
}

func grantsOf(in []grantInput) []campaign.Grant {
	out := make([]campaign.Grant, len(in))
	for i, g := range in {
		out[i] = campaign.Grant{Role: campaign.Role(g.Role), Region: g.Region}
	}
	return out
}

func (a *API) personView(p *people.Person) personView {
	return personView{
		ID: p.ID, Account: p.Account, Name: p.PublicName(a.parts.Clock.Now()), Given: p.GivenName, Family: p.FamilyName,
		Email: p.Email(), Team: p.Team, Region: p.Region, Roles: p.Grants, Since: Time{p.CreatedAt},
	}
}

func (a *API) listPeople(ctx context.Context, in *peopleInput) (*body[peopleAnswer], error) {
	page, err := a.parts.People.List(ctx, in.Campaign, callerOf(ctx), in.Region, in.Cursor, cmp.Or(in.Limit, 50))
	if err != nil {
		return nil, err
	}
	answer := peopleAnswer{People: make([]personView, len(page.Items)), Next: page.Next}
	for i, p := range page.Items {
		answer.People[i] = a.personView(p)
	}
	return &body[peopleAnswer]{Body: answer}, nil
}

func (a *API) putRoles(ctx context.Context, in *rolesInput) (*body[personView], error) {
	person, err := a.parts.People.PutRoles(ctx, in.Campaign, callerOf(ctx), in.ID, grantsOf(in.Body.Roles))
	if err != nil {
		return nil, err
	}
	a.recheck(ctx, in.Campaign, in.ID)
	return &body[personView]{Body: a.personView(person)}, nil
}

func (a *API) invite(ctx context.Context, in *invitationInput) (*body[invitationAnswer], error) {
	code, err := a.parts.People.Invite(ctx, in.Campaign, callerOf(ctx), people.InviteRequest{
		Grants: grantsOf(in.Body.Roles), Uses: cmp.Or(in.Body.Uses, 1), Expires: in.Body.ExpiresAt, Key: in.Key,
	})
	if err != nil {
		return nil, err
	}
	return &body[invitationAnswer]{Body: invitationAnswer{Code: code, ExpiresAt: Time{in.Body.ExpiresAt}, Uses: cmp.Or(in.Body.Uses, 1)}}, nil
}
