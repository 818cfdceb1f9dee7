package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/review"
	"github.com/musterhq/muster/internal/errs"
)

// evidenceInput is what a phone may say beside an action; all of it is optional.
type evidenceInput struct {
	Location  *locationInput `json:"location,omitempty"`
	Duration  int64          `json:"duration_seconds,omitempty" doc:"How long it took, up to occurred_at."`
	Attempts  int64          `json:"attempts,omitempty" doc:"Doors or numbers tried."`
	Contacts  int64          `json:"contacts,omitempty" doc:"Of them, those that reached somebody."`
	Answers   []string       `json:"answers,omitempty" doc:"Codes of the answers, in order; 200 at most."`
	Device    string         `json:"device,omitempty" doc:"The app's id of this installation. Only a keyed hash is kept."`
	Mock      bool           `json:"mock_location,omitempty" doc:"The system says that the place was set by an app."`
	Recruited string         `json:"recruited,omitempty" doc:"Account of who was recruited."`
	Partner   string         `json:"partner,omitempty" doc:"Account of who was there too. They are asked to confirm it."`
}

type locationInput struct {
	Lat      float64 `json:"lat"`
	Lon      float64 `json:"lon"`
	Accuracy float64 `json:"accuracy" doc:"Metres."`
}

// Bounds of evidence. What is beyond them is no evidence.
const (
	maxAnswers    = 200
	maxCode       = 64
	maxDeviceName = 200
	maxAccuracy   = 1_000_000
)

// statementsOf is the evidence of a batch, without what cannot be.
func statementsOf(actions []actionInput) []review.Statement {
	var all []review.Statement
	for i := range actions {
		in := &actions[i]
		if !in.Evidence.ok {
			continue
		}
		e := &in.Evidence.value
		st := review.Statement{
			Action: in.ID, Kind: in.Kind.value, Quantity: in.Quantity.value, OccurredAt: in.OccurredAt.value,
			Seconds: within(e.Duration, 24*3600), Attempts: within(e.Attempts, 100_000), Contacts: within(e.Contacts, 100_000),
			Mock: e.Mock, Device: short(e.Device, maxDeviceName), Recruited: short(e.Recruited, maxCode), Partner: short(e.Partner, maxCode),
		}
		if l := e.Location; l != nil && l.Lat >= -90 && l.Lat <= 90 && l.Lon >= -180 && l.Lon <= 180 && l.Accuracy >= 0 && l.Accuracy <= maxAccuracy {
			st.Location = &review.Location{Lat: l.Lat, Lon: l.Lon, Accuracy: l.Accuracy}
		}
		for _, answer := range e.Answers[:min(len(e.Answers), maxAnswers)] {
			if short(answer, maxCode) != "" {
				st.Answers = append(st.Answers, answer)
			}
		}
		all = append(all, st)
	}
	return all
}

func within(n, most int64) int64 {
	if n < 0 || n > most {
		return 0
	}
	return n
}

func short(s string, most int) string {
	if len(s) > most {
		return ""
	}
	return s
}

type reasonView struct {
	Check string `json:"check" enum:"speed,doors_per_minute,contact_rate,answer_entropy,overlap,shared_device,referral_ring,after_midnight,mock_location,partner_disagrees"`
	Text  string `json:"text" doc:"What was seen, in words. It says nothing about why."`
}

type windowView struct {
	From Time `json:"from"`
	To   Time `json:"to"`
}

type appealView struct {
	Text string `json:"text"`
	At   Time   `json:"at"`
}

type decisionView struct {
	Reason string `json:"reason"`
	At     Time   `json:"at"`
}

// reviewView is a case; who it is about is told to leads alone.
type reviewView struct {
	ID       string        `json:"id"`
	State    string        `json:"state" enum:"open,appealed,cleared,voided"`
	Source   string        `json:"source" enum:"checks,roll_back"`
	OpenedAt Time          `json:"opened_at"`
	Actions  []string      `json:"actions" doc:"What is withheld until somebody has looked; of a roll-back none, see window."`
	Reasons  []reasonView  `json:"reasons"`
	Window   *windowView   `json:"window,omitempty" doc:"Of a roll-back: when what it took out was done."`
	Appeal   *appealView   `json:"appeal,omitempty"`
	Decision *decisionView `json:"decision,omitempty"`
	Account  string        `json:"account,omitempty"`
	Name     string        `json:"name,omitempty" doc:"As others see it."`
	Region   *namedView    `json:"region,omitempty"`
	// Entries are in one review by itself.
	Entries []entryView `json:"entries,omitempty" doc:"The actions themselves."`
}

