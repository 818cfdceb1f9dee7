package goal_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"

	"github.com/musterhq/muster/domain/goal"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

const camp = "liguria-2024"

var (
	start = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
	ge    = goal.Unit{Kind: goal.Team, ID: "team-ge"}
	root  = goal.Unit{Kind: goal.Region, ID: "it.liguria"}
	homes = [][2]string{{"team-ge", "it.liguria.ge.genova"}, {"team-sp", "it.liguria.sp.la-spezia"}, {"team-ct", "it.liguria-centro.x"}}
)

// ledger is a ledger in memory. What was inserted late is there only from landed on.
type ledger struct {
	clock *clock.Manual
	steps []landing
}

type landing struct {
	goal.Step
	landed time.Time
}

func (l *ledger) Now(context.Context) (time.Time, error) { return l.clock.Now(), nil }

func (l *ledger) Kind(_ context.Context, _, name string) (bool, error) { return name != "dance", nil }

func (l *ledger) After(_ context.Context, _ string, mark goal.Mark, before time.Time, limit int) ([]goal.Step, error) {
	compare := func(a, b goal.Mark) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) }
	var found []goal.Step
	for _, s := range l.steps {
		if compare(s.Mark, mark) > 0 && s.At.Before(before) && !s.landed.After(l.clock.Now()) {
			found = append(found, s.Step)
		}
	}
	slices.SortFunc(found, func(a, b goal.Step) int { return compare(a.Mark, b.Mark) })
	return found[:min(len(found), limit)], nil
}

func (l *ledger) add(late time.Duration, deeds ...goal.Deed) {
	now := l.clock.Now()
	l.steps = append(l.steps, landing{goal.Step{Mark: goal.Mark{At: now, ID: fmt.Sprintf("p/%d", len(l.steps))}, Deeds: deeds}, now.Add(late)})
}

func deed(home int, quantity int64, at time.Time) goal.Deed {
	return goal.Deed{Kind: "door", Quantity: quantity, OccurredAt: at, Team: homes[home][0], Region: homes[home][1]}
}

// engine fails the writes of a store from some write on, before or after they
// happen: a process that is killed there.
type engine struct {
	store.Engine
	left atomic.Int64 // writes until it fails; negative: never
	done bool         // the write that fails is on disk
}

var errKilled = errors.New("killed")

func (e *engine) Replace(ctx context.Context, s *store.Schema, campaign, id string, version int64, body bson.Raw) error {
	left := e.left.Load()
	if left == 0 {
		if e.done {
			_ = e.Engine.Replace(ctx, s, campaign, id, version, body)
		}
		return errKilled
	}
	if left > 0 {
		e.left.Add(-1)
	}
	return e.Engine.Replace(ctx, s, campaign, id, version, body)
}

func open(t testing.TB) (*engine, *ledger) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Migrate(t.Context(), goal.Schemas); err != nil {
		t.Fatal(err)
	}
	e := &engine{Engine: db}
	e.left.Store(-1)
	return e, &ledger{clock: clock.NewManual(start)}
}

