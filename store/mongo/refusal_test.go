package mongo_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/mongo"
	"go.mongodb.org/mongo-driver/v2/bson"
)

const quoted = `E11000 duplicate key error collection: muster.notes index: email dup key: { campaign: "genova", email: "ada@example.org" }`

func writeErrors(n int, codes map[int]int) bson.D {
	list := bson.A{}
	for index, code := range codes {
		list = append(list, bson.D{{Key: "index", Value: index}, {Key: "code", Value: code}, {Key: "errmsg", Value: quoted}})
	}
	return bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: n}, {Key: "nModified", Value: n}, {Key: "writeErrors", Value: list}}
}

var concernFailed = bson.E{Key: "writeConcernError", Value: bson.D{{Key: "code", Value: 64}, {Key: "errmsg", Value: "waiting for replication timed out"}}}

// verdict names an answer.
func verdict(err error) string {
	for name, kind := range map[string]error{"duplicate": store.ErrDuplicate, "changed": store.ErrChanged, "absent": store.ErrNotFound, "query": store.ErrQuery} {
		if errors.Is(err, kind) {
			return name
		}
	}
	if err == nil {
		return "done"
	}
	return "unknown"
}

// TestAnswersByPosition: what a server says of a bulk, and what the callers are
// told. No answer holds a value.
func TestAnswersByPosition(t *testing.T) {
	f := newFake(t, replicaSet)
	c := store.NewCollection[note](f.open(t, ""), notes)
	insert := func() []error {
		var docs []*note
		for i := range 4 {
			docs = append(docs, &note{Meta: store.Meta{ID: fmt.Sprint(i)}})
		}
		return c.Insert(t.Context(), "genova", docs...)
	}
	set := func() []error {
		var sets []store.Set
		for i := range 4 {
			sets = append(sets, store.Set{ID: fmt.Sprint(i), Version: 3, Fields: map[string]any{"n": i}})
		}
		return c.SetMany(t.Context(), "genova", sets)
	}
	replace := func() []error {
		return []error{f.open(t, "").Replace(t.Context(), &notes, "genova", "1", 3, encoded(t, &note{}))}
	}
	for _, test := range []struct {
		name  string
		call  func() []error
		reply bson.D           // to the write
		there map[string]int64 // what is read afterwards: versions by id
		want  []string
	}{
		{"insert: all", insert, writeErrors(4, nil), nil, []string{"done", "done", "done", "done"}},
		{"insert: duplicates", insert, writeErrors(2, map[int]int{1: 11000, 3: 11001}), nil, []string{"done", "duplicate", "done", "duplicate"}},
		{"insert: another refusal", insert, writeErrors(3, map[int]int{2: 121}), nil, []string{"done", "done", "unknown", "done"}},
		{"insert: not with a majority", insert, append(writeErrors(3, map[int]int{2: 11000}), concernFailed), nil, []string{"unknown", "unknown", "duplicate", "unknown"}},
		{"insert: refused whole", insert, bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: 13}, {Key: "errmsg", Value: quoted}}, nil, []string{"unknown", "unknown", "unknown", "unknown"}},
		{"set: all", set, writeErrors(4, nil), nil, []string{"done", "done", "done", "done"}},
		{"set: changed", set, writeErrors(3, map[int]int{2: 66}), nil, []string{"done", "done", "changed", "done"}},
		{"set: a scalar on the way", set, writeErrors(3, map[int]int{0: 28}), nil, []string{"query", "done", "done", "done"}},
		{"set: absent", set, writeErrors(2, nil), map[string]int64{"0": 4, "2": 9}, []string{"done", "absent", "done", "absent"}},
		{"set: absent, inserted since", set, writeErrors(3, nil), map[string]int64{"0": 4, "1": 1, "2": 4, "3": 5}, []string{"done", "absent", "done", "done"}},
		{"set: absent, and nobody can say which", set, writeErrors(3, nil), map[string]int64{"0": 4, "1": 4, "2": 4, "3": 5}, []string{"unknown", "unknown", "unknown", "unknown"}},
		{"set: changed and absent", set, writeErrors(1, map[int]int{0: 66, 1: 66}), map[string]int64{"2": 4}, []string{"changed", "changed", "done", "absent"}},
		{"set: not with a majority", set, append(writeErrors(3, map[int]int{2: 66}), concernFailed), nil, []string{"unknown", "unknown", "changed", "unknown"}},
		{"replace: a taken value", replace, writeErrors(0, map[int]int{0: 11000}), nil, []string{"duplicate"}},
		{"replace: another version", replace, writeErrors(0, nil), map[string]int64{"1": 4}, []string{"changed"}},
		{"replace: absent", replace, writeErrors(0, nil), nil, []string{"absent"}},
		{"replace: not with a majority", replace, append(writeErrors(1, nil), concernFailed), nil, []string{"unknown"}},
	} {
		f.answers(func(command bson.Raw) (bson.D, bool) {
			switch name := commandName(command); {
			case name == "insert", name == "update":
				return test.reply, false
			case name == "find" && test.there != nil && command.Lookup("projection").Type != 0:
				batch := bson.A{}
				for id, version := range test.there {
					batch = append(batch, bson.D{{Key: "_id", Value: 1}, {Key: "id", Value: id}, {Key: "version", Value: version}})
				}
				return bson.D{{Key: "ok", Value: 1}, {Key: "cursor", Value: bson.D{{Key: "id", Value: int64(0)}, {Key: "ns", Value: "muster.notes"}, {Key: "firstBatch", Value: batch}}}}, false
			}
			return nil, false
		})
		answers := test.call()
		for i, err := range answers {
			if got := verdict(err); got != test.want[i] {
				t.Errorf("%s: position %d is %s (%v), want %s", test.name, i, got, err, test.want[i])
			}
			if err != nil && strings.Contains(err.Error(), "ada@") {
				t.Errorf("%s: position %d quotes a value: %v", test.name, i, err)
			}
		}
	}
}

