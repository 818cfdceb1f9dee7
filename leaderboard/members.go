package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/store"
)

// waiting is how long a joiner of the running season does not count in the size
// that a unit is measured by, so that signing people up in the last hour does
// not pull a unit down.
const waiting = 24 * time.Hour

// seasonStart is who was there when a season began: members by home, written once,
// as soon as W is past the start. From then on nobody who leaves, hides or changes
// teams makes a unit smaller for the season. Its id is the season's.
type seasonStart struct {
	store.Meta `bson:",inline"`
	Homes      []homeCount `bson:"homes"`
}

type homeCount struct {
	Home    string `bson:"home"` // see homeOf
	Members int64  `bson:"members"`
}

var startSchema = store.Schema{Name: "season_starts"}

// homes is a count of people by home.
type homes map[string]int64

// startKept writes who was there at the start of the running season, where that is
// not written yet and W is past it. A campaign's first season has no start: in it
// everybody counts.
func (b *Boards) startKept(ctx context.Context, t tenant) error {
	w, err := t.window("season", b.clock.Now())
	if err != nil || t.isFirst(w) {
		return err
	}
	if _, found, err := b.startOf(ctx, t, w.id); err != nil || found {
		return err
	}
	m, err := b.readMeta(ctx, t.ID)
	if err != nil {
		return err
	}
	if mark, ok := m.mark(m.gen); !ok || mark.At.Before(w.season.Start) {
		return nil
	}
	there, err := b.homesAt(ctx, t, m.gen, w.season.Start)
	if err != nil {
		return err
	}
	doc := &seasonStart{Meta: store.Meta{ID: w.id}}
	for home, n := range there {
		if n > 0 {
			doc.Homes = append(doc.Homes, homeCount{home, n})
		}
	}
	if err := b.starts.InsertOne(ctx, t.ID, doc); err != nil && !errors.Is(err, store.ErrDuplicate) {
		return fmt.Errorf("leaderboard: write the start of %s: %w", w.id, err)
	}
	return nil
}

// startOf reads who was there when a season began; false where that is not written.
func (b *Boards) startOf(ctx context.Context, t tenant, season string) (homes, bool, error) {
	key := t.ID + "/" + season
	if there, ok := b.began.Get(key); ok {
		return there, true, nil
	}
	doc, err := b.starts.Get(ctx, t.ID, season)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("leaderboard: read the start of %s: %w", season, err)
	}
	there := make(homes, len(doc.Homes))
	for _, h := range doc.Homes {
		there[h.Home] = h.Members
	}
	b.began.Add(key, there)
	return there, true, nil
}

// starters counts who was there when a window began: all that there are in a
// campaign's first season and for all-time. fixed says that the numbers will not
// change any more.
func (b *Boards) starters(ctx context.Context, t tenant, gen string, w window) (there homes, fixed bool, err error) {
	if w.id == AllTime || t.isFirst(w) {
		there, err = b.homesAt(ctx, t, gen, t.joinedBefore(w, b.clock.Now()))
		return there, false, err
	}
	if there, fixed, err = b.startOf(ctx, t, w.id); err != nil || fixed {
		return there, fixed, err
	}
	there, err = b.homesAt(ctx, t, gen, w.season.Start)
	return there, false, err
}

// members counts the people that each home is measured by in a window: the starters
// there, and joiners since once the waiting period is over; in a campaign's first
// season everybody. It leaves there as it is.
func (b *Boards) members(ctx context.Context, t tenant, gen string, w window, there homes) (homes, error) {
	if w.id == AllTime || t.isFirst(w) {
		return there, nil
	}
	until := t.joinedBefore(w, b.clock.Now())
	if !until.After(w.season.Start) {
		return there, nil
	}
	joined, err := b.joiners(ctx, t, gen, w.season.Start, until)
	if err != nil {
		return nil, err
	}
	for home, n := range there {
		joined[home] += n
	}
	return joined, nil
}

// homesAt counts who had joined before an instant, where they belong now.
func (b *Boards) homesAt(ctx context.Context, t tenant, gen string, at time.Time) (homes, error) {
	now := b.clock.Now()
	all, err := b.redis.HGetAll(ctx, genKey(t.ID, gen, restMembers)).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	there := homes{}
	there.add(all, 1)
	late, err := b.hours(ctx, t, gen, hourOf(at.Add(time.Hour-1)), hourOf(now))
	if err != nil {
		return nil, err
	}
	for _, joined := range late {
		there.add(joined, -1)
	}
	return there, nil
}

