package simulate

import (
	"math"
	"math/rand/v2"
)

// dice are draws that depend on nothing but what they are thrown for: a seed, a run
// and whatever is named. So neither the order of the work nor what another draw was
// used for changes them, and both rule sets meet the same.
type dice struct{ source rand.PCG }

// What dice are thrown for, so that no two purposes share a throw.
const (
	forPeople = iota
	forPlaces
	forDays
	forLeaving
	forShuffles
)

// throw takes the dice for a purpose, in a run, about things with these numbers.
func (d *dice) throw(seed uint64, run, purpose int, about ...int) {
	hi, lo := mix(seed), mix(uint64(run)<<8|uint64(purpose))
	for _, n := range about {
		hi, lo = mix(hi^uint64(n)), mix(lo+uint64(n))
	}
	d.source.Seed(hi, lo)
}

// mix spreads every bit over all, as splitmix64 does at its end.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// uniform is above 0 and below 1.
func (d *dice) uniform() float64 { return (float64(d.source.Uint64()>>12) + .5) / (1 << 52) }

// normal takes exactly one throw, so that what comes after it stays in step.
func (d *dice) normal() float64 { return math.Sqrt2 * math.Erfinv(2*d.uniform()-1) }

// poisson is how many of something happen of which none has the chance exp(-mean),
// at most so many. More for a greater mean with the same u.
func poisson(u, mean, none float64, most int) int {
	n, chance := 0, none
	for sum := chance; u > sum && n < most; sum += chance {
		n++
		chance *= mean / float64(n)
	}
	return n
}