type reviewsAnswer struct {
	Reviews []reviewView `json:"reviews"`
	Next    string       `json:"next_cursor"`
}

type myReviewsInput struct {
	Scope
	Paging
}

type reviewsInput struct {
	Scope
	Paging
	Region string `query:"region" maxLength:"200" doc:"People of this region and below. A lead names one of theirs; absent: all (staff)."`
	State  string `query:"state" enum:"waiting,decided" default:"waiting"`
}

type reviewInPath struct {
	Scope
	ID string `path:"id" maxLength:"64"`
}

type textInput struct {
	Scope
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Text string `json:"text" maxLength:"2000"`
	}
}

type decisionInput struct {
	Scope
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Decision string `json:"decision" enum:"clear,void" doc:"clear gives the points back; void takes the actions out for good."`
		Reason   string `json:"reason" maxLength:"2000" doc:"For the person: they read it."`
	}
}

type rollBackInput struct {
	Created
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		From   time.Time `json:"from" doc:"By when it was done, inclusive."`
		To     time.Time `json:"to" doc:"Exclusive; 92 days later at most."`
		Reason string    `json:"reason" maxLength:"2000" doc:"For the person: they read it."`
		DryRun bool      `json:"dry_run,omitempty" doc:"Only say what it would take out."`
	}
}

type rollBackAnswer struct {
	Review  *reviewView `json:"review" doc:"Null of a dry run."`
	Actions int         `json:"actions" doc:"That it takes out: all of the window that is not void."`
	Points  int64       `json:"points" doc:"What that changes: zero or less."`
}

type confirmationView struct {
	Account    string `json:"account"`
	Action     string `json:"action"`
	Name       string `json:"name" doc:"Who names you, as others see them."`
	Kind       string `json:"kind"`
	Quantity   int64  `json:"quantity"`
	OccurredAt Time   `json:"occurred_at"`
}

type confirmationsAnswer struct {
	Confirmations []confirmationView `json:"confirmations"`
	Next          string             `json:"next_cursor"`
}

type confirmInput struct {
	Scope
	Body struct {
		Account   string `json:"account" maxLength:"64"`
		Action    string `json:"action" maxLength:"64"`
		Confirmed bool   `json:"confirmed" doc:"Whether it was so."`
	}
}

func (a *API) reviews() {
	add(a, call{method: http.MethodPost, path: "/actions/{id}/appeal", id: "appeal", tag: "do", summary: "Say how it was, where an action is withheld", allow: anyone, class: acts,
		description: "A lead of your region reads it and decides. A further word before that takes its place."}, a.appeal)
	add(a, call{method: http.MethodGet, path: "/me/reviews", id: "list-my-reviews", tag: "me", summary: "What is withheld of yours, why, and what was decided", allow: anyone, class: lists}, a.myReviews)
	add(a, call{method: http.MethodGet, path: "/me/confirmations", id: "list-confirmations", tag: "me", summary: "Actions that name you as partner", allow: anyone, class: lists}, a.confirmations)
	add(a, call{method: http.MethodPost, path: "/me/confirmations", id: "confirm", tag: "me", summary: "Say whether it was so", allow: anyone, class: boards, status: http.StatusNoContent}, a.confirm)
	add(a, call{method: http.MethodGet, path: "/reviews", id: "list-reviews", tag: "HQ", summary: "What waits for a look", allow: leads, class: lists}, a.listReviews)
	add(a, call{method: http.MethodGet, path: "/reviews/{id}", id: "get-review", tag: "HQ", summary: "One review with its actions", allow: leads, class: lists}, a.getReview)
	add(a, call{method: http.MethodPost, path: "/reviews/{id}/decision", id: "decide-review", tag: "HQ", summary: "Give the points back, or take the actions out", allow: judges, class: acts}, a.decideReview)
	add(a, call{method: http.MethodPost, path: "/people/{id}/roll-back", id: "roll-back", tag: "HQ", summary: "Take out what a person did within a window", allow: judges, class: acts,
		description: "It cannot be undone. A dry run says first what it takes out."}, a.rollBack)
}

func (a *API) appeal(ctx context.Context, in *textInput) (*body[reviewView], error) {
	account := callerOf(ctx).Account
	if _, err := a.parts.Points.Find(ctx, in.Campaign, account, in.ID); err != nil {
		return nil, err
	}
	c, err := a.parts.Reviews.Answer(ctx, in.Campaign, account, in.ID, in.Body.Text)
	if err != nil {
		return nil, err
	}
	return &body[reviewView]{Body: reviewViewOf(c)}, nil
}

