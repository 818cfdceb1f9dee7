package leaderboard

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/store"
)

// Ledger reads a campaign's postings. It sees every posting whose insert was
// answered before the call.
type Ledger interface {
	// After gives the postings that lie after a mark and were recorded before
	// an instant, in order, up to limit; fewer mean that there are no more.
	After(ctx context.Context, campaign string, mark Mark, before time.Time, limit int) ([]*points.Posting, error)
	// Of gives all postings of an account by n.
	Of(ctx context.Context, campaign, account string) ([]*points.Posting, error)
	// Accounts gives every account that has a posting, once.
	Accounts(ctx context.Context, campaign string) iter.Seq2[string, error]
	// Now is the clock of the store that holds the postings: the one that all
	// nodes share.
	Now(ctx context.Context) (time.Time, error)
}

// stored is the Ledger on the store.
type stored struct {
	engine   store.Engine
	postings *store.Collection[points.Posting]
}

// NewLedger reads the postings that domain/points wrote to the engine. It does
// no I/O.
func NewLedger(engine store.Engine) Ledger {
	return stored{engine, store.NewCollection[points.Posting](engine, points.Schema)}
}

// Now implements Ledger.
func (s stored) Now(ctx context.Context) (time.Time, error) { return s.engine.Now(ctx) }

// After implements Ledger.
func (s stored) After(ctx context.Context, campaign string, mark Mark, before time.Time, limit int) ([]*points.Posting, error) {
	// The index bounds by time alone: postings of the mark's own millisecond
	// come again and are passed over.
	q := store.Query{Index: "recorded", From: mark.At, To: before, Limit: min(limit, store.MaxPage)}
	if !mark.At.Before(before) {
		return nil, nil
	}
	var found []*points.Posting
	for posting, err := range s.postings.Scan(ctx, campaign, q) {
		if err != nil {
			return nil, fmt.Errorf("leaderboard: read the ledger: %w", err)
		}
		if markOf(posting).Compare(mark) <= 0 {
			continue
		}
		if found = append(found, posting); len(found) == limit {
			break
		}
	}
	return found, nil
}

// Of implements Ledger.
func (s stored) Of(ctx context.Context, campaign, account string) ([]*points.Posting, error) {
	var found []*points.Posting
	for posting, err := range s.postings.Scan(ctx, campaign, store.Query{Index: "account", Equal: []any{account}}) {
		if err != nil {
			return nil, fmt.Errorf("leaderboard: read the ledger: %w", err)
		}
		found = append(found, posting)
	}
	return found, nil
}

// Accounts implements Ledger.
func (s stored) Accounts(ctx context.Context, campaign string) iter.Seq2[string, error] {
	first := store.Query{Index: "recorded", Where: []store.Cond{{Field: "n", Op: store.Equal, Value: int64(1)}}}
	return func(yield func(string, error) bool) {
		for posting, err := range s.postings.Scan(ctx, campaign, first) {
			if err != nil {
				yield("", fmt.Errorf("leaderboard: read the ledger: %w", err))
				return
			}
			if !yield(posting.Account, nil) {
				return
			}
		}
	}
}

func markOf(p *points.Posting) Mark { return Mark{At: p.RecordedAt, ID: p.ID} }
