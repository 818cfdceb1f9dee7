package api

import (
	"context"

	"github.com/musterhq/muster/domain/task"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/leaderboard"
)

// unitView is where the caller's team or one of the caller's regions stands.
type unitView struct {
	Board string   `json:"board"`
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Rank  *int     `json:"rank"`
	Of    int      `json:"of"`
	Sum   int64    `json:"sum"`
	Fair  *float64 `json:"fair"`
	// League is null where fair is.
	League *leagueView `json:"league"`
}

type dashboardAnswer struct {
	Me       *meView      `json:"me"`
	Season   string       `json:"season"`
	Standing standingView `json:"standing"`
	Units    []unitView   `json:"units" doc:"Your team, then your regions from the largest."`
	Duel     *duelView    `json:"duel" doc:"The duel your region is in; null without one."`
	Tasks    []*taskView  `json:"tasks" doc:"Those you hold, then some that are open to you."`
	Unread   int          `json:"unread_briefings"`
}

// dashboardTasks is how many open tasks the home screen offers.
const dashboardTasks = 5

func (a *API) dashboard(ctx context.Context, in *Scope) (*body[dashboardAnswer], error) {
	person, err := a.self(ctx)
	if err != nil {
		return nil, err
	}
	answer := dashboardAnswer{Units: []unitView{}, Tasks: []*taskView{}}
	if answer.Me, err = a.meView(ctx, person); err != nil {
		return nil, err
	}
	posting, err := a.parts.Points.Last(ctx, in.Campaign, person.Account)
	if err != nil {
		return nil, err
	}
	answer.Standing = a.standing(ctx, person, posting, false)
	if answer.Unread, err = a.parts.Briefings.Unread(ctx, in.Campaign, person.ID, callerOf(ctx)); err != nil {
		return nil, err
	}
	if person.Region == "" {
		return &body[dashboardAnswer]{Body: answer}, nil
	}
	if err := a.dashboardUnits(ctx, person.Team, person.Region, &answer); err != nil {
		return nil, err
	}
	if err := a.dashboardDuel(ctx, person.Within, &answer); err != nil {
		return nil, err
	}
	if err := a.dashboardTasks(ctx, person.Region, &answer); err != nil {
		return nil, err
	}
	return &body[dashboardAnswer]{Body: answer}, nil
}

func (a *API) dashboardUnits(ctx context.Context, team, region string, answer *dashboardAnswer) error {
	caller := callerOf(ctx)
	standing, err := a.parts.Boards.Standing(ctx, caller.Campaign, leaderboard.StandingRequest{Account: caller.Account, Team: team, Region: region})
	if errs.KindOf(err) == errs.Unavailable {
		answer.Standing.Stale = true // the rest of the home screen does not wait for boards
		return nil
	}
	if err != nil {
		return err
	}
	answer.Season = standing.Season
	tree, err := a.parts.Campaigns.Tree(ctx, caller.Campaign)
	if err != nil {
		return err
	}
	for _, u := range standing.Units {
		view := unitView{Board: u.Board, ID: u.ID, Name: answer.Me.Team.Name, Rank: rankOf(u.Rank), Of: u.Of, Sum: u.Sum, Fair: fairOf(u.Fair), League: leagueOf(u.Fair)}
		if u.ID != team {
			view.Name = named(tree, u.ID).Name
		}
		answer.Units = append(answer.Units, view)
	}
	return nil
}

// dashboardDuel finds the duel of the largest of the person's regions below the
// root.
func (a *API) dashboardDuel(ctx context.Context, within []string, answer *dashboardAnswer) error {
	if len(within) < 2 {
		return nil
	}
	duels, err := a.duelsBelow(ctx, callerOf(ctx).Campaign, within[0], "")
	if errs.KindOf(err) == errs.Unavailable {
		return nil
	}
	if err != nil {
		return err
	}
	for _, d := range duels.Duels {
		if d.Left.ID == within[1] || d.Right.ID == within[1] {
			answer.Duel = &d
		}
	}
	return nil
}

func (a *API) dashboardTasks(ctx context.Context, region string, answer *dashboardAnswer) error {
	caller := callerOf(ctx)
	tree, err := a.parts.Campaigns.Tree(ctx, caller.Campaign)
	if err != nil {
		return err
	}
	held, err := a.parts.Tasks.Mine(ctx, caller.Campaign, caller.Account)
	if err != nil {
		return err
	}
	open, err := a.parts.Tasks.List(ctx, caller.Campaign, task.ListRequest{Region: region, Account: caller.Account, Limit: dashboardTasks})
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, offer := range append(held, open.Offers...) {
		if !seen[offer.ID] {
			seen[offer.ID] = true
			answer.Tasks = append(answer.Tasks, a.taskView(tree, offer))
		}
	}
	return nil
}
