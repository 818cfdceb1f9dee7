package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/internal/liguria"
)

// small is a campaign that is played in a moment.
func small() Options {
	o := Options{
		Ground: "Testland", Sizes: "made up", Seasons: 4, Runs: 3, Seed: 7,
		A: Side{FirstRules(), Defaults()}, B: Side{FirstRules(), Defaults()},
	}
	for i := range 30 {
		o.Places = append(o.Places, Place{ID: fmt.Sprintf("x.p%02d", i), Name: fmt.Sprint("Place ", i), Size: float64(8 + 2*i)})
	}
	return o
}

// comuni are those of Liguria.
func comuni() []Place {
	var places []Place
	for _, c := range liguria.Comuni() {
		places = append(places, Place{ID: c.Region, Name: c.Name, Size: OfPopulation(int64(c.Population))})
	}
	return places
}

// uncapped pays every unit in full, at any hour.
func uncapped() Rules {
	r := FirstRules()
	r.Name = "No caps"
	for i := range r.Set.Kinds {
		r.Set.Kinds[i].Tiers, r.Set.Kinds[i].CoolDown = []points.Tier{{UpTo: 1_000_000_000, Percent: 100}}, 0
	}
	return r
}

func played(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func written(t *testing.T, r *Report) []byte {
	t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestTheSameSeedIsTheSameReport, to the byte, with one goroutine and with many; and
// another seed is another report.
func TestTheSameSeedIsTheSameReport(t *testing.T) {
	o := small()
	o.B.Rules = uncapped()
	o.Workers = 1
	first := written(t, played(t, o))
	for _, workers := range []int{1, 2, 7, 0} {
		o.Workers = workers
		if again := written(t, played(t, o)); !bytes.Equal(first, again) {
			t.Errorf("%d goroutines report something else", workers)
		}
	}
	o.Seed++
	if other := written(t, played(t, o)); bytes.Equal(first, other) {
		t.Error("another seed gives the same report")
	}
}

// compareds finds every comparison of a report.
func compareds(v reflect.Value, at string, found func(at string, c Compared)) {
	switch v.Kind() {
	case reflect.Struct:
		if c, ok := v.Interface().(Compared); ok {
			found(at, c)
			return
		}
		for i := range v.NumField() {
			compareds(v.Field(i), at+"."+v.Type().Field(i).Name, found)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			compareds(v.Index(i), fmt.Sprintf("%s[%d]", at, i), found)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			compareds(v.Elem(), at, found)
		}
	}
}

// TestAgainstItselfNothingDiffers: rules are played against themselves on the same
// draws, so every difference is 0, exactly; against others, some are not.
func TestAgainstItselfNothingDiffers(t *testing.T) {
	o := small()
	o.A.Params.Cheaters, o.B.Params.Cheaters = .05, .05
	differences := func(r *Report) (all, not0 int) {
		compareds(reflect.ValueOf(r), "", func(at string, c Compared) {
			all++
			for _, v := range []*float64{c.Difference.Mean, c.Difference.Low, c.Difference.High} {
				if v != nil && *v != 0 {
					not0++
				}
			}
			if c.A.Mean == nil {
				t.Logf("%s has no value", at)
			}
		})
		return all, not0
	}
	if all, not0 := differences(played(t, o)); all < 80 || not0 != 0 {
		t.Errorf("A against A: %d of %d differences are not 0", not0, all)
	}
	o.B.Params.ShowUp = .8
	if _, not0 := differences(played(t, o)); not0 < 50 {
		t.Errorf("A against A with other parameters: only %d figures differ", not0)
	}
	o = small()
	o.B.Rules = uncapped()
	r := played(t, o)
	if _, not0 := differences(r); not0 < 50 {
		t.Errorf("A against other rules: only %d figures differ", not0)
	}
	// Before any board was seen, everybody does the same on both sides.
	if d := r.Participation.Members[0].Difference; *d.Mean != 0 || *d.Low != 0 || *d.High != 0 {
		t.Errorf("in the first season others act under other rules: %v", d)
	}
}

// TestCapsHoldCheatersDown: without daily caps and cool-downs the mill and the hopper
// yield a multiple; splitting work yields nothing under either rules.
func TestCapsHoldCheatersDown(t *testing.T) {
	o := small()
	o.A.Params.Cheaters, o.B.Params.Cheaters = .1, .1
	o.B.Rules = uncapped()
	r := played(t, o)
	yields := map[string]Compared{}
	for _, c := range r.Cheats {
		yields[c.Name] = c.Unearned
	}
	for name, least := range map[string]float64{"door_mill": 2, "event_hopper": 2, "all": 1.5} {
		c := yields[name]
		if c.A.Mean == nil || *c.B.Mean < least**c.A.Mean || !c.Differs() || *c.Difference.Low <= 0 {
			t.Errorf("%s: %v", name, string(mustJSON(c)))
		}
	}
	if c := yields["split_batches"]; *c.A.Mean != 0 || *c.B.Mean != 0 {
		t.Errorf("splitting work pays: %s", mustJSON(c))
	}
	if c := yields["duplicate_kinds"]; !(*c.A.Mean > 0) {
		t.Errorf("reporting every kind does not pay: %s", mustJSON(c))
	}
}

func mustJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// TestLeaguesAreFairAndSumsAreNot on Liguria's real comuni.
func TestLeaguesAreFairAndSumsAreNot(t *testing.T) {
	o := small()
	o.Places, o.Seasons, o.Runs = comuni(), 12, 3
	r := played(t, o)
	leagues, sums := *r.Fairness.Leagues.WorstA, *r.Fairness.Sums.WorstA
	t.Logf("a third holds at most %.2f times its share in leagues, %.2f by sums", leagues, sums)
	if leagues > 1.2 || sums < 1.35 {
		t.Errorf("%.2f in leagues, %.2f by sums", leagues, sums)
	}
	if fair := r.Truth.Fair.A.Mean; !(*fair > .1) {
		t.Errorf("the fair index says nothing of strength: %.2f", *fair)
	}
	o.A.Params.RegionSigma, o.B.Params.RegionSigma = 1, 0
	r = played(t, o)
	if strong := *r.Truth.Fair.A.Mean; strong < .5 || r.Truth.Fair.B.Mean != nil {
		t.Errorf("very unlike regions: %.2f; equal regions: %v, where there is no truth to be near to", strong, r.Truth.Fair.B.Mean)
	}
}

// TestBoardsMovePeople: a board that sinks its bottom third loses more of the bottom
// half than one that does nothing, and one whose people all give up loses all.
func TestBoardsMovePeople(t *testing.T) {
	o := small()
	for _, s := range []*Side{&o.A, &o.B} {
		s.Params.Cheaters, s.Params.BoardEffectTop, s.Params.BoardEffectBottom = 0, 0, 0
	}
	o.Seasons = 8
	o.B.Params.BoardEffectTop, o.B.Params.BoardEffectBottom, o.B.Params.BoardMemory = .4, -.5, .8
	r := played(t, o)
	if last := r.Participation.Last; *last.Difference.High >= 0 {
		t.Errorf("a board that sinks: %s", mustJSON(last))
	}
	if first := r.Participation.Bottom[0]; *first.A.Mean != 1 || *first.B.Mean != 1 {
		t.Errorf("who acted in the first season acted in it: %s", mustJSON(first))
	}
	o.B.Params.GivesUp = 1
	o.B.Params.BoardEffectTop, o.B.Params.BoardMemory = 0, 0
	r = played(t, o)
	if all := r.Participation.Members[1].B; *all.Mean != 0 {
		t.Errorf("%v acted after all gave up", *all.Mean)
	}
}

// alone is a side's week of people each in a place of their own, so that the sums by
// place and day are theirs.
func alone(t *testing.T, rules points.RuleSet, p Params, people int) *week {
	t.Helper()
	o := &Options{Seed: 11, Seasons: 1, Runs: 1}
	s := newSide(&rules, p, 1)
	ones := make([]int, people)
	even := make([]float64, people)
	for i := range ones {
		ones[i], even[i] = 1, 1
	}
	return s.play(o, 0, 1, s.people(draw(o, 0, 0, ones), even), people)
}

// meter counts what is done of one kind, in place of points.
func meter(kind string) points.RuleSet {
	set := *points.V1()
	set.Kinds = slices.Clone(set.Kinds)
	for i := range set.Kinds {
		k := &set.Kinds[i]
		k.Points, k.CoolDown, k.Tiers = 0, 0, []points.Tier{{UpTo: 1_000_000_000, Percent: 100}}
		if k.Name == kind {
			k.Points = 1
		}
	}
	return set
}

// TestPointsAreTheRules: the points of a week equal a sum that is worked out from
// each day's quantities and the published table alone.
func TestPointsAreTheRules(t *testing.T) {
	const people = 400
	set := *points.V1()
	set.Kinds = slices.Clone(set.Kinds)
	for i := range set.Kinds {
		set.Kinds[i].CoolDown = 0 // TestCoolDownsHold has that
	}
	p := Defaults()
	p.Hours, p.Cheaters = 12, .1
	got := alone(t, set, p, people)
	var want [7][people]int64
	for _, k := range set.Kinds {
		done := alone(t, meter(k.Name), p, people)
		for day := range want {
			for i := range want[day] {
				want[day][i] += paid(done.daily[day][i], k.Points, k.Tiers)
			}
		}
	}
	var all int64
	for day := range want {
		for i := range want[day] {
			if want[day][i] != got.daily[day][i] {
				t.Fatalf("day %d of person %d: %d points, the table says %d", day, i, got.daily[day][i], want[day][i])
			}
			all += want[day][i]
		}
	}
	var sum int64
	for i := range got.points {
		if got.points[i] != got.sums[i] {
			t.Errorf("person %d has %d, their place %d", i, got.points[i], got.sums[i])
		}
		sum += got.points[i]
	}
	if sum != all || all < 100_000 {
		t.Errorf("%d points, the days say %d", sum, all)
	}
}

// paid is what the published table says of a day.
func paid(quantity, each int64, tiers []points.Tier) int64 {
	var hundredths int64
	for unit := int64(1); unit <= quantity; unit++ {
		for _, tier := range tiers {
			if unit <= tier.UpTo {
				hundredths += each * tier.Percent
				break
			}
		}
	}
	return hundredths / 100
}

// TestCoolDownsHold: events of one hour pay once, of three hours three times.
func TestCoolDownsHold(t *testing.T) {
	s := newSide(points.V1(), Defaults(), 1)
	day := s.tally()
	for _, step := range []struct {
		minute int
		want   int64
	}{{600, 100}, {615, 100}, {659, 100}, {660, 200}, {720, 250}, {100, 275}, {200, 275}} {
		if day.act(s.named("event_attended"), step.minute, 1); day.points != step.want {
			t.Errorf("after minute %d: %d points, want %d", step.minute, day.points, step.want)
		}
	}
	if day.clear(); day.points != 0 || day.acted {
		t.Error("a new day is not empty")
	}
}

// TestHeavyUsersMakeTheirCalls, and the rules' caps hold them.
func TestHeavyUsersMakeTheirCalls(t *testing.T) {
	p := Defaults()
	p.HeavyUsers, p.ShowUp, p.ReminderLift, p.Cheaters = 1, 1, 0, 0
	p.Hours = .01
	calls := alone(t, meter("call"), p, 3)
	for i, n := range calls.points {
		if n < heavyCalls*99/100 || n > heavyCalls*11/10 {
			t.Errorf("person %d made %d calls", i, n)
		}
	}
	if capped := alone(t, *points.V1(), p, 1); capped.points[0] > 7*(3*(120+60+60)+1000) {
		t.Errorf("%d points for calls past every cap", capped.points[0])
	}
}

// TestWhatCannotBePlayedIsRefused, each with a line that names it.
func TestWhatCannotBePlayedIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		names string
		spoil func(*Options)
	}{
		"no places":    {"regions", func(o *Options) { o.Places = nil }},
		"no people":    {"volunteers", func(o *Options) { o.Places = []Place{{ID: "x"}} }},
		"too many":     {"volunteers", func(o *Options) { o.Volunteers = MaxVolunteers + 1 }},
		"negative":     {"volunteers", func(o *Options) { o.Volunteers = -1 }},
		"odd size":     {"size of x", func(o *Options) { o.Places = []Place{{ID: "x", Size: math.NaN()}} }},
		"infinite":     {"volunteers", func(o *Options) { o.Places = []Place{{ID: "x", Size: math.Inf(1)}} }},
		"one season":   {"seasons", func(o *Options) { o.Seasons = 1 }},
		"no run":       {"runs", func(o *Options) { o.Runs = 0 }},
		"bad rules":    {"kinds", func(o *Options) { o.B.Rules.Set.Kinds = nil }},
		"bad params":   {"show_up", func(o *Options) { o.A.Params.ShowUp = 2 }},
		"not a number": {"hours", func(o *Options) { o.A.Params.Hours = math.NaN() }},
		"no work":      {"share", func(o *Options) { o.B.Params.Kinds = nil }},
		"no way":       {"cheat", func(o *Options) { o.B.Params.Cheats = nil }},
		"unknown way":  {"bribe", func(o *Options) { o.B.Params.Cheats = map[string]float64{"bribe": 1} }},
		"no rate":      {"door", func(o *Options) { o.B.Params.Kinds = map[string]Work{"door": {Share: 1}} }},
	} {
		o := small()
		c.spoil(&o)
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.names) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	o := small()
	o.Runs = 50
	o.Progress = func(int, int) { cancel() }
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("ended early: %v", err)
	}
}

