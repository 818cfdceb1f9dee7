package storetest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/store"
)

var queries = []test{
	{"pages run on across equal keys, both ways", pagesAcrossEqualKeys},
	{"ranges include From and exclude To", ranges},
	{"a bound reaches only values of its own type", ofTheirType},
	{"numbers of all types are one order", numbers},
	{"times order by the millisecond", times},
	{"strings order by their bytes", stringOrder},
	{"absent fields are not indexed", absent},
	{"a document is found once however often an element repeats", eachOnce},
	{"a scan goes on while others write", scanWhileWriting},
	{"a scan sees what stays once, with writers beside it", scanBesideWriters},
	{"a page examines at most twenty times its limit", bound},
	{"first reads past empty pages", first},
	{"count stops at its limit", count},
	{"a damaged or foreign cursor is refused", cursors},
	{"what no index answers is refused", refused},
}

func pagesAcrossEqualKeys(t *testing.T, f *fixture) {
	var people []*person
	for i := range 50 {
		people = append(people, named(fmt.Sprintf("p%03d", i), inTeam("red", int64(i/10))))
	}
	want := ids(people)
	rand.Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
	f.insert(t, genova, people...)
	backwards := slices.Clone(want)
	slices.Reverse(backwards)
	for _, limit := range []int{1, 3, 10, 50, 0} {
		q := store.Query{Index: "team", Equal: []any{"red"}, Limit: limit}
		same(t, fmt.Sprint("forwards by ", limit), f.all(t, genova, q), want)
		q.Desc = true
		same(t, fmt.Sprint("backwards by ", limit), f.all(t, genova, q), backwards)
	}
	if page := f.find(t, store.Query{Index: "points", Limit: 50}); page.Next != "" {
		t.Error("a page that ends with the last document has a next")
	}
	if page := f.find(t, store.Query{Index: "points", Limit: 49}); page.Next == "" {
		t.Error("a page before the last document has no next")
	}
}

func ranges(t *testing.T, f *fixture) {
	f.insert(t, genova, reds(10)...)
	f.insert(t, genova, named("other", inTeam("redder", 5)), named("less", inTeam("re", 5)))
	for _, c := range []struct {
		from, to any
		want     []string
	}{
		{nil, nil, []string{"p000", "p001", "p002", "p003", "p004", "p005", "p006", "p007", "p008", "p009"}},
		{3, 6, []string{"p003", "p004", "p005"}},
		{8, nil, []string{"p008", "p009"}},
		{nil, 2, []string{"p000", "p001"}},
		{4.5, 6.5, []string{"p005", "p006"}},
		{6, 3, []string{}},
		{3, 3, []string{}},
		{100, nil, []string{}},
		{"a", nil, []string{}}, // a bound reaches only values of its own type
		{nil, true, []string{}},
	} {
		q := store.Query{Index: "team", Equal: []any{"red"}, From: c.from, To: c.to, Limit: 2}
		same(t, fmt.Sprintf("from %v to %v", c.from, c.to), f.all(t, genova, q), c.want)
		q.Desc = true
		slices.Reverse(c.want)
		same(t, fmt.Sprintf("from %v to %v, backwards", c.from, c.to), f.all(t, genova, q), c.want)
	}
}

// ofTheirType: a bound cuts off what is of another type, on both sides.
func ofTheirType(t *testing.T, f *fixture) {
	for id, v := range map[string]any{"n": 1, "s": "a", "b": true, "t": time.Unix(1, 0)} {
		f.insert(t, genova, named(id, func(p *person) { p.Any = v }))
	}
	for _, c := range []struct {
		from, to any
		want     string
	}{{0, nil, "n"}, {nil, 2, "n"}, {"", nil, "s"}, {nil, "b", "s"}, {false, nil, "b"}, {time.Unix(0, 0), nil, "t"}, {nil, time.Unix(2, 0), "t"}} {
		q := store.Query{Index: "any", From: c.from, To: c.to}
		same(t, fmt.Sprintf("from %v to %v", c.from, c.to), f.all(t, genova, q), []string{c.want})
	}
}

