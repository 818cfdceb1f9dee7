package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster/domain/badge"
	"github.com/musterhq/muster/domain/goal"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/leaderboard"
	"github.com/musterhq/muster/store"
)

// deeds is the ledger as goals see it.
type deeds struct{ app *App }

// After implements goal.Ledger.
func (d deeds) After(ctx context.Context, campaignID string, mark goal.Mark, before time.Time, limit int) ([]goal.Step, error) {
	postings, err := d.app.Points.After(ctx, campaignID, points.Mark(mark), before, limit)
	if err != nil {
		return nil, err
	}
	steps := make([]goal.Step, len(postings))
	for i, p := range postings {
		steps[i] = goal.Step{Mark: goal.Mark{At: p.RecordedAt, ID: p.ID}, Deeds: make([]goal.Deed, len(p.Actions))}
		for j, e := range p.Actions {
			home, err := d.app.Points.HomeOf(ctx, campaignID, p, e)
			if err != nil {
				return nil, err
			}
			steps[i].Deeds[j] = goal.Deed{Kind: e.Kind, Quantity: e.Quantity, OccurredAt: e.OccurredAt, Team: home.Team, Region: home.Region}
		}
	}
	return steps, nil
}

// Kind implements goal.Ledger.
func (d deeds) Kind(ctx context.Context, campaignID, name string) (bool, error) {
	calendar, err := d.app.calendar(ctx, campaignID)
	if err != nil {
		return false, err
	}
	rules, err := d.app.Points.Schedule(ctx, campaignID)
	if err != nil {
		return false, err
	}
	return rules.At(d.app.clock.Now(), calendar.Location()).Kind(name) != nil, nil
}

// Now implements goal.Ledger.
func (d deeds) Now(ctx context.Context) (time.Time, error) { return d.app.store.Now(ctx) }

// ErrBadPublicURL is the answer to an address that no credential can name.
var ErrBadPublicURL = errors.New("--public-url is not the address of a server; write https://example.org, without a path")

// CheckPublicURL says whether ServeOptions.PublicURL can be one: ErrBadPublicURL.
// Empty is.
func CheckPublicURL(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || address != u.Scheme+"://"+u.Host {
		return ErrBadPublicURL
	}
	return nil
}

// publicURL is the address that credentials name: "" where nobody said it and the
// listener's own tells other machines nothing.
func publicURL(given string, listener net.Addr) string {
	if given != "" {
		return given
	}
	if tcp, ok := listener.(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		return "http://" + tcp.String()
	}
	return ""
}

// merits is the ledger as badges see it.
type merits struct{ app *App }

// After implements badge.Ledger.
func (m merits) After(ctx context.Context, campaignID string, mark badge.Mark, before time.Time, limit int) ([]badge.Step, error) {
	postings, err := m.app.Points.After(ctx, campaignID, points.Mark(mark), before, limit)
	if err != nil {
		return nil, err
	}
	steps := make([]badge.Step, len(postings))
	for i, p := range postings {
		total := p.State.Total()
		step := badge.Step{
			Mark: badge.Mark{At: p.RecordedAt, ID: p.ID}, Account: p.Account, N: p.N,
			Points: total, Level: int64(points.Level(total)), Streak: int64(p.State.Streak.Weeks), BestWeek: p.State.Best.Week,
		}
		for _, e := range p.Actions {
			if e.Of != "" {
				step.Changed = true
				// What is only held may come back, and is no reason to take a badge.
				step.Voided = step.Voided || strings.HasSuffix(e.ID, "/void")
				continue
			}
			step.Did = append(step.Did, badge.Deed{Kind: e.Kind, Quantity: e.Quantity, Week: points.Week(e.Day)})
		}
		steps[i] = step
	}
	return steps, nil
}

// Facts implements badge.Ledger.
func (m merits) Facts(ctx context.Context, campaignID, account string, n int64) (badge.Facts, error) {
	calendar, err := m.app.calendar(ctx, campaignID)
	if err != nil {
		return badge.Facts{}, err
	}
	rules, err := m.app.Points.Schedule(ctx, campaignID)
	if err != nil {
		return badge.Facts{}, err
	}
	postings, err := m.app.Points.Of(ctx, campaignID, account, n)
	if err != nil || len(postings) == 0 {
		return badge.Facts{}, err
	}
	return factsOf(postings, func() (int64, error) {
		count, err := points.Recount(rules, calendar, postings)
		return int64(count.Longest), err
	}, m.app.log), nil
}

