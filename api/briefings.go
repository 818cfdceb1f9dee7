package api

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

type contentInput struct {
	Title  string `json:"title" minLength:"1" maxLength:"200"`
	Notice string `json:"notice,omitempty" maxLength:"100" doc:"What a locked phone shows; it gives nothing away. Absent: a standard one."`
	Text   string `json:"text" minLength:"1" maxLength:"20000"`
}

func (c contentInput) content() briefing.Content {
	return briefing.Content{Title: c.Title, Notice: c.Notice, Text: c.Text}
}

type draftInput struct {
	Created
	Body contentInput
}

// IfMatch is the head of every input on a briefing that others may edit.
type IfMatch struct {
	Scope
	ID      string `path:"id" maxLength:"64"`
	IfMatch string `header:"If-Match" maxLength:"32" doc:"The ETag that was read. An approval needs it: it is for the words as they stood."`
}

type editInput struct {
	IfMatch
	Body contentInput
}

type scheduleInput struct {
	IfMatch
	Body struct {
		Tiers []planInput `json:"tiers" minItems:"1" maxItems:"2" doc:"In the order media, supporters; either may be left out."`
	}
}

type planInput struct {
	Name      string     `json:"name" enum:"media,supporters"`
	At        *time.Time `json:"at,omitempty" doc:"Not before; absent: as soon as possible."`
	WaitLimit int        `json:"wait_limit_seconds,omitempty" minimum:"0" maximum:"86400" doc:"How long after its opening the next tier still waits for it to settle; 0: always."`
}

type briefingInput struct {
	Scope
	ID string `path:"id" maxLength:"64"`
}

type briefingsInput struct {
	Scope
	Paging
}

type tierView struct {
	Name     string `json:"name"`
	State    string `json:"state" enum:"waiting,open,settled"`
	At       Time   `json:"at"`
	OpenedAt *Time  `json:"opened_at"`
}

// briefingView is a briefing; what HQ alone sees is left out for others.
type briefingView struct {
	ID        string     `json:"id"`
	Title     string     `json:"title"`
	Text      string     `json:"text"`
	State     string     `json:"state,omitempty" enum:"draft,review,approved,scheduled,sending,sent,recalled"`
	Notice    string     `json:"notice,omitempty"`
	Authors   []string   `json:"authors,omitempty" doc:"Ids of people; none of them approves."`
	Approvals int        `json:"approvals,omitempty"`
	Needed    int        `json:"approvals_needed,omitempty"`
	Tiers     []tierView `json:"tiers,omitempty"`
	CreatedAt Time       `json:"created_at"`
}

type briefingAnswer struct {
	ETag string `header:"ETag"`
	Body briefingView
}

type briefingsAnswer struct {
	Briefings []briefingView `json:"briefings"`
	Next      string         `json:"next_cursor"`
}

type deliveryView struct {
	Name            string   `json:"name"`
	State           string   `json:"state" enum:"waiting,open,settled"`
	Recipients      int      `json:"recipients"`
	Accepted        int      `json:"accepted"`
	Failed          int      `json:"failed" doc:"Gone, refused or expired."`
	Received        int      `json:"received" doc:"People who opened it in the app."`
	OpenedAt        *Time    `json:"opened_at"`
	FirstAcceptedAt *Time    `json:"first_accepted_at"`
	LastAcceptedAt  *Time    `json:"last_accepted_at"`
	AcceptP50       *float64 `json:"accept_p50_seconds"`
	AcceptP95       *float64 `json:"accept_p95_seconds"`
}

type deliveryAnswer struct {
	Tiers []deliveryView `json:"tiers"`
}

type deviceInput struct {
	Scope
	ID   string `path:"id" maxLength:"128" doc:"The app's own id for its installation."`
	Body struct {
		Kind       string   `json:"kind" enum:"token,fid"`
		Value      string   `json:"value" minLength:"1" maxLength:"4096" doc:"Registration token, or Firebase installation id."`
		Platform   string   `json:"platform" enum:"android,ios,web"`
		Categories []string `json:"categories,omitempty" maxItems:"20"`
	}
}

type deviceInPath struct {
	Scope
	ID string `path:"id" maxLength:"128"`
}

