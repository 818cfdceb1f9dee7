package storetest

import (
	"testing"

	"github.com/musterhq/muster/store"
)

var scopes = []test{
	{"no call sees another campaign", isolation},
	{"everywhere reads across campaigns, where declared", everywhere},
	{"no scope is no answer", noScope},
	{"the system is a scope of its own", system},
}

func isolation(t *testing.T, f *fixture) {
	f.insert(t, genova, named("a", inTeam("red", 1), func(p *person) { p.Name = "of Genova" }), named("g", inTeam("red", 1)))
	f.insert(t, savona, named("a", inTeam("red", 1), func(p *person) { p.Name = "of Savona" }))
	if p := f.get(t, savona, "a"); p.Name != "of Savona" || p.Campaign != savona {
		t.Errorf("got %+v", p)
	}
	_, err := f.people.Get(t.Context(), savona, "g")
	is(t, "get", err, store.ErrNotFound)
	if many, err := f.people.GetMany(t.Context(), savona, []string{"a", "g"}); err != nil || len(many) != 1 || many["a"].Name != "of Savona" {
		t.Errorf("get many: %v, %v", many, err)
	}
	same(t, "find", f.all(t, savona, store.Query{Index: "team", Equal: []any{"red"}}), []string{"a"})
	if n, err := f.people.Count(t.Context(), savona, store.Query{Index: "points"}, 10); err != nil || n != 1 {
		t.Errorf("count: %d, %v", n, err)
	}
	_, err = f.people.Update(t.Context(), savona, "g", plusOne)
	is(t, "update", err, store.ErrNotFound)
	is(t, "set", f.people.SetMany(t.Context(), savona, []store.Set{{ID: "g", Version: 1, Fields: map[string]any{"points": 5}}})[0], store.ErrNotFound)
	if err := f.people.Delete(t.Context(), savona, "g", "a"); err != nil {
		t.Fatal(err)
	}
	same(t, "untouched", f.all(t, genova, store.Query{Index: "points"}), []string{"a", "g"})
	// One campaign's id that begins with another's is another campaign.
	f.insert(t, genova+"-2", named("x"))
	f.insert(t, "genov", named("y"))
	same(t, "alike", f.all(t, genova, store.Query{Index: "points"}), []string{"a", "g"})
}

func everywhere(t *testing.T, f *fixture) {
	f.insert(t, savona, named("a", inTeam("red", 2)), named("b", inTeam("red", 1)))
	f.insert(t, genova, named("a", inTeam("red", 2)), named("c", inTeam("red", 3)), named("d", inTeam("blue", 3)))
	q := store.Query{Index: "team", Equal: []any{"red"}, Limit: 1}
	read := func() []string {
		list := []string{}
		for p, err := range f.people.Scan(t.Context(), store.Everywhere, q) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, p.Campaign+"/"+p.ID)
		}
		return list
	}
	same(t, "in order", read(), []string{"savona/b", "genova/a", "savona/a", "genova/c"})
	q.Desc = true
	same(t, "backwards", read(), []string{"genova/c", "savona/a", "genova/a", "savona/b"})
	q.Desc, q.From, q.To = false, 2, 3
	same(t, "a range", read(), []string{"genova/a", "savona/a"})
	if n, err := f.people.Count(t.Context(), store.Everywhere, store.Query{Index: "team", Equal: []any{"red"}}, 10); err != nil || n != 4 {
		t.Errorf("count: %d, %v", n, err)
	}
	same(t, "one campaign by the same index", f.all(t, savona, store.Query{Index: "team", Equal: []any{"red"}}), []string{"b", "a"})

	_, err := f.people.Find(t.Context(), store.Everywhere, store.Query{Index: "points"})
	is(t, "an index not declared Across", err, store.ErrQuery)
}

func noScope(t *testing.T, f *fixture) {
	f.insert(t, genova, named("a"))
	for _, scope := range []string{"", store.Everywhere, "a\x00b"} {
		is(t, "insert", f.people.InsertOne(t.Context(), scope, named("b")), store.ErrQuery)
		_, err := f.people.Get(t.Context(), scope, "a")
		is(t, "get", err, store.ErrQuery)
		_, err = f.people.Update(t.Context(), scope, "a", plusOne)
		is(t, "update", err, store.ErrQuery)
		is(t, "replace", f.Engine.Replace(t.Context(), &schema, scope, "a", 1, nil), store.ErrQuery)
		is(t, "set", f.people.SetMany(t.Context(), scope, []store.Set{{ID: "a", Version: 1}})[0], store.ErrQuery)
		is(t, "delete", f.people.Delete(t.Context(), scope, "a"), store.ErrQuery)
		_, err = f.people.Find(t.Context(), scope, store.Query{Index: "points"})
		is(t, "find", err, store.ErrQuery)
		_, err = f.people.Count(t.Context(), scope, store.Query{Index: "points"}, 5)
		is(t, "count", err, store.ErrQuery)
		_, err = f.people.DeleteMany(t.Context(), scope, store.Query{Index: "points"})
		is(t, "delete many", err, store.ErrQuery)
	}
	same(t, "unchanged", f.all(t, genova, store.Query{Index: "points"}), []string{"a"})
}

func system(t *testing.T, f *fixture) {
	f.insert(t, store.System, named("a", func(p *person) { p.Name = "of nobody" }))
	same(t, "in its scope", f.all(t, store.System, store.Query{Index: "points"}), []string{"a"})
	same(t, "elsewhere", f.all(t, genova, store.Query{Index: "points"}), []string{})
}
