package simulate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/musterhq/muster/domain/season"
)

// Report is what a simulation found. Shares and parts are of 1.
type Report struct {
	Seed       uint64 `json:"seed"`
	Seasons    int    `json:"seasons"`
	Runs       int    `json:"runs"`
	Volunteers int    `json:"volunteers"`
	Ground     Ground `json:"ground"`
	A          Party  `json:"a"`
	B          Party  `json:"b"`

	Fairness      Fairness      `json:"fairness"`
	Truth         Truth         `json:"truth"`
	Participation Participation `json:"participation"`
	Cheats        []Cheated     `json:"cheats"`
	Points        Points        `json:"points"`
	Rivalry       Rivalry       `json:"rivalry"`

	// Notes say what was assumed and what the figures cannot say.
	Notes []string `json:"notes"`
	// Credits name whose data the regions are.
	Credits []string `json:"credits,omitempty"`
}

// Ground is where it was played.
type Ground struct {
	Name     string   `json:"name"`
	Sizes    string   `json:"sizes"` // what they were taken from
	Regions  int      `json:"regions"`
	Compared int      `json:"compared"` // regions with enough members to be compared
	Leagues  []League `json:"leagues"`  // by size, as in a first season
}

// League is a group of regions of like size.
type League struct {
	Number       int    `json:"number"`
	Regions      int    `json:"regions"`
	Largest      int64  `json:"largest"` // members
	Smallest     int64  `json:"smallest"`
	LargestName  string `json:"largest_name"`
	SmallestName string `json:"smallest_name"`
}

// Party is a side.
type Party struct {
	RuleSet string `json:"rule_set,omitempty"` // id, where it has one
	Name    string `json:"name"`
	Params  Params `json:"params"`
}

// Fairness is measured in seasons of their own, in which all regions are equally
// strong and everybody is drawn anew: who then comes out first or last does so by
// luck, and no size should have more of it.
type Fairness struct {
	Leagues  Thirds `json:"leagues"`  // by the fair index inside leagues, as the product does
	Together Thirds `json:"together"` // by the fair index without leagues
	Means    Thirds `json:"means"`    // by points a member without leagues
	Sums     Thirds `json:"sums"`
}

// Thirds are the smallest, middle and largest third of regions: what each holds of
// the top and the bottom tenth, over its share of the regions. 1 is fair.
type Thirds struct {
	Top    [3]Compared `json:"top"`
	Bottom [3]Compared `json:"bottom"`
	// WorstA and WorstB are the largest of a side's six means; null where there are
	// too few regions.
	WorstA *float64 `json:"worst_a"`
	WorstB *float64 `json:"worst_b"`
}

// Truth is the rank correlation of what is shown with the regions' true strength.
type Truth struct {
	Fair  Compared `json:"fair"` // the fair index
	Means Compared `json:"means"`
	Sums  Compared `json:"sums"`
}

// Participation is the part of people who acted, by season. Halves are those of the
// honest who acted in the first season, by its points.
type Participation struct {
	Bottom  []Compared `json:"bottom_half"`
	Top     []Compared `json:"top_half"`
	Members []Compared `json:"members"` // of all who signed up
	Last    Compared   `json:"bottom_half_last"`
}

// Cheated is what a way to cheat brings, before any check holds it.
type Cheated struct {
	Name string `json:"name"` // "all" for all together
	What string `json:"what"`
	// Yield is a cheater's points of a week, over the median of the honest who
	// acted; Unearned the part of them that no work stands behind.
	Yield    Compared `json:"yield"`
	Unearned Compared `json:"unearned"`
	// TopTenth is the part of their weeks that are among the top tenth of all, Held
	// the part of the top tenth that is theirs.
	TopTenth Compared `json:"top_tenth"`
	Held     Compared `json:"held"`
}

// Points is how they are distributed over people.
type Points struct {
	AWeek Compared `json:"a_week"` // mean of those who acted
	// Median is of the honest who acted.
	Median Compared `json:"median"`
	// Gini and Quantiles are of what people end with, of those who ever acted.
	Gini      Compared   `json:"gini"`
	Quantiles []Quantile `json:"quantiles"`
	// Bins are parts of the weeks of those who acted, by points.
	Bins []Bin `json:"bins"`
}

// Quantile is the points that a part of people end with, or fewer.
type Quantile struct {
	Part   float64  `json:"part"`
	Points Compared `json:"points"`
}

// Bin is the weeks with points from From up to but not To; To is 0 for no bound.
type Bin struct {
	From int64    `json:"from"`
	To   int64    `json:"to"`
	Part Compared `json:"part"`
}