func numbers(t *testing.T, f *fixture) {
	values := []any{int32(5), 5.0, int64(5), -1.5, int64(-2), 1<<53 + 1, 1 << 53, float64(1<<53) + 2, 0, math.Copysign(0, -1), 1e300}
	for i, v := range values {
		f.insert(t, genova, named(fmt.Sprintf("v%02d", i), func(p *person) { p.Any = v }))
	}
	same(t, "order", f.all(t, genova, store.Query{Index: "any"}),
		[]string{"v04", "v03", "v08", "v09", "v00", "v01", "v02", "v06", "v05", "v07", "v10"})
	for _, five := range []any{5, int32(5), 5.0, uint8(5)} {
		same(t, fmt.Sprintf("%T", five), f.all(t, genova, store.Query{Index: "any", From: five, To: 5.5}), []string{"v00", "v01", "v02"})
		q := store.Query{Index: "any", Where: []store.Cond{{Field: "any", Value: five}}}
		same(t, fmt.Sprintf("equal to %T", five), f.all(t, genova, q), []string{"v00", "v01", "v02"})
	}
}

func times(t *testing.T, f *fixture) {
	for id, text := range map[string]string{
		"b": "2026-11-20T10:00:00.001Z", "a": "2026-11-20T10:00:00Z", "c": "2026-11-20T11:00:00.002+01:00", "0": "1969-12-31T23:59:59.999Z",
	} {
		f.insert(t, genova, named(id, func(p *person) { p.SeenAt = at(text) }))
	}
	same(t, "order", f.all(t, genova, store.Query{Index: "seen"}), []string{"0", "a", "b", "c"})
	same(t, "range", f.all(t, genova, store.Query{Index: "seen", From: *at("2026-11-20T10:00:00Z"), To: *at("2026-11-20T10:00:00.002Z")}), []string{"a", "b"})
	if got := f.get(t, genova, "b").SeenAt; !got.Equal(*at("2026-11-20T10:00:00.001Z")) || got.Location() != time.UTC {
		t.Errorf("read back as %v", got)
	}
}

func stringOrder(t *testing.T, f *fixture) {
	names := []string{"", "a", "a\x01", "a b", "a.b", "a/b", "aa", "b", "É", "é", "日本"}
	for i, name := range names[1:] { // "" is omitted, so it is not indexed
		f.insert(t, genova, named(fmt.Sprintf("n%02d", i), func(p *person) { p.Name = name }))
	}
	want := []string{}
	for i := range names[1:] {
		want = append(want, fmt.Sprintf("n%02d", i))
	}
	same(t, "order", f.all(t, genova, store.Query{Index: "name"}), want)
	same(t, "prefix range", f.all(t, genova, store.Query{Index: "name", From: "a.", To: "a/"}), []string{"n03"})
}

func absent(t *testing.T, f *fixture) {
	f.insert(t, genova, named("in", func(p *person) { p.Stage = stage{"leads", true} }), named("half", func(p *person) { p.Stage.Lane = "leads" }), named("out"))
	same(t, "both fields", f.all(t, genova, store.Query{Index: "lane", Equal: []any{"leads", true}}), []string{"in"})
	same(t, "one field absent", f.all(t, genova, store.Query{Index: "lane", Equal: []any{"leads", false}}), []string{})
	same(t, "order absent", f.all(t, genova, store.Query{Index: "seen"}), []string{})
	same(t, "empty array", f.all(t, genova, store.Query{Index: "within", Equal: []any{""}}), []string{})
}

func eachOnce(t *testing.T, f *fixture) {
	f.insert(t, genova,
		named("a", func(p *person) { p.Within, p.Points = []string{"it", "it.liguria", "it"}, 1 }),
		named("b", func(p *person) { p.Within, p.Points = []string{"it"}, 2 }))
	same(t, "by it", f.all(t, genova, store.Query{Index: "within", Equal: []any{"it"}, Limit: 1}), []string{"a", "b"})
	same(t, "by it.liguria", f.all(t, genova, store.Query{Index: "within", Equal: []any{"it.liguria"}}), []string{"a"})
	if n, err := f.people.Count(t.Context(), genova, store.Query{Index: "within", Equal: []any{"it"}}, 10); err != nil || n != 2 {
		t.Errorf("count %d, %v; want 2", n, err)
	}
}

