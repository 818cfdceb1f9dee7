package demo

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func planOf(t *testing.T, change func(*Options)) *plan {
	t.Helper()
	o := Options{Volunteers: 2000, For: 30 * time.Second, Seed: 1, Speed: DefaultSpeed, Places: places}
	if change != nil {
		change(&o)
	}
	p, err := newPlan(&o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// some is the beginning of everything a plan holds for a person.
type some struct {
	Email, Region, Postcode string
	SignUpAt                time.Duration
	Batches                 []batch
}

func someOf(p *plan, i, batches int) some {
	v := p.volunteer(i)
	out := some{v.email, v.place.Region, v.postcode, v.signUpAt, nil}
	for b := range v.batches() {
		if out.Batches = append(out.Batches, b); len(out.Batches) == batches {
			break
		}
	}
	return out
}

func TestSameSeedSamePlan(t *testing.T) {
	equal := cmp.AllowUnexported(batch{}, deed{})
	for _, i := range []int{0, 1, 500, 1999} {
		a, b := someOf(planOf(t, nil), i, 20), someOf(planOf(t, nil), i, 20)
		if diff := cmp.Diff(a, b, equal); diff != "" {
			t.Error(diff)
		}
		other := someOf(planOf(t, func(o *Options) { o.Seed = 2 }), i, 20)
		if cmp.Equal(a, other, equal) {
			t.Errorf("volunteer %d is the same under another seed", i)
		}
	}
	// A person does not depend on how many there are.
	few := planOf(t, func(o *Options) { o.Volunteers = 10 })
	if a, b := planOf(t, nil).volunteer(3), few.volunteer(3); a.email != b.email || a.postcode != b.postcode || a.busy != b.busy {
		t.Errorf("%+v and %+v", a, b)
	}
	if got := few.volunteer(3).email; got != "volunteer-1-3@example.org" {
		t.Error(got)
	}
}

func TestPlanIsPlausible(t *testing.T) {
	p := planOf(t, nil)
	within := map[string]trade{}
	for _, each := range trades {
		within[each.name] = each
	}
	living, kinds := map[string]int{}, map[string]int{}
	last, resends, batches := time.Duration(-1), 0, 0
	for i := range p.people {
		v := p.volunteer(i)
		living[v.place.Region]++
		if v.signUpAt < last || v.signUpAt >= 10*time.Second {
			t.Fatalf("volunteer %d signs up after %s, the one before after %s", i, v.signUpAt, last)
		}
		last = v.signUpAt
		at := time.Duration(0)
		for b := range v.batches() {
			if at == 0 && b.at != 0 {
				at = b.at
			} else if b.at < at {
				t.Fatalf("batch at %s after one at %s", b.at, at)
			}
			at = max(at, b.at)
			if len(b.deeds) < 1 || len(b.deeds) > maxBatch || b.deeds[len(b.deeds)-1].at != b.at {
				t.Fatalf("batch %+v", b)
			}
			batches++
			if b.resend {
				resends++
			}
			for _, d := range b.deeds {
				kind, ok := within[d.kind]
				if !ok || d.quantity < max(kind.least/2, 1) || d.quantity > kind.most || d.at > b.at {
					t.Fatalf("deed %+v at %s", d, b.at)
				}
				kinds[d.kind]++
			}
			if b.at > time.Minute {
				break
			}
		}
		if first := someOf(p, i, 1).Batches[0]; first.at != 0 || i == 0 && !first.resend {
			t.Fatalf("first batch of %d: %+v", i, first)
		}
	}
	for _, place := range places {
		if share := float64(living[place.Region]) / float64(p.people); math.Abs(share-float64(place.Population)/1000) > .04 {
			t.Errorf("%s: %.3f of the people", place.Name, share)
		}
	}
	if share := float64(resends) / float64(batches); share < .012 || share > .03 {
		t.Errorf("%d of %d batches are sent again", resends, batches)
	}
	for _, each := range trades {
		if kinds[each.name] == 0 {
			t.Errorf("nobody does %s: %v", each.name, kinds)
		}
	}
}

// TestPlanIsHeavyTailed: the busiest hundredth does far more than its share.
func TestPlanIsHeavyTailed(t *testing.T) {
	p := planOf(t, nil)
	var counts []int
	total := 0
	for i := range p.people {
		counts = append(counts, p.volunteer(i).busy)
		total += counts[i]
	}
	slices.Sort(counts)
	top := 0
	for _, c := range counts[len(counts)*99/100:] {
		top += c
	}
	if float64(top) < .05*float64(total) || counts[len(counts)/2] != 1 {
		t.Errorf("the busiest hundredth does %d of %d", top, total)
	}
}

func TestSpeedScalesThePauses(t *testing.T) {
	slow := someOf(planOf(t, func(o *Options) { o.Speed = 1 }), 17, 2)
	fast := someOf(planOf(t, func(o *Options) { o.Speed = 100 }), 17, 2)
	ratio := float64(slow.Batches[1].at) / float64(fast.Batches[1].at)
	if slow.Batches[1].at == 0 || math.Abs(ratio-100) > .01 {
		t.Errorf("%s against %s", slow.Batches[1].at, fast.Batches[1].at)
	}
}

// TestHugeSpeedHasABound: a speed that no server keeps up with must not make
// the plan run away without ever sending.
func TestHugeSpeedHasABound(t *testing.T) {
	for _, b := range someOf(planOf(t, func(o *Options) { o.Speed = 1e18 }), 0, 50).Batches {
		if len(b.deeds) > maxBatch {
			t.Fatalf("%d deeds", len(b.deeds))
		}
	}
}
