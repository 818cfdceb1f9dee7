package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/internal/errs"
)

// kindBody is a kind of action both in what is sent and in what is shown.
type kindBody struct {
	Name        string     `json:"name" doc:"What actions call it: a-z, 0-9 and _." example:"door"`
	Unit        string     `json:"unit" doc:"What a quantity of one is." example:"door knocked"`
	Points      int64      `json:"points" doc:"For each unit; 0 where it is recorded and not paid."`
	MaxQuantity int64      `json:"max_quantity" doc:"The largest quantity of one action."`
	Weight      int64      `json:"weight,omitempty" default:"1" doc:"How much a unit adds to the day's quantity: what its evidence is worth."`
	Tiers       []tierBody `json:"tiers" doc:"What a day pays: each tier a share of the points up to a quantity; nothing above the last."`
	CoolDown    int64      `json:"cool_down_minutes,omitempty" doc:"The day is cut into stretches of so many minutes; each counts up to max_quantity."`
	Source      string     `json:"source" doc:"Where the points come from, published beside them."`
}

type tierBody struct {
	UpTo    int64 `json:"up_to"`
	Percent int64 `json:"percent"`
}

type ruleSetView struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Note      string     `json:"note" doc:"What is different and why."`
	State     string     `json:"state" enum:"draft,announced,in_force,past"`
	Season    string     `json:"season,omitempty" doc:"The first season that it decides; absent of a draft, and of the rules a campaign begins with."`
	From      string     `json:"from,omitempty" doc:"Its first day, by each person's calendar."`
	CreatedAt *Time      `json:"created_at,omitempty"`
	Published *Time      `json:"published_at,omitempty"`
	Kinds     []kindBody `json:"kinds"`
}

type ruleSetsInput struct {
	Scope
	Drafts bool   `query:"drafts" doc:"Staff: the newest rule sets, drafts among them, a page at a time. Else what is in force, was and will be."`
	Cursor string `query:"cursor" maxLength:"1024"`
}

type ruleSetsAnswer struct {
	RuleSets []ruleSetView `json:"rule_sets" doc:"Newest first."`
	Next     string        `json:"next_cursor"`
}

type ruleSetInput struct {
	Scope
	ID string `path:"id" maxLength:"64"`
}

type newRuleSetInput struct {
	Created
	Body struct {
		Name  string     `json:"name" maxLength:"80"`
		Note  string     `json:"note,omitempty" maxLength:"2000"`
		Kinds []kindBody `json:"kinds" minItems:"1" maxItems:"64"`
	}
}

type seasonOfRules struct {
	Season string `json:"season,omitempty" maxLength:"16" example:"2026-w47"`
}

type previewInput struct {
	Scope
	ID   string        `path:"id" maxLength:"64"`
	Body seasonOfRules `doc:"The season to replay; absent: the last that has ended."`
}

type publishInput struct {
	Scope
	ID   string        `path:"id" maxLength:"64"`
	Body seasonOfRules `doc:"The season to take force with; absent: the first that is 72 hours away."`
}

// changeView is points and ranks under the rules there were and under the draft.
type changeView struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Before     int64  `json:"before"`
	After      int64  `json:"after"`
	RankBefore int    `json:"rank_before"`
	RankAfter  int    `json:"rank_after"`
}

type kindChangeView struct {
	Name     string `json:"name"`
	Quantity int64  `json:"quantity"`
	Before   int64  `json:"before"`
	After    int64  `json:"after"`
}

type swapView struct {
	Ahead  namedView `json:"ahead" doc:"Was ahead, and would be behind."`
	Behind namedView `json:"behind"`
}

type quantileView struct {
	People float64 `json:"people" doc:"Part of all people who have this or less."`
	Value  float64 `json:"value"`
}

