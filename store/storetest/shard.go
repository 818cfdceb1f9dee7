package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/musterhq/muster/store"
)

var shards = []test{
	{"an id begins with its shard key", shardIDs},
	{"twenty append to one stream and it has no gap", shardRace},
	{"a pair of values is unique in each element", shardEach},
}

// entry is a document of a collection with a shard key, as the ledger's are.
type entry struct {
	store.Meta `bson:",inline"`
	Account    string   `bson:"account"`
	N          int64    `bson:"n"`
	Actions    []action `bson:"actions,omitempty"`
}

var entries = store.Schema{
	Name:     "entries",
	ShardKey: "account",
	Indexes: []store.Index{
		{Name: "account", Equal: []string{"account"}, Order: "n", Unique: true},
		{Name: "action", Equal: []string{"account", "actions.id"}, Each: "actions.id", Unique: true},
		{Name: "n", Order: "n"},
	},
}

func newEntry(account string, n int64, acts ...string) *entry {
	e := &entry{Meta: store.Meta{ID: fmt.Sprintf("%s/%d", account, n)}, Account: account, N: n}
	for _, id := range acts {
		e.Actions = append(e.Actions, action{ID: id})
	}
	return e
}

func (f *fixture) entries(t *testing.T) *store.Collection[entry] {
	t.Helper()
	if err := f.Engine.Migrate(t.Context(), []store.Schema{entries}); err != nil {
		t.Fatal(err)
	}
	return store.NewCollection[entry](f.Engine, entries)
}

func shardIDs(t *testing.T, f *fixture) {
	c := f.entries(t)
	for what, e := range map[string]*entry{
		"no account":        {Meta: store.Meta{ID: "a/1"}},
		"another account":   {Meta: store.Meta{ID: "b/1"}, Account: "a"},
		"the account alone": {Meta: store.Meta{ID: "a"}, Account: "a"},
		"more than a rest":  {Meta: store.Meta{ID: "a/b/1"}, Account: "a"},
	} {
		is(t, what, c.InsertOne(t.Context(), genova, e), store.ErrQuery)
	}
	for _, e := range []*entry{newEntry("a", 1), newEntry("a/b", 1), newEntry("c", 1), newEntry("c", 2)} {
		if err := c.InsertOne(t.Context(), genova, e); err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.Update(t.Context(), genova, "a/1", func(e *entry) error { e.Account = "b"; return nil })
	is(t, "moved", err, store.ErrQuery)
	many, err := c.GetMany(t.Context(), genova, []string{"a/1", "a/b/1", "c/2", "c/3", "none"})
	if err != nil || len(many) != 3 || many["a/b/1"].Account != "a/b" {
		t.Errorf("get many: %v, %v", many, err)
	}
	if err := c.Delete(t.Context(), genova, "a/1", "c/1", "none", "c/9"); err != nil {
		t.Error(err)
	}
	if n, err := c.Count(t.Context(), genova, store.Query{Index: "n"}, 10); err != nil || n != 2 {
		t.Errorf("left %d, %v; want 2", n, err)
	}
}

// shardRace is the ledger's way to append: read the last, insert the next, and
// start again where somebody was first.
func shardRace(t *testing.T, f *fixture) {
	c := f.entries(t)
	var group sync.WaitGroup
	for w := range 20 {
		group.Go(func() {
			for tries := 0; ; tries++ {
				last := int64(0)
				page, err := c.Find(t.Context(), genova, store.Query{Index: "account", Equal: []any{"a"}, Desc: true, Limit: 1})
				if err != nil {
					t.Error(err)
					return
				}
				if len(page.Items) > 0 {
					last = page.Items[0].N
				}
				err = c.InsertOne(t.Context(), genova, newEntry("a", last+1, fmt.Sprint(w)))
				if !errors.Is(err, store.ErrDuplicate) {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if err := store.Pause(t.Context(), tries); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	n := int64(0)
	for e, err := range c.Scan(t.Context(), genova, store.Query{Index: "account", Equal: []any{"a"}, Limit: 3}) {
		if n++; err != nil || e.N != n {
			t.Fatalf("entry %d: %+v, %v", n, e, err)
		}
	}
	if n != 20 {
		t.Errorf("%d entries, want 20", n)
	}
}

func shardEach(t *testing.T, f *fixture) {
	c := f.entries(t)
	is(t, "twice in one document", c.InsertOne(t.Context(), genova, newEntry("a", 1, "x", "y", "x")), nil)
	is(t, "another account", c.InsertOne(t.Context(), genova, newEntry("b", 1, "x")), nil)
	is(t, "the same in another document", c.InsertOne(t.Context(), genova, newEntry("a", 2, "z", "y")), store.ErrDuplicate)
	is(t, "what the refused one brought", c.InsertOne(t.Context(), genova, newEntry("a", 2, "z")), nil)
	is(t, "another campaign", c.InsertOne(t.Context(), savona, newEntry("a", 2, "y")), nil)
	is(t, "none", c.InsertOne(t.Context(), genova, newEntry("a", 3)), nil)
	is(t, "none again", c.InsertOne(t.Context(), genova, newEntry("a", 4)), nil)
	e, err := c.First(t.Context(), genova, store.Query{Index: "action", Equal: []any{"a", "x"}})
	if err != nil || e.ID != "a/1" {
		t.Errorf("by the pair: %+v, %v", e, err)
	}
	_, err = c.First(t.Context(), genova, store.Query{Index: "action", Equal: []any{"b", "y"}})
	is(t, "by a pair that is in no one document", err, store.ErrNotFound)
}
