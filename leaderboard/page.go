package leaderboard

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
)

// Bounds of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// PageRequest asks for a page of a board.
type PageRequest struct {
	Board  string // "<unit>:<scope>"; see ParseBoard
	Window string // "season" or "": the one of now; "all"; a season's id
	// Around puts this account, team or region in the middle of the page. Where
	// it is not on the board, the page is the first.
	Around string
	Limit  int    // rows, 1 to MaxLimit; 0 is DefaultLimit
	Cursor string // from Page.Next; "" is the first page. Not with Around
}

// Page is a part of a board, at one instant.
type Page struct {
	Board  string
	Window string // AllTime or a season's id
	// Stale: the boards are not known to be complete. There may be rows, but
	// none has a rank; there are none while Redis cannot be asked.
	Stale bool
	// Closed: the window's season is over for good; the page will not change.
	Closed bool
	Total  int // rows of the whole board
	Rows   []Row
	Next   string // cursor of the following page, "" at the end
	// Version tells states of the board apart; see Version.
	Version Version
}

// Row is a place on a board, in falling order of sums; among equals by name.
type Row struct {
	// Rank is the competition rank (1, 2, 2, 4), 0 where the page is stale.
	Rank int
	ID   string // account, team or region
	Name string
	Sum  int64
	Fair *Fair // nil for people, and for a unit that is not compared
}

// Page reads a page of a board, at an instant that those who ask at the same time
// share. Ranks count everybody; a row whose person may no longer be shown is left
// out, and one of a team or region of fewer than season.MinMembers people, whose sum
// would be theirs. So a page may have fewer rows than Limit and still have a Next.
//
// It answers Invalid board_invalid, window_invalid, limit_invalid or
// cursor_invalid; NotFound board_unknown where there is no such region or team,
// or where all-time keeps no such board (people of a region); Unavailable
// boards_unavailable; what Campaigns and Names answered; or that of ctx.
func (b *Boards) Page(ctx context.Context, campaign string, r PageRequest) (Page, error) {
	t, err := b.tenant(ctx, campaign)
	if err != nil {
		return Page{}, err
	}
	q, w, err := b.resolve(ctx, t, r)
	if err != nil {
		return Page{}, err
	}
	closed := false
	if w.id != AllTime {
		if closed, err = b.isClosed(ctx, campaign, w.id); err != nil {
			return Page{}, err
		}
	}
	if closed {
		return b.archivedPage(ctx, t, q)
	}
	page, err := b.currentPage(ctx, t, q, w)
	if away(ctx, err) {
		return Page{Board: q.board.String(), Window: w.id, Stale: true, Rows: []Row{}}, nil
	}
	return page, err
}

// away says whether all that failed is that Redis could not be asked.
func away(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() == nil && errs.CodeOf(err) == unavailableCode
}

// currentPage reads a page from Redis.
func (b *Boards) currentPage(ctx context.Context, t tenant, q pageQuery, w window) (Page, error) {
	v, err := b.readCurrent(ctx, t, q)
	if err != nil {
		return Page{}, err
	}
	page := Page{Board: q.board.String(), Window: w.id, Total: v.total, Version: Version{v.gen, v.version}}
	if page.Stale, err = b.stale(ctx, t, v.gen, v.w); err != nil {
		return Page{}, err
	}
	page.Next = nextCursor(v.offset, len(v.rows), v.total)
	var fairs *fairTable
	if q.board.Unit != People && len(v.rows) > 0 {
		if fairs, err = b.fair(ctx, t, v.gen, w, q.board, v.rows); err != nil {
			return Page{}, err
		}
	}
	rows := v.archiveRows(fairs)
	if page.Stale {
		for i := range rows {
			rows[i].Rank = 0
		}
	}
	page.Rows, err = b.named(ctx, t, q.board.Unit, rows)
	return page, err
}

// resolve checks a request.
func (b *Boards) resolve(ctx context.Context, t tenant, r PageRequest) (q pageQuery, w window, err error) {
	if q.board, err = ParseBoard(r.Board); err != nil {
		return q, w, err
	}
	if w, err = t.window(r.Window, b.clock.Now()); err != nil {
		return q, w, err
	}
	if !t.has(w, b.clock.Now()) {
		return q, w, errWindow(nil)
	}
	q.window, q.around, q.limit = w.id, r.Around, cmp.Or(r.Limit, DefaultLimit)
	if q.limit < 1 || q.limit > MaxLimit {
		return q, w, errs.New(errs.Invalid, "limit_invalid", "Ask for 1 to %d rows.", MaxLimit)
	}
	if q.offset, err = parseCursor(r.Cursor); err != nil || (r.Cursor != "" && r.Around != "") {
		return q, w, errs.New(errs.Invalid, "cursor_invalid", "Take the cursor from the page before, and leave it out when asking for the page around somebody.")
	}
	return q, w, b.exists(ctx, t, q.board, w)
}

