package simulate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/musterhq/muster/domain/season"
)

// Bounds of what is simulated.
const (
	MaxSeasons    = 260
	MaxRuns       = 1000
	MaxVolunteers = 1_000_000
	MaxPlaces     = 100_000
)

// Options say what to play.
type Options struct {
	Ground  string   // where the places are, for the report
	Sizes   string   // what the places' sizes were taken from, for the report
	Credits []string // what must be said where the places are shown
	Places  []Place
	// Volunteers are all who signed up; 0 for as many as the places' sizes say.
	Volunteers int
	Seasons    int // of one run, 2 to MaxSeasons
	Runs       int // campaigns that are played, 1 to MaxRuns; an interval needs two
	Seed       uint64
	A, B       Side
	// Workers are goroutines; 0 for as many as there are processors. They change
	// nothing but the time it takes.
	Workers int
	// Progress, if set, is told how many runs are done. It must not block.
	Progress func(done, total int)
}

// Side is one of the two that are compared.
type Side struct {
	Rules  Rules
	Params Params
}

// Check says what cannot be played, in one line that names it.
func (o *Options) Check() error {
	switch {
	case len(o.Places) < 1 || len(o.Places) > MaxPlaces:
		return fmt.Errorf("there are %d regions; there must be 1 to %d", len(o.Places), MaxPlaces)
	case o.Seasons < 2 || o.Seasons > MaxSeasons:
		return fmt.Errorf("there must be 2 to %d seasons", MaxSeasons)
	case o.Runs < 1 || o.Runs > MaxRuns:
		return fmt.Errorf("there must be 1 to %d runs", MaxRuns)
	}
	var size float64
	for _, p := range o.Places {
		if !(p.Size >= 0) {
			return fmt.Errorf("the size of %s is %v", p.ID, p.Size)
		}
		size += p.Size
	}
	if most := float64(MaxVolunteers); !(size > 0 && size <= most) && o.Volunteers == 0 || o.Volunteers < 0 || o.Volunteers > MaxVolunteers {
		return fmt.Errorf("there must be 1 to %d volunteers", MaxVolunteers)
	}
	for _, s := range []*Side{&o.A, &o.B} {
		if err := s.Rules.Set.Check(); err != nil {
			return err
		}
		if err := s.Params.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Run plays both sides and compares them. It ends early with ctx's error.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	g := &ground{options: &o, members: members(o.Places, o.Volunteers)}
	for i := range g.sides {
		s := [...]*Side{&o.A, &o.B}[i]
		g.sides[i] = newSide(&s.Rules.Set, s.Params, o.Seasons)
	}
	g.prepare()
	results := make([]run, o.Runs)
	next := make(chan int)
	var working sync.WaitGroup
	var mu sync.Mutex
	done := 0
	workers := o.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	for range min(workers, o.Runs) {
		working.Go(func() {
			for i := range next {
				results[i] = g.run(ctx, i)
				mu.Lock()
				done++
				if o.Progress != nil {
					o.Progress(done, o.Runs)
				}
				mu.Unlock()
			}
		})
	}
	for i := range results {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	working.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return report(g, results), nil
}

// ground is what all runs stand on.
type ground struct {
	options *Options
	members []int // by place
	sides   [2]*side
	ids     []string
	at      map[string]int // place by id
	names   map[string]string
	leagues []season.League // by size alone, as in a first season
	// compared are the places of MinMembers and more.
	compared []int
}

func (g *ground) prepare() {
	g.at, g.names = map[string]int{}, map[string]string{}
	for i, p := range g.options.Places {
		g.ids = append(g.ids, p.ID)
		g.at[p.ID], g.names[p.ID] = i, p.Name
		if g.members[i] >= season.MinMembers {
			g.compared = append(g.compared, i)
		}
	}
	g.leagues = season.Sizes(g.entrants(nil, nil))
}

// entrants are all places, as the seasons before left them.
func (g *ground) entrants(table map[string]season.Standing, ratings []season.Rating) []season.Entrant {
	out := make([]season.Entrant, len(g.ids))
	for i, id := range g.ids {
		out[i] = season.Entrant{ID: id, Members: int64(g.members[i])}
		if ratings != nil {
			out[i].Rating = ratings[i]
		}
		if s, ok := table[id]; ok {
			out[i].Last = &s.Place
		}
	}
	return out
}

func (g *ground) units(sums []int64) []season.Unit {
	out := make([]season.Unit, len(g.ids))
	for i, id := range g.ids {
		out[i] = season.Unit{ID: id, Sum: sums[i], Members: int64(g.members[i])}
	}
	return out
}

// run is one campaign, on both sides.
type run [2]sideRun

// sideRun is what is kept of it. Not a number says that there was nothing to measure.
type sideRun struct {
	// Regions of equal strength, everybody drawn anew each season.
	inLeagues, together, means, sums thirds
	// Regions of unlike strength, the same people all along.
	fairRank, meanRank, sumRank                         average
	bottom, top, active                                 []float64 // by season, parts
	gini                                                float64
	quantiles                                           []float64
	bins                                                []float64 // parts of people's weeks by Bins
	median                                              float64   // points of an honest person's week
	cheats                                              []cheated // as Cheats, then all together
	leadChanges, changed, sameWinner, sameSum, sameFair average
	winsGini                                            float64
	promotions                                          average // a season
	promoted                                            float64 // part of the compared
	pointsAWeek                                         average
}

// cheated is what cheaters of a kind came to.
type cheated struct {
	people           int
	points, unearned average // of a week
	topTenth         average // part of their weeks that are among the top tenth
	held             average // part of the top tenth that they hold
}

// run plays one campaign. Where the work is to end, what it gives is incomplete.
func (g *ground) run(ctx context.Context, number int) run {
	var out run
	g.equal(ctx, number, &out)
	crowd := draw(g.options, number, 0, g.members)
	for i, s := range g.sides {
		strengths := s.strengths(g.options, number, len(g.ids))
		c := story{ground: g, side: s, number: number, strengths: strengths, people: s.people(crowd, strengths), out: &out[i]}
		c.play(ctx)
	}
	return out
}

// anew numbers the seasons for which everybody is drawn anew, apart from the others.
const anew = 1 << 20

// equal plays seasons in which all places are equally strong, and counts which sizes
// come out first and last all the same.
func (g *ground) equal(ctx context.Context, number int, out *run) {
	one := make([]float64, len(g.ids))
	for i := range one {
		one[i] = 1
	}
	sizes := make([]int, len(g.compared))
	for i, at := range g.compared {
		sizes[i] = g.members[at]
	}
	var d dice
	for n := anew + 1; n <= anew+g.options.Seasons; n++ {
		crowd := draw(g.options, number, n, g.members)
		for i, s := range g.sides {
			if ctx.Err() != nil {
				return
			}
			w := s.play(g.options, number, n, s.people(crowd, one), len(g.ids))
			d.throw(g.options.Seed, number, forShuffles, n)
			g.count(rand.New(&d.source), &out[i], w, sizes)
		}
	}
}

func (g *ground) count(rng *rand.Rand, out *sideRun, w *week, sizes []int) {
	units := g.units(w.sums)
	table := season.Table(g.leagues, units)
	for _, l := range g.leagues {
		ids := l.Divisions[0]
		if len(ids) < 3 { // no thirds
			continue
		}
		inLeague, values := make([]int, len(ids)), make([]float64, len(ids))
		for i, id := range ids {
			inLeague[i], values[i] = g.members[g.at[id]], table[id].Value
		}
		out.inLeagues.count(rng, inLeague, values)
	}
	if len(sizes) < 3 {
		return
	}
	estimates := season.Fair(units)
	fair, mean, sum := g.scores(units, func(i int) float64 { return estimates[i].Value })
	out.together.count(rng, sizes, fair)
	out.means.count(rng, sizes, mean)
	out.sums.count(rng, sizes, sum)
}

// scores are the compared places' by three measures.
func (g *ground) scores(units []season.Unit, index func(i int) float64) (fair, mean, sum []float64) {
	for _, i := range g.compared {
		fair = append(fair, index(i))
		mean = append(mean, float64(units[i].Sum)/float64(units[i].Members))
		sum = append(sum, float64(units[i].Sum))
	}
	return fair, mean, sum
}

// story is one side's seasons of the same people.
type story struct {
	*ground
	side      *side
	number    int
	strengths []float64
	people    []person
	out       *sideRun

	table   map[string]season.Standing // of the season before
	ratings []season.Rating
	leaders map[int]string // by league, of the season before
	leader  int            // by sums, of the season before; -1 for none
	won     map[int]bool   // who won their duel in the season before
	wins    []int64
	rose    map[int]bool
	total   []int64 // by person
	ever    []bool
	cohort  []float64 // parts of the first season's people, -1 for whoever was not there
	bins    []int
	weeks   int     // of people who acted
	honest  []int64 // their points, of the honest
}

func (c *story) play(ctx context.Context) {
	places := len(c.ids)
	c.ratings = make([]season.Rating, places)
	c.wins, c.rose, c.leader = make([]int64, places), map[int]bool{}, -1
	c.total, c.ever = make([]int64, len(c.people)), make([]bool, len(c.people))
	c.bins = make([]int, len(Bins)+1)
	c.out.cheats = make([]cheated, len(c.side.cheats)+1)
	for _, p := range c.people {
		if p.cheat >= 0 {
			c.out.cheats[p.cheat].people++
			c.out.cheats[len(c.side.cheats)].people++
		}
	}
	for n := 1; n <= c.options.Seasons; n++ {
		if ctx.Err() != nil {
			return
		}
		w := c.side.play(c.options, c.number, n, c.people, places)
		c.measurePeople(n, w)
		c.measurePlaces(n, w)
		c.side.after(c.options, c.number, n, c.people, w)
	}
	c.finish()
}

// measurePeople counts who is there still, what they have, and what cheating brings.
func (c *story) measurePeople(n int, w *week) {
	if n == 1 {
		c.cohort = parts(w.points, w.acted)
		for i, p := range c.people {
			if !w.acted[i] || p.cheat >= 0 {
				c.cohort[i] = -1
			}
		}
	}
	var bottom, top, active average
	var acted []int64
	var who []int
	for i := range c.people {
		active.yes(w.acted[i])
		switch part := c.cohort[i]; {
		case part < 0:
		case part < .5:
			bottom.yes(w.acted[i])
		default:
			top.yes(w.acted[i])
		}
		if !w.acted[i] {
			continue
		}
		c.ever[i] = true
		c.total[i] += w.points[i]
		acted, who = append(acted, w.points[i]), append(who, i)
		if c.people[i].cheat < 0 {
			c.honest = append(c.honest, w.points[i])
		}
		at, exact := slices.BinarySearch(Bins, w.points[i])
		if exact {
			at++ // a bin begins with its bound
		}
		c.bins[at]++
		c.weeks++
		c.out.pointsAWeek.add(float64(w.points[i]))
	}
	c.out.bottom, c.out.top, c.out.active = append(c.out.bottom, bottom.mean()), append(c.out.top, top.mean()), append(c.out.active, active.mean())
	c.measureCheats(w, acted, who)
}

func (c *story) measureCheats(w *week, acted []int64, who []int) {
	last := len(c.side.cheats)
	places := max(1, len(acted)/10)
	held := make([]float64, last+1)
	for at, part := range within(acted, places) {
		i := who[at]
		cheat := c.people[i].cheat
		if cheat < 0 {
			continue
		}
		for _, k := range []int{int(cheat), last} {
			out := &c.out.cheats[k]
			out.points.add(float64(w.points[i]))
			out.unearned.add(float64(w.unearned[i]))
			out.topTenth.add(part)
			held[k] += part
		}
	}
	if len(acted) > 0 {
		for k := range held {
			c.out.cheats[k].held.add(held[k] / float64(places))
		}
	}
}

// measurePlaces makes the season's leagues and duels as the boards do, and notes how
// they ended.
func (c *story) measurePlaces(n int, w *week) {
	entrants := c.entrants(c.table, c.ratings)
	leagues := c.leagues
	if n > 1 {
		leagues = season.Leagues(entrants)
	}
	units := c.units(w.sums)
	table := season.Table(leagues, units)

	truth := make([]float64, 0, len(c.compared))
	for _, i := range c.compared {
		truth = append(truth, c.strengths[i])
	}
	fair, mean, sum := c.scores(units, func(i int) float64 { return table[c.ids[i]].Value })
	c.out.fairRank.add(spearman(fair, truth))
	c.out.meanRank.add(spearman(mean, truth))
	c.out.sumRank.add(spearman(sum, truth))

	c.duels(n, entrants, w)
	c.lead(w, table)
	moves := 0
	for id, s := range table {
		if s.Goes() < 0 {
			moves++
			c.rose[c.at[id]] = true
		}
	}
	c.out.promotions.add(float64(moves))
	c.rate(units)
	c.table = table
}

// rate takes the season into the ratings, as the boards do.
func (c *story) rate(units []season.Unit) {
	var sum, members int64
	for _, i := range c.compared {
		sum, members = sum+units[i].Sum, members+units[i].Members
	}
	for _, i := range c.compared {
		if sum == 0 {
			c.ratings[i] = c.ratings[i].After(0, 0)
			continue
		}
		times := float64(units[i].Sum) / float64(units[i].Members) * float64(members) / float64(sum)
		c.ratings[i] = c.ratings[i].After(times, units[i].Members)
	}
}

// duels plays the season's duels day by day.
func (c *story) duels(n int, entrants []season.Entrant, w *week) {
	won := map[int]bool{}
	for _, duel := range season.Duels(fmt.Sprint(n), entrants, c.names) {
		left, right := c.at[duel.Left], c.at[duel.Right]
		per := [2]float64{1, 1}
		if c.members[left] >= season.MinMembers && c.members[right] >= season.MinMembers {
			per = [2]float64{float64(c.members[left]), float64(c.members[right])}
		}
		var sums [2]int64
		ahead, changes := 0, 0
		for day := range w.daily {
			sums[0] += w.daily[day][left]
			sums[1] += w.daily[day][right]
			now := cmp.Compare(float64(sums[0])/per[0], float64(sums[1])/per[1])
			if now != 0 && ahead != 0 && now != ahead {
				changes++
			}
			if now != 0 {
				ahead = now
			}
		}
		c.out.leadChanges.add(float64(changes))
		c.out.changed.yes(changes > 0)
		end := cmp.Compare(float64(sums[0])/per[0], float64(sums[1])/per[1])
		if end == 0 {
			continue
		}
		winner := [...]int{right, left}[(end+1)/2]
		c.wins[winner]++
		won[winner] = true
		for _, i := range []int{left, right} {
			if c.won[i] {
				c.out.sameWinner.yes(i == winner)
			}
		}
	}
	c.won = won
}

// lead notes whether who leads led the season before.
func (c *story) lead(w *week, table map[string]season.Standing) {
	leader := -1
	for i, sum := range w.sums {
		if sum > 0 && (leader < 0 || sum > w.sums[leader]) {
			leader = i
		}
	}
	if c.leader >= 0 && leader >= 0 {
		c.out.sameSum.yes(leader == c.leader)
	}
	c.leader = leader
	leaders := map[int]string{}
	for id, s := range table {
		if s.Of < 3 || s.Division > 1 || s.Rank > 1 {
			continue
		}
		if first, ok := leaders[s.League]; !ok || id < first {
			leaders[s.League] = id
		}
	}
	for league, id := range leaders {
		if before, ok := c.leaders[league]; ok {
			c.out.sameFair.yes(before == id)
		}
	}
	c.leaders = leaders
}

// Quantiles of the points that people end with.
var Quantiles = []float64{.1, .25, .5, .75, .9, .99, 1}

// Bins are the bounds between which a week's points are counted.
var Bins = []int64{1, 50, 100, 200, 500, 1000, 2000, 5000, 10_000}

func (c *story) finish() {
	var totals []int64
	for i, total := range c.total {
		if c.ever[i] {
			totals = append(totals, total)
		}
	}
	slices.Sort(totals)
	c.out.gini = gini(totals)
	for _, q := range Quantiles {
		c.out.quantiles = append(c.out.quantiles, quantile(totals, q))
	}
	for _, n := range c.bins {
		c.out.bins = append(c.out.bins, float64(n)/float64(c.weeks))
	}
	slices.Sort(c.honest)
	c.out.median = quantile(c.honest, .5)
	slices.Sort(c.wins)
	c.out.winsGini = gini(c.wins)
	c.out.promoted = math.NaN()
	if len(c.compared) > 0 {
		c.out.promoted = float64(len(c.rose)) / float64(len(c.compared))
	}
}
