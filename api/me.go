package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/domain/points"
)

type changeInput struct {
	Scope
	Body struct {
		GivenName       *string   `json:"given_name,omitempty" maxLength:"100"`
		FamilyName      *string   `json:"family_name,omitempty" maxLength:"100"`
		DisplayName     *string   `json:"display_name,omitempty" maxLength:"40"`
		NameShown       *bool     `json:"name_shown,omitempty"`
		Hidden          *bool     `json:"hidden,omitempty"`
		ShoutOuts       *bool     `json:"shout_outs,omitempty"`
		TimeZone        *string   `json:"time_zone,omitempty" maxLength:"64"`
		LanguagesSpoken *[]string `json:"languages_spoken,omitempty" maxItems:"20"`
	}
}

type consentView struct {
	Purpose string `json:"purpose"`
	Channel string `json:"channel"`
	Granted bool   `json:"granted"`
	Wording string `json:"wording,omitempty"`
	At      Time   `json:"at"`
}

type consentsAnswer struct {
	Consents []consentView `json:"consents" doc:"The latest word for each purpose and channel. What is not listed is no."`
}

type consentChange struct {
	Purpose string `json:"purpose" maxLength:"40"`
	Channel string `json:"channel" enum:"email,push,sms,call"`
	Granted bool   `json:"granted"`
	Wording string `json:"wording,omitempty" maxLength:"64"`
}

type consentsInput struct {
	Scope
	Body struct {
		Consents []consentChange `json:"consents" minItems:"1" maxItems:"20"`
	}
}

type acceptInput struct {
	Scope
	Body struct {
		Code string `json:"code" maxLength:"128"`
	}
}

func (a *API) me() {
	add(a, call{method: http.MethodGet, path: "/me", id: "get-me", tag: "me", summary: "Who you are here", allow: anyone, class: boards}, a.getMe)
	add(a, call{method: http.MethodPatch, path: "/me", id: "change-me", tag: "me", summary: "Change your own data", allow: anyone, class: boards}, a.changeMe)
	add(a, call{method: http.MethodGet, path: "/me/consents", id: "get-consents", tag: "me", summary: "What you agreed to", allow: anyone, class: lists}, a.getConsents)
	add(a, call{method: http.MethodPut, path: "/me/consents", id: "put-consents", tag: "me", summary: "Grant or withdraw consent", allow: anyone, class: acts}, a.putConsents)
	add(a, call{method: http.MethodPost, path: "/me/invitations", id: "accept-invitation", tag: "me", summary: "Accept an invitation", allow: anyone, class: acts}, a.acceptInvitation)
	add(a, call{method: http.MethodGet, path: "/me/dashboard", id: "get-dashboard", tag: "me", summary: "The home screen in one call", allow: anyone, class: boards}, a.dashboard)
	add(a, call{method: http.MethodGet, path: "/me/actions", id: "list-my-actions", tag: "me", summary: "What you did, newest first", allow: anyone, class: lists}, a.myActions)
}

// self is the caller's document.
func (a *API) self(ctx context.Context) (*people.Person, error) {
	caller := callerOf(ctx)
	return a.parts.People.Person(ctx, caller.Campaign, caller.Person)
}

// memberOf is a person as the ledger knows them.
func (a *API) memberOf(ctx context.Context, p *people.Person) (points.Member, error) {
	c, err := a.parts.Campaigns.Get(ctx, p.Campaign)
	if err != nil {
		return points.Member{}, err
	}
	return points.Member{Account: p.Account, Team: p.Team, Region: p.Region, TimeZone: cmp.Or(p.TimeZone, c.TimeZone), Hidden: p.OffBoards(a.parts.Clock.Now())}, nil
}

// zoneOf is where the person's weeks begin.
func (a *API) zoneOf(ctx context.Context, p *people.Person) *time.Location {
	name := p.TimeZone
	if name == "" {
		if c, err := a.parts.Campaigns.Get(ctx, p.Campaign); err == nil {
			name = c.TimeZone
		}
	}
	zone, err := a.parts.Campaigns.Location(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

func (a *API) getMe(ctx context.Context, _ *Scope) (*body[meView], error) {
	person, err := a.self(ctx)
	return a.answerMe(ctx, person, err)
}

func (a *API) changeMe(ctx context.Context, in *changeInput) (*body[meView], error) {
	b := in.Body
	person, err := a.parts.People.Change(ctx, in.Campaign, callerOf(ctx).Person, people.Change{
		GivenName: b.GivenName, FamilyName: b.FamilyName, DisplayName: b.DisplayName, NameShown: b.NameShown,
		Hidden: b.Hidden, ShoutOuts: b.ShoutOuts, TimeZone: b.TimeZone, LanguagesSpoken: b.LanguagesSpoken,
	})
	return a.answerMe(ctx, person, err)
}

func (a *API) acceptInvitation(ctx context.Context, in *acceptInput) (*body[meView], error) {
	person, err := a.parts.People.Accept(ctx, in.Campaign, callerOf(ctx).Person, in.Body.Code)
	return a.answerMe(ctx, person, err)
}

func (a *API) answerMe(ctx context.Context, person *people.Person, err error) (*body[meView], error) {
	if err != nil {
		return nil, err
	}
	view, err := a.meView(ctx, person)
	if err != nil {
		return nil, err
	}
	return &body[meView]{Body: *view}, nil
}

func (a *API) getConsents(ctx context.Context, in *Scope) (*body[consentsAnswer], error) {
	consents, err := a.parts.People.Consents(ctx, in.Campaign, callerOf(ctx).Person)
	return answerConsents(consents, err)
}

func (a *API) putConsents(ctx context.Context, in *consentsInput) (*body[consentsAnswer], error) {
	changes := make([]people.Consent, len(in.Body.Consents))
	for i, c := range in.Body.Consents {
		changes[i] = people.Consent{Purpose: c.Purpose, Channel: c.Channel, Granted: c.Granted, Wording: c.Wording, Source: "settings"}
	}
	consents, err := a.parts.People.PutConsents(ctx, in.Campaign, callerOf(ctx).Person, changes)
	return answerConsents(consents, err)
}

func answerConsents(consents []people.Consent, err error) (*body[consentsAnswer], error) {
	if err != nil {
		return nil, err
	}
	views := make([]consentView, len(consents))
	for i, c := range consents {
		views[i] = consentView{Purpose: c.Purpose, Channel: c.Channel, Granted: c.Granted, Wording: c.Wording, At: Time{c.At}}
	}
	return &body[consentsAnswer]{Body: consentsAnswer{Consents: views}}, nil
}
