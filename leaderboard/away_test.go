package leaderboard

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// TestWithoutRedisBoardsAreStale: that it cannot be asked is no error of the
// reader's, and no rank.
func TestWithoutRedisBoardsAreStale(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 5)
	b := w.node()
	gone := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	defer gone.Close()
	b.redis = gone
	page, err := b.Page(w.ctx, w.id, PageRequest{Board: "people:all"})
	if diff := cmp.Diff(Page{Board: "people:all", Window: "2026-w47", Stale: true, Rows: []Row{}}, page); err != nil || diff != "" {
		t.Error(err, diff)
	}
	standing, err := b.Standing(w.ctx, w.id, StandingRequest{Account: "p", Team: genova.Team})
	if diff := cmp.Diff(Standing{Season: "2026-w47", Stale: true}, standing); err != nil || diff != "" {
		t.Error(err, diff)
	}
	// The last season is still open: pairs would be made of its board.
	w.clock.Advance(monday.Add(7*24*time.Hour + time.Hour).Sub(w.clock.Now()))
	duels, err := b.Duels(w.ctx, w.id, "it.l", "")
	if diff := cmp.Diff(Duels{Season: "2026-w48", Stale: true}, duels); err != nil || diff != "" {
		t.Error(err, diff)
	}
	// Wrong questions stay errors, and so does a call whose time is over.
	if _, err := b.Page(w.ctx, w.id, PageRequest{Board: "people:nowhere"}); err == nil {
		t.Error("a board that is none")
	}
	ended, end := context.WithCancel(w.ctx)
	end()
	if _, err := b.Page(ended, w.id, PageRequest{Board: "people:all"}); err == nil {
		t.Error("the call's context has ended, and it answered")
	}
}
