package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/musterhq/muster/domain/badge"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

type criterionBody struct {
	Measure string `json:"measure" enum:"points,level,quantity,weeks,streak" doc:"points, level and quantity of one kind: of all time; weeks: different ones; streak: in a row, the longest ever."`
	Kind    string `json:"kind,omitempty" maxLength:"32" doc:"Of quantity: the kind of action." example:"door"`
	AtLeast int64  `json:"at_least" minimum:"1"`
}

type badgeView struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Description string        `json:"description"`
	Criterion   criterionBody `json:"criterion"`
	Narrative   string        `json:"narrative" doc:"The criterion in a sentence."`
	Retired     bool          `json:"retired,omitempty" doc:"Nobody is awarded it any more."`
}

type badgesAnswer struct {
	Badges []badgeView `json:"badges" doc:"By id."`
}

type badgeInput struct {
	Scope
	ID string `path:"id" maxLength:"40"`
}

type putBadgeInput struct {
	Scope
	ID      string `path:"id" maxLength:"40"`
	IfMatch string `header:"If-Match" maxLength:"32" doc:"Optional: the ETag that was read; refused where the badge has changed since."`
	Body    struct {
		Name        string        `json:"name" maxLength:"80"`
		Description string        `json:"description" maxLength:"500"`
		Criterion   criterionBody `json:"criterion"`
		Retired     bool          `json:"retired,omitempty"`
	}
}

type badgeAnswer struct {
	ETag string `header:"ETag"`
	Body badgeView
}

type awardView struct {
	ID          string `json:"id" doc:"The badge's."`
	Name        string `json:"name"`
	Description string `json:"description"`
	Narrative   string `json:"narrative" doc:"What it was awarded for."`
	AwardedAt   Time   `json:"awarded_at"`
	RevokedAt   *Time  `json:"revoked_at,omitempty" doc:"It was withdrawn; its credential no longer holds."`
	Reason      string `json:"reason,omitempty" doc:"Why it was withdrawn."`
}

type aheadView struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Narrative string `json:"narrative"`
	Have      int64  `json:"have" doc:"Of at_least; about a minute old."`
	AtLeast   int64  `json:"at_least"`
}

type myBadgesAnswer struct {
	Badges []awardView `json:"badges" doc:"Oldest first, those that were withdrawn among them."`
	Ahead  []aheadView `json:"ahead" doc:"What you do not hold yet."`
}

type credentialInput struct {
	Scope
	ID   string `path:"id" maxLength:"40"`
	Name bool   `query:"name" doc:"Put your name in, in clear. Else nothing in it tells who you are."`
}

type signedAnswer struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

type statusInput struct {
	Scope
	List string `path:"list" maxLength:"8"`
}