func (a *API) briefings() {
	add(a, call{method: http.MethodGet, path: "/briefings", id: "list-briefings", tag: "hear", summary: "Briefings that opened for you; staff see all", allow: anyRole, class: boards}, a.listBriefings)
	add(a, call{method: http.MethodGet, path: "/briefings/{id}", id: "get-briefing", tag: "hear", summary: "One briefing", allow: anyRole, class: boards}, a.getBriefing)
	add(a, call{method: http.MethodPost, path: "/briefings/{id}/receipts", id: "receive-briefing", tag: "hear", summary: "Say that you opened it", status: http.StatusNoContent, allow: anyone, class: lists}, a.receive)
	add(a, call{method: http.MethodPost, path: "/briefings", id: "draft-briefing", tag: "HQ", summary: "Begin a briefing", status: http.StatusCreated, allow: managers, class: boards}, a.draft)
	add(a, call{method: http.MethodPut, path: "/briefings/{id}", id: "edit-briefing", tag: "HQ", summary: "Change the words; every approval is void", allow: managers, class: boards}, a.edit)
	add(a, call{method: http.MethodPost, path: "/briefings/{id}/submit", id: "submit-briefing", tag: "HQ", summary: "Ask for approval", allow: managers, class: boards}, a.onBriefing(a.parts.Briefings.Submit))
	add(a, call{method: http.MethodPost, path: "/briefings/{id}/approvals", id: "approve-briefing", tag: "HQ", summary: "Approve the words as you read them", allow: managers, class: boards,
		description: "Needs If-Match. Who wrote any of it cannot approve."}, a.onBriefing(a.parts.Briefings.Approve))
	add(a, call{method: http.MethodPost, path: "/briefings/{id}/schedule", id: "schedule-briefing", tag: "HQ", summary: "Fix when each tier opens", allow: managers, class: boards,
		description: "A tier opens when its time has come and the tier before it has settled. Afterwards it can only be recalled."}, a.schedule)
	add(a, call{method: http.MethodPost, path: "/briefings/{id}/recall", id: "recall-briefing", tag: "HQ", summary: "Stop it and take it out of sight", allow: managers, class: acts}, a.onBriefing(a.parts.Briefings.Recall))
	add(a, call{method: http.MethodGet, path: "/briefings/{id}/delivery", id: "get-delivery", tag: "HQ", summary: "What each tier got, and when", allow: staff, class: lists}, a.delivery)
	add(a, call{method: http.MethodPut, path: "/me/devices/{id}", id: "put-device", tag: "me", summary: "Register this phone for pushes", status: http.StatusNoContent, allow: anyone, class: boards}, a.putDevice)
	add(a, call{method: http.MethodDelete, path: "/me/devices/{id}", id: "delete-device", tag: "me", summary: "No pushes to this phone any more", status: http.StatusNoContent, allow: anyone, class: boards}, a.deleteDevice)
}

func briefingViewOf(b *briefing.Briefing, caller people.Identity) briefingView {
	v := briefingView{ID: b.ID, Title: b.Title, Text: b.Text, CreatedAt: Time{b.CreatedAt}}
	if !caller.Has(campaign.Staff) && !caller.Has(campaign.Admin) {
		return v
	}
	v.State, v.Notice, v.Authors, v.Approvals, v.Needed = string(b.State), b.Notice, b.Authors, len(b.Approvals), b.Needed
	for _, t := range b.Tiers {
		view := tierView{Name: string(t.Name), State: string(t.State), At: Time{t.At}}
		if t.OpenedAt != nil {
			view.OpenedAt = timePtr(*t.OpenedAt)
		}
		v.Tiers = append(v.Tiers, view)
	}
	return v
}

// act is who does what to which version.
func (in *IfMatch) act(ctx context.Context) (briefing.Act, error) {
	act := briefing.Act{ID: in.ID, By: callerOf(ctx).Person}
	if in.IfMatch == "" {
		return act, nil
	}
	version, err := strconv.ParseInt(strings.Trim(in.IfMatch, `"`), 10, 64)
	if err != nil || version < 1 {
		return act, errs.New(errs.Invalid, "if_match_invalid", "Send the ETag of the briefing as you read it in If-Match.")
	}
	act.Version = version
	return act, nil
}

func answerBriefing(ctx context.Context, b *briefing.Briefing, err error) (*briefingAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &briefingAnswer{ETag: `"` + strconv.FormatInt(b.Version, 10) + `"`, Body: briefingViewOf(b, callerOf(ctx))}, nil
}

func (a *API) draft(ctx context.Context, in *draftInput) (*briefingAnswer, error) {
	b, err := a.parts.Briefings.Draft(ctx, in.Campaign, briefing.DraftRequest{Content: in.Body.content(), Author: callerOf(ctx).Person, Key: in.Key})
	return answerBriefing(ctx, b, err)
}