// scanWhileWriting: what stays where it is is seen once; what others insert
// before, delete or move changes nothing about that. A restart does not either.
func scanWhileWriting(t *testing.T, f *fixture) {
	f.insert(t, genova, reds(60)...)
	q := store.Query{Index: "team", Equal: []any{"red"}, Limit: 10}
	seen := map[string]int{}
	for round := 0; ; round++ {
		page := f.find(t, q)
		for _, p := range page.Items {
			seen[p.ID]++
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
		f.insert(t, genova, named(fmt.Sprint("before", round), inTeam("red", -1)))
		if err := f.people.Delete(t.Context(), genova, page.Items[len(page.Items)-1].ID); err != nil { // where the cursor stands
			t.Fatal(err)
		}
		if round == 2 {
			f.reopen(t)
		}
	}
	for _, id := range ids(reds(60)) {
		if seen[id] != 1 {
			t.Errorf("%s seen %d times", id, seen[id])
		}
	}
	if len(seen) != 60 {
		t.Errorf("%d seen, want 60", len(seen))
	}
}

// scanBesideWriters: four writers insert, move and delete all over the range as
// the scan runs through it.
func scanBesideWriters(t *testing.T, f *fixture) {
	f.insert(t, genova, reds(200)...)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprintf("w%d-%d", w, i)
				err := f.people.InsertOne(ctx, genova, named(id, inTeam("red", int64(i*37%200))))
				if err == nil {
					_, err = f.people.Update(ctx, genova, id, func(p *person) error { p.Points = 199 - p.Points; return nil })
				}
				if err == nil && i%2 == 0 {
					err = f.people.Delete(ctx, genova, id)
				}
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		seen := map[string]int{}
		for _, id := range f.all(t, genova, store.Query{Index: "team", Equal: []any{"red"}, Limit: 7}) {
			seen[id]++
		}
		for _, id := range ids(reds(200)) {
			if seen[id] != 1 {
				t.Errorf("%s seen %d times", id, seen[id])
			}
		}
	}
	cancel()
	group.Wait()
}

