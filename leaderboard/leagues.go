package leaderboard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/store"
)

// leagues are those of a board in a window, and what they were made from.
type leagues struct {
	list     []season.League
	entrants map[string]season.Entrant
	// final: they hold for the whole window. Not so in a season's first 48
	// hours, while the season before still takes late actions, in a campaign's
	// first season, nor for all-time.
	final bool
}

// leagues makes the leagues of a board: by size alone for all-time and in a
// campaign's first season, else by the sizes at the season's start and by how the
// units ended the season before.
func (b *Boards) leagues(ctx context.Context, t tenant, gen string, w window, board Board, people *census) (leagues, error) {
	key := fairKey{t.ID, "", w.id, board}
	if l, ok := b.leagued.Get(key); ok {
		return l, nil
	}
	ended := past{}
	if !people.alone {
		var err error
		if ended, err = b.past(ctx, t, gen, w, board); err != nil {
			return leagues{}, err
		}
	}
	l := leagues{entrants: map[string]season.Entrant{}, final: !people.alone && people.fixed && ended.final}
	there := people.starters[board]
	entrants := make([]season.Entrant, 0, len(there))
	for id, n := range there {
		e := season.Entrant{ID: id, Members: n}
		if fair := ended.fair[id]; fair != nil {
			e.Last, e.Rating = &fair.Place, fair.Rating
		}
		l.entrants[id] = e
		entrants = append(entrants, e)
	}
	if people.alone {
		l.list = season.Sizes(entrants)
	} else {
		l.list = season.Leagues(entrants)
	}
	if l.final {
		b.leagued.Add(key, l)
	}
	return l, nil
}

// late are the units that have come to be compared only since the leagues were made.
func (l *leagues) late(units []season.Unit) (late []season.Entrant) {
	for _, u := range units {
		if l.entrants[u.ID].Members < season.MinMembers {
			late = append(late, season.Entrant{ID: u.ID, Members: u.Members})
		}
	}
	return late
}

// past is how the units of a board ended the season before another.
type past struct {
	fair  map[string]*Fair
	final bool // the season is closed
}

func (b *Boards) past(ctx context.Context, t tenant, gen string, w window, board Board) (past, error) {
	last := t.calendar.Of(w.season.Start.Add(-time.Millisecond))
	closed, err := b.isClosed(ctx, t.ID, last.ID)
	if err != nil {
		return past{}, err
	}
	if !closed {
		table, err := b.fair(ctx, t, gen, window{last.ID, last}, board, nil)
		if err != nil {
			return past{}, err
		}
		return past{fair: table.fair}, nil
	}
	table, err := b.archivedTable(ctx, t.ID, restBoard(last.ID, board))
	if err != nil {
		return past{}, err
	}
	return past{table.fair, true}, nil
}

// archivedTable reads a whole board of units of a closed season.
func (b *Boards) archivedTable(ctx context.Context, campaign, board string) (*fairTable, error) {
	table := &fairTable{fair: map[string]*Fair{}, sums: map[string]int64{}}
	for number := 0; ; number++ {
		page, err := b.archive.Get(ctx, campaign, archiveID(board, number))
		if errors.Is(err, store.ErrNotFound) {
			return table, nil
		}
		if err != nil {
			return nil, fmt.Errorf("leaderboard: read the archive: %w", err)
		}
		for _, row := range page.Rows {
			table.sums[row.ID] = row.Sum
			if row.Fair != nil {
				table.fair[row.ID] = row.Fair
			}
		}
	}
}

// LeagueTable are the leagues of a board.
type LeagueTable struct {
	Board  string
	Window string // AllTime or a season's id
	// Final: who is in which league and division holds to the window's end.
	Final bool
	// Stale: the boards are not known to be complete; there are no leagues then.
	Stale   bool
	Closed  bool // the season is over for good
	Leagues []LeagueRows
}

// LeagueRows is a division of a league, see season.League: its units by the fair
// index, among equals by name.
type LeagueRows struct {
	League, Division, Divisions int
	Smallest, Largest           int64 // members of the smallest and largest unit of the rows
	Rows                        []Row // Rank is the rank in the division; Fair is never nil
}

// Leagues reads the leagues of a board of teams or regions. Errors are those of
// Page; a board of people is Invalid board_invalid.
func (b *Boards) Leagues(ctx context.Context, campaign, id, windowName string) (LeagueTable, error) {
	t, err := b.tenant(ctx, campaign)
	if err != nil {
		return LeagueTable{}, err
	}
	q, w, err := b.resolve(ctx, t, PageRequest{Board: id, Window: windowName})
	if err != nil {
		return LeagueTable{}, err
	}
	if q.board.Unit == People {
		return LeagueTable{}, errNoLeagues()
	}
	out := LeagueTable{Board: q.board.String(), Window: w.id, Leagues: []LeagueRows{}}
	table, closed, err := b.table(ctx, t, w, q.board)
	out.Closed = closed
	if err != nil {
		return LeagueTable{}, err
	}
	if out.Stale = table == nil; out.Stale {
		return out, nil
	}
	out.Final = out.Closed || table.leagues.final
	out.Leagues, err = b.leagueRows(ctx, t, q.board.Unit, table)
	return out, err
}

// table is the fair index of a board, of a closed season from the store; nil where
// the boards are not known to be complete, or Redis cannot be asked.
func (b *Boards) table(ctx context.Context, t tenant, w window, board Board) (table *fairTable, closed bool, err error) {
	if w.id != AllTime {
		if closed, err = b.isClosed(ctx, t.ID, w.id); err != nil {
			return nil, false, err
		}
	}
	if closed {
		table, err = b.archivedTable(ctx, t.ID, restBoard(w.id, board))
		return table, true, err
	}
	table, err = b.currentTable(ctx, t, w, board)
	if away(ctx, err) {
		return nil, false, nil
	}
	return table, false, err
}

// currentTable is the fair index of a board that is not closed; nil where the boards
// are not known to be complete.
func (b *Boards) currentTable(ctx context.Context, t tenant, w window, board Board) (*fairTable, error) {
	v, err := b.readCurrent(ctx, t, pageQuery{window: w.id, board: board, limit: 1})
	if err != nil || v.gen == "" {
		return nil, err
	}
	if stale, err := b.stale(ctx, t, v.gen, v.w); err != nil || stale {
		return nil, err
	}
	return b.fair(ctx, t, v.gen, w, board, v.rows)
}

func (b *Boards) leagueRows(ctx context.Context, t tenant, unit Unit, table *fairTable) ([]LeagueRows, error) {
	rows := make([]archiveRow, 0, len(table.fair))
	for id, fair := range table.fair {
		rows = append(rows, archiveRow{ID: id, Rank: fair.Rank, Sum: table.sums[id], Fair: fair})
	}
	named, err := b.named(ctx, t, unit, rows)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(named, func(a, b Row) int {
		return cmp.Or(
			cmp.Compare(a.Fair.League, b.Fair.League), cmp.Compare(a.Fair.Division, b.Fair.Division),
			cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID),
		)
	})
	out := []LeagueRows{}
	for _, row := range named {
		f := row.Fair
		if at := len(out) - 1; at < 0 || out[at].League != f.League || out[at].Division != f.Division {
			out = append(out, LeagueRows{League: f.League, Division: f.Division, Divisions: f.Divisions, Smallest: f.Members})
		}
		group := &out[len(out)-1]
		group.Smallest, group.Largest = min(group.Smallest, f.Members), max(group.Largest, f.Members)
		group.Rows = append(group.Rows, row)
	}
	return out, nil
}