func (a *API) edit(ctx context.Context, in *editInput) (*briefingAnswer, error) {
	act, err := in.act(ctx)
	if err != nil {
		return nil, err
	}
	b, err := a.parts.Briefings.Edit(ctx, in.Campaign, act, in.Body.content())
	return answerBriefing(ctx, b, err)
}

// onBriefing makes the handler of a step that needs nothing but the version.
func (a *API) onBriefing(step func(context.Context, string, briefing.Act) (*briefing.Briefing, error)) func(context.Context, *IfMatch) (*briefingAnswer, error) {
	return func(ctx context.Context, in *IfMatch) (*briefingAnswer, error) {
		act, err := in.act(ctx)
		if err != nil {
			return nil, err
		}
		b, err := step(ctx, in.Campaign, act)
		return answerBriefing(ctx, b, err)
	}
}

func (a *API) schedule(ctx context.Context, in *scheduleInput) (*briefingAnswer, error) {
	act, err := in.act(ctx)
	if err != nil {
		return nil, err
	}
	plans := make([]briefing.Plan, len(in.Body.Tiers))
	for i, t := range in.Body.Tiers {
		plans[i] = briefing.Plan{Name: briefing.TierName(t.Name), WaitLimit: time.Duration(t.WaitLimit) * time.Second}
		if t.At != nil {
			plans[i].At = *t.At
		}
	}
	b, err := a.parts.Briefings.Schedule(ctx, in.Campaign, act, plans...)
	return answerBriefing(ctx, b, err)
}

func (a *API) listBriefings(ctx context.Context, in *briefingsInput) (*body[briefingsAnswer], error) {
	caller := callerOf(ctx)
	page, err := a.parts.Briefings.List(ctx, in.Campaign, briefing.ListRequest{Viewer: caller, Limit: cmp.Or(in.Limit, 20), Cursor: in.Cursor})
	if err != nil {
		return nil, err
	}
	answer := briefingsAnswer{Briefings: make([]briefingView, len(page.Briefings)), Next: page.Next}
	for i, b := range page.Briefings {
		answer.Briefings[i] = briefingViewOf(b, caller)
	}
	return &body[briefingsAnswer]{Body: answer}, nil
}

func (a *API) getBriefing(ctx context.Context, in *briefingInput) (*briefingAnswer, error) {
	b, err := a.parts.Briefings.Get(ctx, in.Campaign, in.ID, callerOf(ctx))
	return answerBriefing(ctx, b, err)
}

func (a *API) receive(ctx context.Context, in *briefingInput) (*empty, error) {
	caller := callerOf(ctx)
	return nil, a.parts.Briefings.Receive(ctx, in.Campaign, in.ID, caller.Person, caller)
}

func (a *API) delivery(ctx context.Context, in *briefingInput) (*body[deliveryAnswer], error) {
	tiers, err := a.parts.Briefings.Delivery(ctx, in.Campaign, in.ID)
	if err != nil {
		return nil, err
	}
	answer := deliveryAnswer{Tiers: make([]deliveryView, len(tiers))}
	for i, t := range tiers {
		answer.Tiers[i] = deliveryViewOf(t)
	}
	return &body[deliveryAnswer]{Body: answer}, nil
}

func (a *API) putDevice(ctx context.Context, in *deviceInput) (*empty, error) {
	return nil, a.parts.People.PutDevice(ctx, in.Campaign, callerOf(ctx).Person, people.Device{
		ID: in.ID, Kind: in.Body.Kind, Value: in.Body.Value, Platform: in.Body.Platform, Categories: in.Body.Categories,
	})
}

func (a *API) deleteDevice(ctx context.Context, in *deviceInPath) (*empty, error) {
	return nil, a.parts.People.DeleteDevice(ctx, in.Campaign, callerOf(ctx).Person, in.ID)
}

func deliveryViewOf(t briefing.TierReport) deliveryView {
	v := deliveryView{Name: string(t.Name), State: string(t.State), Recipients: t.Recipients, Accepted: t.Accepted, Failed: t.Failed, Received: t.Received}
	for to, from := range map[**Time]*time.Time{&v.OpenedAt: t.OpenedAt, &v.FirstAcceptedAt: t.FirstAcceptedAt, &v.LastAcceptedAt: t.LastAcceptedAt} {
		if from != nil {
			*to = &Time{*from}
		}
	}
	if t.Accepted > 0 {
		p50, p95 := t.P50.Seconds(), t.P95.Seconds()
		v.AcceptP50, v.AcceptP95 = &p50, &p95
	}
	return v
}
