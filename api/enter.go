package api

import (
	"context"
	"net/http"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
)

type consentInput struct {
	Purpose string `json:"purpose" maxLength:"40" doc:"What for, for example news."`
	Channel string `json:"channel" enum:"email,push,sms,call"`
	Wording string `json:"wording" maxLength:"64" doc:"Version of the text that was shown."`
}

func consentsOf(in []consentInput) []people.Consent {
	out := make([]people.Consent, len(in))
	for i, c := range in {
		out[i] = people.Consent{Purpose: c.Purpose, Channel: c.Channel, Wording: c.Wording}
	}
	return out
}

type signUpInput struct {
	Created
	Body struct {
		Email       string         `json:"email" maxLength:"254" format:"email"`
		Postcode    string         `json:"postcode" minLength:"1" maxLength:"16"`
		Region      string         `json:"region,omitempty" maxLength:"200" doc:"One of the choices, where the postcode alone did not decide."`
		YearOfBirth int            `json:"year_of_birth,omitempty" doc:"Needed where the campaign has a minimum age."`
		Consents    []consentInput `json:"consents,omitempty" maxItems:"20" doc:"What the person agreed to be sent. Nothing is assumed."`
		Device      string         `json:"device,omitempty" maxLength:"128" doc:"The phone's own id for itself."`
		Invitation  string         `json:"invitation,omitempty" maxLength:"128" doc:"The code of an invitation link."`
	}
}

type signUpAnswer struct {
	ID        string    `json:"id" doc:"The sign-up: with its mailed code it opens the account."`
	Region    namedView `json:"region"`
	Team      namedView `json:"team"`
	FirstTask *taskView `json:"first_task" doc:"Something to do at once; null where nothing is open."`
}

type codeInput struct {
	Created
	Body struct {
		Email  string `json:"email" maxLength:"254" format:"email"`
		Device string `json:"device,omitempty" maxLength:"128"`
	}
}

type codeAnswer struct {
	ID string `json:"id" doc:"Send it with the code as request. Nothing is mailed where nobody has this e-mail; the answer is the same."`
}

type signInInput struct {
	Scope
	Body struct {
		Request string `json:"request" maxLength:"64" doc:"The id that the sign-up or the request for a code gave."`
		Code    string `json:"code" maxLength:"32" doc:"As typed; case, spaces and hyphens do not matter."`
		Device  string `json:"device,omitempty" maxLength:"128"`
	}
}

type refreshInput struct {
	Scope
	Body struct {
		RefreshToken string `json:"refresh_token" maxLength:"256"`
	}
}

type signOutInput struct {
	Scope
	Everywhere bool `query:"everywhere" doc:"Sign out on all devices, not on this one alone."`
}

type sessionAnswer struct {
	AccessToken  string  `json:"access_token"`
	TokenType    string  `json:"token_type" enum:"Bearer"`
	ExpiresIn    int     `json:"expires_in" doc:"Seconds the access token holds."`
	RefreshToken string  `json:"refresh_token" doc:"Good for one refresh; keep it where other apps cannot read it."`
	Person       *meView `json:"person"`
}

func (a *API) enter() {
	add(a, call{method: http.MethodPost, path: "/sign-ups", id: "sign-up", tag: "enter", summary: "Sign up by e-mail and postcode", status: http.StatusCreated, allow: public, class: acts,
		description: "Mails a code. The person exists once the code is entered with POST sessions. The answer is the same for known and unknown e-mails; a known e-mail's code opens the old account. 422 region_ambiguous lists choices where the postcode leads to several regions: repeat with region."}, a.signUp)
	add(a, call{method: http.MethodPost, path: "/sessions/codes", id: "request-code", tag: "enter", summary: "Ask for a code to sign in again", status: http.StatusAccepted, allow: public, class: acts}, a.requestCode)
	add(a, call{method: http.MethodPost, path: "/sessions", id: "sign-in", tag: "enter", summary: "Sign in with a mailed code", allow: public, class: acts}, a.signIn)
	add(a, call{method: http.MethodPost, path: "/sessions/refresh", id: "refresh-session", tag: "enter", summary: "Exchange the refresh token for new tokens", allow: public, class: acts,
		description: "The refresh token is used up and another one takes its place: store that before anything else. After a lost answer send the same token again within a minute; the answer is the same refresh token. A used token that comes otherwise ends the session."}, a.refresh)
	add(a, call{method: http.MethodDelete, path: "/sessions", id: "sign-out", tag: "enter", summary: "Sign out on this device, or on all", status: http.StatusNoContent, allow: anyone, class: acts}, a.signOut)
}

func (a *API) signUp(ctx context.Context, in *signUpInput) (*body[signUpAnswer], error) {
	placed, err := a.parts.Campaigns.Lookup(ctx, in.Campaign, in.Body.Postcode, in.Body.Region)
	if err != nil {
		return nil, err
	}
	id, err := a.parts.People.SignUp(ctx, in.Campaign, people.SignUpRequest{
		Email: in.Body.Email, Postcode: in.Body.Postcode, Region: placed.Region.ID, Team: placed.Team.ID,
		Consents: consentsOf(in.Body.Consents), YearOfBirth: in.Body.YearOfBirth,
		Device: in.Body.Device, Invitation: in.Body.Invitation, Key: in.Key,
	})
	if err != nil {
		return nil, err
	}
	first, err := a.firstTask(ctx, in.Campaign, placed.Region.ID)
	if err != nil {
		return nil, err
	}
	return &body[signUpAnswer]{Body: signUpAnswer{
		ID: id, FirstTask: first,
		Region: namedView{placed.Region.ID, placed.Region.Name}, Team: namedView{placed.Team.ID, placed.Team.Name},
	}}, nil
}

