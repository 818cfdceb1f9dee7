package order

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/musterhq/muster/store"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

func mustMarshal(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := bson.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestSet(t *testing.T) {
	doc := bson.D{{Key: "a", Value: int32(1)}, {Key: "b", Value: bson.D{{Key: "c", Value: "x"}, {Key: "d", Value: 2.5}}}, {Key: "e", Value: bson.A{"y"}}}
	for _, c := range []struct {
		path  string
		value any
		want  bson.D
	}{
		{"a", "new", bson.D{{Key: "a", Value: "new"}, doc[1], doc[2]}},
		{"a", nil, bson.D{doc[1], doc[2]}},
		{"z", int64(9), bson.D{doc[0], doc[1], doc[2], {Key: "z", Value: int64(9)}}},
		{"z", nil, doc},
		{"z.y", true, bson.D{doc[0], doc[1], doc[2], {Key: "z", Value: bson.D{{Key: "y", Value: true}}}}},
		{"z.y", nil, doc},
		{"b.c", "new", bson.D{doc[0], {Key: "b", Value: bson.D{{Key: "c", Value: "new"}, {Key: "d", Value: 2.5}}}, doc[2]}},
		{"b.d", nil, bson.D{doc[0], {Key: "b", Value: bson.D{{Key: "c", Value: "x"}}}, doc[2]}},
		{"e", []int32{1, 2}, bson.D{doc[0], doc[1], {Key: "e", Value: bson.A{int32(1), int32(2)}}}},
		{"e.f", 1, nil},
		{"a.f", 1, nil},
	} {
		v, err := Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := NewPath(c.path).Set(mustMarshal(t, doc), v)
		if c.want == nil {
			if !errors.Is(err, store.ErrQuery) {
				t.Errorf("set %s: %v, want ErrQuery", c.path, err)
			}
			continue
		}
		if err != nil || !bytes.Equal(got, mustMarshal(t, c.want)) {
			t.Errorf("set %s to %v: %v, %v", c.path, c.value, bson.Raw(got), err)
		}
	}
}

// FuzzBody: bytes that are no document are an error, never a panic, and a field
// that is set in a sound document is read back from a sound document.
func FuzzBody(f *testing.F) {
	f.Add(mustMarshal(f, bson.D{{Key: "a", Value: 1}, {Key: "b", Value: bson.A{bson.D{{Key: "c", Value: "x"}}}}}), "b.c")
	f.Add([]byte{5, 0, 0, 0, 0}, "a")
	f.Add([]byte{12, 0, 0, 0, 2, 'a', 0, 0xFF, 0xFF, 0xFF, 0x7F, 0}, "a")
	f.Fuzz(func(t *testing.T, doc []byte, field string) {
		if strings.IndexByte(field, 0) >= 0 {
			return // no schema and no query can name such a field
		}
		p := NewPath(field)
		_ = p.Scalars(doc, func([]byte) {})
		conds := Filters{{path: p, op: store.NotEqual}, {path: p, op: store.IsSet}}
		_, _ = conds.Match(doc)
		changed, err := p.Set(doc, bsoncore.Value{Type: bsoncore.TypeBoolean, Data: []byte{1}})
		if err != nil || bson.Raw(doc).Validate() != nil {
			return
		}
		if err := bson.Raw(changed).Validate(); err != nil {
			t.Fatalf("set %q broke the document: %v", field, err)
		}
		found := 0
		if err := p.Walk(changed, func(v bsoncore.Value, _ bool) {
			if b, ok := v.BooleanOK(); ok && b {
				found++
			}
		}); err != nil || found != 1 {
			t.Fatalf("%q is found %d times after it was set, %v", field, found, err)
		}
	})
}
