package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/leaderboard"
	"github.com/musterhq/muster/store"
)

// Campaigns that the parts write to. The first is in no list of campaigns, so
// nobody sweeps what is inserted for it.
const (
	insertCampaign = "bench-insert"
	// SpareCampaign must exist, as a campaign without people.
	SpareCampaign = "bench-spare"
)

// sample is how many of the ledger's last postings stand for all.
const sample = 500

// samples are postings that the load has left in the ledger, newest first in
// no particular order.
func (p *parts) samples(ctx context.Context) ([]*points.Posting, error) {
	postings := store.NewCollection[points.Posting](p.store, points.Schema)
	page, err := postings.Find(ctx, p.campaign, store.Query{Index: "recorded", Desc: true, Limit: sample})
	if err == nil && len(page.Items) == 0 {
		err = errors.New("the ledger is empty: run the load first")
	}
	return page.Items, err
}

// insert is the ledger's part alone: the same documents, so many a call, one
// call after the other.
func (p *parts) insert(ctx context.Context, in ask) (answer, error) {
	from, err := p.samples(ctx)
	if err != nil {
		return answer{}, err
	}
	postings := store.NewCollection[points.Posting](p.store, points.Schema)
	at := 0
	return timed(ctx, in.Seconds, func(ctx context.Context) (int, error) {
		docs := make([]*points.Posting, in.Together)
		for i := range docs {
			doc := *from[at%len(from)]
			at++
			doc.Account = store.NewID()
			doc.Meta = store.Meta{ID: points.PostingID(doc.Account, doc.N)}
			docs[i] = &doc
		}
		return len(docs), errors.Join(postings.Insert(ctx, insertCampaign, docs...)...)
	})
}

// script is the boards' part alone: new lines of as many accounts, so many a
// call, one call after the other.
func (p *parts) script(ctx context.Context, in ask) (answer, error) {
	from, err := p.samples(ctx)
	if err != nil {
		return answer{}, err
	}
	if err := p.open(ctx, SpareCampaign); err != nil {
		return answer{}, err
	}
	accounts := make([]string, max(1000, in.Together))
	for i := range accounts {
		accounts[i] = store.NewID()
	}
	at := 0
	return timed(ctx, in.Seconds, func(ctx context.Context) (int, error) {
		lines := make([]*points.Posting, in.Together)
		for i := range lines {
			line := *from[at%len(from)]
			line.Account = accounts[at%len(accounts)]
			line.N = int64(at/len(accounts) + 1)
			line.State = grown(line.State, line.N)
			at++
			lines[i] = &line
		}
		return len(lines), p.boards.Apply(ctx, SpareCampaign, lines)
	})
}

// grown is a state with other points, so that every board moves.
func grown(s points.State, by int64) points.State {
	s.AllTime = append([]points.Share(nil), s.AllTime...)
	s.Seasons = append([]points.SeasonShare(nil), s.Seasons...)
	for i := range s.AllTime {
		s.AllTime[i].Points += by * 10
	}
	for i := range s.Seasons {
		s.Seasons[i].Points += by * 10
	}
	return s
}

// openWithin is how long the worker of the boards may take to see a campaign.
const openWithin = 30 * time.Second

// open waits until the boards of a campaign can take lines.
func (p *parts) open(ctx context.Context, campaign string) error {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	for {
		page, err := p.boards.Page(ctx, campaign, leaderboard.PageRequest{Board: "people:all"})
		if err == nil && !page.Stale {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the boards of %s do not open: %w", campaign, errors.Join(err, ctx.Err()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
