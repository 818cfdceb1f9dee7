package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/mongo"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// everything calls every method of the engine once or twice.
func everything(t *testing.T, ctx context.Context, db *mongo.DB) { //nolint:revive // ctx is what varies
	t.Helper()
	c := store.NewCollection[note](db, notes)
	e := store.NewCollection[entry](db, entries)
	for what, err := range map[string]error{
		"insert":          c.InsertOne(ctx, "genova", &note{Meta: store.Meta{ID: "a"}}),
		"insert an entry": e.InsertOne(ctx, "genova", &entry{Meta: store.Meta{ID: "ada/1"}, Account: "ada", N: 1}),
		"delete":          c.Delete(ctx, "genova", "a", "b"),
		"delete one":      e.Delete(ctx, "genova", "ada/1"),
		"set":             c.SetMany(ctx, "genova", []store.Set{{ID: "a", Version: 1, Fields: map[string]any{"n": 2, "text": nil}}})[0],
		"replace":         db.Replace(ctx, &entries, "genova", "ada/1", 1, encoded(t, &entry{Account: "ada", N: 1})),
		"load":            db.Load(ctx, &notes, []store.Raw{{Campaign: "genova", ID: "a", Version: 7, Body: encoded(t, &note{})}})[0],
	} {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for _, q := range []store.Query{
		{Index: "owner", Equal: []any{"ada"}},
		{Index: "owner", Equal: []any{"ada"}, From: 3, Desc: true, Where: []store.Cond{{Field: "text", Value: "x"}}},
		{Index: "tags", Equal: []any{"door"}},
		{Index: "email", Equal: []any{"ada@example.org"}},
	} {
		if _, err := c.Find(ctx, "genova", q); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Count(ctx, "genova", q, 10); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Find(ctx, store.Everywhere, store.Query{Index: "owner", Equal: []any{"ada"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.GetMany(ctx, "genova", []string{"ada/1", "bea/1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Walk(ctx, &notes, "", 10); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Now(ctx); err != nil {
		t.Fatal(err)
	}
	if err := db.Check(ctx, []store.Schema{{Name: "bare"}}); err != nil {
		t.Fatal(err)
	}
}

func encoded(t *testing.T, doc any) bson.Raw {
	t.Helper()
	raw, err := bson.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// crossings are the queries of everything that name no campaign.
func crossings(hint string) bool {
	return hint == "_id_" || hint == "muster1:owner,n,campaign,id:owner:n" // Walk, Everywhere
}

// TestOptionsSent: whatever the deployment is and whatever the URL says, what
// goes over the wire is what durability needs.
func TestOptionsSent(t *testing.T) {
	const weak = "?w=1&journal=false&readPreference=secondary&readConcernLevel=local&retryWrites=false&retryReads=false&timeoutMS=90000"
	for _, c := range []struct {
		name, query string
		kind        bson.D
		retryable   bool // the server can take a write twice and do it once
	}{
		{"replica set", "", replicaSet, true},
		{"replica set, weaker by its URL", weak, replicaSet, true},
		{"mongos", "", mongos, true},
		{"standalone", "", standalone, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.kind)
			db := f.open(t, c.query)
			opening := f.sent.taken()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			everything(t, ctx, db)
			limited := f.sent.taken()
			everything(t, t.Context(), db)
			seen := map[string]bool{}
			for i, command := range slices.Concat(limited, f.sent.taken(), opening) {
				for _, fault := range faults(command, crossings) {
					t.Errorf("%s\n%s", fault, command)
				}
				name := commandName(command)
				seen[name] = true
				// One update or insert may be sent again under its number, a
				// delete of several may not.
				_, numbered := command.Lookup("txnNumber").Int64OK()
				if want := c.retryable && (name == "insert" || name == "update"); numbered != want {
					t.Errorf("%s: numbered for a retry %t, want %t", name, numbered, want)
				}
				// The driver sends the caller's time along, but for cursors, which
				// outlive a command; ours read a bounded number of documents.
				ms, _ := command.Lookup("maxTimeMS").AsInt64OK()
				cursor := name == "find" || name == "listIndexes"
				if i < len(limited) && !cursor && (ms <= 0 || ms > 30_000) {
					t.Errorf("%s: maxTimeMS %d is not what is left of the caller's 30 s", name, ms)
				} else if i >= len(limited) && ms != 0 {
					t.Errorf("%s: maxTimeMS %d, and the caller set no limit", name, ms)
				}
			}
			for _, name := range []string{"find", "aggregate", "insert", "update", "delete", "listIndexes", "createIndexes", "create"} {
				if !seen[name] {
					t.Errorf("no %s was sent", name)
				}
			}
		})
	}
}

// TestRetryOnce: a reply that is lost is asked for again under the same number
// where the server numbers writes; where it does not, the outcome is unknown and
// no answer says otherwise.
func TestRetryOnce(t *testing.T) {
	for _, c := range []struct {
		name      string
		kind      bson.D
		retryable bool
	}{{"replica set", replicaSet, true}, {"standalone", standalone, false}} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.kind)
			db := f.open(t, "")
			f.sent.taken()
			var lost atomic.Bool // the second try comes by another connection
			f.answers(func(command bson.Raw) (bson.D, bool) {
				return nil, commandName(command) == "insert" && !lost.Swap(true)
			})
			err := store.NewCollection[note](db, notes).InsertOne(t.Context(), "genova", &note{Meta: store.Meta{ID: "a"}})
			var numbers []int64
			for _, command := range f.sent.taken() {
				n, _ := command.Lookup("txnNumber").Int64OK()
				numbers = append(numbers, n)
			}
			switch {
			case c.retryable && (err != nil || len(numbers) != 2 || numbers[0] != numbers[1]):
				t.Errorf("%v after writes numbered %v; want nil after the same one twice", err, numbers)
			case !c.retryable && (err == nil || errors.Is(err, store.ErrDuplicate) || errors.Is(err, store.ErrChanged) || len(numbers) != 1):
				t.Errorf("%v after %d writes; want an unknown outcome after one", err, len(numbers))
			}
		})
	}
}

// TestContextEnds: a server that does not answer holds nobody longer than their
// ctx.
func TestContextEnds(t *testing.T) {
	f := newFake(t, replicaSet)
	db := f.open(t, "")
	c := store.NewCollection[note](db, notes)
	for name, call := range map[string]func(context.Context) error{
		"insert": func(ctx context.Context) error { return c.InsertOne(ctx, "genova", &note{Meta: store.Meta{ID: "a"}}) },
		"find":   func(ctx context.Context) error { _, err := c.Get(ctx, "genova", "a"); return err },
		"update": func(ctx context.Context) error {
			return c.SetMany(ctx, "genova", []store.Set{{ID: "a", Version: 1, Fields: map[string]any{"n": 1}}})[0]
		},
		"delete": func(ctx context.Context) error { return c.Delete(ctx, "genova", "a") },
		"aggregate": func(ctx context.Context) error {
			_, err := c.Count(ctx, "genova", store.Query{Index: "owner", Equal: []any{"a"}}, 5)
			return err
		},
	} {
		arrived := make(chan struct{}, 10)
		wait := f.never(name)
		f.answers(func(command bson.Raw) (bson.D, bool) {
			if commandName(command) == name {
				arrived <- struct{}{}
			}
			return wait(command)
		})
		ctx, cancel := context.WithCancel(t.Context())
		answer := make(chan error, 1)
		go func() { answer <- call(ctx) }()
		<-arrived
		cancel()
		select {
		case err := <-answer:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s, cancelled: %v", name, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s did not return when its ctx was cancelled", name)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, too late: %v", name, err)
		}
		cancel()
	}
}

