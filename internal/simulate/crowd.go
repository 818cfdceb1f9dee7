package simulate

import (
	"math"
)

// crowd is everybody of a run, as chance made them: what both sides share.
type crowd struct {
	place []int32
	draws []traits
}

// traits are a person's draws; what comes of them depends on the parameters.
type traits struct{ come, hours, kind, cheat, cheatKind, heavy float64 }

// draw makes a crowd. Season is one for a crowd of its own; 0 for one that stays.
func draw(o *Options, run, season int, members []int) *crowd {
	c := &crowd{}
	var d dice
	for place, n := range members {
		for range n {
			d.throw(o.Seed, run, forPeople, season, len(c.place))
			c.place = append(c.place, int32(place))
			c.draws = append(c.draws, traits{d.uniform(), d.normal(), d.uniform(), d.uniform(), d.uniform(), d.uniform()})
		}
	}
	return c
}

// strengths are the places' true strengths in a run, drawn once; the mean of what is
// drawn from is 1.
func (s *side) strengths(o *Options, run, places int) []float64 {
	out := make([]float64, places)
	var d dice
	for i := range out {
		d.throw(o.Seed, run, forPlaces, i)
		sigma := s.p.RegionSigma
		out[i] = math.Exp(sigma*d.normal() - sigma*sigma/2)
	}
	return out
}

// person is somebody on one side.
type person struct {
	place      int32
	own        int32 // kind of most of what they do
	cheat      int32 // index of Cheats, -1 for the honest
	heavy      bool
	gone       bool
	goes       float64 // a day, before what boards do
	motivation float64 // 1 where boards do nothing
}

// people are a crowd as a side has it.
func (s *side) people(c *crowd, strengths []float64) []person {
	out := make([]person, len(c.place))
	sigma := s.p.ActivitySigma
	daily := s.p.Hours / s.p.SessionHours / 7
	for i, t := range c.draws {
		p := person{place: c.place[i], own: int32(s.pick(t.kind)), cheat: -1, motivation: 1}
		if t.cheat < s.p.Cheaters {
			p.cheat = s.pickCheat(t.cheatKind)
		}
		p.heavy = t.heavy < s.p.HeavyUsers
		p.gone = p.cheat < 0 && t.come >= s.comes
		p.goes = daily * math.Exp(sigma*t.hours-sigma*sigma/2) * strengths[p.place]
		out[i] = p
	}
	return out
}

func (s *side) pickCheat(u float64) int32 {
	u *= s.p.cheatShares()
	last := int32(-1)
	for i, c := range s.cheats {
		share := s.p.Cheats[c.Name]
		if share == 0 {
			continue
		}
		last = int32(i)
		if u -= share; u < 0 {
			break
		}
	}
	return last
}

// week is what a season came to on one side.
type week struct {
	daily    [7][]int64 // by place
	sums     []int64    // by place
	points   []int64    // by person
	acted    []bool     // by person
	unearned []int64    // by person: points that no work stands behind
}

// play is one season of people.
func (s *side) play(o *Options, run, season int, people []person, places int) *week {
	w := &week{
		sums: make([]int64, places), points: make([]int64, len(people)), acted: make([]bool, len(people)), unearned: make([]int64, len(people)),
	}
	for day := range w.daily {
		w.daily[day] = make([]int64, places)
	}
	t, earned := s.tally(), s.tally()
	var d dice
	for i := range people {
		p := &people[i]
		if p.gone {
			continue
		}
		mean := p.goes * p.motivation
		none := math.Exp(-mean)
		for day := range w.daily {
			t.clear()
			earned.clear()
			switch {
			case p.cheat >= 0:
				s.cheats[p.cheat].day(s, int(p.own), t, earned)
				w.unearned[i] += t.points - earned.points
			default:
				d.throw(o.Seed, run, forDays, season, i, day)
				s.goes(t, int(p.own), poisson(d.uniform(), mean, none, s.atOnce), &d)
			}
			if p.heavy {
				s.dial(t)
			}
			w.acted[i] = w.acted[i] || t.acted
			w.points[i] += t.points
			w.daily[day][p.place] += t.points
			w.sums[p.place] += t.points
		}
	}
	return w
}

// dial is a heavy user's day at the phones.
func (s *side) dial(t *tally) {
	for hour := range 16 {
		t.act(s.named("call"), (8+hour)*60-1, s.perHeavy/16)
	}
}

// after lets a season's board move people, and lets some give up: see
// board_effect_top, board_effect_bottom, board_memory and gives_up.
func (s *side) after(o *Options, run, season int, people []person, w *week) {
	part := parts(w.points, w.acted)
	var d dice
	for i := range people {
		p := &people[i]
		if p.gone || p.cheat >= 0 {
			continue
		}
		effect := 0.0
		if w.acted[i] {
			switch {
			case part[i] > 2./3:
				effect = s.p.BoardEffectTop
			case part[i] < 1./3:
				effect = s.p.BoardEffectBottom
			}
		}
		p.motivation = max(.1, 1+effect+s.p.BoardMemory*(p.motivation-1))
		d.throw(o.Seed, run, forLeaving, season, i)
		p.gone = d.uniform() < s.p.GivesUp/p.motivation
	}
}
