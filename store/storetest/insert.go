package storetest

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/musterhq/muster/store"
	"go.mongodb.org/mongo-driver/v2/bson"
)

var inserts = []test{
	{"what is written is read", insertReads},
	{"answers come by position, duplicates within the call too", insertPositions},
	{"a unique value is refused and leaves nothing behind", insertUnique},
	{"a unique element of an array is refused", insertUniqueEach},
	{"a unique element without a value is refused", insertUniqueHole},
	{"null is as absent", insertNull},
	{"twenty race for one reservation and one wins", insertRace},
	{"a thousand in one call, duplicates by position", insertThousand},
	{"a document of 1 MiB", insertLarge},
	{"the largest documents, together more than one message", insertLargest},
	{"what no document can be is refused", insertRefused},
	{"a value that cannot be indexed is refused", insertUnindexable},
}

func insertReads(t *testing.T, f *fixture) {
	want := named("a", inTeam("red", 7))
	want.Email, want.Within, want.SeenAt = "ada@example.org", []string{"it", "it.liguria"}, at("2026-11-20T10:00:00.123Z")
	want.Actions = []action{{"1", "door"}, {"2", "call"}}
	want.Stage = stage{Lane: "leads", Holds: true}
	f.insert(t, genova, want)
	got := f.get(t, genova, "a")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read differs (-want +got):\n%s", diff)
	}
	if got.Campaign != genova || got.Version != 1 {
		t.Errorf("head is %+v", got.Meta)
	}
	if _, err := f.people.Get(t.Context(), genova, "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("absent: got %v, want ErrNotFound", err)
	}
	f.insert(t, genova, named("b"))
	many, err := f.people.GetMany(t.Context(), genova, []string{"b", "none", "a", "b"})
	if err != nil || len(many) != 2 || many["a"].Email != want.Email || many["b"] == nil {
		t.Errorf("GetMany: %v, %v", many, err)
	}
	if none, err := f.people.GetMany(t.Context(), genova, nil); err != nil || len(none) != 0 {
		t.Errorf("GetMany of nothing: %v, %v", none, err)
	}
}

func insertPositions(t *testing.T, f *fixture) {
	f.insert(t, genova, named("old"))
	answers := f.people.Insert(t.Context(), genova,
		named("a"), named("old"), named("b"), named("a"), named("c", func(p *person) { p.Email = "x" }), named("d", func(p *person) { p.Email = "x" }), named("e"))
	var got []string
	for _, err := range answers {
		switch {
		case err == nil:
			got = append(got, "done")
		case errors.Is(err, store.ErrDuplicate):
			got = append(got, "duplicate")
		default:
			got = append(got, err.Error())
		}
	}
	same(t, "answers", got, []string{"done", "duplicate", "done", "duplicate", "done", "duplicate", "done"})
	same(t, "stored", f.all(t, genova, store.Query{Index: "points"}), []string{"a", "b", "c", "e", "old"})
	if answers := f.people.Insert(t.Context(), genova); len(answers) != 0 {
		t.Errorf("insert of nothing answered %v", answers)
	}
}

