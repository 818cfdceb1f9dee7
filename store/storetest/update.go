package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/store"
)

var updates = []test{
	{"two hundred callers of one id count exactly", updateCallers},
	{"callers in two processes count exactly", updateProcesses},
	{"decide may refuse, and nothing is written", updateRefused},
	{"an update moves the document in its indexes", updateMoves},
	{"replace answers why not", replaceAnswers},
	{"set many answers by position", setPositions},
	{"set many by six workers at once counts exactly", setRace},
	{"set many refuses undeclared fields", setUndeclared},
	{"set many refuses a value that cannot be indexed", setUnindexable},
	{"set many removes and nests", setNested},
	{"delete many", deleteMany},
	{"a cancelled context", cancelled},
}

func plusOne(p *person) error { p.Points++; return nil }

func updateCallers(t *testing.T, f *fixture) {
	f.insert(t, genova, named("a"))
	var group sync.WaitGroup
	for range 200 {
		group.Go(func() {
			if _, err := f.people.Update(t.Context(), genova, "a", plusOne); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if p := f.get(t, genova, "a"); p.Points != 200 || p.Version != 201 {
		t.Errorf("points %d, version %d; want 200, 201", p.Points, p.Version)
	}
}

// updateProcesses uses a Collection a worker: each has its own queue, as each
// process does, so the versions decide.
func updateProcesses(t *testing.T, f *fixture) {
	f.insert(t, genova, named("a"))
	var group sync.WaitGroup
	for range 8 {
		people := store.NewCollection[person](f.Engine, schema)
		group.Go(func() {
			for range 10 {
				if _, err := people.Update(t.Context(), genova, "a", plusOne); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if p := f.get(t, genova, "a"); p.Points != 80 || p.Version != 81 {
		t.Errorf("points %d, version %d; want 80, 81", p.Points, p.Version)
	}
}

func updateRefused(t *testing.T, f *fixture) {
	f.insert(t, genova, named("a"))
	no := errors.New("no")
	_, err := f.people.Update(t.Context(), genova, "a", func(p *person) error { p.Points = 5; return no })
	is(t, "decide's own error", err, no)
	if p := f.get(t, genova, "a"); p.Points != 0 || p.Version != 1 {
		t.Errorf("written all the same: %+v", p)
	}
	_, err = f.people.Update(t.Context(), genova, "none", plusOne)
	is(t, "absent", err, store.ErrNotFound)
}

func updateMoves(t *testing.T, f *fixture) {
	f.insert(t, genova, named("a", inTeam("red", 1), func(p *person) { p.Within = []string{"x", "y"} }), named("b", inTeam("red", 2)))
	p, err := f.people.Update(t.Context(), genova, "a", func(p *person) error {
		p.Team, p.Points, p.Within = "blue", 9, []string{"y", "z"}
		return nil
	})
	if err != nil || p.Team != "blue" || p.Version != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	by := func(index string, values ...any) []string {
		return f.all(t, genova, store.Query{Index: index, Equal: values})
	}
	same(t, "old team", by("team", "red"), []string{"b"})
	same(t, "new team", by("team", "blue"), []string{"a"})
	same(t, "old region", by("within", "x"), []string{})
	same(t, "kept region", by("within", "y"), []string{"a"})
	same(t, "new region", by("within", "z"), []string{"a"})
	same(t, "order", by("points"), []string{"b", "a"})
	if err := f.people.Delete(t.Context(), genova, "a"); err != nil {
		t.Fatal(err)
	}
	same(t, "after deletion", append(by("within", "y"), by("points")...), []string{"b"})
}

func replaceAnswers(t *testing.T, f *fixture) {
	f.insert(t, genova, named("a"))
	raws, err := f.Engine.Get(t.Context(), &schema, genova, []string{"a"})
	if err != nil || len(raws) != 1 {
		t.Fatal(raws, err)
	}
	replace := func(id string, version int64) error {
		return f.Engine.Replace(t.Context(), &schema, genova, id, version, raws[0].Body)
	}
	is(t, "another version", replace("a", 2), store.ErrChanged)
	is(t, "absent", replace("b", 1), store.ErrNotFound)
	is(t, "right", replace("a", 1), nil)
	is(t, "again", replace("a", 1), store.ErrChanged)
}

func setPositions(t *testing.T, f *fixture) {
	f.insert(t, genova, reds(4)...)
	if _, err := f.people.Update(t.Context(), genova, "p001", plusOne); err != nil {
		t.Fatal(err)
	}
	points := func(id string, points int64) store.Set {
		return store.Set{ID: id, Version: 1, Fields: map[string]any{"points": points}}
	}
	answers := f.people.SetMany(t.Context(), genova, []store.Set{
		points("p000", 100), points("p001", 100), points("none", 100), points("p003", 50), points("p003", 60), points("", 1),
	})
	for i, want := range []error{nil, store.ErrChanged, store.ErrNotFound, nil, store.ErrChanged, store.ErrQuery} {
		is(t, fmt.Sprint("position ", i), answers[i], want)
	}
	same(t, "order", f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}}), []string{"p001", "p002", "p003", "p000"})
	if p := f.get(t, genova, "p000"); p.Points != 100 || p.Version != 2 || p.Team != "red" {
		t.Errorf("set: %+v", p)
	}
	same(t, "by the version it has now", f.all(t, genova, store.Query{Index: "points", Where: []store.Cond{{Field: "version", Value: 2}}}), []string{"p001", "p003", "p000"})
	if p, err := f.people.Update(t.Context(), genova, "p000", plusOne); err != nil || p.Version != 3 {
		t.Errorf("update after a set: %+v, %v", p, err)
	}
	if answers := f.people.SetMany(t.Context(), genova, nil); len(answers) != 0 {
		t.Errorf("set of nothing answered %v", answers)
	}
}

// setRace: each worker adds one to each of ten documents, five times, beside
// workers that use Update. Only an answer of nil counts as done and only
// ErrChanged as not done, so one wrong answer shows in the sums.
func setRace(t *testing.T, f *fixture) {
	const documents, rounds, setters, updaters = 10, 5, 6, 2
	people := reds(documents)
	for _, p := range people {
		p.Points = 0
	}
	f.insert(t, genova, people...)
	var group sync.WaitGroup
	for range setters {
		group.Go(func() {
			for range rounds {
				for left := ids(people); len(left) > 0; {
					left = f.addOne(t, left)
				}
			}
		})
	}
	for range updaters {
		other := store.NewCollection[person](f.Engine, schema)
		group.Go(func() {
			for _, p := range people {
				if _, err := other.Update(t.Context(), genova, p.ID, plusOne); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for _, p := range f.find(t, store.Query{Index: "points"}).Items {
		if want := int64(setters*rounds + updaters); p.Points != want || p.Version != want+1 {
			t.Errorf("%s: points %d, version %d; want %d, %d", p.ID, p.Points, p.Version, want, want+1)
		}
	}
}

// addOne tries to add a point to each by one SetMany, and gives those that
// somebody else had changed.
func (f *fixture) addOne(t *testing.T, list []string) (changed []string) {
	read, err := f.people.GetMany(t.Context(), genova, list)
	if err != nil {
		t.Error(err)
		return nil
	}
	sets := make([]store.Set, len(list))
	for i, id := range list {
		sets[i] = store.Set{ID: id, Version: read[id].Version, Fields: map[string]any{"points": read[id].Points + 1}}
	}
	for i, err := range f.people.SetMany(t.Context(), genova, sets) {
		switch {
		case errors.Is(err, store.ErrChanged):
			changed = append(changed, list[i])
		case err != nil:
			t.Error(err)
		}
	}
	return changed
}

func setUnindexable(t *testing.T, f *fixture) {
	f.insert(t, genova, reds(1)...)
	for what, value := range map[string]any{"a document": action{ID: "1"}, "an array": []int{1}, "no number": math.NaN()} {
		answers := f.people.SetMany(t.Context(), genova, []store.Set{{ID: "p000", Version: 1, Fields: map[string]any{"points": value}}})
		is(t, what, answers[0], store.ErrQuery)
	}
	same(t, "unchanged", f.all(t, genova, store.Query{Index: "points", To: 1}), []string{"p000"})
}

func setUndeclared(t *testing.T, f *fixture) {
	f.insert(t, genova, reds(2)...)
	answers := f.people.SetMany(t.Context(), genova, []store.Set{
		{ID: "p000", Version: 1, Fields: map[string]any{"points": 5, "team": "blue"}},
		{ID: "p001", Version: 1, Fields: map[string]any{"points": 5}},
	})
	is(t, "undeclared", answers[0], store.ErrQuery)
	is(t, "beside it", answers[1], nil)
	if p := f.get(t, genova, "p000"); p.Points != 0 || p.Version != 1 {
		t.Errorf("written in part: %+v", p)
	}
}

func setNested(t *testing.T, f *fixture) {
	f.insert(t, genova, named("a", func(p *person) { p.Stage, p.Text = stage{Holds: true}, "old" }), named("b"))
	for i, err := range f.people.SetMany(t.Context(), genova, []store.Set{
		{ID: "a", Version: 1, Fields: map[string]any{"text": nil, "stage.lane": "media"}},
		{ID: "b", Version: 1, Fields: map[string]any{"text": "new", "stage.lane": "leads"}},
	}) {
		is(t, fmt.Sprint("position ", i), err, nil)
	}
	a, b := f.get(t, genova, "a"), f.get(t, genova, "b")
	if a.Text != "" || a.Stage != (stage{"media", true}) || b.Text != "new" || b.Stage != (stage{Lane: "leads"}) {
		t.Errorf("a %+v, b %+v", a, b)
	}
	same(t, "indexed", f.all(t, genova, store.Query{Index: "lane", Equal: []any{"media", true}}), []string{"a"})
	for _, err := range f.people.SetMany(t.Context(), genova, []store.Set{{ID: "a", Version: 2, Fields: map[string]any{"stage.lane": nil}}}) {
		is(t, "remove", err, nil)
	}
	same(t, "no longer indexed", f.all(t, genova, store.Query{Index: "lane", Equal: []any{"media", true}}), []string{})
}

func deleteMany(t *testing.T, f *fixture) {
	f.insert(t, genova, reds(250)...)
	f.insert(t, savona, reds(3)...)
	n, err := f.people.DeleteMany(t.Context(), genova, store.Query{
		Index: "team", Equal: []any{"red"}, From: 10, Limit: 7, Where: []store.Cond{{Field: "points", Op: store.Less, Value: 240}},
	})
	if err != nil || n != 230 {
		t.Fatalf("deleted %d, %v; want 230", n, err)
	}
	left := f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}})
	same(t, "left", left, slices.Concat(ids(reds(10)), ids(reds(250))[240:]))
	if n, err := f.people.DeleteMany(t.Context(), genova, store.Query{Index: "points"}); err != nil || n != 20 {
		t.Errorf("deleted %d, %v; want 20", n, err)
	}
	same(t, "elsewhere", f.all(t, savona, store.Query{Index: "points"}), []string{"p000", "p001", "p002"})
}

func cancelled(t *testing.T, f *fixture) {
	f.insert(t, genova, named("a"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"insert": func() error { return f.people.InsertOne(ctx, genova, named("b")) },
		"get":    func() error { _, err := f.people.Get(ctx, genova, "a"); return err },
		"find":   func() error { _, err := f.people.Find(ctx, genova, store.Query{Index: "points"}); return err },
		"count":  func() error { _, err := f.people.Count(ctx, genova, store.Query{Index: "points"}, 9); return err },
		"update": func() error { _, err := f.people.Update(ctx, genova, "a", plusOne); return err },
		"set": func() error {
			return f.people.SetMany(ctx, genova, []store.Set{{ID: "a", Version: 1, Fields: map[string]any{"points": 1}}})[0]
		},
		"delete": func() error { return f.people.Delete(ctx, genova, "a") },
		"now":    func() error { _, err := f.Engine.Now(ctx); return err },
	}
	for name, call := range calls {
		is(t, name, call(), context.Canceled)
	}
	same(t, "unchanged", f.all(t, genova, store.Query{Index: "points"}), []string{"a"})

	// Callers that leave at any moment harm nobody: what was answered nil is
	// there, and what stays goes on.
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*50*time.Microsecond)
			defer cancel()
			id := fmt.Sprintf("q%03d", i)
			if err := f.people.InsertOne(ctx, genova, named(id)); err != nil {
				is(t, "late", err, context.DeadlineExceeded)
			} else if _, err := f.people.Get(t.Context(), genova, id); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	f.insert(t, genova, named("z"))
}