func (a *API) firstTask(ctx context.Context, campaignID, region string) (*taskView, error) {
	offer, err := a.parts.Tasks.First(ctx, campaignID, region)
	if err != nil || offer == nil {
		return nil, err
	}
	tree, err := a.parts.Campaigns.Tree(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	return a.taskView(tree, offer), nil
}

func (a *API) requestCode(ctx context.Context, in *codeInput) (*body[codeAnswer], error) {
	id, err := a.parts.People.RequestCode(ctx, in.Campaign, people.CodeRequest{Email: in.Body.Email, Device: in.Body.Device, Key: in.Key})
	if err != nil {
		return nil, err
	}
	return &body[codeAnswer]{Body: codeAnswer{ID: id}}, nil
}

func (a *API) signIn(ctx context.Context, in *signInInput) (*body[sessionAnswer], error) {
	tokens, person, err := a.parts.People.SignIn(ctx, in.Campaign, people.SignInRequest{
		Request: in.Body.Request, Code: in.Body.Code, Device: in.Body.Device, Address: addressOf(ctx),
	})
	return a.session(ctx, tokens, person, err)
}

func (a *API) refresh(ctx context.Context, in *refreshInput) (*body[sessionAnswer], error) {
	tokens, person, err := a.parts.People.Refresh(ctx, in.Campaign, in.Body.RefreshToken)
	return a.session(ctx, tokens, person, err)
}

func (a *API) session(ctx context.Context, tokens people.Tokens, person *people.Person, err error) (*body[sessionAnswer], error) {
	if err != nil {
		return nil, err
	}
	view, err := a.meView(ctx, person)
	if err != nil {
		return nil, err
	}
	return &body[sessionAnswer]{Body: sessionAnswer{
		AccessToken: tokens.Access, TokenType: "Bearer", ExpiresIn: int(tokens.ExpiresIn / time.Second),
		RefreshToken: tokens.Refresh, Person: view,
	}}, nil
}

func (a *API) signOut(ctx context.Context, in *signOutInput) (*empty, error) {
	caller := callerOf(ctx)
	var err error
	if in.Everywhere {
		err = a.parts.People.EndSessions(ctx, in.Campaign, caller.Person)
	} else {
		err = a.parts.People.SignOut(ctx, in.Campaign, caller)
	}
	if err != nil {
		return nil, err
	}
	a.recheck(ctx, in.Campaign, caller.Person)
	return nil, nil
}

// meView is a person as they see themselves.
type meView struct {
	ID              string           `json:"id"`
	Account         string           `json:"account" doc:"The id under which boards know you."`
	Name            string           `json:"name" doc:"The name that others see."`
	GivenName       string           `json:"given_name,omitempty"`
	FamilyName      string           `json:"family_name,omitempty"`
	Email           string           `json:"email,omitempty"`
	DisplayName     string           `json:"display_name,omitempty"`
	NameShown       bool             `json:"name_shown" doc:"Whether others see display_name in place of a pseudonym."`
	Hidden          bool             `json:"hidden" doc:"On no people's board; team and region keep the credit."`
	ShoutOuts       bool             `json:"shout_outs" doc:"Whether your team is told of what you achieve; never while you are hidden or under age."`
	TimeZone        string           `json:"time_zone,omitempty"`
	LanguagesSpoken []string         `json:"languages_spoken,omitempty"`
	Team            *namedView       `json:"team" doc:"Null for an admin who never gave a postcode."`
	Region          *namedView       `json:"region"`
	Roles           []campaign.Grant `json:"roles"`
}

func (a *API) meView(ctx context.Context, p *people.Person) (*meView, error) {
	v := &meView{
		ID: p.ID, Account: p.Account, Name: p.PublicName(a.parts.Clock.Now()),
		GivenName: p.GivenName, FamilyName: p.FamilyName, Email: p.Email(), DisplayName: p.DisplayName,
		NameShown: p.NameShown, Hidden: p.Hidden, ShoutOuts: p.ShoutOuts, TimeZone: p.TimeZone, LanguagesSpoken: p.LanguagesSpoken, Roles: p.Grants,
	}
	if p.Region == "" {
		return v, nil
	}
	tree, err := a.parts.Campaigns.Tree(ctx, p.Campaign)
	if err != nil {
		return nil, err
	}
	team, err := a.parts.Campaigns.Team(ctx, p.Campaign, p.Team)
	if err != nil {
		return nil, err
	}
	v.Team, v.Region = &namedView{team.ID, team.Name}, named(tree, p.Region)
	return v, nil
}

func named(tree *campaign.Tree, region string) *namedView {
	if r, ok := tree.Region(region); ok {
		return &namedView{r.ID, r.Name}
	}
	return &namedView{region, region}
}