// exists answers board_unknown where a board cannot be.
func (b *Boards) exists(ctx context.Context, t tenant, board Board, w window) error {
	unknown := errs.New(errs.NotFound, "board_unknown", "There is no such board in this campaign.")
	unit := Regions
	switch {
	case !board.kept(w.id):
		return unknown
	case board.Scope == Campaign:
		return nil
	case board.ofTeam():
		unit = Teams
	case t.Root == "" || !campaign.Covers(t.Root, board.Scope):
		return unknown
	}
	names, err := b.names.Names(ctx, t.ID, unit, []string{board.Scope})
	if err != nil {
		return err
	}
	if _, ok := names[board.Scope]; !ok {
		return unknown
	}
	return nil
}

// has says whether there can be boards of a window: those of the season before the
// campaign's first, for an action may be older than it, to the one that runs by some
// node's clock.
func (t tenant) has(w window, now time.Time) bool {
	if w.id == AllTime || t.CreatedAt.IsZero() {
		return true
	}
	first := t.calendar.Of(t.CreatedAt)
	first = t.calendar.Of(first.Start.Add(-time.Millisecond))
	return !w.season.Start.Before(first.Start) && !w.season.Start.After(now.Add(maxSkew))
}

// window reads the name of a window.
func (t tenant) window(name string, now time.Time) (window, error) {
	switch name {
	case "", "season":
		s := t.calendar.Of(now)
		return window{s.ID, s}, nil
	case AllTime:
		return window{id: AllTime}, nil
	}
	s, err := t.calendar.ByID(name)
	if err != nil {
		return window{}, errWindow(err)
	}
	return window{s.ID, s}, nil
}

// named gives rows their names, drops those of people who may not be shown and of
// units too small to be, and puts equals in the order of names.
func (b *Boards) named(ctx context.Context, t tenant, unit Unit, rows []archiveRow) ([]Row, error) {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	named := make([]Row, 0, len(rows))
	if len(rows) == 0 {
		return named, nil
	}
	names, err := b.names.Names(ctx, t.ID, unit, ids)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		name, ok := names[r.ID]
		if !ok && unit == People || r.Small {
			continue
		}
		named = append(named, Row{Rank: r.Rank, ID: r.ID, Name: cmp.Or(name, r.ID), Sum: r.Sum, Fair: r.Fair})
	}
	slices.SortStableFunc(named, func(a, b Row) int {
		if a.Sum != b.Sum { // nearly always: the rest is not looked at
			return cmp.Compare(b.Sum, a.Sum)
		}
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return named, nil
}

// A cursor is the number of rows passed over: on a board that moves, a row may
// come twice or be missed, as its place does.
func nextCursor(offset, rows, total int) string {
	if rows == 0 || offset+rows >= total {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte("o" + strconv.Itoa(offset+rows)))
}

func parseCursor(cursor string) (offset int, err error) {
	if cursor == "" {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(text) < 2 || text[0] != 'o' {
		return 0, fmt.Errorf("leaderboard: %q is no cursor", cursor)
	}
	offset, err = strconv.Atoi(string(text[1:]))
	if err != nil || offset < 1 || offset > 1<<31 || cursor != nextCursor(offset-1, 1, offset+1) {
		return 0, fmt.Errorf("leaderboard: %q is no cursor", cursor)
	}
	return offset, nil
}

// Key names the sorted set of Redis that holds a board in the generation that
// is read now: for who measures Redis by itself. Everybody else reads a Page,
// which knows when the generation changes. Errors are those of Page, and
// Conflict boards_stale where there are no boards.
func (b *Boards) Key(ctx context.Context, campaign, windowName, board string) (string, error) {
	t, err := b.tenant(ctx, campaign)
	if err != nil {
		return "", err
	}
	q, _, err := b.resolve(ctx, t, PageRequest{Board: board, Window: windowName})
	if err != nil {
		return "", err
	}
	m, err := b.readMeta(ctx, campaign)
	if err != nil {
		return "", err
	}
	if m.gen == "" {
		return "", errs.New(errs.Conflict, "boards_stale", "There are no boards yet; try again in a moment.")
	}
	return genKey(campaign, m.gen, restBoard(q.window, q.board)), nil
}
