package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/store"
)

// read gives one of three documents, by itself or among all.
func read(ctx context.Context, c *store.Collection[thing], i int, alone bool) (*thing, error) {
	if alone {
		return c.Get(ctx, "genova", fmt.Sprint(i))
	}
	all, err := c.GetMany(ctx, "genova", []string{"0", "1", "2"})
	if err != nil {
		return nil, err
	}
	return all[fmt.Sprint(i)], nil
}

// Who has been told that a write is done, or has seen it, never reads what was
// there before.
func TestRecentIsNeverBehind(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "muster.db"), Alone())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context(), []store.Schema{things}); err != nil {
		t.Fatal(err)
	}
	c := store.NewCollection[thing](db, things)
	const docs, writes, readers = 3, 100, 4
	var (
		known [docs]atomic.Int64 // the latest version that anybody knows of
		hits  atomic.Int64
		over  atomic.Bool
		group sync.WaitGroup
	)
	for i := range docs {
		if err := c.InsertOne(t.Context(), "genova", &thing{Meta: store.Meta{ID: fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	for range readers {
		group.Go(func() {
			for n := 0; !over.Load(); n++ {
				i := n % docs
				least := known[i].Load()
				_, _, held := db.recent.get(recentKey(db.collections["things"], "genova", fmt.Sprint(i)))
				doc, err := read(t.Context(), c, i, n%2 == 0)
				if err != nil || doc.Version < least || doc.Version > 1 && doc.Name != fmt.Sprint(i, "at", doc.Version-1) {
					t.Errorf("document %d: %+v, %v; want version %d or later", i, doc, err, least)
					return
				}
				if held {
					hits.Add(1)
				}
				for {
					seen := known[i].Load()
					if seen >= doc.Version || known[i].CompareAndSwap(seen, doc.Version) {
						break
					}
				}
			}
		})
	}
	// A document that is remembered for ever can never be updated.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := range writes {
		i := n % docs
		doc, err := c.Update(ctx, "genova", fmt.Sprint(i), func(d *thing) error {
			d.Name = fmt.Sprint(i, "at", d.Version)
			return nil
		})
		if err != nil {
			t.Error(err)
			break
		}
		known[i].Store(max(doc.Version, known[i].Load()))
	}
	over.Store(true)
	group.Wait()
	if hits.Load() == 0 {
		t.Error("nothing was ever remembered: the test shows nothing")
	}
}

// A write that was undone, and a deletion, leave nothing behind either.
func TestRecentForgets(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "muster.db"), Alone())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context(), []store.Schema{things}); err != nil {
		t.Fatal(err)
	}
	c := store.NewCollection[thing](db, things)
	for _, id := range []string{"a", "b"} {
		if err := c.InsertOne(t.Context(), "genova", &thing{Meta: store.Meta{ID: id}, Name: id}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(t.Context(), "genova", id); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.Update(t.Context(), "genova", "a", func(d *thing) error { d.Name = "b"; return nil })
	if !errors.Is(err, store.ErrDuplicate) {
		t.Fatalf("%v, want ErrDuplicate", err)
	}
	if doc, err := c.Get(t.Context(), "genova", "a"); err != nil || doc.Name != "a" || doc.Version != 1 {
		t.Errorf("after a write that was refused: %+v, %v", doc, err)
	}
	if err := c.Delete(t.Context(), "genova", "b"); err != nil {
		t.Fatal(err)
	}
	if doc, err := c.Get(t.Context(), "genova", "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after a deletion: %+v, %v", doc, err)
	}
}
