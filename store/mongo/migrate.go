package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/musterhq/muster/store"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
)

// Migrate implements store.Engine. A collection's new indexes are one command
// that makes all or none; the old ones go after it. Stored documents that a new
// Unique index refuses are ErrDuplicate, and the collection stays as it was;
// those named before it have then been migrated. Indexes that it did not make
// stay. It may take as long as the server takes to build an index: give it a
// ctx without a deadline.
func (db *DB) Migrate(ctx context.Context, schemas []store.Schema) error {
	ready, err := db.prepare(schemas)
	if err != nil {
		return err
	}
	for _, c := range ready {
		if err := c.migrate(ctx); err != nil {
			return fmt.Errorf("mongo: migrate %s: %w", c.schema.Name, err)
		}
	}
	db.know(ready)
	return nil
}

// ErrNotMigrated says that what is stored is not indexed as this version declares
// it, and what mends that.
var ErrNotMigrated = errors.New("mongo: the database is not as this version needs it: run `muster migrate` on it once, then start the servers")

// Check says whether Migrate has nothing to do, changing nothing: the collections
// may then be used as after Migrate. Otherwise the error is an ErrNotMigrated that
// says, in one line, how many indexes of which collections are missing, different
// or no longer declared; where they are few, it names them.
func (db *DB) Check(ctx context.Context, schemas []store.Schema) error {
	ready, err := db.prepare(schemas)
	if err != nil {
		return err
	}
	var faults []fault
	for _, c := range ready {
		found, err := c.found(ctx)
		if err != nil {
			return fmt.Errorf("mongo: check %s: %w", c.schema.Name, err)
		}
		faults = append(faults, c.compare(found)...)
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w (%s)", ErrNotMigrated, told(faults))
	}
	db.know(ready)
	return nil
}

// prepare makes schemas ready.
func (db *DB) prepare(schemas []store.Schema) ([]*collection, error) {
	var ready []*collection
	for _, s := range schemas {
		if slices.ContainsFunc(ready, func(c *collection) bool { return c.schema.Name == s.Name }) {
			return nil, fmt.Errorf("%w: collection %s is declared twice", store.ErrQuery, s.Name)
		}
		c, err := db.newCollection(s)
		if err != nil {
			return nil, err
		}
		ready = append(ready, c)
	}
	return ready, nil
}

// know lets calls use collections.
func (db *DB) know(ready []*collection) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, c := range ready {
		db.collections[c.schema.Name] = c
	}
}

// native is an index as the server describes it.
type native struct {
	Name   string `bson:"name"`
	Keys   bson.D `bson:"key"`
	Unique bool   `bson:"unique"`
	Expire *int64 `bson:"expireAfterSeconds"`
	Filter bson.D `bson:"partialFilterExpression"`
}

// found lists the indexes that a collection has; none where there is none.
func (c *collection) found(ctx context.Context) ([]native, error) {
	cursor, err := c.docs.Indexes().List(ctx)
	if hasCode(err, codeNamespaceNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, failure(ctx, err)
	}
	var list []native
	if err := cursor.All(ctx, &list); err != nil {
		return nil, failure(ctx, err)
	}
	return list, nil
}

// fault is one index that is not as declared.
type fault struct{ collection, index, what string }

// fewFaults is how many indexes are named one by one; of more, an operator needs
// to know where they are, not what each is called.
const fewFaults = 3

// told puts faults into words: "9 indexes missing: of people (7), postings (2); 1
// different: notes, index muster1:...".
func told(faults []fault) string {
	var parts []string
	for _, what := range []string{missing, different, undeclared} {
		var indexes, collections []string
		counts := map[string]int{}
		for _, f := range faults {
			if f.what != what {
				continue
			}
			indexes = append(indexes, f.collection+", index "+f.index)
			if counts[f.collection]++; counts[f.collection] == 1 {
				collections = append(collections, f.collection)
			}
		}
		for i, name := range collections {
			collections[i] = fmt.Sprintf("%s (%d)", name, counts[name])
		}
		switch n := len(indexes); {
		case n == 0:
		case n <= fewFaults:
			parts = append(parts, fmt.Sprintf("%d %s: %s", n, what, strings.Join(indexes, " and ")))
		default:
			parts = append(parts, fmt.Sprintf("%d indexes %s: of %s", n, what, strings.Join(collections, ", ")))
		}
	}
	return strings.Join(parts, "; ")
}

const (
	missing    = "missing"
	different  = "different"
	undeclared = "no longer declared"
)

func (c *collection) compare(found []native) []fault {
	var faults []fault
	for i := range c.indexes {
		x := &c.indexes[i]
		at := slices.IndexFunc(found, func(n native) bool { return n.Name == x.Name })
		switch {
		case at < 0:
			faults = append(faults, fault{c.schema.Name, x.Name, missing})
		case !x.is(found[at]):
			faults = append(faults, fault{c.schema.Name, x.Name, different})
		}
	}
	for _, n := range found {
		if strings.HasPrefix(n.Name, ours) && !slices.ContainsFunc(c.indexes, func(x Index) bool { return x.Name == n.Name }) {
			faults = append(faults, fault{c.schema.Name, n.Name, undeclared})
		}
	}
	return faults
}

// is says whether a native index is this one.
func (x *Index) is(n native) bool {
	keys := make([]string, len(n.Keys))
	for i, key := range n.Keys {
		keys[i] = key.Key
		if direction, ok := number(key.Value); !ok || direction != 1 {
			return false
		}
	}
	return slices.Equal(keys, x.Keys) && n.Unique == x.Unique && (n.Expire != nil) == x.Expire &&
		(n.Expire == nil || *n.Expire == 0) && fmt.Sprint(n.Filter) == fmt.Sprint(x.filter)
}

func number(value any) (int64, bool) {
	switch v := value.(type) {
	case int32:
		return int64(v), true
	case int64:
		return v, true
	case float64:
		return int64(v), true
	}
	return 0, false
}

func (c *collection) migrate(ctx context.Context) error {
	// A collection is made by name, so that one without indexes can be sharded.
	if err := c.docs.Database().CreateCollection(ctx, c.schema.Name); err != nil && !hasCode(err, codeNamespaceExists) {
		return failure(ctx, err)
	}
	found, err := c.found(ctx)
	if err != nil {
		return err
	}
	var fresh []driver.IndexModel
	var stale []string
	for _, fault := range c.compare(found) {
		at := slices.IndexFunc(c.indexes, func(x Index) bool { return x.Name == fault.index })
		if fault.what == different { // somebody made another index under our name: it cannot stand beside ours
			if err := c.drop(ctx, fault.index); err != nil {
				return err
			}
		}
		if fault.what == undeclared {
			stale = append(stale, fault.index)
		} else {
			fresh = append(fresh, c.indexes[at].model())
		}
	}
	if len(fresh) > 0 {
		if _, err := c.docs.Indexes().CreateMany(ctx, fresh); duplicate(err) {
			return fmt.Errorf("%w: a Unique index finds documents that are equal", store.ErrDuplicate)
		} else if err != nil {
			return failure(ctx, err)
		}
	}
	for _, name := range stale {
		if err := c.drop(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (c *collection) drop(ctx context.Context, name string) error {
	if err := c.docs.Indexes().DropOne(ctx, name); err != nil && !hasCode(err, codeIndexNotFound) {
		return failure(ctx, err)
	}
	return nil
}
