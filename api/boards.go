package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/leaderboard"
)

type boardInput struct {
	Scope
	Board  string `path:"board" maxLength:"300" doc:"people:all, people:REGION, people:TEAM, teams:all, teams:REGION or regions:REGION (its children)." example:"regions:it.liguria"`
	Window string `query:"window" maxLength:"16" doc:"season (the running one), all, or a season's id such as 2026-w47." default:"season"`
	Around string `query:"around" maxLength:"200" doc:"me: the page with you, or your team or region, in the middle; where you are not on the board, the first page."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" maxLength:"64"`
}

type rowView struct {
	Rank *int     `json:"rank" doc:"Competition rank (1, 2, 2, 4); null while the board is stale."`
	ID   string   `json:"id"`
	Name string   `json:"name" doc:"People are under a pseudonym unless they chose otherwise."`
	Sum  int64    `json:"sum"`
	Fair *float64 `json:"fair" doc:"Points a member, drawn to the mean of its league where members are few; null for people and for units too small to compare."`
	// League is null where fair is.
	League *leagueView `json:"league" doc:"Its place among units of its size; null where fair is."`
	Me     bool        `json:"me,omitempty" doc:"You, your team or your region."`
}

type leagueView struct {
	Number    int     `json:"number" doc:"1 is the league of the largest units; the largest of a league has at most twice the members of the smallest."`
	Division  int     `json:"division" doc:"1 is the strongest of the league."`
	Divisions int     `json:"divisions"`
	Rank      int     `json:"rank" doc:"By the fair index, in the division (1, 2, 2, 4)."`
	Of        int     `json:"of"`
	Band      int     `json:"band" doc:"Units of one band cannot be told from its leader by what was done so far."`
	Low       float64 `json:"low" doc:"The 80 % interval of the fair index: its lower end,"`
	High      float64 `json:"high" doc:"and its upper end."`
	Members   int64   `json:"members" doc:"People it is measured by: those who were there when the season began, and joiners after a day."`
	Goes      int     `json:"goes" enum:"-1,0,1" doc:"Where the place leads at the season's end: -1 one division up, 1 one down."`
}

func leagueOf(f *leaderboard.Fair) *leagueView {
	if f == nil {
		return nil
	}
	return &leagueView{
		Number: f.League, Division: f.Division, Divisions: f.Divisions, Rank: f.Rank, Of: f.Of, Band: f.Band,
		Low: f.Low, High: f.High, Members: f.Members, Goes: f.Goes(),
	}
}

func fairOf(f *leaderboard.Fair) *float64 {
	if f == nil {
		return nil
	}
	return &f.Value
}

type boardAnswer struct {
	Board     string    `json:"board"`
	Unit      string    `json:"unit" enum:"people,teams,regions"`
	Scope     string    `json:"scope"`
	Window    string    `json:"window"`
	Stale     bool      `json:"stale" doc:"The board is catching up: no ranks."`
	Closed    bool      `json:"closed" doc:"The season is over; this never changes."`
	Total     int       `json:"total"`
	Rows      []rowView `json:"rows"`
	Next      string    `json:"next_cursor"`
	UpdatedAt Time      `json:"updated_at"`
}

type sideView struct {
	ID     string      `json:"id"`
	Name   string      `json:"name"`
	Sum    int64       `json:"sum"`
	Fair   *float64    `json:"fair"`
	League *leagueView `json:"league"`
	Score  float64     `json:"score" doc:"What the duel is decided by, see per_member."`
	Needs  int64       `json:"needs" doc:"Points it must make to take the lead while the other makes none; 0 for the one that leads."`
}

type duelView struct {
	ID     string   `json:"id"`
	Scope  string   `json:"scope" doc:"The region whose children fight it out."`
	Left   sideView `json:"left"`
	Right  sideView `json:"right"`
	Leader string   `json:"leader" enum:"left,right,tie"`
	// PerMember is false where a side is too small to compare.
	PerMember bool    `json:"per_member" doc:"Decided by points a member; by sums where a side is too small to compare."`
	Odds      float64 `json:"odds" doc:"How likely the left side ends ahead, as it looked when they were matched: 0 to 1."`
}

type duelsInput struct {
	Scope
	Region string `query:"region" maxLength:"200" doc:"Pair the children of this region; absent: of the root."`
	Window string `query:"window" maxLength:"16" doc:"season (the running one), or a season's id such as 2026-w47." default:"season"`
}

type duelsAnswer struct {
	Season string     `json:"season"`
	Final  bool       `json:"final" doc:"Pairs hold to the season's end."`
	Stale  bool       `json:"stale"`
	Duels  []duelView `json:"duels"`
}

