package points

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/musterhq/muster/store"
)

// Preview says what a season would have come to under another rule set: who
// would have gained and who lost, before anybody does.
type Preview struct {
	RuleSet string
	Season  string
	// People have a recorded action that counts in the season; Up, Down and Same
	// are those whose points would have been more, fewer and as many.
	People, Up, Down, Same int
	Before, After          int64 // points of all people
	// Shares are quantiles, of people, of the points they would have had over
	// the points they had, at Quantiles; empty where nobody had any.
	Shares []float64
	// Moved are quantiles, of people, of how many ranks they would have gone up
	// (negative: down) on the board of all.
	Moved []float64
	Kinds []KindPreview // of both sets, by name
	// Risers and Fallers are up to MaxMovers people each, by ranks moved. Who is
	// hidden is not among them.
	Risers, Fallers []Mover
	// Regions and Teams stand on their boards in another place than before, or
	// in the same: all of them, by the rank they had.
	Regions, Teams []UnitPreview
	// Swaps are pairs of regions with the same parent of which one was ahead and
	// the other would have been, up to MaxSwaps; SwapCount is how many there are.
	Swaps     []Swap
	SwapCount int
}

// Quantiles of Preview.Shares and Preview.Moved.
var Quantiles = []float64{0, .05, .25, .5, .75, .95, 1}

// Bounds of what a preview lists.
const (
	MaxMovers = 10
	MaxSwaps  = 100
)

// KindPreview is what a kind of action came to.
type KindPreview struct {
	Name          string
	Quantity      int64 // as handed in, without weights
	Before, After int64 // points
}

// Mover is a person whose rank would have changed.
type Mover struct {
	Account               string
	Before, After         int64
	RankBefore, RankAfter int
}

// UnitPreview is a team or region.
type UnitPreview struct {
	ID                    string
	Before, After         int64
	RankBefore, RankAfter int // among all teams, or among the regions with the same parent
}

// Swap is two regions: Ahead was before the other and would have been behind it.
type Swap struct{ Ahead, Behind string }

// Preview replays what was recorded in a season under another rule set. Each
// action is worth the difference it makes to its day, as ever; days are replayed
// whole, though only what counted in the season is added up. within names the
// regions that hold a leaf, the leaf among them, with the parent of each; it is
// asked once a leaf. It reads the season's postings once, and holds about 300
// bytes a person who acted.
//
// Errors: NotFound rule_set_unknown; Invalid season_unknown; Unavailable
// ledger_unavailable.
func (s *Service) Preview(ctx context.Context, campaign, ruleSet, season string, within func(leaf string) []Within) (*Preview, error) {
	edition, err := s.RuleSet(ctx, campaign, ruleSet)
	if err != nil {
		return nil, err
	}
	calendar, err := s.calendar(ctx, campaign)
	if err != nil {
		return nil, err
	}
	start, closes, err := calendar.Span(season)
	if err != nil {
		return nil, err
	}
	replay := &replay{rules: &edition.Rules, season: season, people: map[string]*replayed{}, kinds: map[string]*KindPreview{}}
	// A day of the season may have begun in the one before, by another zone.
	q := store.Query{Index: "recorded", From: start.Add(-48 * time.Hour), To: closes, Limit: store.MaxPage}
	for p, err := range s.postings.Scan(ctx, campaign, q) {
		if err != nil {
			return nil, unreadable(err)
		}
		replay.posting(p)
	}
	return replay.preview(within), nil
}

// Within is a region and the one above it, "" for the root.
type Within struct{ Region, Parent string }

type replay struct {
	rules  *RuleSet
	season string
	people map[string]*replayed
	kinds  map[string]*KindPreview
}

// replayed is what one person's season comes to.
type replayed struct {
	account       string
	before, after int64
	acted, hidden bool
	home          Home
	days          map[dayKind]*dayCount
	ranks         [2]int
}

func (r *replay) posting(p *Posting) {
	person := r.people[p.Account]
	if person == nil {
		person = &replayed{account: p.Account, days: map[dayKind]*dayCount{}}
		r.people[p.Account] = person
	}
	person.hidden = p.State.Hidden
	if share := p.State.Season(r.season); share != nil {
		person.home = share.Home
	}
	for _, e := range p.Actions {
		worth := move(r.rules, person.days, e)
		if e.Season != r.season {
			continue
		}
		person.acted = true
		person.before += e.Points
		person.after += worth
		kind := r.kinds[e.Kind]
		if kind == nil {
			kind = &KindPreview{Name: e.Kind}
			r.kinds[e.Kind] = kind
		}
		kind.Quantity += e.Quantity
		kind.Before += e.Points
		kind.After += worth
	}
}

