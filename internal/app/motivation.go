package app

import (
	"context"
	"time"

	"github.com/musterhq/muster/domain/goal"
	"github.com/musterhq/muster/domain/points"
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
