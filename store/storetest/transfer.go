package storetest

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/musterhq/muster/store"
	"go.mongodb.org/mongo-driver/v2/bson"
)

var transfers = []test{
	{"a walk gives all campaigns by campaign and id, page by page", walkAll},
	{"a walk sees what is written ahead of it and not what is behind", walkWritten},
	{"a walk over large documents", walkLarge},
	{"a walk that cannot be is refused", walkRefused},
	{"what was walked and is loaded is as it was", loadSame},
	{"a load writes over what is there, in every index", loadOver},
	{"a load is refused by position and leaves nothing behind", loadRefused},
	{"a load may be repeated, and lasts", loadAgain},
}

// walk gives every document, read in pages of this limit.
func (f *fixture) walk(t *testing.T, limit int) []store.Raw {
	t.Helper()
	var all []store.Raw
	for after := ""; ; {
		page, err := f.Engine.Walk(t.Context(), &schema, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Docs) > limit {
			t.Fatalf("a page of %d, of at most %d", len(page.Docs), limit)
		}
		if all = append(all, page.Docs...); len(all) > 10*store.MaxBatch {
			t.Fatal("the walk does not end")
		}
		if after = page.Next; after == "" {
			return all
		}
	}
}

// load writes documents that must be accepted.
func (f *fixture) load(t *testing.T, docs []store.Raw) {
	t.Helper()
	for i, err := range f.Engine.Load(t.Context(), &schema, docs) {
		if err != nil {
			t.Fatalf("load %s: %v", docs[i].ID, err)
		}
	}
}

func places(docs []store.Raw) []string {
	list := []string{}
	for _, doc := range docs {
		list = append(list, doc.Campaign+" "+doc.ID)
	}
	return list
}

func sameDocs(t *testing.T, what string, got, want []store.Raw) {
	t.Helper()
	same(t, what, places(got), places(want))
	for i := range min(len(got), len(want)) {
		if got[i].Version != want[i].Version || !bytes.Equal(got[i].Body, want[i].Body) {
			t.Errorf("%s: %s is version %d %s, want version %d %s", what, got[i].ID, got[i].Version, got[i].Body, want[i].Version, want[i].Body)
		}
	}
}

func walkAll(t *testing.T, f *fixture) {
	same(t, "of an empty collection", places(f.walk(t, 1)), []string{})
	var want []store.Raw
	for _, campaign := range []string{savona, genova, genova + "-2", "genov", store.System, "Z"} {
		for _, id := range []string{"b", "a/0000000010", "a/0000000009", "a", "a!", "é", "z", "Z", "~", "𝄞", "\uffff"} {
			f.insert(t, campaign, named(id, inTeam("red", 1)))
			want = append(want, store.Raw{Campaign: campaign, ID: id})
		}
	}
	slices.SortFunc(want, func(a, b store.Raw) int { return cmp.Or(cmp.Compare(a.Campaign, b.Campaign), cmp.Compare(a.ID, b.ID)) })
	for _, limit := range []int{1, 7, len(want) - 1, len(want), store.MaxPage} {
		same(t, fmt.Sprintf("in pages of %d", limit), places(f.walk(t, limit)), places(want))
	}
	page, err := f.Engine.Walk(t.Context(), &schema, "", len(want))
	if err != nil || page.Next != "" {
		t.Errorf("the one page that holds all has a next, or fails: %v", err)
	}
}

func walkWritten(t *testing.T, f *fixture) {
	f.insert(t, genova, named("b"), named("d"), named("f"))
	page, err := f.Engine.Walk(t.Context(), &schema, "", 2)
	if err != nil || page.Next == "" {
		t.Fatalf("the first page: next %q, %v", page.Next, err)
	}
	f.insert(t, genova, named("a"), named("e"))
	f.insert(t, savona, named("a"))
	if err := f.people.Delete(t.Context(), genova, "d", "f"); err != nil { // d is the one the page ended with
		t.Fatal(err)
	}
	rest, err := f.Engine.Walk(t.Context(), &schema, page.Next, 10)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the first page", places(page.Docs), []string{"genova b", "genova d"})
	same(t, "the rest", places(rest.Docs), []string{"genova e", "savona a"})
}