type revokeBadgeInput struct {
	Scope
	ID    string `path:"id" maxLength:"64" doc:"Of the person."`
	Badge string `path:"badge" maxLength:"40"`
	Body  struct {
		Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"The person is shown it."`
	}
}

type personInPath struct {
	Scope
	ID string `path:"id" maxLength:"64" doc:"Of the person."`
}

func (a *API) badges() {
	add(a, call{method: http.MethodGet, path: "/badges", id: "list-badges", tag: "compare", summary: "The badges there are, and what they are awarded for", allow: viewers, class: lists}, a.listBadges)
	add(a, call{method: http.MethodGet, path: "/badges/{id}", id: "get-badge", tag: "compare", summary: "One badge; credentials name it, so everybody may read it", allow: public, class: lists}, a.getBadge)
	add(a, call{method: http.MethodPut, path: "/badges/{id}", id: "put-badge", tag: "HQ", summary: "Make a badge, or change one", allow: managers, class: boards,
		description: "Whoever meets it already is awarded it within about a minute. Who holds it keeps it as it was awarded."}, a.putBadge)
	add(a, call{method: http.MethodGet, path: "/me/badges", id: "get-my-badges", tag: "me", summary: "Your badges, and those ahead", allow: anyone, class: boards}, a.myBadges)
	add(a, call{method: http.MethodGet, path: "/me/badges/{id}/credential", id: "get-credential", tag: "me", summary: "Take a badge along: a signed Open Badges 3.0 credential", allow: anyone, class: lists,
		description: "A JWT, verified with the keys at /.well-known/jwks.json, which can be saved."}, a.credential)
	add(a, call{method: http.MethodGet, path: "/badge-status/{list}", id: "get-badge-status", tag: "compare", summary: "Which credentials were withdrawn: a signed Bitstring Status List", allow: public, class: lists}, a.badgeStatus)
	add(a, call{method: http.MethodGet, path: "/issuer", id: "get-issuer", tag: "compare", summary: "Who signs credentials", allow: public, class: lists}, a.issuerProfile)
	add(a, call{method: http.MethodGet, path: "/people/{id}/badges", id: "get-badges-of", tag: "HQ", summary: "A person's badges", allow: staff, class: lists}, a.badgesOf)
	add(a, call{method: http.MethodPost, path: "/people/{id}/badges/{badge}/revoke", id: "revoke-badge", tag: "HQ", summary: "Withdraw a person's badge for good, with a reason", allow: managers, class: boards}, a.revokeBadge)
}

// keys serves the public key that credentials are verified with.
func (a *API) keys() {
	jwk, thumbprint := badge.JWK{}, ""
	if a.parts.Badges != nil { // nil only where the contract alone is asked for
		jwk, thumbprint = a.parts.Badges.Key(a.public)
	}
	a.fiber.Get(badge.KeysPath, func(c *fiber.Ctx) error {
		return c.JSON(fiber.Map{"keys": []badge.JWK{jwk}}, "application/jwk-set+json")
	})
	a.fiber.Get(badge.KeyPath+":key", func(c *fiber.Ctx) error {
		if c.Params("key") != thumbprint {
			return fiber.ErrNotFound
		}
		return c.JSON(jwk, "application/jwk+json")
	})
}

// issuer is who signs. Errors: Conflict public_url_missing, and those of the campaign.
func (a *API) issuer(ctx context.Context, campaignID string) (badge.Issuer, error) {
	if a.public == "" {
		return badge.Issuer{}, errs.New(errs.Conflict, "public_url_missing", "This server does not know the address that people reach it by, which badges name. Ask whoever runs it to set --public-url.")
	}
	c, err := a.parts.Campaigns.Get(ctx, campaignID)
	if err != nil {
		return badge.Issuer{}, err
	}
	return badge.Issuer{Base: a.public, Campaign: c.ID, Name: c.Name}, nil
}

func badgeViewOf(d *badge.Definition) badgeView {
	return badgeView{
		ID: d.ID, Name: d.Name, Description: d.Description, Narrative: d.Criterion.Narrative(), Retired: d.Retired,
		Criterion: criterionBody{string(d.Criterion.Measure), d.Criterion.Kind, d.Criterion.AtLeast},
	}
}

func answerBadge(d *badge.Definition, err error) (*badgeAnswer, error) {
	if err != nil {
		return nil, err
	}
	answer := &badgeAnswer{Body: badgeViewOf(d)}
	if d.Version > 0 {
		answer.ETag = `"` + strconv.FormatInt(d.Version, 10) + `"`
	}
	return answer, nil
}

func (a *API) listBadges(ctx context.Context, in *Scope) (*body[badgesAnswer], error) {
	all, err := a.parts.Badges.Definitions(ctx, in.Campaign)
	if err != nil {
		return nil, err
	}
	answer := badgesAnswer{Badges: make([]badgeView, len(all))}
	for i, d := range all {
		answer.Badges[i] = badgeViewOf(d)
	}
	return &body[badgesAnswer]{Body: answer}, nil
}

func (a *API) getBadge(ctx context.Context, in *badgeInput) (*badgeAnswer, error) {
	return answerBadge(a.parts.Badges.Definition(ctx, in.Campaign, in.ID))
}

func (a *API) putBadge(ctx context.Context, in *putBadgeInput) (*badgeAnswer, error) {
	version, err := revisionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	c := in.Body.Criterion
	return answerBadge(a.parts.Badges.Put(ctx, in.Campaign, badge.PutRequest{
		ID: in.ID, Name: in.Body.Name, Description: in.Body.Description, Retired: in.Body.Retired,
		Criterion: badge.Criterion{Measure: badge.Measure(c.Measure), Kind: c.Kind, AtLeast: c.AtLeast},
		By:        callerOf(ctx).Person, Version: version,
	}))
}

func (a *API) myBadges(ctx context.Context, in *Scope) (*body[myBadgesAnswer], error) {
	return a.badgesOfAccount(ctx, in.Campaign, callerOf(ctx).Account)
}

func (a *API) badgesOf(ctx context.Context, in *personInPath) (*body[myBadgesAnswer], error) {
	person, err := a.parts.People.Person(ctx, in.Campaign, in.ID)
	if err != nil {
		return nil, err
	}
	return a.badgesOfAccount(ctx, in.Campaign, person.Account)
}

func (a *API) badgesOfAccount(ctx context.Context, campaignID, account string) (*body[myBadgesAnswer], error) {
	holder, err := a.parts.Badges.Holder(ctx, campaignID, account)
	if err != nil {
		return nil, err
	}
	definitions, err := a.parts.Badges.Definitions(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	return &body[myBadgesAnswer]{Body: badgesView(holder, definitions)}, nil
}

func badgesView(h *badge.Holder, definitions []*badge.Definition) myBadgesAnswer {
	answer := myBadgesAnswer{Badges: make([]awardView, len(h.Awards)), Ahead: []aheadView{}}
	for i, award := range h.Awards {
		v := awardView{
			ID: award.Badge, Name: award.Name, Description: award.Description, Narrative: award.Criterion.Narrative(),
			AwardedAt: Time{award.At}, Reason: award.Reason,
		}
		if award.RevokedAt != nil {
			v.RevokedAt = timePtr(*award.RevokedAt)
		}
		answer.Badges[i] = v
	}
	for _, d := range definitions {
		if have := h.Facts.Of(d.Criterion); !d.Retired && h.Held(d.ID) == nil && have < d.Criterion.AtLeast {
			answer.Ahead = append(answer.Ahead, aheadView{d.ID, d.Name, d.Criterion.Narrative(), max(have, 0), d.Criterion.AtLeast})
		}
	}
	return answer
}

func (a *API) credential(ctx context.Context, in *credentialInput) (*signedAnswer, error) {
	issuer, err := a.issuer(ctx, in.Campaign)
	if err != nil {
		return nil, err
	}
	name := ""
	if in.Name {
		person, err := a.self(ctx)
		if err != nil {
			return nil, err
		}
		name = nameOf(person)
	}
	jwt, err := a.parts.Badges.Credential(ctx, in.Campaign, callerOf(ctx).Account, in.ID, name, issuer)
	return answerSigned(jwt, in.ID+".jwt", err)
}

// nameOf is what a person asks to be called by in a credential: what they gave as
// their name, else what they show to others, else nothing.
func nameOf(p *people.Person) string {
	if full := strings.TrimSpace(p.GivenName + " " + p.FamilyName); full != "" {
		return full
	}
	return p.DisplayName
}

func answerSigned(jwt, file string, err error) (*signedAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &signedAnswer{ContentType: "application/vc+jwt", Disposition: `attachment; filename="` + file + `"`, Body: []byte(jwt)}, nil
}

func (a *API) badgeStatus(ctx context.Context, in *statusInput) (*signedAnswer, error) {
	issuer, err := a.issuer(ctx, in.Campaign)
	if err != nil {
		return nil, err
	}
	jwt, err := a.parts.Badges.Status(ctx, in.Campaign, in.List, issuer)
	return answerSigned(jwt, "status.jwt", err)
}

func (a *API) issuerProfile(ctx context.Context, in *Scope) (*body[badge.Profile], error) {
	issuer, err := a.issuer(ctx, in.Campaign)
	if err != nil {
		return nil, err
	}
	return &body[badge.Profile]{Body: issuer.Profile().Served()}, nil
}

func (a *API) revokeBadge(ctx context.Context, in *revokeBadgeInput) (*body[myBadgesAnswer], error) {
	person, err := a.parts.People.Person(ctx, in.Campaign, in.ID)
	if err != nil {
		return nil, err
	}
	if _, err := a.parts.Badges.Revoke(ctx, in.Campaign, person.Account, in.Badge, callerOf(ctx).Person, in.Body.Reason); err != nil {
		return nil, err
	}
	a.parts.Log.Info("badge withdrawn", "campaign", in.Campaign, "by", callerOf(ctx).Person, "person", in.ID, "badge", in.Badge)
	return a.badgesOfAccount(ctx, in.Campaign, person.Account)
}
