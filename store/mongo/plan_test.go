package mongo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/store"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// sentOf gives filter, sort, index and limit of the finds of a call, one a line.
func sentOf(f *fake) string {
	var list []string
	for _, command := range f.sent.taken() {
		if commandName(command) != "find" {
			continue
		}
		line := ""
		for _, part := range []string{"filter", "sort", "hint", "limit"} {
			if v := command.Lookup(part); v.Type != 0 {
				text, _ := bson.MarshalExtJSON(bson.D{{Key: part, Value: v}}, false, false)
				line += strings.TrimSuffix(strings.TrimPrefix(string(text), "{"), "}") + " "
			}
		}
		line = strings.ReplaceAll(line, `"$type":["number","string","bool","date"]`, "TYPED")
		list = append(list, strings.ReplaceAll(strings.TrimSpace(line), `"`, ""))
	}
	return strings.Join(list, "\n")
}

// TestQueriesSent: each page is one or a few exact ranges of one index.
func TestQueriesSent(t *testing.T) {
	f := newFake(t, replicaSet)
	db := f.open(t, "")
	schema := notes
	schema.Name = "plans"
	schema.Indexes = append(schema.Indexes, store.Index{Name: "at", Order: "at", Across: true}, store.Index{Name: "id", Order: "id"})
	if err := db.Migrate(t.Context(), []store.Schema{schema}); err != nil {
		t.Fatal(err)
	}
	c := store.NewCollection[note](db, schema)
	// Two documents where one was asked for: there is a next page.
	f.answers(func(command bson.Raw) (bson.D, bool) {
		if commandName(command) != "find" {
			return nil, false
		}
		batch := bson.A{}
		for _, id := range []string{"x1", "x2"} {
			batch = append(batch, bson.D{
				{Key: "_id", Value: bson.D{{Key: "c", Value: "genova"}, {Key: "i", Value: id}}},
				{Key: "campaign", Value: "genova"}, {Key: "id", Value: id}, {Key: "version", Value: int64(1)},
				{Key: "owner", Value: "ada"}, {Key: "n", Value: int64(7)}, {Key: "tags", Value: bson.A{"door"}},
				{Key: "at", Value: time.UnixMilli(1000).UTC()},
			})
		}
		return bson.D{{Key: "ok", Value: 1}, {Key: "cursor", Value: bson.D{{Key: "id", Value: int64(0)}, {Key: "ns", Value: "muster.plans"}, {Key: "firstBatch", Value: batch}}}}, false
	})
	for _, test := range []struct {
		name, campaign string
		q              store.Query
		first, next    string
	}{
		{"a range", "genova", store.Query{Index: "owner", Equal: []any{"ada"}, From: 3, To: 9},
			`filter:{campaign:genova,owner:{$eq:ada,TYPED},n:{$gte:3,$lt:9,TYPED}} sort:{n:1,id:1} hint:muster1:campaign,owner,n,id:owner:n limit:2`,
			`filter:{campaign:genova,owner:{$eq:ada,TYPED},n:{$eq:7,TYPED},id:{$gt:x1}} sort:{n:1,id:1} hint:muster1:campaign,owner,n,id:owner:n limit:2`},
		{"backwards", "genova", store.Query{Index: "owner", Equal: []any{"ada"}, Desc: true},
			`filter:{campaign:genova,owner:{$eq:ada,TYPED},n:{TYPED}} sort:{n:-1,id:-1} hint:muster1:campaign,owner,n,id:owner:n limit:2`,
			`filter:{campaign:genova,owner:{$eq:ada,TYPED},n:{$eq:7,TYPED},id:{$lt:x1}} sort:{n:-1,id:-1} hint:muster1:campaign,owner,n,id:owner:n limit:2`},
		{"an element", "genova", store.Query{Index: "tags", Equal: []any{"door"}, To: 9},
			`filter:{campaign:genova,tags:{$eq:door},n:{$lt:9,TYPED}} sort:{n:1,id:1} hint:muster1:campaign,tags,n,id:tags:n limit:2`,
			`filter:{campaign:genova,tags:{$eq:door},n:{$eq:7,TYPED},id:{$gt:x1}} sort:{n:1,id:1} hint:muster1:campaign,tags,n,id:tags:n limit:2`},
		{"no order but the id", "genova", store.Query{Index: "email", Equal: []any{"a"}},
			`filter:{campaign:genova,email:{$eq:a,TYPED}} sort:{id:1} hint:muster1:campaign,email:email:unique limit:2`,
			`filter:{campaign:genova,email:{$eq:a,TYPED},id:{$gt:x1}} sort:{id:1} hint:muster1:campaign,email:email:unique limit:2`},
		{"by id", "genova", store.Query{Index: "id"},
			`filter:{campaign:genova} sort:{id:1} hint:muster1:campaign,id limit:2`,
			`filter:{campaign:genova,id:{$gt:x1}} sort:{id:1} hint:muster1:campaign,id limit:2`},
		{"across", store.Everywhere, store.Query{Index: "at", To: time.UnixMilli(5000)},
			`filter:{at:{$lt:{$date:1970-01-01T00:00:05Z},TYPED}} sort:{at:1,campaign:1,id:1} hint:muster1:at,campaign,id:at limit:2`,
			`filter:{at:{$eq:{$date:1970-01-01T00:00:01Z},TYPED},campaign:genova,id:{$gt:x1}} sort:{at:1,campaign:1,id:1} hint:muster1:at,campaign,id:at limit:2`},
	} {
		test.q.Limit = 1
		f.sent.taken()
		page, err := c.Find(t.Context(), test.campaign, test.q)
		if err != nil || page.Next == "" || len(page.Items) != 1 {
			t.Fatalf("%s: %+v, %v", test.name, page, err)
		}
		if got := sentOf(f); got != test.first {
			t.Errorf("%s: sent\n%s\nwant\n%s", test.name, got, test.first)
		}
		test.q.After = page.Next
		if _, err := c.Find(t.Context(), test.campaign, test.q); err != nil {
			t.Fatal(err)
		}
		if got := sentOf(f); got != test.next { // what is equal fills the page: the rest is not asked for
			t.Errorf("%s: then sent\n%s\nwant\n%s", test.name, got, test.next)
		}
	}

	// Where what is equal does not fill the page, the rest follows.
	page, err := c.Find(t.Context(), "genova", store.Query{Index: "owner", Equal: []any{"ada"}, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	f.answers(nil)
	f.sent.taken()
	if _, err := c.Find(t.Context(), "genova", store.Query{Index: "owner", Equal: []any{"ada"}, Limit: 5, After: page.Next}); err != nil {
		t.Fatal(err)
	}
	const tail = ` sort:{n:1,id:1} hint:muster1:campaign,owner,n,id:owner:n limit:6`
	want := `filter:{campaign:genova,owner:{$eq:ada,TYPED},n:{$eq:7,TYPED},id:{$gt:x1}}` + tail + "\n" +
		`filter:{campaign:genova,owner:{$eq:ada,TYPED},n:{$gt:7,TYPED}}` + tail + "\n" +
		`filter:{campaign:genova,owner:{$eq:ada,TYPED},n:{TYPED},$and:[{n:{$type:[string,bool,date]}}]}` + tail
	if got := sentOf(f); got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
}