func TestAGoalFromBeginningToEnd(t *testing.T) {
	e, l := open(t)
	s := goal.New(e, l, l.clock)
	l.add(0, deed(0, 1000, start.Add(-time.Minute))) // before
	p, err := s.Put(t.Context(), camp, goal.PutRequest{Unit: ge, By: "lea", Goals: []goal.Wanted{{Kind: "door", Quantity: 100, EndsAt: start.Add(24 * time.Hour)}}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Revision != 1 || p.List[0].Counted != 0 || p.List[0].SetBy != "lea" {
		t.Errorf("%+v", p)
	}
	counted := func(want int64, reached bool) {
		t.Helper()
		l.clock.Advance(3 * time.Second) // the tail is remembered no longer
		p, err := s.Progress(t.Context(), camp, ge)
		if err != nil || p.List[0].Counted != want || (p.List[0].ReachedAt != nil) != reached {
			t.Errorf("%+v, %v; want %d, reached %v", p, err, want, reached)
		}
	}
	l.clock.Advance(time.Minute)
	l.add(0, deed(0, 60, l.clock.Now()), deed(1, 500, l.clock.Now()), deed(0, 7, start.Add(-time.Hour)))
	counted(60, false)
	l.clock.Advance(2 * time.Minute)
	round(t, s)
	counted(60, false)
	l.add(0, deed(0, 50, l.clock.Now()))
	counted(110, true)
	if told := effects(t, s, l); len(told) != 0 {
		t.Errorf("told before it was counted for good: %v", told)
	}
	l.clock.Advance(2 * time.Minute)
	round(t, s)
	round(t, s)
	if told := effects(t, s, l); len(told) != 1 || told[0].Data["feed"] != "team:team-ge" || told[0].Data["type"] != "goal_reached" {
		t.Errorf("told %v", told)
	}
	// What is taken back is taken off; that the goal was reached is not untold, and
	// not told again.
	l.add(0, deed(0, -50, l.clock.Now()))
	counted(60, true)
	l.add(0, deed(0, 70, l.clock.Now()))
	counted(130, true)
	l.clock.Advance(24 * time.Hour)
	round(t, s)
	if told := effects(t, s, l); len(told) != 0 {
		t.Errorf("told again: %v", told)
	}
	// Over: what was done before the end still comes in for two days, then nothing.
	l.add(0, deed(0, 3, start.Add(2*time.Hour)), deed(0, 500, l.clock.Now()))
	counted(133, true)
	l.clock.Advance(48 * time.Hour)
	l.add(0, deed(0, 3, start.Add(2*time.Hour)))
	round(t, s)
	counted(133, true)
	l.clock.Advance(time.Hour)
	round(t, s)
	counted(133, true)
}

func round(t *testing.T, s *goal.Service) {
	t.Helper()
	if err := s.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func effects(t testing.TB, s *goal.Service, l *ledger) (all []store.Effect) {
	t.Helper()
	var mu sync.Mutex // several documents' effects are carried out at once
	if _, err := s.CarryOut(t.Context(), l.clock.Now(), func(_ context.Context, _ string, e store.Effect) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPut(t *testing.T) {
	e, l := open(t)
	s := goal.New(e, l, l.clock)
	week := start.Add(7 * 24 * time.Hour)
	door := goal.Wanted{Kind: "door", Quantity: 100, EndsAt: week}
	for code, wanted := range map[string][]goal.Wanted{
		"goal_kind_unknown": {{Kind: "dance", Quantity: 1, EndsAt: week}},
		"goal_unknown":      {{ID: "x", Kind: "door", Quantity: 1, EndsAt: week}},
		"goal_invalid":      {door, door, door, door, door, door},
	} {
		if _, err := s.Put(t.Context(), camp, goal.PutRequest{Unit: root, Goals: wanted}); errs.CodeOf(err) != code {
			t.Errorf("%v: %v, want %s", wanted, err, code)
		}
	}
	for _, bad := range []goal.Wanted{{Kind: "door", EndsAt: week}, {Kind: "door", Quantity: 1, EndsAt: start}, {Kind: "door", Quantity: 1, EndsAt: start.AddDate(2, 0, 0)}} {
		if _, err := s.Put(t.Context(), camp, goal.PutRequest{Unit: root, Goals: []goal.Wanted{bad}}); errs.CodeOf(err) != "goal_invalid" {
			t.Errorf("%v: %v", bad, err)
		}
	}
	first, err := s.Put(t.Context(), camp, goal.PutRequest{Unit: root, Goals: []goal.Wanted{door}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), camp, goal.PutRequest{Unit: root, Goals: []goal.Wanted{door}, Revision: first.Revision + 1}); errs.CodeOf(err) != "goals_changed" {
		t.Errorf("a revision that nobody read: %v", err)
	}
	l.clock.Advance(time.Hour)
	l.add(0, deed(0, 40, l.clock.Now()), deed(2, 1, l.clock.Now())) // the second is no part of it.liguria
	l.clock.Advance(2 * time.Minute)
	round(t, s)
	// With its id it goes on, under the same mark; another one begins at 0.
	more := door
	more.ID, more.Quantity = first.List[0].ID, 200
	next, err := s.Put(t.Context(), camp, goal.PutRequest{Unit: root, Goals: []goal.Wanted{door, more}, Revision: first.Revision})
	if err != nil {
		t.Fatal(err)
	}
	if got := next.List; got[0].Counted != 0 || got[1].Counted != 40 || got[1].Quantity != 200 || !got[1].SetAt.Equal(start) || next.Revision != first.Revision+1 {
		t.Errorf("%+v", got)
	}
	if _, err := s.Put(t.Context(), camp, goal.PutRequest{Unit: root, Goals: []goal.Wanted{more, more}}); errs.CodeOf(err) != "goal_unknown" {
		t.Errorf("one goal named twice: %v", err)
	}
}

// TestCountedOnceWhateverDies lets two processes count one ledger through actions,
// voids, inserts that land late, goals that change, kills at any write and nodes
// that lag, and holds after every step: what is shown is the sum over the ledger.
func TestCountedOnceWhateverDies(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e, l := open(t)
		nodes := [2]*goal.Service{goal.New(e, l, l.clock), goal.New(e, l, l.clock)}
		var done []goal.Deed
		units := []goal.Unit{ge, root, {Kind: goal.Region, ID: "it.liguria.sp"}}
		check := func() {
			reader := goal.New(e, l, l.clock) // it remembers no tail
			for _, unit := range units {
				p, err := reader.Progress(t.Context(), camp, unit)
				if err != nil {
					rt.Fatal(err)
				}
				for _, g := range p.List {
					if want := sum(l, unit, g); g.Counted != want {
						rt.Fatalf("%v: %+v, the ledger has %d", unit, g, want)
					}
				}
			}
		}
		for _, unit := range units {
			if _, err := nodes[0].Put(t.Context(), camp, goal.PutRequest{Unit: unit, Goals: []goal.Wanted{{Kind: "door", Quantity: 60, EndsAt: start.Add(72 * time.Hour)}}}); err != nil {
				rt.Fatal(err)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"act": func(rt *rapid.T) {
				d := deed(rapid.IntRange(0, 2).Draw(rt, "home"), rapid.Int64Range(1, 50).Draw(rt, "quantity"),
					l.clock.Now().Add(-time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 60, 3000}).Draw(rt, "ago"))*time.Minute))
				d.Kind = rapid.SampledFrom([]string{"door", "call"}).Draw(rt, "kind")
				done = append(done, d)
				l.add(time.Duration(rapid.SampledFrom([]int{0, 3, 10}).Draw(rt, "late"))*time.Second, d)
			},
			"void": func(rt *rapid.T) {
				if len(done) == 0 {
					return
				}
				i := rapid.IntRange(0, len(done)-1).Draw(rt, "which")
				d := done[i]
				d.Quantity = -d.Quantity
				done = slices.Delete(done, i, i+1)
				l.add(0, d)
			},
			"time": func(rt *rapid.T) {
				l.clock.Advance(time.Duration(rapid.SampledFrom([]int{1, 2, 4, 40, 70, 4000, 100_000}).Draw(rt, "seconds")) * time.Second)
			},
			"put": func(rt *rapid.T) {
				unit := rapid.SampledFrom(units).Draw(rt, "unit")
				p, err := nodes[0].Progress(t.Context(), camp, unit)
				if err != nil {
					rt.Fatal(err)
				}
				var wanted []goal.Wanted
				for _, g := range p.List {
					if g.EndsAt.After(l.clock.Now()) && rapid.Bool().Draw(rt, "keep") {
						wanted = append(wanted, goal.Wanted{ID: g.ID, Kind: g.Kind, Quantity: g.Quantity, EndsAt: g.EndsAt})
					}
				}
				for len(wanted) < goal.MaxGoals && rapid.Bool().Draw(rt, "one more") {
					wanted = append(wanted, goal.Wanted{
						Kind: rapid.SampledFrom([]string{"door", "call"}).Draw(rt, "kind"), Quantity: 60,
						EndsAt: l.clock.Now().Add(time.Duration(rapid.IntRange(1, 4000).Draw(rt, "minutes")) * time.Minute),
					})
				}
				if _, err := nodes[0].Put(t.Context(), camp, goal.PutRequest{Unit: unit, Goals: wanted}); err != nil {
					rt.Fatal(err)
				}
			},
			"count": func(rt *rapid.T) {
				if err := nodes[rapid.IntRange(0, 1).Draw(rt, "node")].Round(t.Context()); err != nil {
					rt.Fatal(err)
				}
			},
			"killed": func(rt *rapid.T) {
				e.left.Store(int64(rapid.IntRange(0, 4).Draw(rt, "write")))
				e.done = rapid.Bool().Draw(rt, "on disk")
				if err := nodes[1].Round(t.Context()); err != nil && !errors.Is(err, errKilled) {
					rt.Fatal(err)
				}
				e.left.Store(-1)
				nodes[1] = goal.New(e, l, l.clock)
			},
			"": func(*rapid.T) { check() },
		})
	})
}

