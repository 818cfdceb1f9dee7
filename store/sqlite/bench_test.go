package sqlite_test

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

type note struct {
	store.Meta `bson:",inline"`
	Owner      string   `bson:"owner"`
	N          int64    `bson:"n"`
	Tags       []string `bson:"tags"`
	Text       string   `bson:"text"`
}

var notes = store.Schema{Name: "notes", Indexes: []store.Index{
	{Name: "owner", Equal: []string{"owner"}, Order: "n", Unique: true},
	{Name: "tags", Equal: []string{"owner", "tags"}, Each: "tags"},
}}

func openNotes(b *testing.B) *store.Collection[note] {
	b.Helper()
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "muster.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := db.Migrate(b.Context(), []store.Schema{notes}); err != nil {
		b.Fatal(err)
	}
	return store.NewCollection[note](db, notes)
}

func newNote() *note {
	id := store.NewID()
	return &note{Meta: store.Meta{ID: id}, Owner: id, N: 1, Tags: []string{"door", "call"}, Text: "a small document, as most are"}
}

// BenchmarkInsert is one document a call, from one goroutine and from 64: the
// second shows what sharing a commit brings.
func BenchmarkInsert(b *testing.B) {
	b.Run("1", func(b *testing.B) {
		c := openNotes(b)
		for b.Loop() {
			if err := c.InsertOne(b.Context(), "genova", newNote()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("64", func(b *testing.B) {
		c := openNotes(b)
		b.SetParallelism(64 / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := c.InsertOne(context.Background(), "genova", newNote()); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("batch200", func(b *testing.B) {
		c := openNotes(b)
		for b.Loop() {
			docs := make([]*note, 200)
			for i := range docs {
				docs[i] = newNote()
			}
			for _, err := range c.Insert(b.Context(), "genova", docs...) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.N*200)/b.Elapsed().Seconds(), "docs/s")
	})
}

// BenchmarkRead is the point read and a page of a hundred.
func BenchmarkRead(b *testing.B) {
	c := openNotes(b)
	ids := make([]string, 1000)
	docs := make([]*note, len(ids))
	for i := range docs {
		docs[i] = newNote()
		docs[i].Owner, docs[i].N = "owner", int64(i)
		ids[i] = docs[i].ID
	}
	for _, err := range c.Insert(b.Context(), "genova", docs...) {
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("get", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := c.Get(b.Context(), "genova", ids[i%len(ids)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("get64", func(b *testing.B) {
		b.SetParallelism(64 / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := c.Get(context.Background(), "genova", ids[i%len(ids)]); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("getmany1000", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.GetMany(b.Context(), "genova", ids); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("page100", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Find(b.Context(), "genova", store.Query{Index: "owner", Equal: []any{"owner"}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
