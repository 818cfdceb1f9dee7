package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/store"
)

var lasting = []test{
	{"a restart loses nothing", restart},
	{"expired documents go, others stay", expire},
	{"an effect is carried out once, also after a restart", effectOnce},
	{"a refused effect stays and comes again", effectRefused},
	{"effects of all campaigns, as many as asked for", effectsEverywhere},
	{"two workers at once leave no effect", effectWorkers},
	{"an effect is carried out once, also after a kill", effectKill},
	{"the clock", now},
}

func restart(t *testing.T, f *fixture) {
	f.insert(t, genova, reds(20)...)
	if _, err := f.people.Update(t.Context(), genova, "p003", func(p *person) error { p.Email = "ada"; p.Points = 50; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := f.people.Delete(t.Context(), genova, "p004"); err != nil {
		t.Fatal(err)
	}
	before := f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}})
	f.reopen(t)
	same(t, "after", f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}}), before)
	if p := f.get(t, genova, "p003"); p.Version != 2 || p.Points != 50 {
		t.Errorf("after: %+v", p)
	}
	is(t, "a unique value", f.people.InsertOne(t.Context(), genova, named("x", func(p *person) { p.Email = "ada" })), store.ErrDuplicate)
	is(t, "an id", f.people.InsertOne(t.Context(), genova, named("p003")), store.ErrDuplicate)
}

func expire(t *testing.T, f *fixture) {
	now, err := f.Engine.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	until := func(d time.Duration) func(*person) {
		return func(p *person) { when := now.Add(d); p.ExpiresAt = &when }
	}
	var old []*person
	for i := range 450 { // more than one batch of any engine
		old = append(old, named(fmt.Sprint("old", i), until(-time.Hour), inTeam("red", 1)))
	}
	f.insert(t, genova, old...)
	f.insert(t, savona, named("old", until(-time.Second)))
	f.insert(t, genova, named("later", until(time.Hour)), named("never"), named("prolonged", until(-time.Hour)))
	if _, err := f.people.Update(t.Context(), genova, "prolonged", func(p *person) error { until(time.Hour)(p); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := f.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "left", f.all(t, genova, store.Query{Index: "points"}), []string{"later", "never", "prolonged"})
	same(t, "left in the other campaign", f.all(t, savona, store.Query{Index: "points"}), []string{})
	same(t, "by another index", f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}}), []string{})
}

func withEffects(due time.Time, list ...string) func(*person) {
	return func(p *person) {
		for _, id := range list {
			p.Add(store.Effect{ID: id, Kind: "feed", Data: map[string]string{"of": id}, Due: due})
		}
	}
}

// worker notes what it is told to carry out, and refuses what fails says.
type worker struct {
	mu    sync.Mutex
	done  []string
	fails func(id string) bool
}

var errRefused = errors.New("refused")

func (w *worker) do(_ context.Context, campaign string, e store.Effect) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails != nil && w.fails(e.ID) {
		return errRefused
	}
	w.done = append(w.done, campaign+" "+e.Kind+" "+e.ID+e.Data["of"])
	return nil
}

func effectOnce(t *testing.T, f *fixture) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	f.insert(t, genova, named("a", withEffects(now, "1", "2"), withEffects(now.Add(time.Hour), "3")), named("idle"))
	w := &worker{}
	if n, err := f.people.CarryOut(t.Context(), now.Add(-time.Millisecond), time.Minute, 10, w.do); n != 0 || err != nil {
		t.Errorf("before they are due: %d, %v", n, err)
	}
	if n, err := f.people.CarryOut(t.Context(), now, time.Minute, 10, w.do); n != 2 || err != nil {
		t.Errorf("when they are due: %d, %v; want 2", n, err)
	}
	f.reopen(t)
	if n, err := f.people.CarryOut(t.Context(), now, time.Minute, 10, w.do); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	same(t, "carried out", w.done, []string{"genova feed 11", "genova feed 22"})
	if n, err := f.people.CarryOut(t.Context(), now.Add(time.Hour), time.Minute, 10, w.do); n != 1 || err != nil {
		t.Errorf("the later one: %d, %v; want 1", n, err)
	}
	if p := f.get(t, genova, "a"); len(p.Effects.Effects) != 0 || p.EffectsAt != nil {
		t.Errorf("left: %+v", p.Effects)
	}
}

func effectRefused(t *testing.T, f *fixture) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	f.insert(t, genova, named("a", withEffects(now, "good", "bad")))
	w := &worker{fails: func(id string) bool { return id == "bad" }}
	n, err := f.people.CarryOut(t.Context(), now, time.Minute, 10, w.do)
	is(t, "the error", err, errRefused)
	if n != 1 {
		t.Errorf("carried out %d, want 1", n)
	}
	w.fails = nil
	if n, err := f.people.CarryOut(t.Context(), now.Add(time.Minute-time.Millisecond), time.Minute, 10, w.do); n != 0 || err != nil {
		t.Errorf("before the retry: %d, %v", n, err)
	}
	if n, err := f.people.CarryOut(t.Context(), now.Add(time.Minute), time.Minute, 10, w.do); n != 1 || err != nil {
		t.Errorf("at the retry: %d, %v; want 1", n, err)
	}
	same(t, "carried out", w.done, []string{"genova feed goodgood", "genova feed badbad"})
}

func effectsEverywhere(t *testing.T, f *fixture) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	f.insert(t, savona, named("a", withEffects(now, "s")))
	f.insert(t, genova, named("a", withEffects(now.Add(-time.Second), "g")), named("b", withEffects(now, "h")))
	w := &worker{}
	for range 4 {
		if n, err := f.people.CarryOut(t.Context(), now, time.Minute, 1, w.do); n > 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	same(t, "oldest first", w.done, []string{"genova feed gg", "genova feed hh", "savona feed ss"})
}

func effectWorkers(t *testing.T, f *fixture) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for i := range 30 {
		f.insert(t, genova, named(fmt.Sprint(i), withEffects(now, fmt.Sprint(i))))
	}
	w := &worker{}
	var group sync.WaitGroup
	for range 2 {
		people := store.NewCollection[person](f.Engine, schema)
		group.Go(func() {
			if _, err := people.CarryOut(t.Context(), now, time.Minute, 100, w.do); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	slices.Sort(w.done)
	if distinct := len(slices.Compact(w.done)); distinct != 30 { // each may have been done by both: receivers drop a repeat
		t.Errorf("%d effects carried out, want 30", distinct)
	}
	same(t, "left", f.all(t, store.Everywhere, store.Query{Index: store.EffectsIndex.Name}), []string{})
}

func now(t *testing.T, f *fixture) {
	before := clock.System{}.Now()
	got, err := f.Engine.Now(t.Context())
	if err != nil || got.Location() != time.UTC || got.Sub(before).Abs() > time.Minute {
		t.Errorf("%v, %v", got, err)
	}
}