func bound(t *testing.T, f *fixture) {
	people := reds(100)
	people[99].Name = "last"
	f.insert(t, genova, people...)
	q := store.Query{Index: "team", Equal: []any{"red"}, Where: []store.Cond{{Field: "name", Value: "last"}}, Limit: 2}
	var pages []int
	for {
		page := f.find(t, q)
		pages = append(pages, len(page.Items))
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	if want := []int{0, 0, 1}; !slices.Equal(pages, want) {
		t.Errorf("pages of %v documents, want %v", pages, want)
	}
}

func first(t *testing.T, f *fixture) {
	people := reds(100)
	people[99].Name = "last"
	f.insert(t, genova, people...)
	p, err := f.people.First(t.Context(), genova, store.Query{Index: "points", Where: []store.Cond{{Field: "name", Value: "last"}}})
	if err != nil || p.ID != "p099" {
		t.Errorf("%v, %v", p, err)
	}
	_, err = f.people.First(t.Context(), genova, store.Query{Index: "team", Equal: []any{"none"}})
	is(t, "none", err, store.ErrNotFound)
}

func count(t *testing.T, f *fixture) {
	f.insert(t, genova, reds(30)...)
	q := store.Query{Index: "team", Equal: []any{"red"}, From: 10}
	for limit, want := range map[int]int{1: 1, 19: 19, 20: 20, 21: 20, store.MaxCounted * 2: 20} {
		if n, err := f.people.Count(t.Context(), genova, q, limit); err != nil || n != want {
			t.Errorf("count up to %d: %d, %v; want %d", limit, n, err, want)
		}
	}
	q.Where = []store.Cond{{Field: "points", Op: store.AtLeast, Value: 25}}
	for limit, want := range map[int]int{3: 3, 100: 5} {
		if n, err := f.people.Count(t.Context(), genova, q, limit); err != nil || n != want {
			t.Errorf("filtered count up to %d: %d, %v; want %d", limit, n, err, want)
		}
	}
	_, err := f.people.Count(t.Context(), genova, q, 0)
	is(t, "no limit", err, store.ErrQuery)
}

func cursors(t *testing.T, f *fixture) {
	f.insert(t, genova, reds(10)...)
	f.insert(t, savona, reds(10)...)
	q := store.Query{Index: "team", Equal: []any{"red"}, Limit: 3}
	cursor := f.find(t, q).Next
	if strings.Trim(cursor, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		t.Errorf("the cursor %q is not safe in a URL", cursor)
	}
	refuse := func(what, campaign string, change func(*store.Query)) {
		t.Helper()
		other := q
		other.After = cursor
		change(&other)
		_, err := f.people.Find(t.Context(), campaign, other)
		is(t, what, err, store.ErrQuery)
	}
	for i := range cursor {
		damaged := []byte(cursor)
		damaged[i] = "AB"[(damaged[i]^1)&1]
		if string(damaged) != cursor {
			refuse(fmt.Sprint("damaged at ", i), genova, func(o *store.Query) { o.After = string(damaged) })
		}
	}
	refuse("cut", genova, func(o *store.Query) { o.After = cursor[:len(cursor)-1] })
	refuse("made up", genova, func(o *store.Query) { o.After = "AAAA" })
	refuse("of another campaign", savona, func(*store.Query) {})
	refuse("of another scope", store.Everywhere, func(*store.Query) {})
	refuse("of another index", genova, func(o *store.Query) { o.Index, o.Equal = "points", nil })
	refuse("of other values", genova, func(o *store.Query) { o.Equal = []any{"blue"} })
	refuse("of the other direction", genova, func(o *store.Query) { o.Desc = true })

	q.After, q.Limit, q.To = cursor, 2, 6
	same(t, "with another limit and range", ids(f.find(t, q).Items), []string{"p003", "p004"})
	q.From, q.To = 5, nil
	same(t, "with a range that begins later", ids(f.find(t, q).Items), []string{"p005", "p006"})
}

func refused(t *testing.T, f *fixture) {
	for what, q := range map[string]store.Query{
		"no index":             {},
		"an undeclared index":  {Index: "nickname"},
		"too few values":       {Index: "team"},
		"too many values":      {Index: "points", Equal: []any{1}},
		"a nil value":          {Index: "team", Equal: []any{nil}},
		"a value of no order":  {Index: "team", Equal: []any{[]string{"red"}}},
		"a limit too high":     {Index: "points", Limit: store.MaxPage + 1},
		"a negative limit":     {Index: "points", Limit: -1},
		"From without Order":   {Index: "email", Equal: []any{"a"}, From: 1},
		"To without Order":     {Index: "email", Equal: []any{"a"}, To: 1},
		"bounds of two types":  {Index: "points", From: 1, To: "a"},
		"a bound of no order":  {Index: "points", From: struct{ X int }{1}},
		"a nil condition":      {Index: "points", Where: []store.Cond{{Field: "name"}}},
		"In without a slice":   {Index: "points", Where: []store.Cond{{Field: "name", Op: store.In, Value: "a"}}},
		"no such comparison":   {Index: "points", Where: []store.Cond{{Field: "name", Op: 99, Value: "a"}}},
		"a field that is none": {Index: "points", Where: []store.Cond{{Field: "a..b", Value: "a"}}},
		"an operator as field": {Index: "points", Where: []store.Cond{{Field: "$where", Value: "a"}}},
	} {
		_, err := f.people.Find(t.Context(), genova, q)
		is(t, what, err, store.ErrQuery)
		_, err = f.people.DeleteMany(t.Context(), genova, q)
		is(t, what+", deleting", err, store.ErrQuery)
		if q.Limit == 0 {
			_, err = f.people.Count(t.Context(), genova, q, 10)
			is(t, what+", counting", err, store.ErrQuery)
		}
	}
}