func insertUnique(t *testing.T, f *fixture) {
	mail := func(p *person) { p.Email = "ada@example.org" }
	f.insert(t, genova, named("a", mail), named("n1"), named("n2")) // absent fields do not collide
	refused := named("b", mail, inTeam("red", 1), func(p *person) { p.Actions = []action{{ID: "1"}} })
	is(t, "same value", f.people.InsertOne(t.Context(), genova, refused), store.ErrDuplicate)
	if _, err := f.people.Get(t.Context(), genova, "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the refused document: %v", err)
	}
	same(t, "its entries", f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}}), []string{})
	f.insert(t, genova, named("b", inTeam("red", 1), func(p *person) { p.Actions = []action{{ID: "1"}} }))
	f.insert(t, savona, named("a", mail)) // another campaign is another world

	if err := f.people.Delete(t.Context(), genova, "a", "never there"); err != nil {
		t.Fatal(err)
	}
	f.insert(t, genova, named("c", mail)) // a deleted document gives its value back

	_, err := f.people.Update(t.Context(), genova, "b", func(p *person) error { p.Email = "ada@example.org"; p.Points = 99; return nil })
	is(t, "update to a taken value", err, store.ErrDuplicate)
	if p := f.get(t, genova, "b"); p.Points != 1 || p.Version != 1 || p.Email != "" {
		t.Errorf("after the refused update: %+v", p)
	}
	same(t, "its place", f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}, From: 99}), []string{})
	if _, err := f.people.Update(t.Context(), genova, "c", func(p *person) error { p.Email = "new"; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := f.people.Update(t.Context(), genova, "b", func(p *person) error { p.Email = "ada@example.org"; return nil }); err != nil {
		t.Errorf("update to a value given back: %v", err)
	}
}

func insertUniqueEach(t *testing.T, f *fixture) {
	acts := func(list ...string) func(*person) {
		return func(p *person) {
			for _, id := range list {
				p.Actions = append(p.Actions, action{ID: id})
			}
		}
	}
	f.insert(t, genova, named("a", acts("1", "2", "2")), named("n1"), named("n2"))
	is(t, "one element taken", f.people.InsertOne(t.Context(), genova, named("b", acts("0", "2", "3"))), store.ErrDuplicate)
	f.insert(t, genova, named("c", acts("0", "3"))) // what the refused document brought is free
	_, err := f.people.Update(t.Context(), genova, "c", func(p *person) error { p.Actions = []action{{ID: "00"}, {ID: "1"}}; return nil })
	is(t, "update to a taken element", err, store.ErrDuplicate)
	f.insert(t, genova, named("e", acts("00")))
	is(t, "an element kept by the refused update", f.people.InsertOne(t.Context(), genova, named("f", acts("0"))), store.ErrDuplicate)
	page := f.find(t, store.Query{Index: "action", Equal: []any{"2"}})
	same(t, "found by an element", ids(page.Items), []string{"a"})
	if _, err := f.people.Update(t.Context(), genova, "a", func(p *person) error { p.Actions = p.Actions[:1]; return nil }); err != nil {
		t.Fatal(err)
	}
	f.insert(t, genova, named("d", acts("2")))
}

// insertUniqueHole: an index of the elements' values has no place for an element
// without one that would not be equal to the next such place.
func insertUniqueHole(t *testing.T, f *fixture) {
	for what, item := range map[string]bson.D{"absent": {{Key: "kind", Value: "door"}}, "null": {{Key: "id", Value: nil}}} {
		body, err := bson.Marshal(bson.D{{Key: "actions", Value: bson.A{bson.D{{Key: "id", Value: "1"}}, item}}})
		if err != nil {
			t.Fatal(err)
		}
		raw := store.Raw{Campaign: genova, ID: what, Version: 1, Body: body}
		is(t, what, f.Engine.Insert(t.Context(), &schema, genova, []store.Raw{raw})[0], store.ErrQuery)
	}
}

func insertNull(t *testing.T, f *fixture) {
	nick := func(text string) func(*person) { return func(p *person) { p.Nick = &text } }
	f.insert(t, genova, named("n1"), named("n2"), named("a", nick("ada")), named("b", nick("bea")), named("empty", nick("")))
	is(t, "taken", f.people.InsertOne(t.Context(), genova, named("c", nick("ada"))), store.ErrDuplicate)
	same(t, "indexed", f.all(t, genova, store.Query{Index: "nicks", Limit: 1}), []string{"empty", "a", "b"})
	same(t, "backwards", f.all(t, genova, store.Query{Index: "nicks", Limit: 1, Desc: true}), []string{"b", "a", "empty"})
	same(t, "by value", f.all(t, genova, store.Query{Index: "nick", Equal: []any{"bea"}}), []string{"b"})
	if n, err := f.people.Count(t.Context(), genova, store.Query{Index: "nicks"}, 10); err != nil || n != 3 {
		t.Errorf("count %d, %v; want 3", n, err)
	}
	for range 2 { // a value is given back, and nobody holds null
		for _, id := range []string{"a", "b"} {
			if _, err := f.people.Update(t.Context(), genova, id, func(p *person) error { p.Nick = nil; return nil }); err != nil {
				t.Errorf("to null: %v", err)
			}
		}
	}
	same(t, "left", f.all(t, genova, store.Query{Index: "nicks"}), []string{"empty"})
}

// insertThousand is the largest batch, with every kind of duplicate in it.
func insertThousand(t *testing.T, f *fixture) {
	old := reds(store.MaxBatch)[:100]
	for i, p := range old {
		p.Email = fmt.Sprint("old", i)
	}
	f.insert(t, genova, old...)
	batch := make([]*person, store.MaxBatch)
	want := make([]string, len(batch))
	for i := range batch {
		batch[i], want[i] = named(fmt.Sprintf("q%04d", i), inTeam("blue", int64(i))), "done"
		switch i % 10 {
		case 3: // an id that is stored
			batch[i].ID, want[i] = old[i/10].ID, "duplicate"
		case 5: // a value that is stored
			batch[i].Email, want[i] = old[i/10].Email, "duplicate"
		case 7: // an id of this call
			batch[i].ID, want[i] = batch[i-1].ID, "duplicate"
		}
	}
	got := make([]string, len(batch))
	kept := []string{}
	for i, err := range f.people.Insert(t.Context(), genova, batch...) {
		switch {
		case err == nil:
			got[i] = "done"
			kept = append(kept, batch[i].ID)
		case errors.Is(err, store.ErrDuplicate):
			got[i] = "duplicate"
		default:
			got[i] = err.Error()
		}
	}
	same(t, "answers", got, want)
	same(t, "stored", f.all(t, genova, store.Query{Index: "team", Equal: []any{"blue"}}), kept)
}

func insertRace(t *testing.T, f *fixture) {
	var won atomic.Int32
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			err := f.people.InsertOne(t.Context(), genova, named("mail/ada", func(p *person) { p.Name = fmt.Sprint(i) }))
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, store.ErrDuplicate):
				t.Errorf("worker %d: %v", i, err)
			}
		})
		group.Go(func() {
			err := f.people.InsertOne(t.Context(), savona, named(store.NewID(), func(p *person) { p.Email = "ada" }))
			switch {
			case err == nil:
				won.Add(100)
			case !errors.Is(err, store.ErrDuplicate):
				t.Errorf("worker %d by unique value: %v", i, err)
			}
		})
	}
	group.Wait()
	if won.Load() != 101 {
		t.Errorf("%d won by id and %d by value, want 1 and 1", won.Load()%100, won.Load()/100)
	}
}

