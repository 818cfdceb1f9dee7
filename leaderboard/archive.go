package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/store"
)

// archivePage is a part of a closed season's board: its id is archiveID. Rows
// are in the order of the board, without names: those are looked up when a page
// is read, so that who hides later is hidden there too.
type archivePage struct {
	store.Meta `bson:",inline"`
	Board      string       `bson:"board"` // "<season>/<unit>:<scope>"
	Total      int          `bson:"total"` // rows of the whole board
	Rows       []archiveRow `bson:"rows"`
}

type archiveRow struct {
	ID   string `bson:"id"`
	Rank int    `bson:"rank"`
	Sum  int64  `bson:"sum"`
	Fair *Fair  `bson:"standing,omitempty"` // nil for people, and for a unit that is not compared
	// Small: a unit of so few people that its sum would be theirs. It is kept, for
	// the sums of the season add up, and given to nobody.
	Small bool `bson:"small,omitempty"`
}

// archiveRows is how many rows a page holds.
const archiveRows = 500

var archiveSchema = store.Schema{
	Name: "season_boards",
	// Finds the page that holds one account or unit.
	Indexes: []store.Index{{Name: "row", Equal: []string{"board", "rows.id"}, Each: "rows.id"}},
}

func archiveID(board string, page int) string { return fmt.Sprintf("%s/%06d", board, page) }

// closedLife is how long Redis keeps a closed season's keys, for a reader who
// asked just before.
const closedLife = time.Hour