type previewAnswer struct {
	RuleSet   string           `json:"rule_set"`
	Season    string           `json:"season"`
	People    int              `json:"people" doc:"Who acted in the season."`
	Up        int              `json:"up" doc:"People with more points than they had."`
	Down      int              `json:"down"`
	Same      int              `json:"same"`
	Before    int64            `json:"before" doc:"Points of all."`
	After     int64            `json:"after"`
	Shares    []quantileView   `json:"shares" doc:"Points a person would have, over those they had."`
	Moved     []quantileView   `json:"moved" doc:"Ranks a person would go up on the board of all; negative: down."`
	Kinds     []kindChangeView `json:"kinds"`
	Risers    []changeView     `json:"risers" doc:"Who goes up most; under a pseudonym unless they chose otherwise, and nobody who is hidden."`
	Fallers   []changeView     `json:"fallers"`
	Regions   []changeView     `json:"regions" doc:"Ranks among the regions with the same parent."`
	Teams     []changeView     `json:"teams"`
	Swaps     []swapView       `json:"swaps" doc:"Regions of which one overtakes the other; 100 at most."`
	SwapCount int              `json:"swap_count"`
}

func (a *API) rules() {
	add(a, call{method: http.MethodGet, path: "/rule-sets", id: "list-rule-sets", tag: "compare", summary: "What actions are worth, and why", allow: viewers, class: lists}, a.listRuleSets)
	add(a, call{method: http.MethodGet, path: "/rule-sets/{id}", id: "get-rule-set", tag: "compare", summary: "One rule set; drafts are staff's", allow: viewers, class: lists}, a.getRuleSet)
	add(a, call{method: http.MethodPost, path: "/rule-sets", id: "post-rule-set", tag: "HQ", summary: "Draft a rule set", status: http.StatusCreated, allow: managers, class: boards,
		description: "It decides nothing. A draft never changes: another table is another draft."}, a.postRuleSet)
	add(a, call{method: http.MethodPost, path: "/rule-sets/{id}/preview", id: "preview-rule-set", tag: "HQ", summary: "Replay a season under a rule set", allow: staff, class: lists,
		description: "Who would have gained and who lost. Nothing changes."}, a.previewRuleSet)
	add(a, call{method: http.MethodPost, path: "/rule-sets/{id}/publish", id: "publish-rule-set", tag: "HQ", summary: "Announce a rule set; it takes force with a season", allow: admins, class: acts,
		description: "The season begins 72 hours from now or later. Everybody is told through the feed news. Seasons before it keep their rules."}, a.publishRuleSet)
}

// rulesShown is what a rule set's state is told by.
type rulesShown struct {
	published []points.Publication // by From
	now       int                  // index of the one in force, -1 for the first rules
}