func reviewViewOf(c *review.Case) reviewView {
	v := reviewView{
		ID: c.Ref(), State: string(c.State), Source: string(c.Source), OpenedAt: Time{c.OpenedAt},
		Actions: slices.Concat([]string{}, c.Actions), Reasons: reasonViews(c, ""),
	}
	if c.Window != nil {
		v.Window = &windowView{Time{c.Window.From}, Time{c.Window.To}}
	}
	if c.Appeal != nil {
		v.Appeal = &appealView{c.Appeal.Text, Time{c.Appeal.At}}
	}
	if c.Decision != nil {
		v.Decision = &decisionView{c.Decision.Reason, Time{c.Decision.At}}
	}
	return v
}

// reasonViews are the findings of a case, or those in one action, each sentence
// once.
func reasonViews(c *review.Case, action string) []reasonView {
	out := []reasonView{}
	for _, f := range c.Findings {
		reason := reasonView{string(f.Check), f.Text}
		if (action == "" || slices.Contains(f.Actions, action)) && !slices.Contains(out, reason) {
			out = append(out, reason)
		}
	}
	return out
}

// reviewsOf finds the cases of those entries that anything was said of by others.
func (a *API) reviewsOf(ctx context.Context, campaignID, account string, entries []points.Past) (map[string]*review.Case, error) {
	found := map[string]*review.Case{}
	for i := range entries {
		e := &entries[i]
		if !e.Was(points.HoldIt) || found[e.ID] != nil {
			continue
		}
		c, err := a.parts.Reviews.CaseOf(ctx, campaignID, account, e.ID)
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		for _, id := range c.Actions { // most likely the others of the page are in it too
			found[id] = c
		}
	}
	return found, nil
}

func (a *API) myReviews(ctx context.Context, in *myReviewsInput) (*body[reviewsAnswer], error) {
	page, err := a.parts.Reviews.Of(ctx, in.Campaign, callerOf(ctx).Account, in.Cursor, cmp.Or(in.Limit, 50))
	if err != nil {
		return nil, err
	}
	answer := reviewsAnswer{Reviews: make([]reviewView, len(page.Items)), Next: page.Next}
	for i, c := range page.Items {
		answer.Reviews[i] = reviewViewOf(c)
	}
	return &body[reviewsAnswer]{Body: answer}, nil
}

func (a *API) confirmations(ctx context.Context, in *myReviewsInput) (*body[confirmationsAnswer], error) {
	page, err := a.parts.Reviews.Asked(ctx, in.Campaign, callerOf(ctx).Account, in.Cursor, cmp.Or(in.Limit, 50))
	if err != nil {
		return nil, err
	}
	accounts := make([]string, len(page.Items))
	for i, e := range page.Items {
		accounts[i] = e.Account
	}
	names, err := a.parts.People.Names(ctx, in.Campaign, accounts)
	if err != nil {
		return nil, err
	}
	answer := confirmationsAnswer{Confirmations: make([]confirmationView, len(page.Items)), Next: page.Next}
	for i, e := range page.Items {
		answer.Confirmations[i] = confirmationView{e.Account, e.Action, names[e.Account], e.Kind, e.Quantity, Time{e.OccurredAt}}
	}
	return &body[confirmationsAnswer]{Body: answer}, nil
}

func (a *API) confirm(ctx context.Context, in *confirmInput) (*empty, error) {
	return &empty{}, a.parts.Reviews.Confirm(ctx, in.Campaign, callerOf(ctx).Account, in.Body.Account, in.Body.Action, in.Body.Confirmed)
}

func (a *API) listReviews(ctx context.Context, in *reviewsInput) (*body[reviewsAnswer], error) {
	if in.Region == "" && !isHQ(callerOf(ctx)) || in.Region != "" && !mayLead(callerOf(ctx), in.Region) {
		return nil, errs.New(errs.Forbidden, "region_forbidden", "You see the reviews of regions that you lead. Name one of them.")
	}
	page, err := a.parts.Reviews.List(ctx, in.Campaign, in.Region, in.State == "decided", in.Cursor, cmp.Or(in.Limit, 50))
	if err != nil {
		return nil, err
	}
	views, err := a.reviewViews(ctx, in.Campaign, page.Items)
	if err != nil {
		return nil, err
	}
	return &body[reviewsAnswer]{Body: reviewsAnswer{Reviews: views, Next: page.Next}}, nil
}