func walkLarge(t *testing.T, f *fixture) {
	text := strings.Repeat("0123456789abcdef", 300_000) // 4.8 MB
	var want []string
	for i := range 6 {
		id := fmt.Sprint("large", i)
		f.insert(t, genova, named(id, func(p *person) { p.Text = text }))
		want = append(want, "genova "+id)
	}
	all := f.walk(t, store.MaxPage)
	same(t, "walked", places(all), want)
	if err := f.people.Delete(t.Context(), genova, "large0", "large5"); err != nil {
		t.Fatal(err)
	}
	f.load(t, all)
	if p := f.get(t, genova, "large5"); p.Text != text {
		t.Errorf("loaded a text of %d bytes, want %d", len(p.Text), len(text))
	}
}

func walkRefused(t *testing.T, f *fixture) {
	f.insert(t, genova, named("a"), named("b"))
	for _, limit := range []int{-1, 0, store.MaxPage + 1} {
		_, err := f.Engine.Walk(t.Context(), &schema, "", limit)
		is(t, fmt.Sprint("a limit of ", limit), err, store.ErrQuery)
	}
	_, err := f.Engine.Walk(t.Context(), &schema, "no cursor", 1)
	is(t, "a damaged cursor", err, store.ErrQuery)
	_, err = f.Engine.Walk(t.Context(), &store.Schema{Name: "others"}, "", 1)
	is(t, "a walk of an undeclared collection", err, store.ErrQuery)
	answers := f.Engine.Load(t.Context(), &store.Schema{Name: "others"}, []store.Raw{{Campaign: genova, ID: "a"}})
	is(t, "a load into an undeclared collection", answers[0], store.ErrQuery)
}

// various writes documents of several shapes, versions and campaigns.
func (f *fixture) various(t *testing.T) {
	t.Helper()
	f.insert(t, genova, reds(40)...)
	f.insert(t, savona, named("p001", inTeam("red", 900), func(p *person) { p.Email = "ada" }))
	f.insert(t, genova, named("full", inTeam("blue", 1<<60), func(p *person) {
		p.Email, p.Name, p.Within = "ada", "Ada", []string{"it", "it.liguria"}
		p.Actions = []action{{"1", "door"}, {"2", "call"}}
		p.SeenAt, p.Stage = at("2026-11-20T10:00:00.123Z"), stage{Lane: "leads", Holds: true}
		p.Any = -0.5
	}))
	for range 3 {
		if _, err := f.people.Update(t.Context(), genova, "p003", plusOne); err != nil {
			t.Fatal(err)
		}
	}
	is(t, "set", f.people.SetMany(t.Context(), genova, []store.Set{{ID: "p004", Version: 1, Fields: map[string]any{"points": 77}}})[0], nil)
}

func loadSame(t *testing.T, f *fixture) {
	f.various(t)
	want := f.walk(t, 7)
	byTeam := f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}})
	for _, campaign := range []string{genova, savona} {
		if _, err := f.people.DeleteMany(t.Context(), campaign, store.Query{Index: "points"}); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "emptied", places(f.walk(t, 7)), []string{})
	for i := len(want); i > 0; i -= min(i, 9) { // any order, several campaigns in a call
		f.load(t, want[max(0, i-9):i])
	}
	sameDocs(t, "loaded", f.walk(t, store.MaxPage), want)
	same(t, "by an index", f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}}), byTeam)
	same(t, "by an element", ids(f.find(t, store.Query{Index: "action", Equal: []any{"2"}}).Items), []string{"full"})
	is(t, "a unique value", f.people.InsertOne(t.Context(), genova, named("x", func(p *person) { p.Email = "ada" })), store.ErrDuplicate)
	is(t, "an older version", f.Engine.Replace(t.Context(), &schema, genova, "p003", 3, want[0].Body), store.ErrChanged)
	if p, err := f.people.Update(t.Context(), genova, "p003", plusOne); err != nil || p.Version != 5 {
		t.Errorf("updated after the load: %+v, %v; want version 5", p, err)
	}
}