// TestFewAndLonely: no interval of one run, no comparison of two regions, and the
// report can be written all the same.
func TestFewAndLonely(t *testing.T) {
	o := small()
	o.Places, o.Runs, o.Volunteers = o.Places[:2], 1, 3
	r := played(t, o)
	if r.Volunteers != 3 || r.Ground.Compared != 0 || len(r.Ground.Leagues) != 0 || r.Fairness.Leagues.WorstA != nil || r.Points.AWeek.A.Low != nil {
		t.Errorf("report %s", written(t, r))
	}
	var text, page bytes.Buffer
	if err := errors.Join(r.WriteText(&text), r.WriteHTML(&page)); err != nil {
		t.Error(err)
	}
	for _, out := range []string{text.String(), page.String()} {
		if strings.Contains(out, "NaN") || strings.Contains(out, "Inf") || strings.Contains(out, "%!") {
			t.Errorf("it shows what is no number: %s", out)
		}
	}
	o.Places = []Place{{ID: "x", Name: "X", Size: 1}}
	o.A.Params.ShowUp, o.A.Params.ReminderLift, o.A.Params.Cheaters = 0, 0, 0 // and nobody comes
	if r := played(t, o); r.Points.Gini.A.Mean != nil || *r.Participation.Members[0].A.Mean != 0 {
		t.Errorf("nobody came: %s", written(t, r))
	}
}
