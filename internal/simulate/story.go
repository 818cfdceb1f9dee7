package simulate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/musterhq/muster/domain/season"
)

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
