package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/review"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/leaderboard"
	"github.com/musterhq/muster/store"
)

// plugReviews makes the room that looks at what was recorded. It walks on whichever
// node has the lease.
func (a *App) plugReviews(keys people.Keys) {
	a.Reviews = review.New(review.Parts{
		Engine: a.store, Ledger: reviewed{a.Points, leaderboard.NewLedger(a.store)}, Regions: homes{a.People}, Campaigns: a.Campaigns,
		Key: keys.Derive("review/devices"), Clock: a.clock, Log: a.log, Wake: func() { a.effects.Wake() },
	})
	a.onRun("reviews", a.Reviews.Run)
}

// reviewed is the ledger as reviews read it.
type reviewed struct {
	points *points.Service
	ledger leaderboard.Ledger
}

// After implements review.Ledger.
func (r reviewed) After(ctx context.Context, campaignID string, after review.Mark, before time.Time, limit int) ([]review.Posting, error) {
	found, err := r.ledger.After(ctx, campaignID, leaderboard.Mark{At: after.At, ID: after.ID}, before, limit)
	out := make([]review.Posting, len(found))
	for i, p := range found {
		out[i] = review.Posting{Mark: review.Mark{At: p.RecordedAt, ID: p.ID}, Account: p.Account}
	}
	return out, err
}

// Recent implements review.Ledger.
func (r reviewed) Recent(ctx context.Context, campaignID, account string, since time.Time) ([]review.Act, error) {
	found, err := r.points.Recent(ctx, campaignID, account, since)
	if err != nil {
		return nil, err
	}
	acts := make([]review.Act, 0, len(found))
	for _, p := range found {
		if p.Standing == points.Voided || p.Was(points.ClearIt) {
			continue
		}
		acts = append(acts, review.Act{
			ID: p.ID, Kind: p.Kind, Quantity: p.Quantity, At: p.OccurredAt, Minute: int(p.Minute), Held: p.Standing == points.Quarantined,
		})
	}
	slices.SortStableFunc(acts, func(a, b review.Act) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return acts, nil
}

// homes says where accounts belong.
type homes struct{ people *people.Service }

// Within implements review.Regions.
func (h homes) Within(ctx context.Context, campaignID, account string) ([]string, error) {
	person, err := h.people.Linked(ctx, campaignID, account)
	if err != nil || person == nil {
		return nil, err
	}
	return person.Within, nil
}

// memberOf is an account as rulings need it: without a person it stays where the
// ledger has it.
func (a *App) memberOf(ctx context.Context, campaignID, account string) (points.Member, error) {
	person, err := a.People.Linked(ctx, campaignID, account)
	if err != nil {
		return points.Member{}, err
	}
	m := points.Member{Account: account}
	if person != nil && person.Team != "" {
		m.Team, m.Region, m.TimeZone = person.Team, person.Region, person.TimeZone
	}
	return m, nil
}

// rule carries out review.EffectRule.
func (a *App) rule(ctx context.Context, campaignID string, e store.Effect) error {
	r := points.Ruling{Verdict: points.Verdict(e.Data["verdict"]), By: e.Data["by"], Reason: e.Data["reason"]}
	if err := json.Unmarshal([]byte(e.Data["actions"]), &r.Actions); err != nil {
		return fmt.Errorf("actions of a ruling: %w", err)
	}
	member, err := a.memberOf(ctx, campaignID, e.Data["account"])
	if err != nil {
		return err
	}
	var postings []*points.Posting
	if r.Verdict == points.ClearIt {
		// The hold may still be on its way: it is said first, so that it cannot
		// come after the clear.
		hold := r
		hold.Verdict, hold.By, hold.Reason = points.HoldIt, points.Checks, "superseded"
		held, err := a.Points.Rule(ctx, campaignID, member, hold)
		if err != nil {
			return err
		}
		postings = append(postings, held.Posting)
	}
	ruled, err := a.Points.Rule(ctx, campaignID, member, r)
	if err != nil {
		return err
	}
	return a.ruled(ctx, campaignID, member.Account, append(postings, ruled.Posting))
}

// rollBack carries out review.EffectRollBack.
func (a *App) rollBack(ctx context.Context, campaignID string, e store.Effect) error {
	from, err := time.Parse(time.RFC3339Nano, e.Data["from"])
	to, err2 := time.Parse(time.RFC3339Nano, e.Data["to"])
	if err := errors.Join(err, err2); err != nil {
		return fmt.Errorf("window of a roll-back: %w", err)
	}
	member, err := a.memberOf(ctx, campaignID, e.Data["account"])
	if err != nil {
		return err
	}
	done, err := a.Points.RollBack(ctx, campaignID, member, points.RollBack{From: from, To: to, By: e.Data["by"], Reason: e.Data["reason"]})
	if errs.CodeOf(err) == "action_unknown" {
		return nil // they never did anything
	}
	return errors.Join(err, a.ruled(ctx, campaignID, member.Account, done.Postings))
}

// ruled brings rulings to the boards and to the person's own feed.
func (a *App) ruled(ctx context.Context, campaignID, account string, postings []*points.Posting) error {
	if len(postings) == 0 {
		return nil
	}
	if err := a.Boards.Apply(ctx, campaignID, postings); err != nil {
		return err
	}
	return a.feeds.TouchMe(ctx, campaignID, account)
}