func loadOver(t *testing.T, f *fixture) {
	f.various(t)
	want := f.walk(t, 100)
	for _, id := range []string{"p003", "full"} {
		if _, err := f.people.Update(t.Context(), genova, id, func(p *person) error {
			p.Team, p.Email, p.Actions = "green", "new "+id, []action{{ID: "new " + id}}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	f.insert(t, genova, named("later", inTeam("green", 1)))
	f.load(t, want)
	got := slices.DeleteFunc(f.walk(t, 100), func(d store.Raw) bool { return d.ID == "later" })
	sameDocs(t, "written over", got, want)
	same(t, "what the load did not name stays", f.all(t, genova, store.Query{Index: "team", Equal: []any{"green"}}), []string{"later"})
	same(t, "the old element finds nothing", f.all(t, genova, store.Query{Index: "action", Equal: []any{"new full"}}), []string{})
	f.insert(t, genova, named("x", func(p *person) { p.Email = "new full" })) // the old unique value is free
}

func loadRefused(t *testing.T, f *fixture) {
	f.insert(t, genova, named("a", func(p *person) { p.Email = "ada" }), named("b", inTeam("red", 1)))
	before := f.walk(t, 10)
	doc := func(campaign, id string, changes ...func(*person)) store.Raw {
		p := named(id, changes...)
		p.Campaign, p.Version = campaign, 3
		body, err := bson.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return store.Raw{Campaign: campaign, ID: id, Version: 3, Body: body}
	}
	mail := func(p *person) { p.Email = "ada" }
	cases := []struct {
		what string
		doc  store.Raw
		want error
	}{
		{"a unique value of another", doc(genova, "c", mail, inTeam("red", 5)), store.ErrDuplicate},
		{"one that writes over a document", doc(genova, "b", mail, inTeam("red", 5)), store.ErrDuplicate},
		{"the same value elsewhere", doc(savona, "c", mail), nil},
		{"no campaign", doc("", "c"), store.ErrQuery},
		{"all campaigns", doc(store.Everywhere, "c"), store.ErrQuery},
		{"no id", doc(genova, ""), store.ErrQuery},
		{"a NUL", doc(genova, "a\x00b"), store.ErrQuery},
		{"an array that cannot be indexed", doc(genova, "d", func(p *person) { p.Any = []string{"x"} }), store.ErrQuery},
		{"a good one", doc(genova, "e"), nil},
	}
	docs := make([]store.Raw, len(cases))
	for i, c := range cases {
		docs[i] = c.doc
	}
	for i, err := range f.Engine.Load(t.Context(), &schema, docs) {
		is(t, cases[i].what, err, cases[i].want)
	}
	sameDocs(t, "stored", f.walk(t, 10), []store.Raw{before[0], before[1], cases[8].doc, cases[2].doc})
	same(t, "by an index", f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}, From: 5}), []string{})
	for _, err := range f.Engine.Load(t.Context(), &schema, make([]store.Raw, store.MaxBatch+1)) {
		is(t, "too many to load", err, store.ErrTooMany)
	}
}

func loadAgain(t *testing.T, f *fixture) {
	f.various(t)
	want := f.walk(t, 100)
	for range 2 {
		f.load(t, want)
	}
	sameDocs(t, "repeated", f.walk(t, 100), want)
	f.reopen(t)
	sameDocs(t, "after a restart", f.walk(t, 100), want)
	f.load(t, nil)
}