func (r *replay) preview(within func(leaf string) []Within) *Preview {
	out := &Preview{RuleSet: r.rules.ID, Season: r.season}
	people := make([]*replayed, 0, len(r.people))
	for _, person := range r.people {
		if person.acted {
			people = append(people, person)
		}
	}
	out.People = len(people)
	// Each order is by account where points are equal, so that the answer is
	// always the same.
	slices.SortFunc(people, func(a, b *replayed) int { return cmp.Compare(a.account, b.account) })
	rank(people, 0, func(p *replayed) int64 { return p.before })
	rank(people, 1, func(p *replayed) int64 { return p.after })
	var shares, moved []float64
	for _, p := range people {
		out.Before += p.before
		out.After += p.after
		switch {
		case p.after > p.before:
			out.Up++
		case p.after < p.before:
			out.Down++
		default:
			out.Same++
		}
		if p.before > 0 {
			shares = append(shares, float64(p.after)/float64(p.before))
		}
		moved = append(moved, float64(p.ranks[0]-p.ranks[1]))
	}
	out.Shares, out.Moved = quantiles(shares), quantiles(moved)
	out.movers(people)
	out.units(people, within)
	for _, k := range r.rules.Kinds {
		if r.kinds[k.Name] == nil {
			r.kinds[k.Name] = &KindPreview{Name: k.Name}
		}
	}
	for _, k := range r.kinds {
		out.Kinds = append(out.Kinds, *k)
	}
	slices.SortFunc(out.Kinds, func(a, b KindPreview) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// rank gives competition ranks, 1, 2, 2, 4, as boards do.
func rank(people []*replayed, side int, points func(*replayed) int64) {
	order := slices.Clone(people)
	slices.SortStableFunc(order, func(a, b *replayed) int { return cmp.Compare(points(b), points(a)) })
	for i, p := range order {
		p.ranks[side] = i + 1
		if i > 0 && points(order[i-1]) == points(p) {
			p.ranks[side] = order[i-1].ranks[side]
		}
	}
}

func (out *Preview) movers(people []*replayed) {
	var shown []*replayed
	for _, p := range people {
		if !p.hidden && p.ranks[0] != p.ranks[1] {
			shown = append(shown, p)
		}
	}
	slices.SortStableFunc(shown, func(a, b *replayed) int { return cmp.Compare(b.ranks[0]-b.ranks[1], a.ranks[0]-a.ranks[1]) })
	mover := func(p *replayed) Mover {
		return Mover{Account: p.account, Before: p.before, After: p.after, RankBefore: p.ranks[0], RankAfter: p.ranks[1]}
	}
	for i := 0; i < len(shown) && i < MaxMovers && shown[i].ranks[0] > shown[i].ranks[1]; i++ {
		out.Risers = append(out.Risers, mover(shown[i]))
	}
	for i := len(shown) - 1; i >= 0 && len(out.Fallers) < MaxMovers && shown[i].ranks[0] < shown[i].ranks[1]; i-- {
		out.Fallers = append(out.Fallers, mover(shown[i]))
	}
}

// units adds people up by team, and by each region that holds theirs.
func (out *Preview) units(people []*replayed, within func(leaf string) []Within) {
	teams, regions, parents := map[string]*UnitPreview{}, map[string]*UnitPreview{}, map[string]string{}
	paths := map[string][]Within{}
	add := func(units map[string]*UnitPreview, id string, p *replayed) {
		u := units[id]
		if u == nil {
			u = &UnitPreview{ID: id}
			units[id] = u
		}
		u.Before += p.before
		u.After += p.after
	}
	for _, p := range people {
		add(teams, p.home.Team, p)
		path, ok := paths[p.home.Region]
		if !ok {
			path = within(p.home.Region)
			paths[p.home.Region] = path
		}
		for _, w := range path {
			parents[w.Region] = w.Parent
			add(regions, w.Region, p)
		}
	}
	out.Teams = rankUnits(teams, func(string) string { return "" })
	out.Regions = rankUnits(regions, func(id string) string { return parents[id] })
	for i, a := range out.Regions {
		for _, b := range out.Regions[i+1:] {
			if parents[a.ID] != parents[b.ID] {
				continue
			}
			ahead, behind := a, b
			if b.Before > a.Before {
				ahead, behind = b, a
			}
			if ahead.Before > behind.Before && ahead.After < behind.After {
				if out.SwapCount++; len(out.Swaps) < MaxSwaps {
					out.Swaps = append(out.Swaps, Swap{Ahead: ahead.ID, Behind: behind.ID})
				}
			}
		}
	}
}

// rankUnits ranks units among those of the same group, and lists them by group
// and the rank they had.
func rankUnits(units map[string]*UnitPreview, group func(id string) string) []UnitPreview {
	list := make([]UnitPreview, 0, len(units))
	for _, u := range units {
		list = append(list, *u)
	}
	for _, side := range []struct {
		points func(*UnitPreview) int64
		rank   func(*UnitPreview) *int
	}{
		{func(u *UnitPreview) int64 { return u.After }, func(u *UnitPreview) *int { return &u.RankAfter }},
		{func(u *UnitPreview) int64 { return u.Before }, func(u *UnitPreview) *int { return &u.RankBefore }},
	} {
		slices.SortFunc(list, func(a, b UnitPreview) int {
			return cmp.Or(cmp.Compare(group(a.ID), group(b.ID)), cmp.Compare(side.points(&b), side.points(&a)), cmp.Compare(a.ID, b.ID))
		})
		place := 0
		for i := range list {
			u := &list[i]
			if i == 0 || group(list[i-1].ID) != group(u.ID) {
				place = 0
			}
			place++
			*side.rank(u) = place
			if place > 1 && side.points(&list[i-1]) == side.points(u) {
				*side.rank(u) = *side.rank(&list[i-1])
			}
		}
	}
	return list
}

// quantiles of values, by the nearest rank; nil of none.
func quantiles(values []float64) []float64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	out := make([]float64, len(Quantiles))
	for i, q := range Quantiles {
		out[i] = values[min(int(q*float64(len(values))), len(values)-1)]
	}
	return out
}
