package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/musterhq/muster/store"
)

// checkpoint is the latest that the sweep saw of an account, under the account's
// id. A season stays in it, under the n that last touched it, until it is
// archived, so a rebuild between a season's close and its archiving finds it.
type checkpoint struct {
	store.Meta `bson:",inline"`
	Account    string `bson:"account"`
	Line       line   `bson:"line"`
}

var checkpointSchema = store.Schema{
	Name: "board_checkpoints",
	// By account, which never changes: a scan sees every checkpoint that was
	// there when it began, however many are written meanwhile.
	Indexes: []store.Index{{Name: "account", Order: "account"}},
	Set:     []string{"line"},
	Derived: true,
}

// progress is the one document that says how far the durable side has come.
type progress struct {
	store.Meta `bson:",inline"` // id progressID
	// Every posting up to the mark {At, After} is in the checkpoints.
	At    time.Time `bson:"at"`
	After string    `bson:"after"`
	// Closed lists the archived seasons, in the order of archiving. They never
	// change again, whatever Redis has forgotten.
	Closed []string `bson:"closed,omitempty"`
}

const progressID = "boards"

// Without it and the checkpoints a rebuild reads the ledger from its beginning,
// and seasons are archived again: pages that are there stay as they are.
var progressSchema = store.Schema{Name: "board_progress", Derived: true}

func (p *progress) mark() Mark { return Mark{At: p.At, ID: p.After} }

func (p *progress) closed(season string) bool { return slices.Contains(p.Closed, season) }

// readProgress reads the document; the first time it makes it.
func (b *Boards) readProgress(ctx context.Context, campaign string) (*progress, error) {
	for {
		p, err := b.progress.Get(ctx, campaign, progressID)
		if err == nil {
			return p, nil
		}
		if errors.Is(err, store.ErrNotFound) {
			err = b.progress.InsertOne(ctx, campaign, &progress{Meta: store.Meta{ID: progressID}})
		}
		if err != nil && !errors.Is(err, store.ErrDuplicate) {
			return nil, fmt.Errorf("leaderboard: read the progress: %w", err)
		}
	}
}

// checkpointPage is how many postings become checkpoints in one step.
const checkpointPage = store.MaxBatch

// checkpointedBy writes checkpoints of what was recorded since the last and is
// older than the margin, the sweep's rule, and then says so in progress. It
// goes by its own mark, in the store, and so holds whatever becomes of Redis.
func (b *Boards) checkpointedBy(ctx context.Context, t tenant, hold func(context.Context) error) error {
	for {
		p, err := b.readProgress(ctx, t.ID)
		if err != nil {
			return err
		}
		limit, err := b.settled(ctx)
		if err != nil {
			return err
		}
		postings, err := b.ledger.After(ctx, t.ID, p.mark(), limit, checkpointPage)
		if err != nil || len(postings) == 0 {
			return err
		}
		if err := b.writeCheckpoints(ctx, t.ID, fold(postings), p.Closed); err != nil {
			return err
		}
		from, to := p.mark(), markOf(postings[len(postings)-1])
		_, err = b.progress.Update(ctx, t.ID, progressID, func(p *progress) error {
			if p.mark().Compare(from) == 0 { // else another process did the same
				p.At, p.After = to.At, to.ID
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("leaderboard: write the progress: %w", err)
		}
		if len(postings) < checkpointPage {
			return nil
		}
		if err := hold(ctx); err != nil {
			return err
		}
	}
}

// writeCheckpoints folds lines into the stored ones, again where another
// process wrote meanwhile.
func (b *Boards) writeCheckpoints(ctx context.Context, campaign string, lines []line, closed []string) error {
	for len(lines) > 0 {
		ids := make([]string, len(lines))
		for i, l := range lines {
			ids[i] = l.Account
		}
		have, err := b.checkpoints.GetMany(ctx, campaign, ids)
		if err != nil {
			return fmt.Errorf("leaderboard: read checkpoints: %w", err)
		}
		var repeat, fresh, later []line
		var docs []*checkpoint
		var sets []store.Set
		for _, l := range lines {
			old, ok := have[l.Account]
			switch {
			case !ok:
				doc := &checkpoint{Meta: store.Meta{ID: l.Account}, Account: l.Account, Line: l}
				doc.Line.drop(closed)
				fresh, docs = append(fresh, l), append(docs, doc)
			case old.Line.fold(l):
				old.Line.drop(closed)
				later = append(later, l)
				sets = append(sets, store.Set{ID: l.Account, Version: old.Version, Fields: map[string]any{"line": old.Line}})
			}
		}
		answers := append(b.checkpoints.Insert(ctx, campaign, docs...), b.checkpoints.SetMany(ctx, campaign, sets)...)
		for i, l := range append(fresh, later...) {
			switch err := answers[i]; {
			case errors.Is(err, store.ErrDuplicate), errors.Is(err, store.ErrChanged):
				repeat = append(repeat, l)
			case err != nil:
				return fmt.Errorf("leaderboard: write checkpoints: %w", err)
			}
		}
		lines = repeat
	}
	return nil
}