// TestWhatLandsLateIsCounted: an insert that took its ten seconds lies before others
// that were there sooner.
func TestWhatLandsLateIsCounted(t *testing.T) {
	e, l := open(t)
	s := goal.New(e, l, l.clock)
	if _, err := s.Put(t.Context(), camp, goal.PutRequest{Unit: ge, Goals: []goal.Wanted{{Kind: "door", Quantity: 60, EndsAt: start.Add(72 * time.Hour)}}}); err != nil {
		t.Fatal(err)
	}
	l.clock.Advance(time.Minute)
	l.add(10*time.Second, deed(0, 1, l.clock.Now()))
	l.clock.Advance(time.Millisecond)
	l.add(0, deed(0, 2, l.clock.Now()))
	l.clock.Advance(9900 * time.Millisecond)
	round(t, s)
	l.clock.Advance(80 * time.Second)
	round(t, s)
	if p, err := s.Progress(t.Context(), camp, ge); err != nil || p.List[0].Counted != 3 {
		t.Errorf("%+v, %v", p, err)
	}
}

// sum adds up a goal over the whole ledger, by the words of its definition.
func sum(l *ledger, unit goal.Unit, g goal.Goal) (total int64) {
	for _, s := range l.steps {
		for _, d := range s.Deeds {
			here := d.Team == unit.ID
			if unit.Kind == goal.Region {
				here = d.Region == unit.ID || len(d.Region) > len(unit.ID) && d.Region[:len(unit.ID)+1] == unit.ID+"."
			}
			if here && d.Kind == g.Kind && !s.landed.After(l.clock.Now()) && !d.OccurredAt.Before(g.SetAt) &&
				d.OccurredAt.Before(g.EndsAt) && s.At.Before(g.EndsAt.Add(48*time.Hour)) {
				total += d.Quantity
			}
		}
	}
	return total
}