// factsOf adds an account up. A ledger that cannot be recounted, which verify
// reports, keeps nobody else waiting: then the streak of today is the longest.
func factsOf(postings []*points.Posting, longest func() (int64, error), log *slog.Logger) badge.Facts {
	last := postings[len(postings)-1]
	total := last.State.Total()
	f := badge.Facts{Points: total, Level: int64(points.Level(total)), Quantities: map[string]int64{}}
	byWeek := map[string]int64{}
	for _, p := range postings {
		for _, e := range p.Actions {
			f.Quantities[e.Kind] += e.Quantity
			byWeek[points.Week(e.Day)] += e.Quantity
		}
	}
	for week, quantity := range byWeek {
		if quantity > 0 {
			f.Weeks = append(f.Weeks, week)
		}
	}
	slices.Sort(f.Weeks)
	var err error
	if f.Streak, err = longest(); err != nil {
		log.Error("an account's ledger cannot be recounted; run verify boards", "posting", last.ID, "error", err)
		f.Streak = int64(last.State.Streak.Weeks)
	}
	return f
}

// Closed implements badge.Ledger.
func (m merits) Closed(ctx context.Context, campaignID string, at time.Time) (string, error) {
	c, err := m.app.Campaigns.Get(ctx, campaignID)
	if err != nil {
		return "", err
	}
	calendar, err := calendarOf(m.app.Campaigns, c)
	if err != nil {
		return "", err
	}
	s := calendar.Of(at)
	for at.Before(s.Closes) {
		s = calendar.Of(s.Start.Add(-time.Millisecond))
	}
	return s.ID, nil
}

// Now implements badge.Ledger.
func (m merits) Now(ctx context.Context) (time.Time, error) { return m.app.store.Now(ctx) }

// praise carries out effects of the kinds people.EffectPraise and badge.EffectPraise:
// a word to the person's team, if they want that at this moment. The feed holds the
// account and no name: who reads it sees what boards show of the account then.
func (a *App) praise(ctx context.Context, campaignID string, e store.Effect) error {
	person, err := a.People.ByAccount(ctx, campaignID, e.Data["account"])
	if err != nil || person == nil || !person.MayPraise(a.clock.Now()) {
		return err
	}
	if team, ok := e.Data["team"]; ok && team != person.Team {
		return nil // they have gone to another
	}
	return a.publish(ctx, campaignID, store.Effect{
		ID: e.ID, Data: map[string]string{"feed": "team:" + person.Team, "type": e.Data["type"], "json": e.Data["json"]},
	})
}

// bestOfTeams carries out effects of the kind badge.EffectBestOfTeams: a word to each
// team about who was first in it in a season that has closed, if they want that. Where
// they do not, nobody takes their place. A team of which people's boards show nobody
// who could be missed is too small.
func (a *App) bestOfTeams(ctx context.Context, campaignID string, e store.Effect) error {
	tree, err := a.Campaigns.Tree(ctx, campaignID)
	if err != nil {
		return err
	}
	season := e.Data["season"]
	for cursor := ""; ; {
		teams, next, err := a.Campaigns.Teams(ctx, campaignID, tree.Root().ID, cursor, store.MaxPage)
		if err != nil {
			return err
		}
		for _, team := range teams {
			if err := a.bestOfTeam(ctx, campaignID, season, team.ID); err != nil {
				return err
			}
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
}

// smallestTeam is how many people of a team must have scored for a word about the
// first of them.
const smallestTeam = 5

func (a *App) bestOfTeam(ctx context.Context, campaignID, season, team string) error {
	page, err := a.Boards.Page(ctx, campaignID, leaderboard.PageRequest{Board: "people:" + team, Window: season, Limit: smallestTeam})
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return nil // it had no people in that season
	case err != nil:
		return err
	case page.Stale || !page.Closed:
		return fmt.Errorf("season %s is not archived yet", season) // tried again
	}
	return a.tellBest(ctx, campaignID, season, team, page)
}

// tellBest tells of whoever is first on a team's page.
func (a *App) tellBest(ctx context.Context, campaignID, season, team string, page leaderboard.Page) error {
	if page.Total < smallestTeam {
		return nil
	}
	for _, row := range page.Rows {
		if row.Rank != 1 || row.Sum <= 0 {
			continue
		}
		body, err := json.Marshal(map[string]string{"account": row.ID, "season": season})
		if err != nil {
			return err
		}
		err = a.praise(ctx, campaignID, store.Effect{
			ID: "best_of_team/" + season + "/" + row.ID, Data: map[string]string{"account": row.ID, "team": team, "type": "best_of_team", "json": string(body)},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
