package dump_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/musterhq/muster/internal/dump"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

// The collections of the tests, in the order of an export.
var (
	postings = store.Schema{Name: "postings", Indexes: []store.Index{{Name: "n", Order: "n"}}}
	marks    = store.Schema{Name: "marks", Derived: true}
	people   = store.Schema{Name: "people", Indexes: []store.Index{{Name: "email", Equal: []string{"email"}, Unique: true}}}
	all      = []store.Schema{postings, marks, people}
)

func engine(t testing.TB) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	return db
}

// document makes a document with its head and these fields.
func document(t testing.TB, campaign, id string, version int64, fields ...bson.E) store.Raw {
	t.Helper()
	body, err := bson.Marshal(append(bson.D{{Key: "campaign", Value: campaign}, {Key: "id", Value: id}, {Key: "version", Value: version}}, fields...))
	if err != nil {
		t.Fatal(err)
	}
	return store.Raw{Campaign: campaign, ID: id, Version: version, Body: body}
}

func load(t testing.TB, db store.Engine, s *store.Schema, docs ...store.Raw) {
	t.Helper()
	for i, err := range db.Load(t.Context(), s, docs) {
		if err != nil {
			t.Fatalf("load %s: %v", docs[i].ID, err)
		}
	}
}

// walked gives every document of a collection.
func walked(t testing.TB, db store.Engine, s *store.Schema) []store.Raw {
	t.Helper()
	var docs []store.Raw
	for after := ""; ; {
		page, err := db.Walk(t.Context(), s, after, store.MaxPage)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, page.Docs...)
		if after = page.Next; after == "" {
			return docs
		}
	}
}

func sameDocs(t *testing.T, what string, got, want []store.Raw) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d documents, want %d", what, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		if g.Campaign != w.Campaign || g.ID != w.ID || g.Version != w.Version || !bytes.Equal(g.Body, w.Body) {
			t.Errorf("%s: %s/%s version %d %.300s, want %s/%s version %d %.300s", what, g.Campaign, g.ID, g.Version, g.Body, w.Campaign, w.ID, w.Version, w.Body)
		}
	}
}

// odd are fields that a careless format loses.
func odd() []bson.E {
	text := "quote \" slash \\ / <&> newline \n tab \t nul \x00 bell \a 𝄞 \u2028 \ufffd"
	return []bson.E{
		{Key: "text", Value: text}, {Key: text[:20], Value: "a name"}, {Key: "", Value: "no name"}, {Key: "dot.ted", Value: 1},
		{Key: "int32", Value: int32(math.MinInt32)}, {Key: "int64", Value: int64(math.MaxInt64)}, {Key: "small64", Value: int64(1)},
		{Key: "doubles", Value: bson.A{0.1, 1.0, -0.0, math.Copysign(0, -1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, 1e21, 123456789012345680.0}},
		{Key: "time", Value: bson.DateTime(-1)}, {Key: "late", Value: time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)}, {Key: "far", Value: bson.DateTime(math.MaxInt64)},
		{Key: "bytes", Value: []byte{0, 1, 255}}, {Key: "none", Value: []byte{}}, {Key: "null", Value: nil}, {Key: "bool", Value: true},
		{Key: "id12", Value: bson.ObjectID{1, 2, 3}}, {Key: "empty", Value: bson.D{}}, {Key: "list", Value: bson.A{}}, {Key: "nested", Value: bson.A{bson.D{{Key: "a", Value: bson.A{int32(1), "x"}}}}},
		// Extended JSON has other plans for these: they go as BSON.
		{Key: "dollar", Value: bson.D{{Key: "$date", Value: "x"}}}, {Key: "nan", Value: math.NaN()}, {Key: "nan too", Value: math.Float64frombits(0x7ff8_0000_0000_0123)}, {Key: "regex", Value: bson.Regex{Pattern: "a", Options: "i"}},
		{Key: "latin", Value: "caf\xe9"}, {Key: "md5", Value: bson.Binary{Subtype: 5, Data: make([]byte, 16)}}, {Key: "old", Value: bson.Binary{Subtype: 2, Data: []byte{9}}}, {Key: "own", Value: bson.Binary{Subtype: 128, Data: []byte{9}}}, {Key: "decimal", Value: bson.NewDecimal128(1, 2)},
		{Key: "stamp", Value: bson.Timestamp{T: 1, I: 2}},
	}
}

// fill puts documents into an engine and gives them, by collection in order.
func fill(t testing.TB, db store.Engine) map[string][]store.Raw {
	t.Helper()
	var ledger, persons []store.Raw
	for i := range 2500 {
		ledger = append(ledger, document(t, "genova", fmt.Sprintf("a/%010d", i+1), 1, bson.E{Key: "n", Value: int64(i)}))
	}
	for i, field := range odd() {
		persons = append(persons, document(t, "genova", fmt.Sprintf("p%02d", i), int64(i+1), field))
	}
	persons = append(persons, document(t, "genova", "q", 7, odd()...), document(t, "savona", "p00", 1<<40), document(t, store.System, "s", 1))
	persons[len(persons)-1], persons[0] = persons[0], persons[len(persons)-1]
	for at := 0; at < len(ledger); at += store.MaxBatch {
		load(t, db, &postings, ledger[at:min(len(ledger), at+store.MaxBatch)]...)
	}
	load(t, db, &people, persons...)
	load(t, db, &marks, document(t, "genova", "boards", 3))
	return map[string][]store.Raw{"postings": walked(t, db, &postings), "people": walked(t, db, &people)}
}

func export(t testing.TB, db store.Engine) []byte {
	t.Helper()
	var out bytes.Buffer
	header := dump.Header{Muster: "1.2", TakenAt: time.Date(2026, 11, 27, 14, 0, 0, 0, time.UTC)}
	if _, err := dump.Export(t.Context(), &out, db, all, header, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func check(content []byte) (dump.Report, error) {
	return dump.Check(context.Background(), bytes.NewReader(content), all, true)
}

// unpacked and packed take the gzip off and put it on.
func unpacked(t testing.TB, content []byte) string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func packed(lines ...string) []byte {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, _ = io.WriteString(zip, strings.Join(lines, ""))
	_ = zip.Close()
	return out.Bytes()
}
