package leaderboard

import (
	"context"
	"time"
)

// lag is what a node found out about how far a campaign's W is behind.
type lag struct {
	w     string
	stale bool
	read  time.Time
}

// lagLife is how long a node goes by it.
const lagLife = time.Second

// stale says whether the boards of a generation, with this W, may lack
// postings that are more than staleAfter old. W absent, or "" for the
// generation, always is. A W that has fallen behind because nobody swept, while
// nothing was recorded either, is not.
func (b *Boards) stale(ctx context.Context, t tenant, gen, w string) (bool, error) {
	if gen == "" || w == "" {
		return true, nil
	}
	mark, err := parseMark(w)
	if err != nil {
		return true, err
	}
	now := b.clock.Now()
	limit := now.Add(-staleAfter)
	if !mark.At.Before(limit) {
		return false, nil
	}
	if have, ok := b.lags.Get(t.ID); ok && have.w == w && now.Sub(have.read).Abs() < lagLife {
		return have.stale, nil
	}
	beyond, err := b.ledger.After(ctx, t.ID, mark, limit, 1)
	if err != nil {
		return true, err
	}
	b.lags.Add(t.ID, lag{w, len(beyond) > 0, now})
	return len(beyond) > 0, nil
}
