package leaderboard

import (
	"context"
	"errors"
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
	// Stale: the boards are not known to be complete; no rank is given.
	Stale bool
	// Points are the person's, as the boards have them: in the season, and in
	// all. The ledger is ahead of them by what is not applied yet.
	Points, AllTime int64
	// Person is the place on people:all. A hidden person is told the rank that
	// they would have.
	Person Place
	// Units are the team on teams:all, then the regions from the largest, each
	// on the board of its parent. None for what is not on its board.
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
	Fair  *float64
	Place
}

// Standing reads where a person and their units stand, at one instant. Errors
// are those of Page.
func (b *Boards) Standing(ctx context.Context, campaign string, r StandingRequest) (Standing, error) {
	t, err := b.tenant(ctx, campaign)
	if err != nil {
		return Standing{}, err
	}
	w, err := t.window("season", b.clock.Now())
	if err != nil {
		return Standing{}, err
	}
	known, err := b.known(ctx, t.ID)
	if err != nil {
		return Standing{}, err
	}
	for range 8 {
		if known.gen == "" {
			return Standing{Season: w.id, Stale: true}, nil
		}
		s, now, err := b.readStanding(ctx, t, known.gen, w, r)
		if !errors.Is(err, errOther) {
			return s, err
		}
		known = now
	}
	return Standing{}, unavailable(errors.New("leaderboard: the generations keep changing"))
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

// readStanding reads from a generation; errOther, and the ones there are, when
// it is not the one that is read.
//
// Script standing.lua: KEYS[1] meta, KEYS[2] and KEYS[3] contrib of the season
// and of all-time, KEYS[4] people:all, KEYS[5..] boards of units; ARGV[1]
// generation, ARGV[2] account, ARGV[3..] units. It returns {gen, next} or {gen,
// next, W, contrib, contrib, place, ...}.
func (b *Boards) readStanding(ctx context.Context, t tenant, gen string, w window, r StandingRequest) (Standing, generations, error) {
	units := unitsOf(t, r)
	keys := []string{
		metaKey(t.ID), genKey(t.ID, gen, restContrib(w.id)), genKey(t.ID, gen, restContrib(AllTime)),
		genKey(t.ID, gen, restBoard(w.id, Board{People, Campaign})),
	}
	args := []any{gen, r.Account}
	for _, u := range units {
		keys = append(keys, genKey(t.ID, gen, restBoard(w.id, u.board)))
		args = append(args, u.id)
	}
	reply, err := b.standing.RunRO(ctx, b.redis, keys, args...).Slice()
	if err != nil {
		return Standing{}, generations{}, unavailable(err)
	}
	read := reader{reply: reply}
	now := generations{read.text(), read.text()}
	if now.gen != gen {
		b.heard(t.ID, now)
		return Standing{}, now, errors.Join(errOther, read.err)
	}
	s := Standing{Season: w.id}
	if s.Stale, err = b.stale(ctx, t, gen, read.text()); err != nil {
		return Standing{}, now, err
	}
	s.Points, s.AllTime = total(read.text()), total(read.text())
	s.Person, _, _ = read.place()
	if s.Points <= 0 || s.Stale {
		s.Person.Rank = 0
	}
	for _, u := range units {
		place, sum, ok := read.place()
		if !ok {
			continue
		}
		if s.Stale {
			place = Place{Of: place.Of}
		}
		fairs, err := b.fair(ctx, t, gen, w, u.board, []score{{u.id, sum}})
		if err != nil {
			return Standing{}, now, err
		}
		s.Units = append(s.Units, UnitStanding{Board: u.board.String(), ID: u.id, Sum: sum, Fair: fairs.of(u.id), Place: place})
	}
	if s.Stale {
		s.Person.Next = nil
	}
	return s, now, read.err
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
