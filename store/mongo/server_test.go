//go:build servers

package mongo_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/mongo"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// TestCheckNamesWhatIsMissing: a server that may not make indexes says what
// `muster migrate` would do, and does not work before.
func TestCheckNamesWhatIsMissing(t *testing.T) {
	name := database(t)
	db := open(t, name, nil)
	schemas := []store.Schema{notes, {Name: "bare"}}
	err := db.Check(t.Context(), schemas)
	if want := mongo.ErrNotMigrated.Error() + " (6 indexes missing: of notes (6))"; !errors.Is(err, mongo.ErrNotMigrated) || err.Error() != want {
		t.Errorf("nothing there: %v; want %s", err, want)
	}
	_, find := db.Find(t.Context(), &notes, "genova", store.Query{Index: "until"})
	if !errors.Is(find, store.ErrQuery) {
		t.Errorf("before the migration: %v, want ErrQuery", find)
	}
	if err := db.Migrate(t.Context(), schemas); err != nil {
		t.Fatal(err)
	}
	other := open(t, name, nil)
	if err := other.Check(t.Context(), schemas); err != nil {
		t.Errorf("after the migration: %v", err)
	}
	if _, err := other.Find(t.Context(), &notes, "genova", store.Query{Index: "until"}); err != nil {
		t.Errorf("after the check: %v", err)
	}

	// Somebody drops one, makes another under our name, and adds their own.
	indexes := raw(t).Database(name).Collection("notes").Indexes()
	drop := func(index string) {
		t.Helper()
		if err := indexes.DropOne(t.Context(), index); err != nil {
			t.Fatal(err)
		}
	}
	add := func(index string, keys bson.D) {
		t.Helper()
		if _, err := indexes.CreateOne(t.Context(), driver.IndexModel{Keys: keys, Options: options.Index().SetName(index)}); err != nil {
			t.Fatal(err)
		}
	}
	const until, email, shard = "muster1:until:until:ttl", "muster1:campaign,email:email:unique", "campaign_1_id_1"
	drop(until)
	drop(email)
	add(email, bson.D{{Key: "campaign", Value: 1}, {Key: "email", Value: 1}})
	add("muster1:old", bson.D{{Key: "old", Value: 1}})
	add(shard, bson.D{{Key: "campaign", Value: 1}, {Key: "id", Value: 1}})
	err = other.Check(t.Context(), schemas)
	want := mongo.ErrNotMigrated.Error() + " (1 missing: notes, index " + until + "; 1 different: notes, index " + email +
		"; 1 no longer declared: notes, index muster1:old)"
	if !errors.Is(err, mongo.ErrNotMigrated) || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if err := db.Migrate(t.Context(), schemas); err != nil {
		t.Fatal(err)
	}
	if err := other.Check(t.Context(), schemas); err != nil {
		t.Errorf("migrated again: %v", err)
	}
	specs, err := indexes.ListSpecifications(t.Context())
	if err != nil || !slices.ContainsFunc(specs, func(s driver.IndexSpecification) bool { return s.Name == shard }) {
		t.Errorf("the operator's own index is gone: %v", err)
	}
}

// TestWalkAndLoad: every document of all campaigns, in order, and back into an
// empty database as they were.
func TestWalkAndLoad(t *testing.T) {
	db := open(t, database(t), nil)
	if err := db.Migrate(t.Context(), []store.Schema{notes}); err != nil {
		t.Fatal(err)
	}
	c := store.NewCollection[note](db, notes)
	var want []string
	for _, campaign := range []string{"genov", "genova", "genova-2", "savona"} {
		for i := range 7 {
			n := &note{Meta: store.Meta{ID: fmt.Sprint("n", i)}, Owner: "ada", Email: fmt.Sprint(campaign, i)}
			if err := c.InsertOne(t.Context(), campaign, n); err != nil {
				t.Fatal(err)
			}
			want = append(want, campaign+"/"+n.ID+" 1")
		}
	}
	if _, err := c.Update(t.Context(), "genov", "n0", func(n *note) error { n.N = 9; return nil }); err != nil {
		t.Fatal(err)
	}
	want[0] = "genov/n0 2"
	walk := func(db *mongo.DB, limit int) (list []string, docs []store.Raw) {
		t.Helper()
		for after := ""; ; {
			page, err := db.Walk(t.Context(), &notes, after, limit)
			if err != nil || len(page.Docs) > limit {
				t.Fatalf("%d documents, %v", len(page.Docs), err)
			}
			for _, doc := range page.Docs {
				list = append(list, fmt.Sprintf("%s/%s %d", doc.Campaign, doc.ID, doc.Version))
			}
			docs = append(docs, page.Docs...)
			if page.Next == "" {
				return list, docs
			}
			after = page.Next
		}
	}
	var docs []store.Raw
	for _, limit := range []int{1, 7, 28, 1000} {
		var got []string
		if got, docs = walk(db, limit); !slices.Equal(got, want) {
			t.Errorf("by %d: %v, want %v", limit, got, want)
		}
	}
	other := open(t, database(t), nil)
	if err := other.Migrate(t.Context(), []store.Schema{notes}); err != nil {
		t.Fatal(err)
	}
	// Something is there already, under the first id: it is written over.
	if err := store.NewCollection[note](other, notes).InsertOne(t.Context(), "genov", &note{Meta: store.Meta{ID: "n0"}, Text: "old"}); err != nil {
		t.Fatal(err)
	}
	taken := store.Raw{Campaign: "genova", ID: "late", Version: 3, Body: encoded(t, &note{Email: "genova1"})}
	for i, err := range other.Load(t.Context(), &notes, append(docs, taken)) {
		if want := map[bool]error{true: store.ErrDuplicate}[i == len(docs)]; !errors.Is(err, want) {
			t.Errorf("load %d: %v, want %v", i, err, want)
		}
	}
	got, loaded := walk(other, 5)
	if !slices.Equal(got, want) {
		t.Errorf("loaded: %v, want %v", got, want)
	}
	for i := range min(len(docs), len(loaded)) {
		if string(docs[i].Body) != string(loaded[i].Body) {
			t.Errorf("%s/%s came back as other bytes", docs[i].Campaign, docs[i].ID)
		}
	}
	for what, err := range map[string]error{
		"no scope": other.Load(t.Context(), &notes, []store.Raw{{Campaign: "*", ID: "a", Body: encoded(t, &note{})}})[0],
		"no id":    other.Load(t.Context(), &notes, []store.Raw{{Campaign: "genova", Body: encoded(t, &note{})}})[0],
		"a limit":  func() error { _, err := other.Walk(t.Context(), &notes, "", 1001); return err }(),
		"a cursor": func() error { _, err := other.Walk(t.Context(), &notes, "AAAA", 1); return err }(),
	} {
		if !errors.Is(err, store.ErrQuery) {
			t.Errorf("%s: %v, want ErrQuery", what, err)
		}
	}
}