// joiners counts who joined from one instant to before another.
func (b *Boards) joiners(ctx context.Context, t tenant, gen string, from, until time.Time) (homes, error) {
	hours, err := b.hours(ctx, t, gen, hourOf(from.Add(time.Hour-1)), hourOf(until.Add(time.Hour-1))-1)
	if err != nil {
		return nil, err
	}
	joined := homes{}
	for _, hour := range hours {
		joined.add(hour, 1)
	}
	return joined, nil
}

// hours reads who joined in each of the hours from one to another.
func (b *Boards) hours(ctx context.Context, t tenant, gen string, first, last int64) ([]map[string]string, error) {
	if first > last {
		return nil, nil
	}
	var read []*redis.MapStringStringCmd
	_, err := b.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for hour := first; hour <= last; hour++ {
			read = append(read, pipe.HGetAll(ctx, genKey(t.ID, gen, restJoined(hour))))
		}
		return nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	hours := make([]map[string]string, len(read))
	for i, cmd := range read {
		hours[i] = cmd.Val()
	}
	return hours, nil
}

func (h homes) add(counts map[string]string, sign int64) {
	for home, text := range counts {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			h[home] += sign * n
		}
	}
}

func (h homes) none() bool {
	for _, n := range h {
		if n > 0 {
			return false
		}
	}
	return true
}

// unitCounts are people by board and unit.
type unitCounts map[Board]map[string]int64

// units adds up people by every unit of every board at once: a nation has thousands
// of homes and a hundred boards of regions.
func (h homes) units(root string) unitCounts {
	counts := unitCounts{}
	add := func(board Board, unit string, n int64) {
		units := counts[board]
		if units == nil {
			units = map[string]int64{}
			counts[board] = units
		}
		units[unit] += n
	}
	for home, n := range h {
		team, region, _ := strings.Cut(home, " ")
		add(Board{Teams, Campaign}, team, n)
		within := regionsAbove(root, region)
		for i, r := range within {
			add(Board{Teams, r}, team, n)
			if i > 0 {
				add(Board{Regions, within[i-1]}, r, n)
			}
		}
	}
	return counts
}

// census is who is counted in a window, and how.
type census struct {
	starters unitCounts // when it began, see starters
	fixed    bool       // starters will not change any more
	alone    bool       // nothing was there before: see census
	members  unitCounts // that units are measured by, see members
	all      unitCounts // everybody who joined, wherever they belong now
	read     time.Time
}

// census counts people for all boards of a window, at most every few seconds. For
// all-time, in a campaign's first season and in the first that found anybody there,
// everybody counts from when they join.
func (b *Boards) census(ctx context.Context, t tenant, gen string, w window) (*census, error) {
	key := fairKey{campaign: t.ID, gen: gen, window: w.id}
	now := b.clock.Now()
	// The longer a season, the more hours there are to read.
	life := censusLife * time.Duration(max(1, t.SeasonWeeks))
	if c, ok := b.censuses.Get(key); ok && now.Sub(c.read).Abs() < life {
		return c, nil
	}
	there, fixed, err := b.starters(ctx, t, gen, w)
	if err != nil {
		return nil, err
	}
	alone := w.id == AllTime || t.isFirst(w)
	var members homes
	if !alone && there.none() {
		alone, fixed = true, false
		until := now.Add(time.Hour)
		if w.season.End.Before(now) {
			until = w.season.End
		}
		if there, err = b.homesAt(ctx, t, gen, until); err != nil {
			return nil, err
		}
		members = there
	} else if members, err = b.members(ctx, t, gen, w, there); err != nil {
		return nil, err
	}
	all, err := b.homesAt(ctx, t, gen, now.Add(time.Hour))
	if err != nil {
		return nil, err
	}
	c := &census{starters: there.units(t.Root), fixed: fixed, alone: alone, members: members.units(t.Root), all: all.units(t.Root), read: now}
	b.censuses.Add(key, c)
	return c, nil
}

// isFirst says whether a season is the campaign's first, or before it.
func (t tenant) isFirst(w window) bool {
	return w.id != AllTime && !w.season.Start.After(t.calendar.Of(t.CreatedAt).Start)
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
	ended := w.season.End.Before(now)
	switch {
	case t.isFirst(w) && ended:
		return w.season.End
	case t.isFirst(w):
		return now.Add(time.Hour)
	case ended:
		return w.season.End.Add(-waiting)
	case now.Add(-waiting).Before(w.season.Start):
		return w.season.Start
	}
	return now.Add(-waiting)
}
