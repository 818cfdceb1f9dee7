package leaderboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// duelCourse is how a duel goes, as the keeper of the boards saw it; its id is the
// duel's. It is no projection: Redis forgets what a board was an hour ago, and so
// it is written to the store, some hundred samples a season.
type duelCourse struct {
	store.Meta    `bson:",inline"`
	store.Effects `bson:",inline"`
	Season        string        `bson:"season"`
	Parent        string        `bson:"parent"`
	Left          string        `bson:"left"`
	Right         string        `bson:"right"`
	Odds          float64       `bson:"odds"`
	PerMember     bool          `bson:"per_member"` // what Course measures, see Pair.PerMember
	Course        season.Course `bson:"course"`
	SeenAt        time.Time     `bson:"seen_at"` // when this was last written
}

var courseSchema = store.Schema{
	Name: "duels",
	Indexes: []store.Index{
		{Name: "season", Equal: []string{"season", "parent"}},
		store.EffectsIndex,
	},
}

// writesALook bounds how many courses one look writes, so that a nation's duels do
// not keep the store busy; who is left over is written with the next look.
const writesALook = 50

// duelWatch is what a keeper knows of the duels it watches.
type duelWatch struct {
	season  string
	courses map[string]*duelCourse
	boards  map[string]Version // by parent, as last looked at without anything left over
	matched map[string]string  // by parent: the ids of the pairs, of which alone something is kept
}

// watchDuels looks at the duels whose boards have changed since the last look. It
// does nothing where this process does not keep the campaign.
func (k *keeper) watchDuels(ctx context.Context) error {
	if k.w == nil {
		k.duels = duelWatch{}
		return nil
	}
	b := k.b
	t, err := b.tenant(ctx, k.lease.campaign)
	if err != nil {
		return err
	}
	if t.Root == "" {
		return nil // no regions yet
	}
	tree, err := b.campaigns.Tree(ctx, t.ID)
	if err != nil {
		return err
	}
	w, err := t.window("season", b.clock.Now())
	if err != nil {
		return err
	}
	if k.duels.season != w.id {
		k.duels = duelWatch{season: w.id, courses: map[string]*duelCourse{}, boards: map[string]Version{}, matched: map[string]string{}}
	}
	parents := parentsIn(tree)
	ids := make([]string, len(parents))
	for i, parent := range parents {
		ids[i] = Board{Regions, parent}.String()
	}
	versions, err := b.Versions(ctx, t.ID, w.id, ids)
	if err != nil {
		return err
	}
	left := writesALook
	for i, parent := range parents {
		if versions[i].Number == 0 || versions[i] == k.duels.boards[parent] {
			continue
		}
		done, err := k.watchBoard(ctx, t, tree, w, parent, &left)
		if err != nil {
			return fmt.Errorf("duels below %s: %w", parent, err)
		}
		if done {
			k.duels.boards[parent] = versions[i]
		}
	}
	return nil
}

// parentsIn lists the regions with at least two below them, the largest first.
func parentsIn(tree *campaign.Tree) []string {
	var parents []string
	for level := []*campaign.Region{tree.Root()}; len(level) > 0; {
		var next []*campaign.Region
		for _, r := range level {
			children := tree.Children(r.ID)
			if len(children) > 1 {
				parents = append(parents, r.ID)
			}
			next = append(next, children...)
		}
		level = next
	}
	return parents
}

// watchBoard looks at the duels below one region; false where some that changed
// were not written.
func (k *keeper) watchBoard(ctx context.Context, t tenant, tree *campaign.Tree, w window, parent string, left *int) (done bool, err error) {
	b := k.b
	board := Board{Regions, parent}
	v, err := b.readCurrent(ctx, t, pageQuery{window: w.id, board: board, limit: 1})
	if err != nil || v.gen == "" {
		return false, err
	}
	if stale, err := b.stale(ctx, t, v.gen, v.w); err != nil || stale {
		return false, err
	}
	table, err := b.readFair(ctx, t, v.gen, w, board)
	if err != nil {
		return false, err
	}
	b.fairs.Add(fairKey{t.ID, v.gen, w.id, board}, table)
	found := pairs(tree, parent, w.id, table)
	if ids := pairIDs(found); ids != k.duels.matched[parent] {
		if err := k.settlePairs(ctx, t, w, parent, found); err != nil {
			return false, err
		}
		k.duels.matched[parent] = ids
	}
	for _, p := range found {
		have, err := k.course(ctx, t, w, parent, p)
		if err != nil {
			return false, err
		}
		if seen := *have; !seen.see(b.clock.Now(), parent, p) {
			continue
		}
		if *left--; *left < 0 {
			return false, nil
		}
		if err := k.writeCourse(ctx, t, have, parent, p); err != nil {
			return false, err
		}
	}
	return true, nil
}