// archived closes the seasons that W has left behind by the margin: writes
// their boards to the store, says so in progress (the commit: from then on
// pages are read from the store), and lets their keys in Redis expire. Every
// step may be repeated.
func (b *Boards) archived(ctx context.Context, t tenant) error {
	p, err := b.readProgress(ctx, t.ID)
	if err != nil {
		return err
	}
	m, err := b.readMeta(ctx, t.ID)
	if err != nil {
		return err
	}
	w, ok := m.mark(m.gen)
	if !ok {
		return nil
	}
	for _, s := range b.ended(t, w) {
		if p.closed(s.ID) {
			continue
		}
		done, err := b.archiveSeason(ctx, t, s, m)
		if err != nil || !done {
			return err
		}
		_, err = b.progress.Update(ctx, t.ID, progressID, func(p *progress) error {
			if !p.closed(s.ID) {
				p.Closed = append(p.Closed, s.ID)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("leaderboard: close season %s: %w", s.ID, err)
		}
		b.seasons.Remove(t.ID) // it says that the season is open
		b.log.InfoContext(ctx, "season archived", "campaign", t.ID, "season", s.ID)
	}
	return nil
}

// ended lists, oldest first, the seasons of a campaign whose close lies more
// than the margin before W.
func (b *Boards) ended(t tenant, w Mark) []season.Season {
	if t.CreatedAt.IsZero() {
		return nil
	}
	// An action may be older than the campaign, so the season before its first
	// may have boards too.
	s := t.calendar.Of(t.CreatedAt)
	s = t.calendar.Of(s.Start.Add(-time.Hour))
	var found []season.Season
	for !w.At.Before(s.Closes.Add(b.margin)) {
		found = append(found, s)
		s = t.calendar.Of(s.End)
	}
	return found
}

// archiveSeason writes all boards of a season that m says W is past. It answers
// false where W or the generation is not m's any more: then Redis went back, or
// somebody else is at it, and the next round tries again. W is looked at with
// every read, so what was written is final.
func (b *Boards) archiveSeason(ctx context.Context, t tenant, s season.Season, m meta) (bool, error) {
	boards, err := b.boardsIn(ctx, t.ID, m.gen)
	if err != nil {
		return false, err
	}
	now, err := b.readMeta(ctx, t.ID)
	if err != nil || !m.stands(now) {
		return false, err
	}
	for _, board := range boards[s.ID] {
		done, err := b.archiveBoard(ctx, t, window{s.ID, s}, board, m)
		if err != nil || !done {
			return false, err
		}
	}
	return true, nil
}

// stands says whether the generation that is read, and its W, are the same now.
func (m meta) stands(now meta) bool {
	w := fieldMark(m.gen)
	return now.gen == m.gen && now.fields[w] == m.fields[w]
}

func (b *Boards) archiveBoard(ctx context.Context, t tenant, w window, board Board, m meta) (done bool, err error) {
	var fairs *fairTable
	if board.Unit != People {
		if fairs, err = b.readFair(ctx, t, m.gen, w, board); err != nil {
			return false, err
		}
	}
	for page := 0; ; page++ {
		v, err := b.readPage(ctx, t, m.gen, pageQuery{window: w.id, board: board, offset: page * archiveRows, limit: archiveRows})
		if errors.Is(err, errOther) || (err == nil && !m.stands(v.meta())) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		name := restBoard(w.id, board)
		doc := &archivePage{Meta: store.Meta{ID: archiveID(name, page)}, Board: name, Total: v.total, Rows: v.archiveRows(fairs)}
		if err := b.archive.InsertOne(ctx, t.ID, doc); err != nil && !errors.Is(err, store.ErrDuplicate) {
			return false, fmt.Errorf("leaderboard: archive %s: %w", name, err)
		}
		if (page+1)*archiveRows >= v.total {
			return true, nil
		}
	}
}

// closeInRedis makes the script refuse lines of these seasons.
func (b *Boards) closeInRedis(ctx context.Context, campaign string, seasons []string) error {
	if len(seasons) == 0 {
		return nil
	}
	return unavailable(b.redis.SAdd(ctx, closedKey(campaign), seasons).Err())
}

// retired is the second entry that a closed season has in the closed set, once
// its keys have been given an end.
func retired(season string) string { return season + "/retired" }

// retire closes in Redis what progress says is closed and gives the keys an
// end. Run does it again and again, for Redis may have gone back to before.
func (b *Boards) retire(ctx context.Context, t tenant) error {
	p, err := b.readProgress(ctx, t.ID)
	if err != nil {
		return err
	}
	known, err := b.redis.SMembers(ctx, closedKey(t.ID)).Result()
	if err != nil {
		return unavailable(err)
	}
	open := slices.DeleteFunc(slices.Clone(p.Closed), func(s string) bool { return slices.Contains(known, retired(s)) })
	if len(open) == 0 {
		return nil
	}
	// First the set: once it refuses, no key comes back.
	if err := b.closeInRedis(ctx, t.ID, open); err != nil {
		return err
	}
	m, err := b.readMeta(ctx, t.ID)
	if err != nil {
		return err
	}
	for _, gen := range m.taking("") {
		if err := b.retireIn(ctx, t.ID, gen, open); err != nil {
			return err
		}
	}
	for i, s := range open {
		open[i] = retired(s)
	}
	return b.closeInRedis(ctx, t.ID, open)
}

func (b *Boards) retireIn(ctx context.Context, campaign, gen string, seasons []string) error {
	boards, err := b.boardsIn(ctx, campaign, gen)
	if err != nil {
		return err
	}
	for _, s := range seasons {
		fields := make([]string, 0, len(boards[s]))
		for _, board := range boards[s] {
			fields = append(fields, restBoard(s, board))
		}
		_, err := b.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.Expire(ctx, genKey(campaign, gen, restContrib(s)), closedLife)
			for _, rest := range fields {
				pipe.Expire(ctx, genKey(campaign, gen, rest), closedLife)
			}
			for part := range slices.Chunk(fields, 500) {
				pipe.HDel(ctx, genKey(campaign, gen, restChanges), part...)
			}
			return nil
		})
		if err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// closedSeasons is what a node remembers of progress, for readers.
type closedSeasons struct {
	ids  []string
	read time.Time
}

// isClosed says whether a season's boards are read from the store. A season
// that was closed is closed for ever; one that is not known to be is asked for
// again every few seconds.
func (b *Boards) isClosed(ctx context.Context, campaign, season string) (bool, error) {
	now := b.clock.Now()
	have, ok := b.seasons.Get(campaign)
	if slices.Contains(have.ids, season) {
		return true, nil
	}
	if ok && now.Sub(have.read).Abs() < campaignLife {
		return false, nil
	}
	p, err := b.progress.Get(ctx, campaign, progressID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("leaderboard: read the progress: %w", err)
	}
	b.seasons.Add(campaign, closedSeasons{p.Closed, now})
	return p.closed(season), nil
}
