package leaderboard

import (
	"context"
	"time"

	"github.com/musterhq/muster/domain/season"
)

// Fair is how a unit compares with those of its size, see season.Table.
type Fair struct {
	season.Standing `bson:",inline"`
	Members         int64         `bson:"members"` // that the unit is measured by
	Rating          season.Rating `bson:"rating"`  // as it is after this season, if it ended now
}

// fairLife is how long a node goes on with the fair index it worked out, censusLife
// with the count of people behind it: of one that is older a team that has just come
// to five people is not shown yet.
const (
	fairLife   = 2 * time.Second
	censusLife = time.Second
)

type fairKey struct {
	campaign, gen, window string
	board                 Board
}

// fairTable is what is known of every unit of a board.
type fairTable struct {
	leagues leagues
	fair    map[string]*Fair // nil for a unit that is not compared
	sums    map[string]int64
	small   map[string]bool // units of fewer than season.MinMembers people: shown to nobody
	read    time.Time
}

func (f *fairTable) of(unit string) *Fair {
	if f == nil {
		return nil
	}
	return f.fair[unit]
}

func (f *fairTable) isSmall(unit string) bool { return f != nil && f.small[unit] }

// fair gives the fair index of a board's units, worked out anew every few seconds,
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
		if _, ok := f.sums[row.id]; !ok {
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
	people, err := b.census(ctx, t, gen, w)
	if err != nil {
		return nil, err
	}
	leagues, err := b.leagues(ctx, t, gen, w, board, people)
	if err != nil {
		return nil, err
	}
	table := &fairTable{leagues: leagues, fair: map[string]*Fair{}, sums: make(map[string]int64, len(sums)), small: map[string]bool{}, read: b.clock.Now()}
	for _, z := range sums {
		id, _ := z.Member.(string)
		table.sums[id] = int64(z.Score)
		table.small[id] = people.all[board][id] < b.least
	}
	units := make([]season.Unit, 0, len(people.members[board]))
	for id, n := range people.members[board] {
		units = append(units, season.Unit{ID: id, Sum: table.sums[id], Members: n})
	}
	table.estimate(units)
	return table, nil
}

// estimate works out the table of units with these sums and sizes.
func (f *fairTable) estimate(units []season.Unit) {
	var sum, members int64
	for _, u := range units {
		if u.Members >= season.MinMembers {
			sum, members = sum+u.Sum, members+u.Members
		}
	}
	f.leagues.list = season.Join(f.leagues.list, f.leagues.late(units))
	places := season.Table(f.leagues.list, units)
	for _, u := range units {
		place, ok := places[u.ID]
		if !ok {
			continue
		}
		fair := &Fair{Standing: place, Members: u.Members}
		before := f.leagues.entrants[u.ID].Rating
		if sum > 0 {
			times := float64(u.Sum) / float64(u.Members) * float64(members) / float64(sum)
			fair.Rating = before.After(times, u.Members)
		} else {
			fair.Rating = before.After(0, 0)
		}
		f.fair[u.ID] = fair
	}
}
