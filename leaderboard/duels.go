package leaderboard

import (
	"cmp"
	"context"
	"math"

	"github.com/musterhq/muster/domain/campaign"
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
	Left, Right Row // without a rank
	// Odds is how likely the left side ends ahead, as it looked at the start.
	Odds float64
}

// PerMember says whether the duel is decided by points a member, which it is
// where both sides are measured: by sums a duel of unlike sizes would be decided
// by size. Of two there is no need to draw a small side toward the mean: by luck
// alone either is as likely to be ahead.
func (p Pair) PerMember() bool { return p.Left.Fair != nil && p.Right.Fair != nil }

// Scores are what the duel is decided by, see PerMember.
func (p Pair) Scores() (left, right float64) {
	left, right = float64(p.Left.Sum), float64(p.Right.Sum)
	if p.PerMember() {
		left, right = left/float64(p.Left.Fair.Members), right/float64(p.Right.Fair.Members)
	}
	return left, right
}

// Leader is "left", "right" or "tie".
func (p Pair) Leader() string {
	left, right := p.Scores()
	switch {
	case left > right:
		return "left"
	case right > left:
		return "right"
	}
	return "tie"
}

// Needs are the points that each side must still make to take the lead while the
// other makes none: 0 for the one that leads.
func (p Pair) Needs() (left, right int64) {
	l, r := p.Scores()
	need := func(own Row, score, other float64) int64 {
		if score > other {
			return 0
		}
		if p.PerMember() {
			other *= float64(own.Fair.Members)
		}
		// A whole point more than what draws level; the small part keeps what
		// dividing and multiplying has rounded off from costing a point.
		return max(1, int64(math.Floor(other-float64(own.Sum)+1e-6))+1)
	}
	return need(p.Left, l, r), need(p.Right, r, l)
}

// Duels pairs the regions below parent, near-equals of like size, see
// season.Duels; of a season that is over it answers who met and how it ended.
// Errors as Page; all-time and a season that has not begun are window_invalid.
func (b *Boards) Duels(ctx context.Context, campaignID, parent, windowName string) (Duels, error) {
	t, err := b.tenant(ctx, campaignID)
	if err != nil {
		return Duels{}, err
	}
	board := Board{Regions, parent}
	_, w, err := b.resolve(ctx, t, PageRequest{Board: board.String(), Window: windowName})
	if err != nil {
		return Duels{}, err
	}
	if w.id == AllTime || w.season.Start.After(b.clock.Now()) {
		return Duels{}, errWindow(nil)
	}
	if !w.season.End.After(b.clock.Now()) {
		return b.pastDuels(ctx, t, w, board)
	}
	tree, err := b.campaigns.Tree(ctx, campaignID)
	if err != nil {
		return Duels{}, err
	}
	out := Duels{Season: w.id}
	table, _, err := b.table(ctx, t, w, board)
	if err != nil {
		return Duels{}, err
	}
	if out.Stale = table == nil; out.Stale {
		// Who meets whom may be known all the same.
		table = &fairTable{}
		table.leagues, _ = b.leagued.Get(fairKey{t.ID, "", w.id, board})
		if !table.leagues.final {
			return out, nil
		}
	}
	out.Final = table.leagues.final
	out.Pairs = pairs(tree, parent, w.id, table)
	return out, nil
}

// pairs matches the regions below parent.
func pairs(tree *campaign.Tree, parent, id string, table *fairTable) []Pair {
	children := tree.Children(parent)
	units, names := make([]season.Entrant, len(children)), make(map[string]string, len(children))
	for i, child := range children {
		units[i] = table.leagues.entrants[child.ID]
		units[i].ID, names[child.ID] = child.ID, child.Name
	}
	found := season.Duels(id, units, names)
	out := make([]Pair, len(found))
	for i, d := range found {
		out[i] = Pair{ID: d.ID, Left: table.side(d.Left, names), Right: table.side(d.Right, names), Odds: d.Odds}
	}
	return out
}

func (f *fairTable) side(id string, names map[string]string) Row {
	return Row{ID: id, Name: cmp.Or(names[id], id), Sum: f.sums[id], Fair: f.fair[id]}
}