func insertLarge(t *testing.T, f *fixture) {
	text := strings.Repeat("0123456789abcdef", 1<<16)
	f.insert(t, genova, named("large", inTeam("red", 1), func(p *person) { p.Text = text }))
	if p := f.get(t, genova, "large"); p.Text != text {
		t.Errorf("read %d bytes, wrote %d", len(p.Text), len(text))
	}
	p, err := f.people.Update(t.Context(), genova, "large", func(p *person) error { p.Points++; return nil })
	if err != nil || p.Text != text {
		t.Errorf("update: %v", err)
	}
	huge := named("huge", func(p *person) { p.Text = strings.Repeat("x", store.MaxDocument) })
	answers := f.people.Insert(t.Context(), genova, named("before"), huge, named("after"))
	is(t, "before a document beyond MaxDocument", answers[0], nil)
	is(t, "beyond MaxDocument", answers[1], store.ErrTooLarge)
	is(t, "after a document beyond MaxDocument", answers[2], nil)
	f.get(t, genova, "after")
	_, err = f.people.Update(t.Context(), genova, "large", func(p *person) error { p.Text = strings.Repeat("x", store.MaxDocument); return nil })
	is(t, "update beyond MaxDocument", err, store.ErrTooLarge)
}

// insertLargest: four documents of the greatest size in one call are more than
// any message may hold; they are inserted, read and found all the same.
func insertLargest(t *testing.T, f *fixture) {
	empty, err := bson.Marshal(named("x0", inTeam("red", 0)))
	if err != nil {
		t.Fatal(err)
	}
	fill := store.MaxDocument - len(empty) - len(genova) - len("text") - 1 - 1 - 4 - 1
	var people []*person
	for i := range 4 {
		people = append(people, named(fmt.Sprint("x", i), inTeam("red", int64(i)), func(p *person) { p.Text = strings.Repeat(fmt.Sprint(i), fill) }))
	}
	f.insert(t, genova, people...)
	body, err := bson.Marshal(people[0])
	if err != nil || len(body) != store.MaxDocument {
		t.Fatalf("the document has %d bytes, %v; want %d", len(body), err, store.MaxDocument)
	}
	found, err := f.people.GetMany(t.Context(), genova, ids(people))
	if err != nil || len(found) != 4 {
		t.Fatalf("read %d, %v", len(found), err)
	}
	for i, p := range f.find(t, store.Query{Index: "team", Equal: []any{"red"}}).Items {
		if want := people[i]; p.ID != want.ID || p.Text != want.Text || found[p.ID].Text != want.Text {
			t.Errorf("document %d came back as another", i)
		}
	}
	people[1].Text += "x"
	people[1].ID = "larger"
	is(t, "a byte more", f.people.InsertOne(t.Context(), genova, people[1]), store.ErrTooLarge)
}