func (a *API) rulesShown(ctx context.Context, campaignID string) (*rulesShown, error) {
	published, err := a.parts.Points.Published(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	calendar, err := a.calendar(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	today := a.parts.Clock.Now().In(calendar.Location()).Format(time.DateOnly)
	ahead := slices.IndexFunc(published, func(p points.Publication) bool { return p.From > today })
	if ahead < 0 {
		ahead = len(published)
	}
	return &rulesShown{published, ahead - 1}, nil
}

// view shows an edition where it stands in the list of what was published; at -1
// it is the first rules before any of them, or a draft.
func (s *rulesShown) view(e *points.Edition, at int) ruleSetView {
	v := ruleSetView{ID: e.ID, Name: e.Name, Note: e.Note, CreatedAt: timePtr(e.CreatedAt), Kinds: make([]kindBody, len(e.Rules.Kinds))}
	for i, k := range e.Rules.Kinds {
		v.Kinds[i] = kindBody{Name: k.Name, Unit: k.Unit, Points: k.Points, MaxQuantity: k.MaxQuantity, Weight: k.Weight, CoolDown: k.CoolDown, Source: k.Source}
		for _, t := range k.Tiers {
			v.Kinds[i].Tiers = append(v.Kinds[i].Tiers, tierBody{t.UpTo, t.Percent})
		}
	}
	if at >= 0 {
		p := s.published[at]
		v.Season, v.From, v.Published = p.Season, p.From, timePtr(p.PublishedAt)
	}
	switch {
	case at < 0 && e.ID != points.FirstRules:
		v.State = "draft"
	case at == s.now:
		v.State = "in_force"
	case at > s.now:
		v.State = "announced"
	default:
		v.State = "past"
	}
	return v
}

// last is where an edition was published last, -1 if nowhere.
func (s *rulesShown) last(id string) int {
	for i := len(s.published) - 1; i >= 0; i-- {
		if s.published[i].Edition == id {
			return i
		}
	}
	return -1
}

func (a *API) listRuleSets(ctx context.Context, in *ruleSetsInput) (*body[ruleSetsAnswer], error) {
	shown, err := a.rulesShown(ctx, in.Campaign)
	if err != nil {
		return nil, err
	}
	answer := ruleSetsAnswer{RuleSets: []ruleSetView{}}
	if in.Drafts {
		if !isHQ(callerOf(ctx)) {
			return nil, errs.New(errs.Forbidden, "role_required", "Drafts are for staff. Leave drafts out to see the rules.")
		}
		page, err := a.parts.Points.RuleSets(ctx, in.Campaign, in.Cursor, 20)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Items {
			answer.RuleSets = append(answer.RuleSets, shown.view(e, shown.last(e.ID)))
		}
		answer.Next = page.Next
		return &body[ruleSetsAnswer]{Body: answer}, nil
	}
	for at := len(shown.published) - 1; at >= -1; at-- {
		id := points.FirstRules
		if at >= 0 {
			id = shown.published[at].Edition
		}
		e, err := a.parts.Points.RuleSet(ctx, in.Campaign, id)
		if err != nil {
			return nil, err
		}
		answer.RuleSets = append(answer.RuleSets, shown.view(e, at))
	}
	return &body[ruleSetsAnswer]{Body: answer}, nil
}

func (a *API) getRuleSet(ctx context.Context, in *ruleSetInput) (*body[ruleSetView], error) {
	e, err := a.parts.Points.RuleSet(ctx, in.Campaign, in.ID)
	if err != nil {
		return nil, err
	}
	shown, err := a.rulesShown(ctx, in.Campaign)
	if err != nil {
		return nil, err
	}
	v := shown.view(e, shown.last(e.ID))
	if v.State == "draft" && !isHQ(callerOf(ctx)) {
		return nil, errs.New(errs.NotFound, "rule_set_unknown", "There is no such rule set in this campaign.")
	}
	return &body[ruleSetView]{Body: v}, nil
}

func (a *API) postRuleSet(ctx context.Context, in *newRuleSetInput) (*body[ruleSetView], error) {
	r := points.RuleSetRequest{Name: in.Body.Name, Note: in.Body.Note, Author: callerOf(ctx).Person, Key: in.Key}
	for _, k := range in.Body.Kinds {
		kind := points.Kind{Name: k.Name, Unit: k.Unit, Points: k.Points, MaxQuantity: k.MaxQuantity, Weight: k.Weight, CoolDown: k.CoolDown, Source: k.Source}
		for _, t := range k.Tiers {
			kind.Tiers = append(kind.Tiers, points.Tier{UpTo: t.UpTo, Percent: t.Percent})
		}
		r.Kinds = append(r.Kinds, kind)
	}
	e, err := a.parts.Points.NewRuleSet(ctx, in.Campaign, r)
	if err != nil {
		return nil, err
	}
	return &body[ruleSetView]{Body: (&rulesShown{}).view(e, -1)}, nil
}

func (a *API) publishRuleSet(ctx context.Context, in *publishInput) (*body[ruleSetView], error) {
	if _, err := a.parts.Points.Publish(ctx, in.Campaign, in.ID, in.Body.Season, callerOf(ctx).Person); err != nil {
		return nil, err
	}
	return a.getRuleSet(ctx, &ruleSetInput{in.Scope, in.ID})
}

// calendar is the campaign's.
func (a *API) calendar(ctx context.Context, campaignID string) (season.Calendar, error) {
	c, err := a.parts.Campaigns.Get(ctx, campaignID)
	if err != nil {
		return season.Calendar{}, err
	}
	return a.calendarOf(c)
}

func (a *API) calendarOf(c *campaign.Campaign) (season.Calendar, error) {
	zone, err := a.parts.Campaigns.Location(c.TimeZone)
	return season.Calendar{Zone: zone, Weeks: c.SeasonWeeks}, err
}

func (a *API) previewRuleSet(ctx context.Context, in *previewInput) (*body[previewAnswer], error) {
	tree, err := a.parts.Campaigns.Tree(ctx, in.Campaign)
	if err != nil {
		return nil, err
	}
	replay := in.Body.Season
	if replay == "" {
		calendar, err := a.calendar(ctx, in.Campaign)
		if err != nil {
			return nil, err
		}
		replay = calendar.Of(calendar.Of(a.parts.Clock.Now()).Start.Add(-time.Millisecond)).ID
	}
	p, err := a.parts.Points.Preview(ctx, in.Campaign, in.ID, replay, func(leaf string) []points.Within {
		var path []points.Within
		region, ok := tree.Region(leaf)
		if !ok {
			return nil // it was taken out of the tree
		}
		parent := ""
		for _, id := range region.Within { // root first
			path = append(path, points.Within{Region: id, Parent: parent})
			parent = id
		}
		return path
	})
	if err != nil {
		return nil, err
	}
	return a.previewView(ctx, in.Campaign, tree, p)
}

func (a *API) previewView(ctx context.Context, campaignID string, tree *campaign.Tree, p *points.Preview) (*body[previewAnswer], error) {
	answer := previewAnswer{
		RuleSet: p.RuleSet, Season: p.Season, People: p.People, Up: p.Up, Down: p.Down, Same: p.Same, Before: p.Before, After: p.After,
		Shares: quantileViews(p.Shares), Moved: quantileViews(p.Moved), Kinds: make([]kindChangeView, len(p.Kinds)),
		Regions: make([]changeView, len(p.Regions)), Swaps: make([]swapView, len(p.Swaps)), SwapCount: p.SwapCount,
	}
	for i, k := range p.Kinds {
		answer.Kinds[i] = kindChangeView(k)
	}
	for i, r := range p.Regions {
		answer.Regions[i] = changeView{r.ID, named(tree, r.ID).Name, r.Before, r.After, r.RankBefore, r.RankAfter}
	}
	for i, s := range p.Swaps {
		answer.Swaps[i] = swapView{*named(tree, s.Ahead), *named(tree, s.Behind)}
	}
	var err error
	if answer.Risers, err = a.movers(ctx, campaignID, p.Risers); err != nil {
		return nil, err
	}
	if answer.Fallers, err = a.movers(ctx, campaignID, p.Fallers); err != nil {
		return nil, err
	}
	ids := make([]string, len(p.Teams))
	for i, t := range p.Teams {
		ids[i] = t.ID
	}
	teams, err := a.parts.Campaigns.TeamNames(ctx, campaignID, ids)
	if err != nil {
		return nil, err
	}
	answer.Teams = make([]changeView, len(p.Teams))
	for i, t := range p.Teams {
		answer.Teams[i] = changeView{t.ID, teams[t.ID], t.Before, t.After, t.RankBefore, t.RankAfter}
	}
	return &body[previewAnswer]{Body: answer}, nil
}

func quantileViews(values []float64) []quantileView {
	out := make([]quantileView, len(values))
	for i, v := range values {
		out[i] = quantileView{points.Quantiles[i], v}
	}
	return out
}

func (a *API) movers(ctx context.Context, campaignID string, movers []points.Mover) ([]changeView, error) {
	ids := make([]string, len(movers))
	for i, m := range movers {
		ids[i] = m.Account
	}
	names, err := a.parts.People.Names(ctx, campaignID, ids)
	if err != nil {
		return nil, err
	}
	out := make([]changeView, len(movers))
	for i, m := range movers {
		out[i] = changeView{m.Account, names[m.Account], m.Before, m.After, m.RankBefore, m.RankAfter}
	}
	return out, nil
}