func pairIDs(pairs []Pair) string {
	ids := make([]string, len(pairs))
	for i, p := range pairs {
		ids[i] = p.ID
	}
	return strings.Join(ids, " ")
}

// settlePairs removes what was written of pairs that were matched while that could
// still change, and did not hold.
func (k *keeper) settlePairs(ctx context.Context, t tenant, w window, parent string, pairs []Pair) error {
	var gone []string
	for d, err := range k.b.courses.Scan(ctx, t.ID, store.Query{Index: "season", Equal: []any{w.id, parent}}) {
		if err != nil {
			return fmt.Errorf("leaderboard: read duels: %w", err)
		}
		if !slices.ContainsFunc(pairs, func(p Pair) bool { return p.ID == d.ID }) {
			gone = append(gone, d.ID)
		}
	}
	for _, id := range gone {
		if err := k.b.courses.Delete(ctx, t.ID, id); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("leaderboard: remove a duel: %w", err)
		}
	}
	return nil
}

// course is what is written of a duel; a new one where nothing is.
func (k *keeper) course(ctx context.Context, t tenant, w window, parent string, p Pair) (*duelCourse, error) {
	if have, ok := k.duels.courses[p.ID]; ok {
		return have, nil
	}
	have, err := k.b.courses.Get(ctx, t.ID, p.ID)
	if errors.Is(err, store.ErrNotFound) {
		have, err = &duelCourse{
			Meta: store.Meta{ID: p.ID}, Season: w.id, Parent: parent, Left: p.Left.ID, Right: p.Right.ID, Odds: p.Odds,
		}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("leaderboard: read a duel: %w", err)
	}
	k.duels.courses[p.ID] = have
	return have, nil
}

func (k *keeper) writeCourse(ctx context.Context, t tenant, have *duelCourse, parent string, p Pair) error {
	now := k.b.clock.Now()
	// Read again at the next look: should this fail, and after an insert, which does
	// not say the document's version.
	delete(k.duels.courses, p.ID)
	if have.Version == 0 {
		have.see(now, parent, p)
		if err := k.b.courses.InsertOne(ctx, t.ID, have); err != nil && !errors.Is(err, store.ErrDuplicate) {
			return fmt.Errorf("leaderboard: write a duel: %w", err)
		}
		return nil
	}
	written, err := k.b.courses.Update(ctx, t.ID, p.ID, func(d *duelCourse) error {
		d.see(now, parent, p)
		return nil
	})
	if err != nil {
		return fmt.Errorf("leaderboard: write a duel: %w", err)
	}
	k.duels.courses[p.ID] = written
	return nil
}

// see takes a look at the pair and says whether there is anything to write. A lead
// change that is news leaves an effect, an event of the feed "duels".
func (d *duelCourse) see(now time.Time, parent string, p Pair) bool {
	if p.Left.ID != d.Left { // matched anew in the season's first days, the other way round
		p.Left, p.Right = p.Right, p.Left
	}
	if p.PerMember() != d.PerMember {
		// Another measure: what was seen so far cannot be drawn on with it.
		d.Course, d.PerMember = season.Course{}, p.PerMember()
	}
	left, right := p.Scores()
	keep, tell := d.Course.See(now, left, right)
	if keep {
		d.SeenAt = now
	}
	if tell {
		d.Add(leadChange(d, now, parent, p))
	}
	return keep
}

// leadChange is the news that somebody else leads.
func leadChange(d *duelCourse, now time.Time, parent string, p Pair) store.Effect {
	leader, other := p.Left, p.Right
	if d.Course.Leader == "right" {
		leader, other = p.Right, p.Left
	}
	type side struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	data, err := json.Marshal(struct {
		Duel   string `json:"duel"`
		Scope  string `json:"scope"`
		Leader side   `json:"leader"`
		Other  side   `json:"other"`
	}{d.ID, parent, side{leader.ID, leader.Name}, side{other.ID, other.Name}})
	if err != nil {
		panic(err) // strings
	}
	return store.Effect{
		ID: fmt.Sprintf("%s/%d", d.ID, d.Course.Changed), Kind: "feed", Due: now,
		Data: map[string]string{"feed": "duels", "type": "lead_change", "json": string(data)},
	}
}

