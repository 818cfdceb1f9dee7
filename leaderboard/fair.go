package leaderboard

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/domain/season"
)

// waiting is how long a joiner of the running season does not count in the size
// that a unit is measured by, so that signing people up in the last hour does
// not pull a unit down.
const waiting = 24 * time.Hour

// fairLife is how long a node goes on with the fair index it worked out.
const fairLife = 3 * time.Second

type fairKey struct {
	campaign, gen, window string
	board                 Board
}

// fairTable is the fair index of every unit of a board.
type fairTable struct {
	index map[string]*float64
	read  time.Time
}

func (f *fairTable) of(unit string) *float64 {
	if f == nil {
		return nil
	}
	return f.index[unit]
}

// fair gives the index of a board's units, worked out anew every few seconds,
// and at once where one of the rows is of a unit it does not know.
func (b *Boards) fair(ctx context.Context, t tenant, gen string, w window, board Board, rows []score) (*fairTable, error) {
	key := fairKey{t.ID, gen, w.id, board}
	if table, ok := b.fairs.Get(key); ok && b.clock.Now().Sub(table.read).Abs() < fairLife && table.knows(rows) {
		return table, nil
	}
	table, err := b.readFair(ctx, t, gen, w, board)
	if err != nil {
		return nil, err
	}
	b.fairs.Add(key, table)
	return table, nil
}

func (f *fairTable) knows(rows []score) bool {
	for _, row := range rows {
		if _, ok := f.index[row.id]; !ok {
			return false
		}
	}
	return true
}

// readFair reads the sums and sizes of all units of a board. It is the one read
// whose cost grows with the number of units; fair bounds how often.
func (b *Boards) readFair(ctx context.Context, t tenant, gen string, w window, board Board) (*fairTable, error) {
	sums, err := b.redis.ZRangeWithScores(ctx, genKey(t.ID, gen, restBoard(w.id, board)), 0, -1).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	members, err := b.members(ctx, t, gen, w)
	if err != nil {
		return nil, err
	}
	units := make([]season.Unit, len(sums))
	for i, z := range sums {
		id, _ := z.Member.(string)
		units[i] = season.Unit{ID: id, Sum: int64(z.Score), Members: members[id]}
	}
	table := &fairTable{index: make(map[string]*float64, len(units)), read: b.clock.Now()}
	for _, r := range season.Fair(units) {
		table.index[r.ID] = r.Value
	}
	return table, nil
}

// members counts the people that each team and region is measured by in a
// window: those who had joined when the season began, and joiners since once
// the waiting period is over; in a campaign's first season everybody.
func (b *Boards) members(ctx context.Context, t tenant, gen string, w window) (map[string]int64, error) {
	now := b.clock.Now()
	until := t.joinedBefore(w, now)
	homes := map[string]int64{}
	var all *redis.MapStringStringCmd
	var late []*redis.MapStringStringCmd
	_, err := b.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		all = pipe.HGetAll(ctx, genKey(t.ID, gen, restMembers))
		for hour := hourOf(until.Add(time.Hour - 1)); hour <= hourOf(now); hour++ {
			late = append(late, pipe.HGetAll(ctx, genKey(t.ID, gen, restJoined(hour))))
		}
		return nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	addHomes(homes, all.Val(), 1)
	for _, joined := range late {
		addHomes(homes, joined.Val(), -1)
	}
	units := map[string]int64{}
	for home, n := range homes {
		team, region, _ := strings.Cut(home, " ")
		units[team] += n
		for _, r := range regionsAbove(t.Root, region) {
			units[r] += n
		}
	}
	return units, nil
}

func addHomes(sum map[string]int64, homes map[string]string, sign int64) {
	for home, text := range homes {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			sum[home] += sign * n
		}
	}
}

// joinedBefore is the instant before which a person must have joined to be
// counted in a window.
func (t tenant) joinedBefore(w window, now time.Time) time.Time {
	first := t.calendar.Of(t.CreatedAt)
	if w.id == AllTime {
		if now.Before(first.End) {
			return now.Add(time.Hour)
		}
		return now.Add(-waiting)
	}
	firstSeason, ended := !w.season.Start.After(first.Start), w.season.End.Before(now)
	switch {
	case firstSeason && ended:
		return w.season.End
	case firstSeason:
		return now.Add(time.Hour)
	case ended:
		return w.season.End.Add(-waiting)
	case now.Add(-waiting).Before(w.season.Start):
		return w.season.Start
	}
	return now.Add(-waiting)
}
