package storetest

import (
	"slices"
	"testing"

	"github.com/musterhq/muster/store"
)

var migrations = []test{
	{"a new index finds what was stored before", newIndex},
	{"a changed index is built anew", changedIndex},
	{"an index that is no longer declared answers no more", droppedIndex},
	{"a unique index over duplicates is refused and changes nothing", refusedIndex},
	{"a wrong declaration is refused", wrongSchema},
	{"an undeclared collection is refused", undeclared},
}

// with migrates the schema with its indexes changed.
func (f *fixture) with(t *testing.T, change func([]store.Index) []store.Index) error {
	t.Helper()
	s := schema
	s.Indexes = change(slices.Clone(schema.Indexes))
	err := f.Engine.Migrate(t.Context(), []store.Schema{s})
	if err == nil {
		f.people = store.NewCollection[person](f.Engine, s)
	}
	return err
}

func newIndex(t *testing.T, f *fixture) {
	people := reds(450) // several pages of a backfill
	f.insert(t, genova, people...)
	f.insert(t, savona, named("s", inTeam("red", 3)))
	err := f.with(t, func(list []store.Index) []store.Index {
		return append(list, store.Index{Name: "by_id", Equal: []string{"team"}, Order: "id", Across: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	q := store.Query{Index: "by_id", Equal: []any{"red"}}
	same(t, "stored before", f.all(t, genova, q), ids(people))
	f.insert(t, genova, named("p100b", inTeam("red", 0)))
	if n, err := f.people.Count(t.Context(), store.Everywhere, q, 1000); err != nil || n != 452 {
		t.Errorf("everywhere: %d, %v; want 452", n, err)
	}
	same(t, "stored after", ids(f.find(t, store.Query{Index: "by_id", Equal: []any{"red"}, From: "p100", Limit: 3}).Items), []string{"p100", "p100b", "p101"})
}

func changedIndex(t *testing.T, f *fixture) {
	f.insert(t, genova, named("a", inTeam("red", 2), func(p *person) { p.Name = "x" }), named("b", inTeam("red", 1), func(p *person) { p.Name = "y" }))
	q := store.Query{Index: "team", Equal: []any{"red"}, Limit: 1}
	q.After = f.find(t, q).Next
	err := f.with(t, func(list []store.Index) []store.Index {
		at := slices.IndexFunc(list, func(x store.Index) bool { return x.Name == "team" })
		list[at].Order = "name"
		return list
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "by the new order", f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}}), []string{"a", "b"})
	_, err = f.people.Find(t.Context(), genova, q)
	is(t, "a cursor of the old order", err, store.ErrQuery)
	if err := f.with(t, func(list []store.Index) []store.Index { return list }); err != nil {
		t.Fatal(err)
	}
	same(t, "and back", f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}}), []string{"b", "a"})
}

func droppedIndex(t *testing.T, f *fixture) {
	mail := func(p *person) { p.Email = "ada@example.org" }
	f.insert(t, genova, named("a", mail))
	err := f.with(t, func(list []store.Index) []store.Index {
		return slices.DeleteFunc(list, func(x store.Index) bool { return x.Name == "email" })
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.people.Find(t.Context(), genova, store.Query{Index: "email", Equal: []any{"ada@example.org"}})
	is(t, "find", err, store.ErrQuery)
	f.insert(t, genova, named("b", mail))
	// Declared again, it knows what was written meanwhile.
	is(t, "declared again over a duplicate", f.with(t, func(list []store.Index) []store.Index { return list }), store.ErrDuplicate)
	if err := f.people.Delete(t.Context(), genova, "a"); err != nil {
		t.Fatal(err)
	}
	is(t, "declared again", f.with(t, func(list []store.Index) []store.Index { return list }), nil)
	same(t, "found", f.all(t, genova, store.Query{Index: "email", Equal: []any{"ada@example.org"}}), []string{"b"})
}

func refusedIndex(t *testing.T, f *fixture) {
	f.insert(t, genova, named("a", inTeam("red", 1)), named("b", inTeam("red", 2)))
	unique := func(list []store.Index) []store.Index {
		return append(list, store.Index{Name: "new", Order: "points"}, store.Index{Name: "one", Equal: []string{"team"}, Unique: true})
	}
	is(t, "over duplicates", f.with(t, unique), store.ErrDuplicate)
	_, err := f.people.Find(t.Context(), genova, store.Query{Index: "new"})
	is(t, "the others of that migration", err, store.ErrQuery)
	same(t, "the old ones", f.all(t, genova, store.Query{Index: "points"}), []string{"a", "b"})
	f.insert(t, genova, named("c", inTeam("blue", 2)))
	if err := f.people.Delete(t.Context(), genova, "b"); err != nil {
		t.Fatal(err)
	}
	is(t, "without duplicates", f.with(t, unique), nil)
	is(t, "a duplicate then", f.people.InsertOne(t.Context(), genova, named("d", inTeam("red", 0))), store.ErrDuplicate)
}

func wrongSchema(t *testing.T, f *fixture) {
	one := func(x store.Index) store.Schema { return store.Schema{Name: "wrong", Indexes: []store.Index{x}} }
	for what, s := range map[string]store.Schema{
		"no name":                      {},
		"a name in capitals":           {Name: "Wrong"},
		"an index without a name":      one(store.Index{Order: "a"}),
		"an index over nothing":        one(store.Index{Name: "x"}),
		"a field twice":                one(store.Index{Name: "x", Equal: []string{"a"}, Order: "a"}),
		"a field that is none":         one(store.Index{Name: "x", Order: "a..b"}),
		"Each of another field":        one(store.Index{Name: "x", Equal: []string{"a"}, Each: "b"}),
		"Each as Order":                one(store.Index{Name: "x", Order: "a", Each: "a"}),
		"Expire without a time":        one(store.Index{Name: "x", Equal: []string{"a"}, Expire: true}),
		"two indexes of one name":      {Name: "wrong", Indexes: []store.Index{{Name: "x", Order: "a"}, {Name: "x", Order: "b"}}},
		"Unique without the shard key": {Name: "wrong", ShardKey: "account", Indexes: []store.Index{{Name: "x", Equal: []string{"mail"}, Unique: true}}},
		"Set of a Unique field":        {Name: "wrong", Set: []string{"mail"}, Indexes: []store.Index{{Name: "x", Equal: []string{"mail"}, Unique: true}}},
		"Set of an Each field":         {Name: "wrong", Set: []string{"actions"}, Indexes: []store.Index{{Name: "x", Equal: []string{"actions.id"}, Each: "actions.id"}}},
		"Set of the head":              {Name: "wrong", Set: []string{"version"}},
		"Set of fields that overlap":   {Name: "wrong", Set: []string{"a", "a.b"}},
	} {
		is(t, what, f.Engine.Migrate(t.Context(), []store.Schema{s}), store.ErrQuery)
	}
	is(t, "a collection twice", f.Engine.Migrate(t.Context(), []store.Schema{schema, schema}), store.ErrQuery)
}

func undeclared(t *testing.T, f *fixture) {
	other := store.NewCollection[person](f.Engine, store.Schema{Name: "others"})
	is(t, "insert", other.InsertOne(t.Context(), genova, named("a")), store.ErrQuery)
	_, err := other.Get(t.Context(), genova, "a")
	is(t, "get", err, store.ErrQuery)
	_, err = other.Find(t.Context(), genova, store.Query{Index: "points"})
	is(t, "find", err, store.ErrQuery)
}
