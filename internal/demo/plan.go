package demo

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"sort"
	"strings"
	"time"

	"github.com/musterhq/muster/internal/demo/rhythm"
)

const (
	// calmSignUps is how long sign-ups take in a run without an end.
	calmSignUps = time.Minute
	// oneBatch is how near, in real time, actions lie that a phone sends
	// together.
	oneBatch = 500 * time.Millisecond
	maxBatch = 200
	// offline is the share of batches that a phone without network keeps for
	// the next.
	offline = .15
	// resent is the share of batches that a phone sends twice.
	resent = .02
)

// plan is everything the seed decides. It is drawn without looking at the
// clock or at any answer.
type plan struct {
	seed    uint64
	root    string // id of the root region
	people  int
	signUps time.Duration // all sign up within this
	speed   float64
	table   *rhythm.Table
	places  []Place
	upTo    []int // population of the places up to each
}

func newPlan(o *Options) (*plan, error) {
	table, err := rhythm.Load()
	if err != nil {
		return nil, err
	}
	p := &plan{seed: o.Seed, root: o.Root, people: o.Volunteers, signUps: cmp.Or(o.signUps, calmSignUps), speed: o.Speed, table: table, places: o.Places, upTo: make([]int, len(o.Places))}
	if o.For > 0 {
		p.signUps = o.For / 3
	}
	total := 0
	for i, place := range o.Places {
		total += place.Population
		p.upTo[i] = total
	}
	return p, nil
}

// volunteer is one synthetic person.
type volunteer struct {
	index    int
	email    string
	device   string
	place    *Place
	postcode string
	signUpAt time.Duration // since the start
	news     bool          // agrees to be sent news
	trade    string        // the kind of most of what they do
	busy     int           // actions within rhythm.Window
	plan     *plan
}

// volunteer draws the i-th person.
func (p *plan) volunteer(i int) *volunteer {
	from := rand.New(rand.NewPCG(p.seed, uint64(i)<<1)) //nolint:gosec // a schedule that repeats, no secret
	at := from.IntN(p.upTo[len(p.upTo)-1])
	place := &p.places[sort.SearchInts(p.upTo, at+1)]
	v := &volunteer{
		index: i, plan: p, place: place,
		email:    fmt.Sprintf("volunteer-%d-%d@example.org", p.seed, i),
		device:   fmt.Sprintf("demo-%d-%d", p.seed, i),
		postcode: place.Postcodes[from.IntN(len(place.Postcodes))],
		news:     from.Float64() < .7,
		trade:    draw(from, trades).name,
		busy:     p.table.Actions(from),
	}
	v.signUpAt = time.Duration((float64(i) + from.Float64()) / float64(p.people) * float64(p.signUps))
	return v
}

// deed is one planned action.
type deed struct {
	at       time.Duration // since the person signed in
	kind     string
	quantity int
}

// batch is what a phone sends at once.
type batch struct {
	at     time.Duration // since the person signed in
	deeds  []deed        // in their order; the last is at `at`
	resend bool
	// dice decide what the person does about tasks afterwards.
	taskDice, pickDice float64
}

// batches draws what a person does, for ever. The first batch is due at once:
// everybody acts as soon as they are signed in.
func (v *volunteer) batches() iter.Seq[batch] {
	return func(yield func(batch) bool) {
		from := rand.New(rand.NewPCG(v.plan.seed, uint64(v.index)<<1|1)) //nolint:gosec // a schedule that repeats, no secret
		var deeds []deed
		first := true
		next := v.times(from)
		at, _ := next()
		for {
			deeds = append(deeds, v.deed(from, at))
			then, sameRound := next()
			keep := then-deeds[0].at < oneBatch || sameRound && from.Float64() < offline
			if !first && keep && len(deeds) < maxBatch {
				at = then
				continue
			}
			b := batch{at: at, deeds: deeds, taskDice: from.Float64(), pickDice: from.Float64()}
			// The very first batch of all is always sent twice, so that every
			// run meets a duplicate.
			b.resend = from.Float64() < resent || first && v.index == 0
			if !yield(b) {
				return
			}
			first, deeds, at = false, nil, then
		}
	}
}

// times draws the instants of a person's actions: rounds of rhythm.Window, in
// each as many actions as the person is busy, with the pauses of people. The
// answer's second value says that the action belongs to the round of the one
// before it.
func (v *volunteer) times(from *rand.Rand) func() (time.Duration, bool) {
	window := v.plan.compressed(rhythm.Window)
	var at, round time.Duration
	left := 0
	return func() (time.Duration, bool) {
		if left > 0 {
			left--
			at += v.plan.compressed(v.plan.table.Gap(from))
			return at, true
		}
		left = v.busy - 1
		if round > 0 {
			at = max(at, round+time.Duration(from.Float64()*float64(window)))
		}
		round += max(window, 1)
		return at, false
	}
}

func (p *plan) compressed(d time.Duration) time.Duration {
	return time.Duration(float64(d) / p.speed)
}

// trade is a kind of action, how common it is, and what one report of it
// usually counts.
type trade struct {
	name        string
	weight      float64
	least, most int
}

// trades follow what campaigns report: about 20 doors, 30 dials or some hundred
// texts an hour, reported in parts of an hour. All stay within the rule set's ranges.
var trades = []trade{
	{"door", .34, 3, 25},
	{"call", .24, 5, 30},
	{"text", .18, 20, 200},
	{"data_entry", .09, 10, 60},
	{"share", .08, 1, 3},
	{"event_attended", .05, 1, 1},
	{"signup_recruited", .02, 1, 2},
}

func draw(from *rand.Rand, among []trade) trade {
	at := from.Float64()
	for _, t := range among {
		if at -= t.weight; at < 0 {
			return t
		}
	}
	return among[0]
}

func (v *volunteer) deed(from *rand.Rand, at time.Duration) deed {
	t := draw(from, trades)
	if from.Float64() < .7 {
		for _, own := range trades {
			if own.name == v.trade {
				t = own
			}
		}
	}
	quantity := float64(t.least+from.IntN(t.most-t.least+1)) * v.zeal()
	return deed{at: at, kind: t.name, quantity: max(int(quantity), 1)}
}

// zeals are how much of a report's usual quantity people manage, by where they
// live: without any difference there would be no rivalry to show.
var zeals = [...]float64{1, .75, .6, .5}

// zeal is the volunteer's, the same for all of their region's neighbours: drawn
// by the seed from the name of the region above theirs.
func (v *volunteer) zeal() float64 {
	above, _, _ := strings.Cut(strings.TrimPrefix(v.place.Region, v.plan.root+"."), ".")
	name := fnv.New64a()
	_, _ = name.Write([]byte(above)) // never fails
	return zeals[(name.Sum64()+v.plan.seed)%uint64(len(zeals))]
}
