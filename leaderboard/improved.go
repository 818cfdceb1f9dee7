package leaderboard

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/musterhq/muster/internal/errs"
)

// What is looked through: the best so many of the season, and of the one before,
// in which who rose most stood low.
const (
	improvedFrom   = 1_000
	improvedBefore = 10_000
)

// Improved is who rose most.
type Improved struct {
	Board  string
	Window string // the season that is held against the one before
	Before string
	// Stale: the boards are not known to be complete; there are no rows then.
	Stale bool
	Rows  []Improvement
}

// Improvement is somebody who has more points than in the season before.
type Improvement struct {
	Row          // of the season
	Before int64 // points of the season before
	Gain   int64 // Sum - Before, at least 1
}

// Improved answers up to limit (1 to 50) people of a board who have gained most on
// the season before, among those who had points then and are among the best 1,000
// now, greatest gain first, equals by name. So it is no prize for who is new, and
// who does less than before is not in it. Whom Page does not show is not shown.
// Window is a season that has begun, "" for the one that runs.
//
// Errors as Page; a board of teams or regions is Invalid board_invalid, all-time
// window_invalid, a limit out of its range limit_invalid.
func (b *Boards) Improved(ctx context.Context, campaign, board, windowName string, limit int) (Improved, error) {
	t, err := b.tenant(ctx, campaign)
	if err != nil {
		return Improved{}, err
	}
	q, w, err := b.resolve(ctx, t, PageRequest{Board: board, Window: windowName})
	switch {
	case err != nil:
		return Improved{}, err
	case q.board.Unit != People:
		return Improved{}, errs.New(errs.Invalid, "board_invalid", "Who improved most is asked of people: name a board as people:all, people:REGION or people:TEAM.")
	case w.id == AllTime || w.season.Start.After(b.clock.Now()):
		return Improved{}, errWindow(nil)
	case limit < 1 || limit > 50:
		return Improved{}, errs.New(errs.Invalid, "limit_invalid", "Ask for 1 to 50 rows.")
	}
	before := t.calendar.Of(w.season.Start.Add(-time.Millisecond)).ID
	out := Improved{Board: q.board.String(), Window: w.id, Before: before, Rows: []Improvement{}}
	now, stale, err := b.upTo(ctx, campaign, q.board, w.id)
	if err != nil {
		return Improved{}, err
	}
	if out.Stale = stale; out.Stale || len(now) == 0 {
		return out, nil
	}
	had, err := b.sums(ctx, t, q.board, before)
	if away(ctx, err) {
		out.Stale = true
		return out, nil
	}
	if err != nil {
		return Improved{}, err
	}
	for _, row := range now {
		if sum := had[row.ID]; sum > 0 && row.Sum > sum {
			out.Rows = append(out.Rows, Improvement{Row: row, Before: sum, Gain: row.Sum - sum})
		}
	}
	slices.SortFunc(out.Rows, func(a, b Improvement) int {
		return cmp.Or(cmp.Compare(b.Gain, a.Gain), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	out.Rows = out.Rows[:min(len(out.Rows), limit)]
	return out, nil
}

// upTo reads the first improvedFrom rows of a board, page by page.
func (b *Boards) upTo(ctx context.Context, campaign string, board Board, window string) (rows []Row, stale bool, err error) {
	r := PageRequest{Board: board.String(), Window: window, Limit: MaxLimit}
	for range improvedFrom / MaxLimit {
		page, err := b.Page(ctx, campaign, r)
		if err != nil {
			return nil, false, err
		}
		stale = stale || page.Stale
		rows = append(rows, page.Rows...)
		if r.Cursor = page.Next; r.Cursor == "" {
			break
		}
	}
	return rows, stale, nil
}

// sums are the points of the first improvedBefore people of a board of a season that
// has ended, whoever may be shown: the caller shows only whom the running season
// does.
func (b *Boards) sums(ctx context.Context, t tenant, board Board, window string) (map[string]int64, error) {
	closed, err := b.isClosed(ctx, t.ID, window)
	if err != nil {
		return nil, err
	}
	if closed {
		ids := make([]string, 0, improvedBefore/archiveRows)
		for number := range cap(ids) {
			ids = append(ids, archiveID(restBoard(window, board), number))
		}
		pages, err := b.archive.GetMany(ctx, t.ID, ids)
		if err != nil {
			return nil, fmt.Errorf("leaderboard: read the archive: %w", err)
		}
		sums := map[string]int64{}
		for _, page := range pages {
			for _, row := range page.Rows {
				sums[row.ID] = row.Sum
			}
		}
		return sums, nil
	}
	known, err := b.known(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	rows, err := b.redis.ZRevRangeWithScores(ctx, genKey(t.ID, known.gen, restBoard(window, board)), 0, improvedBefore-1).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	sums := make(map[string]int64, len(rows))
	for _, z := range rows {
		id, _ := z.Member.(string)
		sums[id] = int64(z.Score)
	}
	return sums, nil
}
