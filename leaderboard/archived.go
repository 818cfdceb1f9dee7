package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/musterhq/muster/store"
)

// archivedPage reads a page of a closed season from the store.
func (b *Boards) archivedPage(ctx context.Context, t tenant, q pageQuery) (Page, error) {
	board := restBoard(q.window, q.board)
	offset, err := b.archivedOffset(ctx, t.ID, board, q)
	if err != nil {
		return Page{}, err
	}
	rows, total, err := b.archivedRows(ctx, t.ID, board, offset, q.limit)
	if err != nil {
		return Page{}, err
	}
	page := Page{
		Board: q.board.String(), Window: q.window, Closed: true, Total: total,
		Next: nextCursor(offset, len(rows), total),
	}
	if q.board.Unit == People {
		if rows, err = b.withoutHidden(ctx, t, rows); err != nil {
			return Page{}, err
		}
	}
	page.Rows, err = b.named(ctx, t, q.board.Unit, rows)
	return page, err
}

// archivedOffset is where a page begins: at the request's offset, or so that
// the member is in the middle.
func (b *Boards) archivedOffset(ctx context.Context, campaign, board string, q pageQuery) (int, error) {
	if q.around == "" {
		return q.offset, nil
	}
	page, err := b.archive.First(ctx, campaign, store.Query{Index: "row", Equal: []any{board, q.around}})
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("leaderboard: read the archive: %w", err)
	}
	i := slices.IndexFunc(page.Rows, func(r archiveRow) bool { return r.ID == q.around })
	var number int
	if _, err := fmt.Sscanf(strings.TrimPrefix(page.ID, board+"/"), "%d", &number); err != nil {
		return 0, fmt.Errorf("leaderboard: archive page %s: %w", page.ID, err)
	}
	at := number*archiveRows + i - (q.limit-1)/2
	return max(0, min(at, page.Total-q.limit)), nil
}

// archivedRows reads rows of an archived board, from up to two of its pages. A
// board that the season did not have is empty.
func (b *Boards) archivedRows(ctx context.Context, campaign, board string, offset, limit int) (rows []archiveRow, total int, err error) {
	first, last := offset/archiveRows, (offset+limit-1)/archiveRows
	var ids []string
	for page := first; page <= last; page++ {
		ids = append(ids, archiveID(board, page))
	}
	found, err := b.archive.GetMany(ctx, campaign, ids)
	if err != nil {
		return nil, 0, fmt.Errorf("leaderboard: read the archive: %w", err)
	}
	for _, id := range ids {
		if page, ok := found[id]; ok {
			rows, total = append(rows, page.Rows...), page.Total
		}
	}
	skip := min(offset-first*archiveRows, len(rows))
	rows = rows[skip:]
	return rows[:min(limit, len(rows))], total, nil
}

// withoutHidden drops the rows of people who have hidden themselves since the
// season closed, and of those of whom that is not known.
func (b *Boards) withoutHidden(ctx context.Context, t tenant, rows []archiveRow) ([]archiveRow, error) {
	if len(rows) == 0 {
		return rows, nil
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	visible, err := b.visible(ctx, t, ids)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rows, func(r archiveRow) bool { return !visible[r.ID] }), nil
}

// visible says which accounts are known not to be hidden: by contrib, and by
// checkpoints, which are some minutes old, where Redis does not know.
func (b *Boards) visible(ctx context.Context, t tenant, accounts []string) (map[string]bool, error) {
	visible := make(map[string]bool, len(accounts))
	unknown := accounts
	if stored, err := b.readContrib(ctx, t, AllTime, accounts); err == nil {
		unknown = nil
		for i, c := range stored {
			if c == nil {
				unknown = append(unknown, accounts[i])
			} else {
				visible[accounts[i]] = !c.hidden
			}
		}
	}
	if len(unknown) == 0 {
		return visible, nil
	}
	checkpoints, err := b.checkpoints.GetMany(ctx, t.ID, unknown)
	if err != nil {
		return nil, fmt.Errorf("leaderboard: read checkpoints: %w", err)
	}
	for account, c := range checkpoints {
		visible[account] = !c.Line.All.Hidden
	}
	return visible, nil
}