// TestNoErrorQuotesValues: reads and migrations say why they failed in words
// that may be logged.
func TestNoErrorQuotesValues(t *testing.T) {
	f := newFake(t, replicaSet)
	db := f.open(t, "")
	c := store.NewCollection[note](db, notes)
	f.answers(func(bson.Raw) (bson.D, bool) {
		return bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: 2}, {Key: "codeName", Value: "BadValue"}, {Key: "errmsg", Value: quoted}}, false
	})
	_, get := c.Get(t.Context(), "genova", "ada@example.org")
	_, count := c.Count(t.Context(), "genova", store.Query{Index: "email", Equal: []any{"ada@example.org"}}, 5)
	for what, err := range map[string]error{
		"get": get, "count": count, "delete": c.Delete(t.Context(), "genova", "ada@example.org"),
		"migrate": db.Migrate(t.Context(), []store.Schema{notes}), "check": db.Check(t.Context(), []store.Schema{notes}),
	} {
		if err == nil || strings.Contains(err.Error(), "ada@") || !strings.Contains(err.Error(), "[2]") {
			t.Errorf("%s: %v", what, err)
		}
	}
	f.answers(func(command bson.Raw) (bson.D, bool) {
		if commandName(command) != "createIndexes" {
			return nil, false
		}
		return bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: 11000}, {Key: "errmsg", Value: quoted}}, false
	})
	if err := db.Migrate(t.Context(), []store.Schema{notes}); !errors.Is(err, store.ErrDuplicate) || strings.Contains(err.Error(), "ada@") {
		t.Errorf("a unique index over duplicates: %v", err)
	}
}

// TestMessages: no command is larger than a server takes, and each part of a
// large insert keeps its own answers.
func TestMessages(t *testing.T) {
	f := newFake(t, replicaSet)
	c := store.NewCollection[note](f.open(t, ""), notes)
	f.sent.taken()
	var calls atomic.Int32
	f.answers(func(command bson.Raw) (bson.D, bool) {
		if calls.Add(1) == 2 {
			return writeErrors(1, map[int]int{1: 11000}), false
		}
		return nil, false
	})
	var docs []*note
	for i := range 5 {
		docs = append(docs, &note{Meta: store.Meta{ID: fmt.Sprint(i)}, Text: strings.Repeat("x", 14<<20)})
	}
	for i, err := range c.Insert(t.Context(), "genova", docs...) {
		if got, want := verdict(err), map[bool]string{true: "duplicate", false: "done"}[i == 3]; got != want {
			t.Errorf("position %d is %s, want %s", i, got, want)
		}
	}
	total := 0
	for _, command := range f.sent.taken() {
		if len(command) > 48_000_000 {
			t.Errorf("a command of %d bytes", len(command))
		}
		total += len(documents(command, "documents"))
	}
	if total != 5 || calls.Load() != 3 {
		t.Errorf("%d documents in %d commands, want 5 in 3", total, calls.Load())
	}
}

// TestNewerFormat: a database of a newer version is left alone.
func TestNewerFormat(t *testing.T) {
	f := newFake(t, replicaSet)
	f.answers(func(command bson.Raw) (bson.D, bool) {
		own := bson.D{{Key: "_id", Value: "store"}, {Key: "format", Value: 2}, {Key: "cursor", Value: make([]byte, 32)}}
		return bson.D{{Key: "ok", Value: 1}, {Key: "cursor", Value: bson.D{{Key: "id", Value: int64(0)}, {Key: "ns", Value: "muster._muster"}, {Key: "firstBatch", Value: bson.A{own}}}}}, false
	})
	if _, err := mongo.Open(t.Context(), mongo.Options{URL: f.url()}); !errors.Is(err, mongo.ErrFormat) {
		t.Errorf("got %v, want ErrFormat", err)
	}
}
