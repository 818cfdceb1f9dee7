package storetest

import (
	"testing"

	"github.com/musterhq/muster/store"
)

var conditions = []test{
	{"each comparison", comparisons},
	{"several conditions must all hold", several},
}

type role string

func comparisons(t *testing.T, f *fixture) {
	f.insert(t, genova,
		named("ada", inTeam("red", 1), func(p *person) { p.Name, p.Within = "Ada", []string{"it", "it.liguria"} }),
		named("bea", inTeam("blue", 2), func(p *person) { p.Name, p.SeenAt = "Bea", at("2026-11-20T10:00:00Z") }),
		named("cia", inTeam("red", 3), func(p *person) { p.Actions = []action{{"1", "door"}, {"2", "call"}} }),
		named("dan", func(p *person) { p.Points, p.Stage.Lane, p.Any = 4, "leads", "4" }))
	for _, c := range []struct {
		what string
		cond store.Cond
		want []string
	}{
		{"equal", store.Cond{Field: "name", Value: "Ada"}, []string{"ada"}},
		{"equal, of a named type", store.Cond{Field: "name", Value: role("Ada")}, []string{"ada"}},
		{"equal to an element", store.Cond{Field: "within", Value: "it"}, []string{"ada"}},
		{"equal inside elements", store.Cond{Field: "actions.kind", Value: "call"}, []string{"cia"}},
		{"equal inside a document", store.Cond{Field: "stage.lane", Value: "leads"}, []string{"dan"}},
		{"equal, of another type", store.Cond{Field: "any", Value: 4}, []string{}},
		{"not equal", store.Cond{Field: "name", Op: store.NotEqual, Value: "Ada"}, []string{"bea", "cia", "dan"}},
		{"not equal to an element", store.Cond{Field: "within", Op: store.NotEqual, Value: "it.liguria"}, []string{"bea", "cia", "dan"}},
		{"not equal inside elements", store.Cond{Field: "actions.kind", Op: store.NotEqual, Value: "door"}, []string{"ada", "bea", "dan"}},
		{"less", store.Cond{Field: "points", Op: store.Less, Value: 3}, []string{"ada", "bea"}},
		{"less than a fraction", store.Cond{Field: "points", Op: store.Less, Value: 1.5}, []string{"ada"}},
		{"less, of another type", store.Cond{Field: "any", Op: store.Less, Value: 5}, []string{}},
		{"less, by an element", store.Cond{Field: "actions.id", Op: store.Less, Value: "2"}, []string{"cia"}},
		{"at least", store.Cond{Field: "points", Op: store.AtLeast, Value: 3}, []string{"cia", "dan"}},
		{"at least, of another type", store.Cond{Field: "any", Op: store.AtLeast, Value: 3}, []string{}},
		{"at least, a time", store.Cond{Field: "seen_at", Op: store.AtLeast, Value: *at("2026-11-20T10:00:00Z")}, []string{"bea"}},
		{"less, a time", store.Cond{Field: "seen_at", Op: store.Less, Value: *at("2026-11-20T10:00:00Z")}, []string{}},
		{"in", store.Cond{Field: "name", Op: store.In, Value: []string{"Bea", "Ada", "Zoe"}}, []string{"ada", "bea"}},
		{"in, with numbers", store.Cond{Field: "points", Op: store.In, Value: []any{2.0, 4, "x"}}, []string{"bea", "dan"}},
		{"in, by an element", store.Cond{Field: "within", Op: store.In, Value: []string{"it.liguria", "fr"}}, []string{"ada"}},
		{"in nothing", store.Cond{Field: "name", Op: store.In, Value: []string{}}, []string{}},
		{"is set", store.Cond{Field: "name", Op: store.IsSet}, []string{"ada", "bea"}},
		{"is set inside elements", store.Cond{Field: "actions.kind", Op: store.IsSet}, []string{"cia"}},
		{"is set, an array", store.Cond{Field: "within", Op: store.IsSet}, []string{"ada"}},
		{"on an absent field", store.Cond{Field: "nothing.here", Op: store.AtLeast, Value: 0}, []string{}},
	} {
		same(t, c.what, f.all(t, genova, store.Query{Index: "points", Where: []store.Cond{c.cond}}), c.want)
	}
}

func several(t *testing.T, f *fixture) {
	f.insert(t, genova, reds(20)...)
	same(t, "between", f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}, Limit: 1, Where: []store.Cond{
		{Field: "points", Op: store.AtLeast, Value: 5},
		{Field: "points", Op: store.Less, Value: 8},
		{Field: "id", Op: store.NotEqual, Value: "p006"},
	}}), []string{"p005", "p007"})
}