// Rivalry is whether there is something to win.
type Rivalry struct {
	LeadChanges Compared `json:"lead_changes"` // of a duel, by the days' ends
	Changed     Compared `json:"duels_with_a_change"`
	// SameWinner is how often the winner of a duel wins the next one too.
	SameWinner Compared `json:"same_winner"`
	WinsGini   Compared `json:"wins_gini"` // of wins over regions
	// SameSum and SameFair are how often the leader leads in the season after: by
	// the sums of all regions, and by the fair index in the first division of each
	// league.
	SameSum    Compared `json:"same_leader_by_sum"`
	SameFair   Compared `json:"same_leader_by_fair_index"`
	Promotions Compared `json:"promotions_a_season"`
	Promoted   Compared `json:"ever_promoted"` // part of the compared regions
}

// plain keeps a name from steering a terminal, breaking a table or a page.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
}

func report(g *ground, results []run) *Report {
	o := g.options
	r := &Report{
		Seed: o.Seed, Seasons: o.Seasons, Runs: o.Runs, Ground: g.ground(), A: o.A.party(), B: o.B.party(), Credits: o.Credits,
		Fairness: Fairness{
			thirdsOf(results, func(s *sideRun) *thirds { return &s.inLeagues }), thirdsOf(results, func(s *sideRun) *thirds { return &s.together }),
			thirdsOf(results, func(s *sideRun) *thirds { return &s.means }), thirdsOf(results, func(s *sideRun) *thirds { return &s.sums }),
		},
		Truth: Truth{
			Fair:  compare(results, func(s *sideRun) float64 { return s.fairRank.mean() }),
			Means: compare(results, func(s *sideRun) float64 { return s.meanRank.mean() }),
			Sums:  compare(results, func(s *sideRun) float64 { return s.sumRank.mean() }),
		},
		Points:  pointsOf(results),
		Rivalry: rivalryOf(results),
		Cheats:  cheatsOf(results),
	}
	for _, n := range g.members {
		r.Volunteers += n
	}
	for n := range o.Seasons {
		r.Participation.Bottom = append(r.Participation.Bottom, compare(results, func(s *sideRun) float64 { return s.bottom[n] }))
		r.Participation.Top = append(r.Participation.Top, compare(results, func(s *sideRun) float64 { return s.top[n] }))
		r.Participation.Members = append(r.Participation.Members, compare(results, func(s *sideRun) float64 { return s.active[n] }))
	}
	r.Participation.Last = r.Participation.Bottom[o.Seasons-1]
	r.Notes = g.notes()
	return r
}

func (s *Side) party() Party { return Party{s.Rules.Set.ID, plain(s.Rules.Name), s.Params.clone()} }

func (g *ground) ground() Ground {
	out := Ground{Name: plain(g.options.Ground), Sizes: plain(g.options.Sizes), Regions: len(g.ids), Compared: len(g.compared), Leagues: []League{}}
	for _, l := range g.leagues {
		ids := l.Divisions[0] // the larger first
		out.Leagues = append(out.Leagues, League{
			Number: l.Number, Regions: len(ids), Largest: l.Largest, Smallest: l.Smallest,
			LargestName: plain(g.names[ids[0]]), SmallestName: plain(g.names[ids[len(ids)-1]]),
		})
	}
	return out
}

func thirdsOf(results []run, of func(*sideRun) *thirds) Thirds {
	var out Thirds
	worse := func(worst **float64, v Value) {
		if v.Mean != nil && (*worst == nil || *v.Mean > **worst) {
			*worst = v.Mean
		}
	}
	for i := range 3 {
		out.Top[i] = compare(results, func(s *sideRun) float64 { h := of(s); return h.share(h.top, i) })
		out.Bottom[i] = compare(results, func(s *sideRun) float64 { h := of(s); return h.share(h.bottom, i) })
		for _, c := range []Compared{out.Top[i], out.Bottom[i]} {
			worse(&out.WorstA, c.A)
			worse(&out.WorstB, c.B)
		}
	}
	return out
}

func pointsOf(results []run) Points {
	out := Points{
		AWeek:  compare(results, func(s *sideRun) float64 { return s.pointsAWeek.mean() }),
		Median: compare(results, func(s *sideRun) float64 { return s.median }),
		Gini:   compare(results, func(s *sideRun) float64 { return s.gini }),
	}
	for i, q := range Quantiles {
		out.Quantiles = append(out.Quantiles, Quantile{q, compare(results, func(s *sideRun) float64 { return s.quantiles[i] })})
	}
	for i := range len(Bins) + 1 {
		b := Bin{Part: compare(results, func(s *sideRun) float64 { return s.bins[i] })}
		if i > 0 {
			b.From = Bins[i-1]
		}
		if i < len(Bins) {
			b.To = Bins[i]
		}
		out.Bins = append(out.Bins, b)
	}
	return out
}