// reviewViews shows cases to leads: with the name that everybody sees.
func (a *API) reviewViews(ctx context.Context, campaignID string, cases []*review.Case) ([]reviewView, error) {
	accounts := make([]string, len(cases))
	for i, c := range cases {
		accounts[i] = c.Account
	}
	names, err := a.parts.People.Names(ctx, campaignID, accounts)
	if err != nil {
		return nil, err
	}
	tree, err := a.parts.Campaigns.Tree(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	views := make([]reviewView, len(cases))
	for i, c := range cases {
		views[i] = reviewViewOf(c)
		views[i].Account, views[i].Name = c.Account, names[c.Account]
		if n := len(c.Within); n > 0 {
			views[i].Region = named(tree, c.Within[n-1])
		}
	}
	return views, nil
}

// reviewFor is a case that the caller answers for. One of another region does not
// exist for them.
func (a *API) reviewFor(ctx context.Context, campaignID, id string) (*review.Case, error) {
	c, err := a.parts.Reviews.Case(ctx, campaignID, id)
	if err != nil {
		return nil, err
	}
	caller := callerOf(ctx)
	if isHQ(caller) || len(c.Within) > 0 && caller.CoversRegion(campaign.Lead, c.Within[len(c.Within)-1]) {
		return c, nil
	}
	return nil, errs.New(errs.NotFound, "review_unknown", "There is no such review in this campaign.")
}

func (a *API) getReview(ctx context.Context, in *reviewInPath) (*body[reviewView], error) {
	c, err := a.reviewFor(ctx, in.Campaign, in.ID)
	if err != nil {
		return nil, err
	}
	views, err := a.reviewViews(ctx, in.Campaign, []*review.Case{c})
	if err != nil {
		return nil, err
	}
	if len(c.Actions) > 0 {
		recent, err := a.parts.Points.Recent(ctx, in.Campaign, c.Account, c.OpenedAt.Add(-review.Recent-time.Hour))
		if err != nil {
			return nil, err
		}
		for i := range recent {
			if slices.Contains(c.Actions, recent[i].ID) {
				views[0].Entries = append(views[0].Entries, entryViewOf(&recent[i]))
			}
		}
	}
	return &body[reviewView]{Body: views[0]}, nil
}

func (a *API) decideReview(ctx context.Context, in *decisionInput) (*body[reviewView], error) {
	if _, err := a.reviewFor(ctx, in.Campaign, in.ID); err != nil {
		return nil, err
	}
	to := map[string]review.State{"clear": review.Cleared, "void": review.Voided}[in.Body.Decision]
	c, err := a.parts.Reviews.Decide(ctx, in.Campaign, in.ID, to, callerOf(ctx).Account, in.Body.Reason)
	return a.answerReview(ctx, c, err)
}

func (a *API) answerReview(ctx context.Context, c *review.Case, err error) (*body[reviewView], error) {
	if err != nil {
		return nil, err
	}
	views, err := a.reviewViews(ctx, c.Campaign, []*review.Case{c})
	if err != nil {
		return nil, err
	}
	return &body[reviewView]{Body: views[0]}, nil
}

func (a *API) rollBack(ctx context.Context, in *rollBackInput) (*body[rollBackAnswer], error) {
	person, err := a.personFor(ctx, in.Campaign, in.ID)
	if err != nil {
		return nil, err
	}
	r := review.RollBackRequest{
		Account: person.Account, Within: person.Within, Span: review.Span{From: in.Body.From, To: in.Body.To},
		By: callerOf(ctx).Account, Reason: in.Body.Reason, Key: in.Key,
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	plan, err := a.parts.Points.TryRollBack(ctx, in.Campaign, points.Member{Account: person.Account}, points.RollBack{From: r.From, To: r.To})
	if err != nil {
		return nil, err
	}
	answer := rollBackAnswer{Actions: plan.Actions, Points: plan.Points}
	if in.Body.DryRun {
		return &body[rollBackAnswer]{Body: answer}, nil
	}
	c, err := a.parts.Reviews.RollBack(ctx, in.Campaign, r)
	shown, err := a.answerReview(ctx, c, err)
	if err != nil {
		return nil, err
	}
	answer.Review = &shown.Body
	return &body[rollBackAnswer]{Body: answer}, nil
}

// personFor is somebody that the caller answers for.
func (a *API) personFor(ctx context.Context, campaignID, id string) (*people.Person, error) {
	person, err := a.parts.People.Person(ctx, campaignID, id)
	if err != nil {
		return nil, err
	}
	if caller := callerOf(ctx); !isHQ(caller) && (person.Region == "" || !caller.CoversRegion(campaign.Lead, person.Region)) {
		return nil, errs.New(errs.Forbidden, "region_forbidden", "You decide about people of regions that you lead.")
	}
	return person, nil
}
