package dump

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/musterhq/muster/store"
)

// FuzzDocument: a document of any bytes that are BSON comes back to the byte,
// in whichever form its line is.
func FuzzDocument(f *testing.F) {
	for _, fields := range []bson.D{
		{}, {{Key: "a", Value: 1.5}}, {{Key: "$a", Value: "x"}}, {{Key: "a", Value: bson.A{int32(1), bson.D{{Key: "b", Value: nil}}}}},
		{{Key: "a", Value: bson.DateTime(1)}, {Key: "b", Value: []byte{1}}, {Key: "c", Value: "\xff"}, {Key: "d", Value: true}},
	} {
		body, err := bson.Marshal(fields)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, inner []byte) {
		if !sound(inner) || len(inner) > store.MaxDocument {
			return
		}
		body, err := bson.Marshal(bson.D{{Key: "campaign", Value: "c"}, {Key: "id", Value: "i"}, {Key: "version", Value: int64(1)}, {Key: "x", Value: bson.Raw(inner)}})
		if err != nil || !sound(body) {
			return
		}
		doc := store.Raw{Campaign: "c", ID: "i", Version: 1, Body: body}
		text, err := encode("people", doc)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text, '\n') != len(text)-1 {
			t.Fatalf("it is not one line: %q", text)
		}
		l, err := parse(text)
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		got, err := decode(l)
		if err != nil || !bytes.Equal(got.Body, doc.Body) {
			t.Fatalf("%v: got %x, want %x, by %s", err, got.Body, doc.Body, text)
		}
	})
}

// FuzzCheck: no file makes the reader panic or answer anything but its errors.
func FuzzCheck(f *testing.F) {
	schemas := []store.Schema{{Name: "people"}}
	f.Add([]byte("{\"muster_export\":1,\"collections\":[\"people\"]}\n{\"collection\":\"people\",\"document\":{\"campaign\":\"c\",\"id\":\"i\",\"version\":{\"$numberLong\":\"1\"}}}\n{\"end\":{}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := Check(context.Background(), bytes.NewReader(zipped(text)), schemas, true)
		if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
			t.Errorf("answered %v", err)
		}
	})
}

func zipped(text []byte) []byte {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, _ = zip.Write(text)
	_ = zip.Close()
	return out.Bytes()
}
