package leaderboard

import (
	"context"
	"errors"
	"time"
)

// sweepPage is how many postings W passes in one call.
const sweepPage = 200

// sweep applies to a generation the next postings after its W that are older
// than the margin, and moves W past them in the same call; until there are no
// more. It ends early, without an error, where W or the generation is not what
// was read any more: somebody else sweeps, or Redis went back, and the next
// round reads again. hold is called between two pages.
func (b *Boards) sweep(ctx context.Context, t tenant, gen string, hold func(context.Context) error) error {
	for {
		m, err := b.readMeta(ctx, t.ID)
		if err != nil {
			return err
		}
		w, ok := m.mark(gen)
		if !ok {
			return nil
		}
		more, err := b.sweepOnce(ctx, t, gen, w)
		if errors.Is(err, errMoved) || errors.Is(err, errGone) || errors.Is(err, errEmpty) {
			return nil
		}
		if err != nil || !more {
			return err
		}
		if err := hold(ctx); err != nil {
			return err
		}
	}
}

// sweepOnce moves W of a generation by one page. more says that there may be
// another. The limit is taken before the ledger is read: what was recorded
// before it is visible by then.
func (b *Boards) sweepOnce(ctx context.Context, t tenant, gen string, w Mark) (more bool, err error) {
	limit, err := b.settled(ctx)
	if err != nil || !w.At.Before(limit) {
		return false, err
	}
	postings, err := b.ledger.After(ctx, t.ID, w, limit, sweepPage)
	if err != nil {
		return false, err
	}
	to := Mark{At: limit}
	if more = len(postings) == sweepPage; more {
		to = markOf(postings[len(postings)-1])
	}
	return more, b.send(ctx, t, order{
		lines: fold(postings),
		into:  gen,
		moves: []move{{fieldMark(gen), w.String(), to.String()}},
	})
}

// reapply applies to every generation what was recorded after a mark and before
// an instant, and moves nothing. It makes up for what a crash left between the
// insert of a posting and its Apply.
func (b *Boards) reapply(ctx context.Context, t tenant, from Mark, before time.Time) error {
	for {
		postings, err := b.ledger.After(ctx, t.ID, from, before, sweepPage)
		if err != nil {
			return err
		}
		if len(postings) > 0 {
			err := b.send(ctx, t, order{lines: fold(postings)})
			if err != nil {
				return err
			}
		}
		if len(postings) < sweepPage {
			return nil
		}
		from = markOf(postings[len(postings)-1])
	}
}

// Settle applies everything in the ledger that the sweep has not passed yet.
// For when the last writer has stopped: afterwards the boards equal the ledger,
// without waiting for the margin. It builds the boards where there are none.
func (b *Boards) Settle(ctx context.Context, campaign string) error {
	if err := b.Open(ctx, campaign); err != nil {
		return err
	}
	t, err := b.tenant(ctx, campaign)
	if err != nil {
		return err
	}
	m, err := b.readMeta(ctx, campaign)
	if err != nil {
		return err
	}
	w, _ := m.mark(m.gen)
	if w, _, err = b.trusted(ctx, w); err != nil {
		return err
	}
	return b.reapply(ctx, t, w, forever)
}

// forever lies behind every posting.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