// CarryOut hands the news of duels, over all campaigns, to do, which must be
// idempotent by the effect's id; it says how many were done.
func (b *Boards) CarryOut(ctx context.Context, now time.Time, do func(ctx context.Context, campaign string, e store.Effect) error) (int, error) {
	const retry, limit = 10 * time.Second, 100
	return b.courses.CarryOut(ctx, now, retry, limit, do)
}

// Duel is one duel with how it has gone so far.
type Duel struct {
	Pair
	Season season.Season
	Parent string // the region whose children meet
	// Over: the season has ended; late actions may still come in until it closes.
	Over  bool
	Stale bool // the boards are not known to be complete
	// Course is in the scale of Scores, with Left and Right as in Pair. Its last
	// sample may be some seconds old.
	Course season.Course
}

// Duel reads a duel by its id. NotFound duel_unknown, or the errors of Duels.
func (b *Boards) Duel(ctx context.Context, campaignID, id string) (Duel, error) {
	t, err := b.tenant(ctx, campaignID)
	if err != nil {
		return Duel{}, err
	}
	unknown := errs.New(errs.NotFound, "duel_unknown", "There is no such duel in this campaign.")
	seasonID, sides, _ := strings.Cut(id, ":")
	one, _, ok := strings.Cut(sides, ":")
	s, err := t.calendar.ByID(seasonID)
	cut := strings.LastIndexByte(one, '.')
	if err != nil || !ok || cut < 1 {
		return Duel{}, unknown
	}
	parent := one[:cut]
	found, err := b.Duels(ctx, campaignID, parent, seasonID)
	if code := errs.CodeOf(err); code == "board_unknown" || code == "board_invalid" || code == "window_invalid" {
		return Duel{}, unknown
	}
	if err != nil {
		return Duel{}, err
	}
	out := Duel{Season: s, Parent: parent, Over: !s.End.After(b.clock.Now()), Stale: found.Stale}
	for _, p := range found.Pairs {
		if p.ID == id {
			out.Pair = p
		}
	}
	d, err := b.courses.Get(ctx, campaignID, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Duel{}, fmt.Errorf("leaderboard: read a duel: %w", err)
	}
	if out.ID == "" && found.Stale && d != nil {
		// Who meets whom cannot be told just now; what was seen of it can.
		names, err := b.names.Names(ctx, campaignID, Regions, []string{d.Left, d.Right})
		if err != nil {
			return Duel{}, err
		}
		none := &fairTable{}
		out.Pair = Pair{ID: id, Left: none.side(d.Left, names), Right: none.side(d.Right, names), Odds: d.Odds}
	}
	switch {
	case out.ID == "" && found.Stale:
		return Duel{}, unavailable(errors.New("leaderboard: the boards are stale"))
	case out.ID == "":
		return Duel{}, unknown
	case d == nil:
	case d.PerMember == out.PerMember() || found.Stale:
		out.Course = d.Course
		if d.Left != out.Left.ID {
			out.Course = d.Course.Turned()
		}
	}
	return out, nil
}

// pastDuels are those of a season that is over: who met is what was written while
// it ran, how it ended is on the board.
func (b *Boards) pastDuels(ctx context.Context, t tenant, w window, board Board) (Duels, error) {
	out := Duels{Season: w.id, Final: true}
	table, _, err := b.table(ctx, t, w, board)
	if err != nil {
		return Duels{}, err
	}
	if out.Stale = table == nil; out.Stale {
		table = &fairTable{}
	}
	var met []*duelCourse
	ids := map[string]bool{}
	query := store.Query{Index: "season", Equal: []any{w.id, board.Scope}}
	for d, err := range b.courses.Scan(ctx, t.ID, query) {
		if err != nil {
			return Duels{}, fmt.Errorf("leaderboard: read duels: %w", err)
		}
		met = append(met, d)
		ids[d.Left], ids[d.Right] = true, true
	}
	all := make([]string, 0, len(ids))
	for id := range ids {
		all = append(all, id)
	}
	names := map[string]string{}
	if len(all) > 0 {
		if names, err = b.names.Names(ctx, t.ID, Regions, all); err != nil {
			return Duels{}, err
		}
	}
	for _, d := range met {
		out.Pairs = append(out.Pairs, Pair{ID: d.ID, Left: table.side(d.Left, names), Right: table.side(d.Right, names), Odds: d.Odds})
	}
	return out, nil
}
