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
	// an instant, in order, up to limit; fewer mean that there are no more. Of
	// each it reads what the boards are made of, and leaves the rest empty.
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
	tallies  *store.Collection[tally]
}

// tally is a posting as the boards take it. Every posting is read so some times
// in its first minute, and to decode the rest, which may hold two hundred
// actions, would be most of the work.
type tally struct {
	store.Meta `bson:",inline"`
	Account    string    `bson:"account"`
	N          int64     `bson:"n"`
	RecordedAt time.Time `bson:"recorded_at"`
	State      struct {
		JoinedAt time.Time            `bson:"joined_at"`
		Hidden   bool                 `bson:"hidden"`
		Home     points.Home          `bson:"home"`
		AllTime  []points.Share       `bson:"all_time"`
		Seasons  []points.SeasonShare `bson:"seasons"`
	} `bson:"state"`
}

func (t *tally) posting() *points.Posting {
	s := &t.State
	return &points.Posting{
		Meta: t.Meta, Account: t.Account, N: t.N, RecordedAt: t.RecordedAt,
		State: points.State{JoinedAt: s.JoinedAt, Hidden: s.Hidden, Home: s.Home, AllTime: s.AllTime, Seasons: s.Seasons},
	}
}

// NewLedger reads the postings that domain/points wrote to the engine. It does
// no I/O.
func NewLedger(engine store.Engine) Ledger {
	return stored{
		engine:   engine,
		postings: store.NewCollection[points.Posting](engine, points.Schema),
		tallies:  store.NewCollection[tally](engine, points.Schema),
	}
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
	for tally, err := range s.tallies.Scan(ctx, campaign, q) {
		if err != nil {
			return nil, fmt.Errorf("leaderboard: read the ledger: %w", err)
		}
		posting := tally.posting()
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
