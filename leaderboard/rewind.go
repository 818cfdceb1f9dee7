package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// settled is the instant before which the ledger changes no more: the margin
// behind this node's clock and the store's, whichever is behind. A node whose
// clock is ahead so takes no mark to where others still record.
func (b *Boards) settled(ctx context.Context) (time.Time, error) {
	now, err := b.earliest(ctx)
	return now.Add(-b.margin), err
}

// earliest is this node's clock or the store's, whichever is behind.
func (b *Boards) earliest(ctx context.Context) (time.Time, error) {
	stored, err := b.storeNow(ctx)
	if now := b.clock.Now(); err == nil && now.Before(stored) {
		return now, nil
	}
	return stored, err
}

// ahead is how far the store's clock was ahead of this node's when it was asked.
type ahead struct {
	asked time.Time // by this node's clock
	by    time.Duration
}

// aheadLife is how long a node goes by it, for all campaigns.
const aheadLife = time.Second

// storeNow is the store's clock.
func (b *Boards) storeNow(ctx context.Context) (time.Time, error) {
	now := b.clock.Now()
	if have := b.ahead.Load(); have != nil && now.Sub(have.asked).Abs() < aheadLife {
		return now.Add(have.by), nil
	}
	stored, err := b.ledger.Now(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("leaderboard: ask the store's clock: %w", err)
	}
	b.ahead.Store(&ahead{now, stored.Sub(now)})
	return stored, nil
}

// trusted gives the mark up to which a generation holds every posting, where
// its W says so for more than it can know; false where W is as it should be.
//
// W promises that nothing is recorded before it any more. It always lies the
// margin behind the clocks that moved it, so one that lies less than half the
// margin behind this node's was moved by another time: the clock was set back
// since. What was recorded after that lies before W, the sweep would never come
// by it, and a crash between its insert and its Apply would leave it off the
// boards for good.
//
// Where the store's clock has come past W, only this node's was set back, by
// what it is behind the store's: that much before W nothing was recorded since.
// Otherwise nobody knows by how much, and the whole ledger is looked through.
func (b *Boards) trusted(ctx context.Context, w Mark) (Mark, bool, error) {
	now := b.clock.Now()
	if !w.At.After(now.Add(-b.margin / 2)) {
		return w, false, nil
	}
	stored, err := b.storeNow(ctx)
	if err != nil {
		return w, false, err
	}
	if w.At.After(stored.Add(-b.margin / 2)) {
		return Mark{}, true, nil
	}
	return Mark{At: w.At.Add(-stored.Sub(now) - 2*b.margin)}, true, nil
}

// rewind takes W back to where it can be trusted, and the mark of the
// checkpoints with it; a rebuild that began beyond is given up. It answers
// whether it did.
func (b *Boards) rewind(ctx context.Context, t tenant) (bool, error) {
	m, err := b.readMeta(ctx, t.ID)
	if err != nil {
		return false, err
	}
	w, ok := m.mark(m.gen)
	if !ok {
		return false, nil
	}
	to, far, err := b.trusted(ctx, w)
	if err != nil || !far {
		return false, err
	}
	b.log.WarnContext(ctx, "the clock was set back: boards are made good from the ledger", "campaign", t.ID, "from", to.At, "swept", w.At)
	// The checkpoints first: a rebuild that begins in between reads their mark.
	_, err = b.readProgress(ctx, t.ID)
	if err == nil {
		_, err = b.progress.Update(ctx, t.ID, progressID, func(p *progress) error {
			if p.mark().Compare(to) > 0 {
				p.At, p.After = to.At, to.ID
			}
			return nil
		})
	}
	if err != nil {
		return false, fmt.Errorf("leaderboard: write the progress: %w", err)
	}
	if m.next != "" && m.fields[fieldDrop] != "" {
		if err := b.removeDropped(ctx, t); err != nil {
			return false, err
		}
	}
	moves := []move{{fieldMark(m.gen), w.String(), to.String()}}
	if m.next != "" {
		moves = append(moves, move{fieldNext, m.next, ""}, move{fieldDrop, "", m.next})
		for _, field := range []string{fieldLoad(m.next), fieldMark(m.next)} {
			moves = append(moves, move{field, m.fields[field], ""})
		}
	}
	if err := b.send(ctx, t, order{moves: moves}); err != nil && !errors.Is(err, errMoved) {
		return false, err
	}
	if m.next != "" {
		b.heard(t.ID, generations{gen: m.gen})
	}
	return true, nil
}