type improvedInput struct {
	Scope
	Board  string `path:"board" maxLength:"300" doc:"people:all, people:REGION or people:TEAM." example:"people:all"`
	Window string `query:"window" maxLength:"16" doc:"season (the running one), or a season's id such as 2026-w47." default:"season"`
	Limit  int    `query:"limit" minimum:"1" maximum:"50" default:"5"`
}

type improvedAnswer struct {
	Board  string            `json:"board"`
	Window string            `json:"window"`
	Before string            `json:"before" doc:"The season that it is held against."`
	Stale  bool              `json:"stale" doc:"The boards are catching up: nobody is named."`
	Rows   []improvementView `json:"rows" doc:"Greatest gain first."`
}

type improvementView struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Sum    int64  `json:"sum"`
	Before int64  `json:"before" doc:"Points of the season before; more than none."`
	Gain   int64  `json:"gain"`
	Me     bool   `json:"me,omitempty"`
}

type leaguesInput struct {
	Scope
	Board  string `path:"board" maxLength:"300" doc:"teams:all, teams:REGION or regions:REGION (its children)." example:"teams:all"`
	Window string `query:"window" maxLength:"16" doc:"season (the running one), all, or a season's id such as 2026-w47." default:"season"`
}

type leaguesAnswer struct {
	Board   string           `json:"board"`
	Window  string           `json:"window"`
	Final   bool             `json:"final" doc:"Who is in which division holds to the season's end. Not so in its first 48 hours, while the season before takes late actions, and in a campaign's first season."`
	Stale   bool             `json:"stale" doc:"The boards are catching up: no leagues."`
	Closed  bool             `json:"closed" doc:"The season is over; this never changes."`
	Leagues []leagueRowsView `json:"leagues" doc:"The largest units first, and of a league the strongest division first."`
}

type leagueRowsView struct {
	Number    int       `json:"number"`
	Division  int       `json:"division"`
	Divisions int       `json:"divisions"`
	Smallest  int64     `json:"smallest" doc:"Members of the smallest unit,"`
	Largest   int64     `json:"largest" doc:"and of the largest."`
	Rows      []rowView `json:"rows" doc:"By the fair index; rank is that in the division."`
}

type seasonView struct {
	ID       string `json:"id"`
	StartsAt Time   `json:"starts_at"`
	EndsAt   Time   `json:"ends_at"`
	ClosesAt Time   `json:"closes_at" doc:"From here on it never changes."`
	State    string `json:"state" enum:"running,closing,closed"`
}

type seasonsAnswer struct {
	Seasons []seasonView `json:"seasons" doc:"Newest first."`
}

func (a *API) boards() {
	add(a, call{method: http.MethodGet, path: "/boards/{board}", id: "get-board", tag: "compare", summary: "A page of a board", allow: viewers, class: boards}, a.board)
	add(a, call{method: http.MethodGet, path: "/boards/{board}/improved", id: "get-improved", tag: "compare", summary: "Who gained most on the season before", allow: viewers, class: lists}, a.improved)
	add(a, call{method: http.MethodGet, path: "/leagues/{board}", id: "get-leagues", tag: "compare", summary: "The leagues of a board: units of like size, by the fair index", allow: viewers, class: boards}, a.leagues)
	add(a, call{method: http.MethodGet, path: "/duels", id: "list-duels", tag: "compare", summary: "The duels of the season", allow: viewers, class: boards}, a.duels)
	add(a, call{method: http.MethodGet, path: "/duels/{id}", id: "get-duel", tag: "compare", summary: "A duel and how it has gone so far", allow: viewers, class: boards}, a.duel)
	add(a, call{method: http.MethodGet, path: "/seasons", id: "list-seasons", tag: "compare", summary: "The seasons so far", allow: viewers, class: lists}, a.seasons)
}

