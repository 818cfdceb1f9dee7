package leaderboard

import (
	"context"
	"errors"
	"time"

	"github.com/musterhq/muster/store"
)

// StandingRequest names a person and where they score in the running season.
type StandingRequest struct {
	Account string
	Team    string // "" leaves the team out
	Region  string // the leaf; "" leaves regions out
}

// Standing is where a person stands in the running season.
type Standing struct {
	Season string
	// Stale: the boards are not known to be complete, or Redis cannot be asked;
	// no rank is given.
	Stale bool
	// Points are the person's, as the boards have them: in the season, and in
	// all. The ledger is ahead of them by what is not applied yet.
	Points, AllTime int64
	// Person is the place on people:all. A hidden person is told the rank that
	// they would have.
	Person Place
	// Units are the team on teams:all, then the regions from the largest, each
	// on the board of its parent. None for what is not on its board, or is too
	// small to be shown, see Page.
	Units []UnitStanding
}

// Place is a rank on a board.
type Place struct {
	Rank int // competition rank; 0 when stale, or for a person without points
	Of   int // how many are on the board
	Next *Next
}

// Next is the next strictly greater sum above a place; nil for the first.
type Next struct {
	Rank int
	Gap  int64 // what is missing to draw level, at least 1
}

// UnitStanding is the place of a team or region.
type UnitStanding struct {
	Board string
	ID    string
	Sum   int64
	Fair  *Fair
	Place
}

// standingLimits bound the queue of Standing, for each campaign: who asks while
// a call of the script is under way is answered by the next.
var standingLimits = store.GroupLimits{Together: 128, Waiting: 4096, Within: 5 * time.Second}

// Standing reads where a person and their units stand, at one instant, which
// those who ask at the same time share. Errors are those of Page, and that of
// ctx.
func (b *Boards) Standing(ctx context.Context, campaign string, r StandingRequest) (Standing, error) {
	q := &standingQuery{request: r}
	err := b.standings.Do(ctx, campaign, q)
	switch {
	case err == nil:
		return q.found, nil
	case errors.Is(err, store.ErrFull):
		return Standing{}, unavailable(err)
	}
	return Standing{}, err // q may still be written to
}

// standingQuery is one request and what was found.
type standingQuery struct {
	request StandingRequest
	units   []member
	found   Standing
}

// standTogether answers all who asked at the same time.
func (b *Boards) standTogether(ctx context.Context, campaign string, queries []*standingQuery) []error {
	answers := make([]error, len(queries))
	if err := b.stand(ctx, campaign, queries); err != nil {
		for i := range answers {
			answers[i] = err
		}
	}
	return answers
}

func (b *Boards) stand(ctx context.Context, campaign string, queries []*standingQuery) error {
	t, err := b.tenant(ctx, campaign)
	if err != nil {
		return err
	}
	w, err := t.window("season", b.clock.Now())
	if err != nil {
		return err
	}
	read, err := b.currentStandings(ctx, t, w, queries)
	if !read && err == nil || away(ctx, err) {
		for _, q := range queries {
			q.found = Standing{Season: w.id, Stale: true}
		}
		return nil
	}
	return err
}

// currentStandings reads from the generation that is read at that instant; false
// where there is none.
func (b *Boards) currentStandings(ctx context.Context, t tenant, w window, queries []*standingQuery) (read bool, err error) {
	known, err := b.known(ctx, t.ID)
	if err != nil {
		return false, err
	}
	for range 8 {
		if known.gen == "" {
			return false, nil
		}
		known, err = b.readStandings(ctx, t, known.gen, w, queries)
		if !errors.Is(err, errOther) {
			return true, err
		}
	}
	return false, unavailable(errors.New("leaderboard: the generations keep changing"))
}

// unitsOf lists the boards on which a standing looks for a unit.
func unitsOf(t tenant, r StandingRequest) []member {
	var units []member
	if r.Team != "" {
		units = append(units, member{Board{Teams, Campaign}, r.Team})
	}
	if r.Region != "" {
		within := regionsAbove(t.Root, r.Region)
		for i := 1; i < len(within); i++ {
			units = append(units, member{Board{Regions, within[i-1]}, within[i]})
		}
	}
	return units
}

