package api

import (
	"cmp"
	"context"
	"net/http"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
)

type regionView struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Parent string  `json:"parent" doc:"Empty for the root."`
	Level  int     `json:"level" doc:"0 for the root."`
	Leaf   bool    `json:"leaf" doc:"Leaves hold people and teams."`
	Lat    float64 `json:"lat,omitempty"`
	Lon    float64 `json:"lon,omitempty"`
}

func regionViewOf(r *campaign.Region) regionView {
	return regionView{ID: r.ID, Name: r.Name, Parent: r.Parent, Level: r.Level, Leaf: r.Leaf, Lat: r.Lat, Lon: r.Lon}
}

type regionsInput struct {
	Scope
	Parent string `query:"parent" maxLength:"200" doc:"Absent: the root alone."`
}

type regionsAnswer struct {
	Regions []regionView `json:"regions" doc:"Ordered by name."`
}

type regionInput struct {
	Scope
	ID string `path:"id" maxLength:"200"`
}

type regionAnswer struct {
	regionView
	Within   []namedView  `json:"within" doc:"The regions that hold it, root first."`
	Children []regionView `json:"children"`
}

type teamsInput struct {
	Scope
	Paging
	Region string `query:"region" maxLength:"200" doc:"Teams of this region and below; absent: all."`
}

type teamView struct {
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	Region namedView `json:"region"`
}

type teamsAnswer struct {
	Teams []teamView `json:"teams"`
	Next  string     `json:"next_cursor"`
}

func (a *API) regions() {
	add(a, call{method: http.MethodGet, path: "/regions", id: "list-regions", tag: "compare", summary: "The regions below one", allow: viewers, class: lists}, a.listRegions)
	add(a, call{method: http.MethodGet, path: "/regions/{id}", id: "get-region", tag: "compare", summary: "One region", allow: viewers, class: boards}, a.getRegion)
	add(a, call{method: http.MethodGet, path: "/teams", id: "list-teams", tag: "compare", summary: "Teams", allow: viewers, class: lists}, a.listTeams)
}

func (a *API) listRegions(ctx context.Context, in *regionsInput) (*body[regionsAnswer], error) {
	tree, err := a.parts.Campaigns.Tree(ctx, in.Campaign)
	if err != nil {
		return nil, err
	}
	regions := []*campaign.Region{tree.Root()}
	if in.Parent != "" {
		if _, ok := tree.Region(in.Parent); !ok {
			return nil, regionUnknown()
		}
		regions = tree.Children(in.Parent)
	}
	return &body[regionsAnswer]{Body: regionsAnswer{Regions: regionViews(regions)}}, nil
}

func regionViews(regions []*campaign.Region) []regionView {
	views := make([]regionView, len(regions))
	for i, r := range regions {
		views[i] = regionViewOf(r)
	}
	return views
}

func (a *API) getRegion(ctx context.Context, in *regionInput) (*body[regionAnswer], error) {
	tree, err := a.parts.Campaigns.Tree(ctx, in.Campaign)
	if err != nil {
		return nil, err
	}
	region, ok := tree.Region(in.ID)
	if !ok {
		return nil, regionUnknown()
	}
	answer := regionAnswer{regionView: regionViewOf(region), Children: regionViews(tree.Children(in.ID))}
	for _, id := range region.Within {
		answer.Within = append(answer.Within, *named(tree, id))
	}
	return &body[regionAnswer]{Body: answer}, nil
}

func regionUnknown() error {
	return errs.New(errs.NotFound, "region_unknown", "There is no such region in this campaign.")
}

func (a *API) listTeams(ctx context.Context, in *teamsInput) (*body[teamsAnswer], error) {
	tree, err := a.parts.Campaigns.Tree(ctx, in.Campaign)
	if err != nil {
		return nil, err
	}
	region := cmp.Or(in.Region, tree.Root().ID)
	if _, ok := tree.Region(region); !ok {
		return nil, regionUnknown()
	}
	teams, next, err := a.parts.Campaigns.Teams(ctx, in.Campaign, region, in.Cursor, cmp.Or(in.Limit, 50))
	if err != nil {
		return nil, err
	}
	answer := teamsAnswer{Teams: make([]teamView, len(teams)), Next: next}
	for i, t := range teams {
		answer.Teams[i] = teamView{ID: t.ID, Name: t.Name, Region: *named(tree, t.Region)}
	}
	return &body[teamsAnswer]{Body: answer}, nil
}
