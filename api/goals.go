package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster/domain/goal"
	"github.com/musterhq/muster/internal/errs"
)

// minimumCell is how many members a team or region has of which numbers are shown.
const minimumCell = 5

type goalInput struct {
	ID       string    `json:"id,omitempty" maxLength:"64" doc:"Of a goal that runs: it is changed and goes on with what was counted. Absent: a new one from now on."`
	Kind     string    `json:"kind" maxLength:"32" example:"door"`
	Quantity int64     `json:"quantity" minimum:"1"`
	EndsAt   time.Time `json:"ends_at" doc:"What is done before it counts, if it is handed in within 48 hours."`
}

// GoalsPath is the head of the calls on a unit's goals; exported as the other heads.
type GoalsPath struct {
	Scope
	ID string `path:"id" maxLength:"200"`
}

type goalsInput struct {
	GoalsPath
	IfMatch string `header:"If-Match" maxLength:"32" doc:"Optional: the ETag that was read; refused where the goals have changed since."`
	Body    struct {
		Goals []goalInput `json:"goals" maxItems:"5" doc:"All goals of the team or region; those that run and are not among them are called off."`
	}
}

type goalView struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"`
	Quantity  int64  `json:"quantity"`
	SetAt     Time   `json:"set_at"`
	EndsAt    Time   `json:"ends_at"`
	Progress  *int64 `json:"progress" doc:"What members did of the kind since set_at; null where they are too few."`
	Reached   *bool  `json:"reached" doc:"Whether progress is up to the quantity now; null where progress is."`
	ReachedAt *Time  `json:"reached_at" doc:"When it first was."`
	State     string `json:"state" enum:"running,closing,closed" doc:"closing: over, and what comes late still counts."`
}

type goalsView struct {
	Unit  string     `json:"unit" enum:"team,region"`
	ID    string     `json:"id"`
	Few   bool       `json:"too_few_members" doc:"Fewer than five: then no numbers are shown."`
	AsOf  Time       `json:"as_of"`
	Goals []goalView `json:"goals"`
}

type goalsAnswer struct {
	ETag string `header:"ETag"`
	Body goalsView
}

func (a *API) goals() {
	for _, u := range []struct {
		kind goal.UnitKind
		path string
	}{{goal.Region, "/regions/{id}/goals"}, {goal.Team, "/teams/{id}/goals"}} {
		add(a, call{method: http.MethodGet, path: u.path, id: "get-" + string(u.kind) + "-goals", tag: "compare", summary: "What they set out to do, and how far they are", allow: viewers, class: boards}, a.getGoals(u.kind))
		add(a, call{method: http.MethodPut, path: u.path, id: "put-" + string(u.kind) + "-goals", tag: "HQ", summary: "Set the goals of a " + string(u.kind), allow: leads, class: boards}, a.putGoals(u.kind))
	}
}

// unitOf finds the unit of a call, with the region that answers for it.
func (a *API) unitOf(ctx context.Context, kind goal.UnitKind, in *GoalsPath) (goal.Unit, string, error) {
	unit := goal.Unit{Kind: kind, ID: in.ID}
	if kind == goal.Team {
		team, err := a.parts.Campaigns.Team(ctx, in.Campaign, in.ID)
		if err != nil {
			return unit, "", err
		}
		return unit, team.Region, nil
	}
	tree, err := a.parts.Campaigns.Tree(ctx, in.Campaign)
	if err != nil {
		return unit, "", err
	}
	if _, ok := tree.Region(in.ID); !ok {
		return unit, "", regionUnknown()
	}
	return unit, in.ID, nil
}

func (a *API) getGoals(kind goal.UnitKind) func(context.Context, *GoalsPath) (*goalsAnswer, error) {
	return func(ctx context.Context, in *GoalsPath) (*goalsAnswer, error) {
		unit, region, err := a.unitOf(ctx, kind, in)
		if err != nil {
			return nil, err
		}
		p, err := a.parts.Goals.Progress(ctx, in.Campaign, unit)
		return a.answerGoals(ctx, in.Campaign, region, p, err)
	}
}

func (a *API) putGoals(kind goal.UnitKind) func(context.Context, *goalsInput) (*goalsAnswer, error) {
	return func(ctx context.Context, in *goalsInput) (*goalsAnswer, error) {
		unit, region, err := a.unitOf(ctx, kind, &in.GoalsPath)
		if err != nil {
			return nil, err
		}
		if !mayLead(callerOf(ctx), region) {
			return nil, errs.New(errs.Forbidden, "region_forbidden", "You set goals for the regions you lead. Ask their lead.")
		}
		r := goal.PutRequest{Unit: unit, By: callerOf(ctx).Person}
		for _, g := range in.Body.Goals {
			r.Goals = append(r.Goals, goal.Wanted{ID: g.ID, Kind: g.Kind, Quantity: g.Quantity, EndsAt: g.EndsAt})
		}
		if r.Revision, err = revisionOf(in.IfMatch); err != nil {
			return nil, err
		}
		p, err := a.parts.Goals.Put(ctx, in.Campaign, r)
		return a.answerGoals(ctx, in.Campaign, region, p, err)
	}
}

// revisionOf reads an ETag, 0 for none.
func revisionOf(etag string) (int64, error) {
	if etag == "" {
		return 0, nil
	}
	revision, err := strconv.ParseInt(strings.Trim(etag, `"`), 10, 64)
	if err != nil || revision < 1 {
		return 0, errs.New(errs.Invalid, "if_match_invalid", "Send the ETag as you read it in If-Match.")
	}
	return revision, nil
}

// answerGoals shows progress, but of so few people that it would show somebody's.
func (a *API) answerGoals(ctx context.Context, campaignID, region string, p *goal.Progress, err error) (*goalsAnswer, error) {
	if err != nil {
		return nil, err
	}
	team := ""
	if p.UnitKind == goal.Team {
		team = p.Of
	}
	members, err := a.parts.People.Members(ctx, campaignID, region, team, minimumCell)
	if err != nil {
		return nil, err
	}
	v := goalsView{Unit: string(p.UnitKind), ID: p.Of, Few: members < minimumCell, AsOf: Time{p.AsOf}, Goals: make([]goalView, len(p.List))}
	now := a.parts.Clock.Now()
	for i, g := range p.List {
		view := goalView{ID: g.ID, Kind: g.Kind, Quantity: g.Quantity, SetAt: Time{g.SetAt}, EndsAt: Time{g.EndsAt}, State: "running"}
		switch {
		case !now.Before(g.EndsAt.Add(goal.Lateness)):
			view.State = "closed"
		case !now.Before(g.EndsAt):
			view.State = "closing"
		}
		if !v.Few {
			reached := g.Counted >= g.Quantity
			view.Progress, view.Reached = &g.Counted, &reached
			if g.ReachedAt != nil {
				view.ReachedAt = timePtr(*g.ReachedAt)
			}
		}
		v.Goals[i] = view
	}
	answer := &goalsAnswer{Body: v}
	if p.Revision > 0 {
		answer.ETag = `"` + strconv.FormatInt(p.Revision, 10) + `"`
	}
	return answer, nil
}