func TestCheckURL(t *testing.T) {
	for url, good := range map[string]bool{
		"mongodb://db.example.org":                                  true,
		"mongodb://a:27017,b:27018/muster?replicaSet=rs0":           true,
		"mongodb+srv://muster:secret@cluster.example.org/m":         true,
		"mongodb://muster:secret@db.example.org/m?authSource=admin": true,
		"":                                 false,
		"db.example.org":                   false,
		"redis://secret@db.example.org":    false,
		"mongodb://":                       false,
		"mongodb://muster:sec/ret@db":      false,
		"mongodb://muster:secret@db:70000": false,
		"mongodb://muster:secret@db/m?connectTimeoutMS=secret": false,
	} {
		err := mongo.CheckURL(url)
		if (err == nil) != good {
			t.Errorf("%s: %v", url, err)
		}
		if good {
			continue
		}
		_, opened := mongo.Open(t.Context(), mongo.Options{URL: url})
		for _, err := range []error{err, opened} {
			if !errors.Is(err, mongo.ErrBadURL) || strings.Contains(err.Error(), "sec") {
				t.Errorf("%s: %v", url, err)
			}
		}
	}
}

// TestNobodyThere: why no server answered is said without the password.
func TestNobodyThere(t *testing.T) {
	f := newFake(t, standalone)
	address := f.listener.Addr().String()
	_ = f.listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := mongo.Open(ctx, mongo.Options{URL: "mongodb://muster:hunter2@" + address + "/muster"})
	if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), "hunter2") {
		t.Errorf("got %v", err)
	}
}

// TestUnavailable: a server that is gone, or on its way out, is not a failure like
// another: whoever asked may ask again, and callers can tell.
func TestUnavailable(t *testing.T) {
	f := newFake(t, standalone)
	c := store.NewCollection[note](f.open(t, ""), notes)
	calls := map[string]func(context.Context) error{
		"get":    func(ctx context.Context) error { _, err := c.Get(ctx, "genova", "a"); return err },
		"insert": func(ctx context.Context) error { return c.InsertOne(ctx, "genova", &note{Meta: store.Meta{ID: "a"}}) },
		"delete": func(ctx context.Context) error { return c.Delete(ctx, "genova", "a") },
	}
	says := func(code int) func(bson.Raw) (bson.D, bool) {
		return func(bson.Raw) (bson.D, bool) {
			return bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: code}, {Key: "errmsg", Value: quoted}}, false
		}
	}
	cut := func(bson.Raw) (bson.D, bool) { return nil, true }
	for name, call := range calls {
		f.answers(cut)
		if err := call(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s, cut: %v", name, err)
		}
		f.answers(says(2))
		if err := call(t.Context()); err == nil || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s, refused: %v", name, err)
		}
	}
	f.answers(cut)
	var crowd sync.WaitGroup // one whose connection breaks takes the others' along
	for range 50 {
		crowd.Go(func() {
			for range 2 {
				if err := calls["get"](t.Context()); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("one of many, cut: %v", err)
				}
			}
		})
	}
	crowd.Wait()
	for _, code := range []int{189, 10107, 11600} { // steps down, no primary, shuts down
		f.answers(says(code))
		if err := calls["get"](t.Context()); !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "ada@") {
			t.Errorf("code %d: %v", code, err)
		}
	}
	f.answers(cut)
	_ = f.listener.Close()
	for name, call := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := call(ctx); !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, gone: %v", name, err)
		}
		cancel()
	}
}
