package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
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