func rivalryOf(results []run) Rivalry {
	of := func(figure func(s *sideRun) float64) Compared { return compare(results, figure) }
	return Rivalry{
		LeadChanges: of(func(s *sideRun) float64 { return s.leadChanges.mean() }),
		Changed:     of(func(s *sideRun) float64 { return s.changed.mean() }),
		SameWinner:  of(func(s *sideRun) float64 { return s.sameWinner.mean() }),
		WinsGini:    of(func(s *sideRun) float64 { return s.winsGini }),
		SameSum:     of(func(s *sideRun) float64 { return s.sameSum.mean() }),
		SameFair:    of(func(s *sideRun) float64 { return s.sameFair.mean() }),
		Promotions:  of(func(s *sideRun) float64 { return s.promotions.mean() }),
		Promoted:    of(func(s *sideRun) float64 { return s.promoted }),
	}
}

func cheatsOf(results []run) []Cheated {
	ways := append(Cheats(), Cheat{Name: "all", What: "All who cheat, in whatever way."})
	out := make([]Cheated, len(ways))
	for i, way := range ways {
		of := func(figure func(s *sideRun, c *cheated) float64) Compared {
			return compare(results, func(s *sideRun) float64 {
				c := &s.cheats[i]
				if c.people == 0 {
					return math.NaN()
				}
				return figure(s, c)
			})
		}
		out[i] = Cheated{
			Name: way.Name, What: way.What,
			Yield:    of(func(s *sideRun, c *cheated) float64 { return ratio(c.points.mean(), s.median) }),
			Unearned: of(func(s *sideRun, c *cheated) float64 { return ratio(c.unearned.mean(), s.median) }),
			TopTenth: of(func(_ *sideRun, c *cheated) float64 { return c.topTenth.mean() }),
			Held:     of(func(_ *sideRun, c *cheated) float64 { return c.held.mean() }),
		}
	}
	return out
}

// ratio is not a number where there is nothing to hold a figure against.
func ratio(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// notes say what the figures stand on.
func (g *ground) notes() []string {
	o := g.options
	notes := []string{
		"Behaviour is simulated; points, daily caps, cool-downs, the fair index, leagues, duels and promotions are the product's own functions.",
		"Both sides meet the same people and the same chance; they differ by rules, by parameters where those differ, and by what the boards then move people to. Intervals are 95 %, over runs.",
		"Cheaters are never held back here: the figures are what cheating would bring if no check and no lead looked.",
		"Seasons are weeks of seven like days. A duel's lead is looked at when each day ends.",
	}
	if len(g.compared) < len(g.ids) {
		notes = append(notes, fmt.Sprintf("%d of %d regions have fewer than %d volunteers and are not compared.", len(g.ids)-len(g.compared), len(g.ids), season.MinMembers))
	}
	if o.Runs < 10 {
		notes = append(notes, fmt.Sprintf("Only %d runs: intervals are wide or missing. 20 are enough for most questions.", o.Runs))
	}
	a, b := g.sides[0], g.sides[1]
	if slices.Equal(a.notes(""), b.notes("")) {
		notes = append(notes, a.notes("A and B")...)
	} else {
		notes = slices.Concat(notes, a.notes("A"), b.notes("B"))
	}
	var assumed []string
	for _, d := range Documents() {
		if d.Assumed {
			assumed = append(assumed, d.Name)
		}
	}
	return append(notes, fmt.Sprintf("No published figure stands behind the defaults of %s, the shares of the kinds and those of the ways to cheat (of the boards' effects the sign is measured): try low and high values before you decide by them.", strings.Join(assumed, ", ")))
}

// notes say which work the rules of a side do not pay for, and what nobody does.
func (s *side) notes(name string) []string {
	var notes []string
	for _, k := range s.kinds {
		if k.largest == 0 {
			notes = append(notes, fmt.Sprintf("No kind %s in the rules of %s: that work is done and not paid.", k.name, name))
		}
	}
	for _, k := range s.extra {
		notes = append(notes, fmt.Sprintf("The rules of %s have the kind %s, and nobody does it: the parameters give it no share.", name, k.name))
	}
	return notes
}
