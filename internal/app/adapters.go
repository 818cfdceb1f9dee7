package app

import (
	"context"
	"fmt"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/leaderboard"
	"github.com/musterhq/muster/store"
)

// regions finds a region for the tasks.
type regions struct{ campaigns *campaign.Service }

// Region implements task.Regions.
func (r regions) Region(ctx context.Context, campaignID, id string) (*campaign.Region, error) {
	tree, err := r.campaigns.Tree(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	region, ok := tree.Region(id)
	if !ok {
		return nil, errs.New(errs.NotFound, "region_unknown", "There is no such region in this campaign.")
	}
	return region, nil
}

// names gives boards the names that units are shown under.
type names struct {
	campaigns *campaign.Service
	people    *people.Service
}

// Names implements leaderboard.Namer.
func (n names) Names(ctx context.Context, campaignID string, unit leaderboard.Unit, ids []string) (map[string]string, error) {
	switch unit {
	case leaderboard.People:
		return n.people.Names(ctx, campaignID, ids)
	case leaderboard.Teams:
		return n.campaigns.TeamNames(ctx, campaignID, ids)
	}
	tree, err := n.campaigns.Tree(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	found := make(map[string]string, len(ids))
	for _, id := range ids {
		if region, ok := tree.Region(id); ok {
			found[id] = region.Name
		}
	}
	return found, nil
}

// calendar is the campaign's, for the ledger.
func (a *App) calendar(ctx context.Context, campaignID string) (points.Calendar, error) {
	c, err := a.Campaigns.Get(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	return calendarOf(a.Campaigns, c)
}

func calendarOf(campaigns *campaign.Service, c *campaign.Campaign) (season.Calendar, error) {
	zone, err := campaigns.Location(c.TimeZone)
	if err != nil {
		return season.Calendar{}, fmt.Errorf("campaign %s: %w", c.ID, err)
	}
	return season.Calendar{Zone: zone, Weeks: c.SeasonWeeks}, nil
}

// join carries out people.EffectJoin: the person's first posting.
func (a *App) join(ctx context.Context, campaignID string, e store.Effect) error {
	member := points.Member{Account: e.Data["account"], Team: e.Data["team"], Region: e.Data["region"], TimeZone: e.Data["time_zone"], Hidden: e.Data["off_boards"] == "true"}
	posting, err := a.Points.Join(ctx, campaignID, member)
	if err != nil {
		return err
	}
	return a.Boards.Apply(ctx, campaignID, []*points.Posting{posting})
}

// hide carries out people.EffectHide: the ledger follows the person's document.
func (a *App) hide(ctx context.Context, campaignID string, e store.Effect) error {
	person, err := a.People.Person(ctx, campaignID, e.Data["person"])
	if errs.KindOf(err) == errs.NotFound {
		return nil
	}
	if err != nil || person.Team == "" {
		return err
	}
	member := points.Member{Account: person.Account, Team: person.Team, Region: person.Region, TimeZone: person.TimeZone}
	posting, err := a.Points.Hide(ctx, campaignID, member, person.OffBoards(a.clock.Now()))
	if err != nil {
		return err
	}
	return a.Boards.Apply(ctx, campaignID, []*points.Posting{posting})
}
