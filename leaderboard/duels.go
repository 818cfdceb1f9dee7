package leaderboard

import (
	"context"
	"time"

	"github.com/musterhq/muster/domain/season"
)

// Duels are the matched rivalries of the running season among the regions below
// one.
type Duels struct {
	Season string
	// Final: the pairs hold until the season ends. Not so in its first 48
	// hours, while the last season's board still takes late actions, nor in a
	// campaign's first season, where pairs follow the members who join.
	Final bool
	// Stale: the boards are not known to be complete. There are no pairs where
	// they would have to be made from such boards.
	Stale bool
	Pairs []Pair
}

// Pair is one duel with both sides as they stand now.
type Pair struct {
	ID          string
	Left, Right Row // Rank 0 where stale or not on the board yet
}

// Leader is "left", "right" or "tie", by the fair index where both have one (a
// duel of unlike sizes would be decided by size), else by the sum.
func (p Pair) Leader() string {
	left, right := float64(p.Left.Sum), float64(p.Right.Sum)
	if p.Left.Fair != nil && p.Right.Fair != nil {
		left, right = *p.Left.Fair, *p.Right.Fair
	}
	switch {
	case left > right:
		return "left"
	case right > left:
		return "right"
	}
	return "tie"
}

// Duels pairs the regions below parent: ranks 1 and 2, 3 and 4 ... of the last
// season's board; in a campaign's first season by members, then name. Regions
// gives those to pair, by id and name. Errors as Page.
func (b *Boards) Duels(ctx context.Context, campaign, parent string, regions map[string]string) (Duels, error) {
	t, err := b.tenant(ctx, campaign)
	if err != nil {
		return Duels{}, err
	}
	now := b.clock.Now()
	current := t.calendar.Of(now)
	last := t.calendar.Of(current.Start.Add(-time.Millisecond))
	contenders := make(map[string]*season.Contender, len(regions))
	for id, name := range regions {
		contenders[id] = &season.Contender{ID: id, Name: name}
	}
	first, unknown := !t.CreatedAt.Before(current.Start), false
	if first {
		err = b.addMembers(ctx, t, window{current.ID, current}, contenders)
	} else {
		unknown, err = b.addRanks(ctx, campaign, Board{Regions, parent}, last.ID, contenders)
	}
	if unknown || away(ctx, err) {
		return Duels{Season: current.ID, Stale: true}, nil
	}
	if err != nil {
		return Duels{}, err
	}
	rows, stale, err := b.rowsOf(ctx, campaign, Board{Regions, parent}, current.ID)
	if err != nil {
		return Duels{}, err
	}
	out := Duels{Season: current.ID, Final: !first && !now.Before(last.Closes), Stale: stale}
	all := make([]season.Contender, 0, len(contenders))
	for _, c := range contenders {
		all = append(all, *c)
	}
	for _, d := range season.Duels(current.ID, all) {
		side := func(id string) Row {
			row := rows[id]
			row.ID, row.Name = id, regions[id]
			return row
		}
		out.Pairs = append(out.Pairs, Pair{ID: d.ID, Left: side(d.Left), Right: side(d.Right)})
	}
	return out, nil
}

func (b *Boards) addMembers(ctx context.Context, t tenant, w window, contenders map[string]*season.Contender) error {
	known, err := b.known(ctx, t.ID)
	if err != nil {
		return err
	}
	members, err := b.members(ctx, t, known.gen, w)
	if err != nil {
		return err
	}
	for id, c := range contenders {
		c.Members = members[id]
	}
	return nil
}

// addRanks says too whether the ranks are not known.
func (b *Boards) addRanks(ctx context.Context, campaign string, board Board, window string, contenders map[string]*season.Contender) (stale bool, err error) {
	rows, stale, err := b.rowsOf(ctx, campaign, board, window)
	if err != nil || stale {
		return stale, err
	}
	for id, c := range contenders {
		c.Rank = rows[id].Rank
	}
	return false, nil
}

// rowsOf reads a whole board of regions, page by page.
func (b *Boards) rowsOf(ctx context.Context, campaign string, board Board, window string) (rows map[string]Row, stale bool, err error) {
	rows = map[string]Row{}
	r := PageRequest{Board: board.String(), Window: window, Limit: MaxLimit}
	for {
		page, err := b.Page(ctx, campaign, r)
		if err != nil {
			return nil, false, err
		}
		stale = stale || page.Stale
		for _, row := range page.Rows {
			rows[row.ID] = row
		}
		if r.Cursor = page.Next; r.Cursor == "" {
			return rows, stale, nil
		}
	}
}