// standingCall gives KEYS and ARGV of standing.lua.
func standingCall(t tenant, gen string, w window, queries []*standingQuery) (keys []string, argv []any) {
	keys = []string{
		metaKey(t.ID), genKey(t.ID, gen, restContrib(w.id)), genKey(t.ID, gen, restContrib(AllTime)),
		genKey(t.ID, gen, restBoard(w.id, Board{People, Campaign})),
	}
	numbers := map[Board]int{}
	argv = []any{gen}
	for _, q := range queries {
		q.units = unitsOf(t, q.request)
		argv = append(argv, q.request.Account, len(q.units))
		for _, u := range q.units {
			if numbers[u.board] == 0 {
				keys = append(keys, genKey(t.ID, gen, restBoard(w.id, u.board)))
				numbers[u.board] = len(keys)
			}
			argv = append(argv, numbers[u.board], u.id)
		}
	}
	return keys, argv
}

// readStandings reads from a generation; errOther, and the ones there are, when
// it is not the one that is read.
//
// Script standing.lua: KEYS[1] meta, KEYS[2] and KEYS[3] contrib of the season
// and of all-time, KEYS[4] people:all, KEYS[5..] boards of units; ARGV[1]
// generation, ARGV[2..] account, number of units, key and unit of each. It
// returns {gen, next} or {gen, next, W, {contrib, contrib, place, ...}, ...}.
func (b *Boards) readStandings(ctx context.Context, t tenant, gen string, w window, queries []*standingQuery) (generations, error) {
	keys, argv := standingCall(t, gen, w, queries)
	reply, err := b.standing.RunRO(ctx, b.redis, keys, argv...).Slice()
	if err != nil {
		return generations{}, unavailable(err)
	}
	read := reader{reply: reply}
	now := generations{read.text(), read.text()}
	if now.gen != gen {
		b.heard(t.ID, now)
		return now, errors.Join(errOther, read.err)
	}
	stale, err := b.stale(ctx, t, gen, read.text())
	if err != nil {
		return now, err
	}
	for _, q := range queries {
		person := reader{reply: read.list()}
		if err := b.takeStanding(ctx, t, gen, w, q, &person, stale); err != nil {
			return now, err
		}
	}
	return now, read.err
}

// takeStanding reads one person of standing.lua.
func (b *Boards) takeStanding(ctx context.Context, t tenant, gen string, w window, q *standingQuery, read *reader, stale bool) error {
	s := Standing{Season: w.id, Stale: stale}
	s.Points, s.AllTime = total(read.text()), total(read.text())
	s.Person, _, _ = read.place()
	if s.Points <= 0 || stale {
		s.Person.Rank = 0
	}
	for _, u := range q.units {
		place, sum, ok := read.place()
		if !ok {
			continue
		}
		if stale {
			place = Place{Of: place.Of}
		}
		fairs, err := b.fair(ctx, t, gen, w, u.board, []score{{u.id, sum}})
		if err != nil {
			return err
		}
		if fairs.isSmall(u.id) {
			continue
		}
		s.Units = append(s.Units, UnitStanding{Board: u.board.String(), ID: u.id, Sum: sum, Fair: fairs.of(u.id), Place: place})
	}
	if stale {
		s.Person.Next = nil
	}
	q.found = s
	return read.err
}

// total is the sum over the shares of a stored contribution, 0 for none.
func total(stored string) (sum int64) {
	c, err := parseContrib(stored)
	if err != nil {
		return 0
	}
	for _, p := range c.points {
		sum += p
	}
	return sum
}

// place reads one place of standing.lua; false when the unit is not on the
// board.
func (r *reader) place() (Place, int64, bool) {
	list := reader{reply: r.list()}
	listed := len(list.reply) > 0 && list.reply[0] != ""
	if !listed {
		list.next()
		list.next()
		return Place{Of: list.count()}, 0, false
	}
	sum := list.number()
	p := Place{Rank: list.count() + 1, Of: list.count()}
	if len(list.reply) > 0 && list.reply[0] != "" {
		next := list.number()
		p.Next = &Next{Rank: list.count() + 1, Gap: next - sum}
	}
	if r.err == nil {
		r.err = list.err
	}
	return p, sum, true
}