func (a *API) board(ctx context.Context, in *boardInput) (*body[boardAnswer], error) {
	mine, err := a.mine(ctx, in.Board)
	if err != nil {
		return nil, err
	}
	if unit, _, _ := strings.Cut(in.Board, ":"); unit == string(leaderboard.People) && !callerOf(ctx).Has(campaign.Supporter) && callerOf(ctx).Has(campaign.Display) {
		return nil, aggregatesOnly()
	}
	request := leaderboard.PageRequest{Board: in.Board, Window: in.Window, Limit: in.Limit, Cursor: in.Cursor}
	switch in.Around {
	case "":
	case "me":
		request.Around = mine
	default:
		return nil, errs.New(errs.Invalid, "around_invalid", "around takes me only.")
	}
	page, err := a.parts.Boards.Page(ctx, in.Campaign, request)
	if err != nil {
		return nil, err
	}
	unit, scope, _ := strings.Cut(page.Board, ":")
	answer := boardAnswer{
		Board: page.Board, Unit: unit, Scope: scope, Window: page.Window, Stale: page.Stale, Closed: page.Closed,
		Total: page.Total, Rows: make([]rowView, len(page.Rows)), Next: page.Next, UpdatedAt: Time{a.parts.Clock.Now()},
	}
	for i, row := range page.Rows {
		answer.Rows[i] = rowViewOf(row, mine)
	}
	return &body[boardAnswer]{Body: answer}, nil
}

func (a *API) improved(ctx context.Context, in *improvedInput) (*body[improvedAnswer], error) {
	caller := callerOf(ctx)
	if !caller.Has(campaign.Supporter) && caller.Has(campaign.Display) {
		return nil, aggregatesOnly()
	}
	found, err := a.parts.Boards.Improved(ctx, in.Campaign, in.Board, in.Window, in.Limit)
	if err != nil {
		return nil, err
	}
	answer := improvedAnswer{Board: found.Board, Window: found.Window, Before: found.Before, Stale: found.Stale, Rows: make([]improvementView, len(found.Rows))}
	for i, r := range found.Rows {
		answer.Rows[i] = improvementView{ID: r.ID, Name: r.Name, Sum: r.Sum, Before: r.Before, Gain: r.Gain, Me: r.ID == caller.Account && caller.Person != ""}
	}
	return &body[improvedAnswer]{Body: answer}, nil
}

func aggregatesOnly() error {
	return errs.New(errs.Forbidden, "aggregates_only", "A wall screen shows teams and regions, not people.")
}

func (a *API) leagues(ctx context.Context, in *leaguesInput) (*body[leaguesAnswer], error) {
	mine, err := a.mine(ctx, in.Board)
	if err != nil {
		return nil, err
	}
	table, err := a.parts.Boards.Leagues(ctx, in.Campaign, in.Board, in.Window)
	if err != nil {
		return nil, err
	}
	answer := leaguesAnswer{Board: table.Board, Window: table.Window, Final: table.Final, Stale: table.Stale, Closed: table.Closed, Leagues: make([]leagueRowsView, len(table.Leagues))}
	for i, l := range table.Leagues {
		view := leagueRowsView{Number: l.League, Division: l.Division, Divisions: l.Divisions, Smallest: l.Smallest, Largest: l.Largest, Rows: make([]rowView, len(l.Rows))}
		for j, row := range l.Rows {
			view.Rows[j] = rowViewOf(row, mine)
		}
		answer.Leagues[i] = view
	}
	return &body[leaguesAnswer]{Body: answer}, nil
}

// rowViewOf shows a row to somebody who is mine on this board, "" for nobody.
func rowViewOf(row leaderboard.Row, mine string) rowView {
	return rowView{
		Rank: rankOf(row.Rank), ID: row.ID, Name: row.Name, Sum: row.Sum,
		Fair: fairOf(row.Fair), League: leagueOf(row.Fair), Me: mine != "" && row.ID == mine,
	}
}

func rankOf(rank int) *int {
	if rank == 0 {
		return nil
	}
	return &rank
}

// mine is the caller's own member of a board: the account, the team, or the
// region that is a child of the board's; "" where the caller has none.
func (a *API) mine(ctx context.Context, id string) (string, error) {
	board, err := leaderboard.ParseBoard(id)
	if err != nil {
		return "", err
	}
	caller := callerOf(ctx)
	if caller.Person == "" {
		return "", nil
	}
	if board.Unit == leaderboard.People {
		return caller.Account, nil
	}
	person, err := a.self(ctx)
	if err != nil {
		return "", err
	}
	if board.Unit == leaderboard.Teams {
		return person.Team, nil
	}
	for i := 1; i < len(person.Within); i++ {
		if person.Within[i-1] == board.Scope {
			return person.Within[i], nil
		}
	}
	return "", nil
}

func (a *API) duels(ctx context.Context, in *duelsInput) (*body[duelsAnswer], error) {
	answer, err := a.duelsBelow(ctx, in.Campaign, in.Region, in.Window)
	if err != nil {
		return nil, err
	}
	return &body[duelsAnswer]{Body: *answer}, nil
}

