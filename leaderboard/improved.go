package leaderboard

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/musterhq/muster/internal/errs"
)

// improvedFrom bounds what is looked through: the best so many of the season.
const improvedFrom = 1000

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
	then, staleThen, err := b.upTo(ctx, campaign, q.board, before)
	if err != nil {
		return Improved{}, err
	}
	if out.Stale = stale || staleThen; out.Stale {
		return out, nil
	}
	had := make(map[string]int64, len(then))
	for _, row := range then {
		had[row.ID] = row.Sum
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
