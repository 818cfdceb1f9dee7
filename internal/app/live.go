package app

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/leaderboard"
	"github.com/musterhq/muster/realtime"
	"github.com/musterhq/muster/store"
)

// newHub makes the node's live feeds.
func (a *App) newHub(origins []string) (*realtime.Hub, error) {
	live := live{people: a.People, campaigns: a.Campaigns, points: a.Points, boards: a.Boards, clock: a.clock}
	return realtime.New(realtime.Options{
		Feeds: a.feeds, Authenticator: live, Authorizer: live, Boards: live, Me: live, Clock: a.clock, Log: a.log, Origins: origins,
	})
}

// publish carries out effects of the kind "feed": an event of a log feed.
func (a *App) publish(ctx context.Context, campaignID string, e store.Effect) error {
	feed, err := realtime.ParseFeed(e.Data["feed"])
	if err != nil {
		return err
	}
	_, err = a.feeds.Publish(ctx, campaignID, feed, realtime.Event{ID: e.ID, Name: e.Data["type"], Data: json.RawMessage(e.Data["json"])})
	return err
}

// publishBelow carries out effects of the kind goal.EffectRegionFeed: an event of the
// feeds of all teams of a region and below.
func (a *App) publishBelow(ctx context.Context, campaignID string, e store.Effect) error {
	for cursor := ""; ; {
		teams, next, err := a.Campaigns.Teams(ctx, campaignID, e.Data["region"], cursor, store.MaxPage)
		if err != nil {
			return err
		}
		for _, team := range teams {
			event := store.Effect{ID: e.ID, Data: map[string]string{"feed": "team:" + team.ID, "type": e.Data["type"], "json": e.Data["json"]}}
			if err := a.publish(ctx, campaignID, event); err != nil {
				return err
			}
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
}

// live is what the hub asks of the house.
type live struct {
	people    *people.Service
	campaigns *campaign.Service
	points    *points.Service
	boards    *leaderboard.Boards
	clock     clock.Clock
}

// Authenticate implements realtime.Authenticator.
func (l live) Authenticate(ctx context.Context, campaignID, token string) (realtime.Session, error) {
	id, err := l.people.AuthenticateAnew(ctx, token) // the answer is believed until the next recheck
	if err != nil {
		return realtime.Session{}, err
	}
	if id.Campaign != campaignID {
		return realtime.Session{}, errs.New(errs.NotFound, "campaign_unknown", "There is no such campaign.")
	}
	session := realtime.Session{Subject: id.Person, Account: id.Account, Grants: id.Grants, Expires: id.Expires}
	if session.Subject == "" {
		session.Subject = "token/" + id.Token
	}
	return session, nil
}

func has(s realtime.Session, roles ...campaign.Role) bool {
	return slices.ContainsFunc(s.Grants, func(g campaign.Grant) bool { return slices.Contains(roles, g.Role) })
}

func leads(s realtime.Session, region string, roles ...campaign.Role) bool {
	return slices.ContainsFunc(s.Grants, func(g campaign.Grant) bool {
		return slices.Contains(roles, g.Role) && campaign.Covers(g.Region, region)
	})
}

// May implements realtime.Authorizer: teams' and regions' boards are everybody's,
// people's are not for wall screens; the tasks of a region are for its leads and
// screens, and for the people who live in it; the news of a team are for its members
// and whoever leads it.
func (l live) May(ctx context.Context, campaignID string, s realtime.Session, feed realtime.Feed) error {
	forbidden := errs.New(errs.Forbidden, "forbidden", "Your role does not show this feed.")
	switch feed.Kind {
	case realtime.Boards:
		unit, _ := feed.Board()
		if unit == string(leaderboard.People) && s.Account == "" && has(s, campaign.Display) {
			return forbidden
		}
		return nil
	case realtime.News, realtime.Duels:
		return nil // they concern everybody, and name nobody
	case realtime.Me:
		if s.Account == "" {
			return forbidden
		}
		return nil
	case realtime.Briefings:
		// Its events tell only of what every supporter may read.
		if s.Account == "" && !has(s, campaign.Staff, campaign.Admin) {
			return forbidden
		}
		return nil
	case realtime.Tasks:
		return l.mayTasks(ctx, campaignID, s, feed.Arg)
	case realtime.Team:
		return l.mayTeam(ctx, campaignID, s, feed.Arg)
	}
	return errs.New(errs.NotFound, "unknown_feed", "There is no such feed in this campaign yet.")
}

func (l live) mayTasks(ctx context.Context, campaignID string, s realtime.Session, region string) error {
	tree, err := l.campaigns.Tree(ctx, campaignID)
	if err != nil {
		return err
	}
	if _, ok := tree.Region(region); !ok {
		return errs.New(errs.NotFound, "unknown_feed", "There is no such region in this campaign.")
	}
	if has(s, campaign.Staff, campaign.Admin) || leads(s, region, campaign.Lead, campaign.Display) {
		return nil
	}
	if s.Account != "" {
		person, err := l.people.Person(ctx, campaignID, s.Subject)
		if err != nil {
			return err
		}
		if slices.Contains(person.Within, region) {
			return nil
		}
	}
	return errs.New(errs.Forbidden, "forbidden", "You may watch the tasks of your own regions.")
}

func (l live) mayTeam(ctx context.Context, campaignID string, s realtime.Session, id string) error {
	team, err := l.campaigns.Team(ctx, campaignID, id)
	if errs.KindOf(err) == errs.NotFound {
		return errs.New(errs.NotFound, "unknown_feed", "There is no such team in this campaign.")
	}
	if err != nil {
		return err
	}
	if has(s, campaign.Staff, campaign.Admin) || leads(s, team.Region, campaign.Lead) {
		return nil
	}
	if s.Account != "" {
		person, err := l.people.Person(ctx, campaignID, s.Subject)
		if err != nil {
			return err
		}
		if person.Team == id {
			return nil
		}
	}
	return errs.New(errs.Forbidden, "forbidden", "The news of a team are for its members.")
}

// Versions implements realtime.BoardSource. Boards of one window are asked for
// together.
func (l live) Versions(ctx context.Context, campaignID string, boards []realtime.BoardRef) ([]int64, error) {
	versions := make([]int64, len(boards))
	byWindow := map[string][]int{}
	for i, ref := range boards {
		byWindow[ref.Window] = append(byWindow[ref.Window], i)
	}
	for window, positions := range byWindow {
		ids := make([]string, len(positions))
		for n, i := range positions {
			ids[n] = boards[i].Board
		}
		found, err := l.boards.Versions(ctx, campaignID, window, ids)
		if err != nil {
			return nil, err
		}
		for n, i := range positions {
			versions[i] = versionOf(found[n])
		}
	}
	return versions, nil
}

// versionOf makes one number of a version: equal numbers of two generations are
// not the same board. 0 is kept for "not known".
func versionOf(v leaderboard.Version) int64 {
	if v.Generation == "" {
		return 0
	}
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%s %d", v.Generation, v.Number)
	return max(int64(sum.Sum64()>>1), 1)
}

// Page implements realtime.BoardSource.
func (l live) Page(ctx context.Context, campaignID string, ref realtime.BoardRef, limit int) (realtime.Board, error) {
	page, err := l.boards.Page(ctx, campaignID, leaderboard.PageRequest{Board: ref.Board, Window: ref.Window, Limit: limit})
	if err != nil {
		return realtime.Board{}, err
	}
	board, err := leaderboard.ParseBoard(page.Board)
	if err != nil {
		return realtime.Board{}, err
	}
	out := realtime.Board{
		Board: page.Board, Unit: string(board.Unit), Scope: board.Scope, Window: page.Window, Stale: page.Stale, Total: page.Total,
		UpdatedAt: realtime.Instant{Time: l.clock.Now()}, Rows: make([]realtime.Row, len(page.Rows)),
	}
	for i, row := range page.Rows {
		out.Rows[i] = realtime.Row{ID: row.ID, Name: row.Name, Sum: row.Sum}
		if f := row.Fair; f != nil {
			out.Rows[i].Fair = &f.Value
			out.Rows[i].League = &realtime.League{
				Number: f.League, Division: f.Division, Divisions: f.Divisions, Rank: f.Rank, Of: f.Of, Band: f.Band,
				Low: f.Low, High: f.High, Members: f.Members, Goes: f.Goes(),
			}
		}
		if row.Rank > 0 {
			out.Rows[i].Rank = &row.Rank
		}
	}
	return out, nil
}

// meState is the content of a person's own feed.
type meState struct {
	Total  int64         `json:"total"`
	Rank   *int          `json:"rank"`
	Next   *meNext       `json:"next"`
	Streak points.Streak `json:"streak"`
	Stale  bool          `json:"stale"`
}

type meNext struct {
	Rank int   `json:"rank"`
	Gap  int64 `json:"gap"`
}

// Me implements realtime.MeSource.
func (l live) Me(ctx context.Context, campaignID, account string) (json.RawMessage, error) {
	posting, err := l.points.Last(ctx, campaignID, account)
	if err != nil {
		return nil, err
	}
	var state meState
	if posting != nil {
		c, err := l.campaigns.Get(ctx, campaignID)
		if err != nil {
			return nil, err
		}
		calendar, err := calendarOf(l.campaigns, c)
		if err != nil {
			return nil, err
		}
		state.Total, state.Streak = posting.State.Total(), posting.State.StreakAt(l.clock.Now(), calendar.Location())
	}
	standing, err := l.boards.Standing(ctx, campaignID, leaderboard.StandingRequest{Account: account})
	if err != nil {
		return nil, err
	}
	state.Stale = standing.Stale
	if standing.Person.Rank > 0 {
		state.Rank = &standing.Person.Rank
	}
	if next := standing.Person.Next; next != nil {
		state.Next = &meNext{Rank: next.Rank, Gap: next.Gap}
	}
	return json.Marshal(state)
}