// duelsBelow pairs the children of a region, "" for the root.
func (a *API) duelsBelow(ctx context.Context, campaignID, region, window string) (*duelsAnswer, error) {
	tree, err := a.parts.Campaigns.Tree(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	if region == "" {
		region = tree.Root().ID
	}
	if _, ok := tree.Region(region); !ok {
		return nil, regionUnknown()
	}
	found, err := a.parts.Boards.Duels(ctx, campaignID, region, window)
	if err != nil {
		return nil, err
	}
	answer := &duelsAnswer{Season: found.Season, Final: found.Final, Stale: found.Stale, Duels: make([]duelView, len(found.Pairs))}
	for i, p := range found.Pairs {
		answer.Duels[i] = duelViewOf(region, p)
	}
	return answer, nil
}

type duelInput struct {
	Scope
	ID string `path:"id" maxLength:"400" doc:"From the list of duels." example:"2026-w48:it.liguria.ge:it.liguria.sv"`
}

type duelAnswer struct {
	duelView
	Season  string           `json:"season"`
	StartAt Time             `json:"starts_at"`
	EndsAt  Time             `json:"ends_at"`
	Over    bool             `json:"over" doc:"The season has ended."`
	Stale   bool             `json:"stale" doc:"The boards are catching up."`
	Curve   []sampleView     `json:"curve" doc:"The score over time, oldest first: steps, from each instant to the next."`
	Changes []leadChangeView `json:"changes" doc:"The latest 200 changes of the lead, oldest first."`
	Changed int              `json:"changed" doc:"How often the lead changed in all."`
}

type sampleView struct {
	At    Time    `json:"at"`
	Left  float64 `json:"left"`
	Right float64 `json:"right"`
}

type leadChangeView struct {
	At     Time   `json:"at"`
	Leader string `json:"leader" enum:"left,right"`
}

func (a *API) duel(ctx context.Context, in *duelInput) (*body[duelAnswer], error) {
	d, err := a.parts.Boards.Duel(ctx, in.Campaign, in.ID)
	if err != nil {
		return nil, err
	}
	answer := duelAnswer{
		duelView: duelViewOf(d.Parent, d.Pair), Season: d.Season.ID, StartAt: Time{d.Season.Start}, EndsAt: Time{d.Season.End},
		Over: d.Over, Stale: d.Stale, Changed: d.Course.Changed,
		Curve: make([]sampleView, len(d.Course.Samples)), Changes: make([]leadChangeView, len(d.Course.Changes)),
	}
	for i, s := range d.Course.Samples {
		answer.Curve[i] = sampleView{Time{s.At}, s.Left, s.Right}
	}
	for i, c := range d.Course.Changes {
		answer.Changes[i] = leadChangeView{Time{c.At}, c.Leader}
	}
	return &body[duelAnswer]{Body: answer}, nil
}

func duelViewOf(region string, p leaderboard.Pair) duelView {
	leftScore, rightScore := p.Scores()
	leftNeeds, rightNeeds := p.Needs()
	return duelView{
		ID: p.ID, Scope: region, Left: sideOf(p.Left, leftScore, leftNeeds), Right: sideOf(p.Right, rightScore, rightNeeds),
		Leader: p.Leader(), PerMember: p.PerMember(), Odds: p.Odds,
	}
}

func sideOf(r leaderboard.Row, score float64, needs int64) sideView {
	return sideView{ID: r.ID, Name: r.Name, Sum: r.Sum, Fair: fairOf(r.Fair), League: leagueOf(r.Fair), Score: score, Needs: needs}
}

// seasonsShown bounds the list: two years of weeks.
const seasonsShown = 104

func (a *API) seasons(ctx context.Context, in *Scope) (*body[seasonsAnswer], error) {
	c, err := a.parts.Campaigns.Get(ctx, in.Campaign)
	if err != nil {
		return nil, err
	}
	calendar, err := a.calendarOf(c)
	if err != nil {
		return nil, err
	}
	now := a.parts.Clock.Now()
	answer := seasonsAnswer{}
	for s := calendar.Of(now); s.End.After(c.CreatedAt) && len(answer.Seasons) < seasonsShown; s = calendar.Of(s.Start.Add(-time.Millisecond)) {
		view := seasonView{ID: s.ID, StartsAt: Time{s.Start}, EndsAt: Time{s.End}, ClosesAt: Time{s.Closes}, State: "running"}
		switch {
		case !now.Before(s.Closes):
			view.State = "closed"
		case !now.Before(s.End):
			view.State = "closing"
		}
		answer.Seasons = append(answer.Seasons, view)
	}
	return &body[seasonsAnswer]{Body: answer}, nil
}