func insertRefused(t *testing.T, f *fixture) {
	for what, p := range map[string]*person{
		"no id":            named(""),
		"a NUL":            named("a\x00b"),
		"a long id":        named(strings.Repeat("x", store.MaxID+1)),
		"another campaign": {Meta: store.Meta{ID: "a", Campaign: savona}},
	} {
		is(t, what, f.people.InsertOne(t.Context(), genova, p), store.ErrQuery)
	}
	raw := store.Raw{Campaign: savona, ID: "a", Body: []byte{5, 0, 0, 0, 0}}
	is(t, "another campaign, to the engine", f.Engine.Insert(t.Context(), &schema, genova, []store.Raw{raw})[0], store.ErrQuery)
	f.insert(t, genova, named(strings.Repeat("x", store.MaxID)), named("ünï/cødé \"'%"))
	f.get(t, genova, "ünï/cødé \"'%")
	if many, err := f.people.GetMany(t.Context(), genova, []string{"ünï/cødé \"'%", "a"}); err != nil || len(many) != 1 {
		t.Errorf("GetMany: %v, %v", many, err)
	}
	over := make([]*person, store.MaxBatch+1)
	list := make([]string, len(over))
	sets := make([]store.Set, len(over))
	for i := range over {
		over[i] = named(fmt.Sprint(i))
		list[i] = over[i].ID
		sets[i] = store.Set{ID: list[i], Version: 1}
	}
	for _, err := range f.people.Insert(t.Context(), genova, over...) {
		is(t, "too many to insert", err, store.ErrTooMany)
	}
	for _, err := range f.people.SetMany(t.Context(), genova, sets) {
		is(t, "too many to set", err, store.ErrTooMany)
	}
	_, err := f.people.GetMany(t.Context(), genova, list)
	is(t, "too many to get", err, store.ErrTooMany)
	is(t, "too many to delete", f.people.Delete(t.Context(), genova, list...), store.ErrTooMany)
	f.insert(t, genova, over[:store.MaxBatch]...)
}

func insertUnindexable(t *testing.T, f *fixture) {
	for what, value := range map[string]any{
		"a document": action{ID: "1"},
		"an array":   []string{"a"}, // the index does not name it in Each
		"no number":  math.NaN(),
	} {
		answers := f.people.Insert(t.Context(), genova, named("bad", func(p *person) { p.Any = value }), named("good "+what))
		is(t, what, answers[0], store.ErrQuery)
		is(t, "beside "+what, answers[1], nil)
	}
	f.insert(t, genova, named("a", func(p *person) { p.Any = 1 }))
	_, err := f.people.Update(t.Context(), genova, "a", func(p *person) error { p.Any = []int{1}; return nil })
	is(t, "update to an array", err, store.ErrQuery)
	f.insert(t, genova, named("t", func(p *person) { p.Any = time.Unix(1, 0) }), named("s", func(p *person) { p.Any = "s" }),
		named("b", func(p *person) { p.Any = true }), named("f", func(p *person) { p.Any = 0.5 }))
	same(t, "order of types", f.all(t, genova, store.Query{Index: "any"}), []string{"f", "a", "s", "b", "t"})
}
