//go:build servers

package mongo_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/musterhq/muster/store"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// benchNotes has the indexes that the limit has too.
var benchNotes = store.Schema{Name: "notes", Indexes: []store.Index{
	{Name: "owner", Equal: []string{"owner"}, Order: "n"},
	{Name: "n", Order: "n"},
}, Set: []string{"n"}}

func newNote() *note {
	id := store.NewID()
	return &note{Meta: store.Meta{ID: id}, Owner: id, N: 1, Tags: []string{"door", "call"}, Text: "a small document, as most are"}
}

func newNotes(n int) []*note {
	list := make([]*note, n)
	for i := range list {
		list[i] = newNote()
	}
	return list
}

func openNotes(b *testing.B) (*store.Collection[note], *driver.Collection) {
	b.Helper()
	name := database(b)
	db := open(b, name, nil)
	if err := db.Migrate(b.Context(), []store.Schema{benchNotes}); err != nil {
		b.Fatal(err)
	}
	journal := true
	limit := raw(b).Database(name).Collection("notes", options.Collection().SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &journal}))
	return store.NewCollection[note](db, benchNotes), limit
}

// limitDocs are the same documents, ready for the driver.
func limitDocs(b *testing.B, docs []*note) []any {
	b.Helper()
	list := make([]any, len(docs))
	for i, n := range docs {
		n.Campaign, n.Version = "genova", 1
		body, err := bson.Marshal(struct {
			ID   bson.D `bson:"_id"`
			Note *note  `bson:",inline"`
		}{bson.D{{Key: "c", Value: n.Campaign}, {Key: "i", Value: n.ID}}, n})
		if err != nil {
			b.Fatal(err)
		}
		list[i] = bson.Raw(body)
	}
	return list
}

func perSecond(b *testing.B, each int) {
	b.ReportMetric(float64(b.N*each)/b.Elapsed().Seconds(), "docs/s")
}

// BenchmarkInsert puts Collection.Insert beside the driver's InsertMany of the
// same documents, already encoded, into the same collection: the limit.
func BenchmarkInsert(b *testing.B) {
	for _, size := range []int{1, 200, 1000} {
		c, limit := openNotes(b)
		b.Run(fmt.Sprintf("%d/muster", size), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				docs := newNotes(size)
				b.StartTimer()
				for _, err := range c.Insert(b.Context(), "genova", docs...) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			perSecond(b, size)
		})
		b.Run(fmt.Sprintf("%d/limit", size), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				docs := limitDocs(b, newNotes(size))
				b.StartTimer()
				if _, err := limit.InsertMany(b.Context(), docs, options.InsertMany().SetOrdered(false)); err != nil {
					b.Fatal(err)
				}
			}
			perSecond(b, size)
		})
	}
}

// BenchmarkSet puts SetMany of 500 beside the driver's bulk of plain updates,
// which cannot say which of them found another version.
func BenchmarkSet(b *testing.B) {
	const size = 500
	c, limit := openNotes(b)
	docs := newNotes(size)
	for _, err := range c.Insert(b.Context(), "genova", docs...) {
		if err != nil {
			b.Fatal(err)
		}
	}
	version := int64(1)
	b.Run("muster", func(b *testing.B) {
		for b.Loop() {
			sets := make([]store.Set, size)
			for i, n := range docs {
				sets[i] = store.Set{ID: n.ID, Version: version, Fields: map[string]any{"n": version}}
			}
			for _, err := range c.SetMany(b.Context(), "genova", sets) {
				if err != nil {
					b.Fatal(err)
				}
			}
			version++
		}
		perSecond(b, size)
	})
	b.Run("limit", func(b *testing.B) {
		for b.Loop() {
			models := make([]driver.WriteModel, size)
			for i, n := range docs {
				id := bson.D{{Key: "c", Value: "genova"}, {Key: "i", Value: n.ID}}
				models[i] = driver.NewUpdateOneModel().
					SetFilter(bson.D{{Key: "campaign", Value: "genova"}, {Key: "_id", Value: id}, {Key: "version", Value: version}}).
					SetUpdate(bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: version}, {Key: "version", Value: version + 1}}}})
			}
			result, err := limit.BulkWrite(b.Context(), models, options.BulkWrite().SetOrdered(false))
			if err != nil || result.MatchedCount != size {
				b.Fatal(result, err)
			}
			version++
		}
		perSecond(b, size)
	})
}

// BenchmarkRead: a point read beside the driver's, a page, and a page that a
// condition cuts down to 1 in 20, which is judged here, beside the server's own
// judgement of the same.
func BenchmarkRead(b *testing.B) {
	c, limit := openNotes(b)
	docs := newNotes(1000)
	for round := range 20 {
		for i := range docs {
			docs[i] = newNote()
			docs[i].Owner, docs[i].N, docs[i].Email = "owner", int64(round*1000+i), fmt.Sprint(i%20)
		}
		for _, err := range c.Insert(b.Context(), "genova", docs...) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("get/muster", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := c.Get(b.Context(), "genova", docs[i%len(docs)].ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("get/limit", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			var n note
			if err := limit.FindOne(b.Context(), bson.D{{Key: "_id", Value: bson.D{{Key: "c", Value: "genova"}, {Key: "i", Value: docs[i%len(docs)].ID}}}}).Decode(&n); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("get64/muster", func(b *testing.B) {
		b.SetParallelism(64 / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := c.Get(context.Background(), "genova", docs[i%len(docs)].ID); err != nil {
					b.Error(err)
				}
			}
		})
	})
	page := func(q store.Query) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				found, err := c.Find(b.Context(), "genova", q)
				if err != nil || len(found.Items) != 100 {
					b.Fatal(len(found.Items), err)
				}
				q.After = found.Next
			}
		}
	}
	server := func(more ...bson.E) func(*testing.B) {
		return func(b *testing.B) {
			filter := append(bson.D{{Key: "campaign", Value: "genova"}, {Key: "owner", Value: "owner"}}, more...)
			for b.Loop() {
				cursor, err := limit.Find(b.Context(), filter, options.Find().SetSort(bson.D{{Key: "n", Value: 1}, {Key: "id", Value: 1}}).SetLimit(100))
				if err != nil {
					b.Fatal(err)
				}
				var found []*note
				if err := cursor.All(b.Context(), &found); err != nil || len(found) != 100 {
					b.Fatal(len(found), err)
				}
			}
		}
	}
	owner := store.Query{Index: "owner", Equal: []any{"owner"}}
	b.Run("page100/muster", page(owner))
	b.Run("page100/limit", server())
	owner.Where = []store.Cond{{Field: "email", Value: "7"}}
	b.Run("filtered100/muster", page(owner))
	b.Run("filtered100/limit", server(bson.E{Key: "email", Value: "7"}))
}
