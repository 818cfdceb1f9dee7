package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/order"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// row is a document as the writer reads it.
type row struct {
	n       int64
	version int64
	body    []byte
}

// refusal parts an error: what refuses one document and left nothing behind,
// which is an answer, and what fails the transaction.
func refusal(err error) (answer, fault error) {
	for _, kind := range []error{store.ErrDuplicate, store.ErrChanged, store.ErrNotFound, store.ErrQuery} {
		if errors.Is(err, kind) {
			return err, nil
		}
	}
	return nil, err
}

// positions runs a write that answers by position. each is called in the
// writer for every position that holds no answer yet.
func (db *DB) positions(ctx context.Context, answers []error, bytes int, each func(t *tx, i int) error) []error {
	var found []error // the writer's own: the caller may leave before it is done
	first := slices.Clone(answers)
	err := db.writer.do(ctx, bytes, func(t *tx) (answer, err error) {
		list := slices.Clone(first)
		for i := range list {
			if list[i] != nil {
				continue
			}
			if list[i], err = refusal(each(t, i)); err != nil {
				return nil, err
			}
		}
		found = list
		return nil, nil
	})
	if err == nil {
		return found
	}
	for i := range answers {
		if answers[i] == nil {
			answers[i] = err
		}
	}
	return answers
}

// Insert implements store.Engine.
func (db *DB) Insert(ctx context.Context, s *store.Schema, campaign string, docs []store.Raw) []error {
	answers := make([]error, len(docs))
	c, err := db.collection(s)
	if err == nil {
		err = store.CheckScope(campaign)
	}
	if err == nil && len(docs) > store.MaxBatch {
		err = store.ErrTooMany
	}
	if err != nil {
		for i := range answers {
			answers[i] = err
		}
		return answers
	}
	if len(docs) == 0 {
		return answers
	}
	bytes := 0
	rows := make([][]entry, len(docs))
	for i, doc := range docs {
		bytes += len(doc.Body)
		if answers[i] = store.CheckIDs(doc.ID); answers[i] != nil {
			continue
		}
		if doc.Campaign != campaign {
			answers[i] = fmt.Errorf("%w: a document of campaign %q inserted into %q", store.ErrQuery, doc.Campaign, campaign)
			continue
		}
		if answers[i] = order.CheckShard(s, doc.ID, doc.Body); answers[i] != nil {
			continue
		}
		rows[i], answers[i] = c.entries(campaign, doc.ID, doc.Body)
	}
	return db.positions(ctx, answers, bytes, func(t *tx, i int) error {
		doc := docs[i]
		doc.Version = 1
		return t.insert(c, doc, rows[i])
	})
}

func (t *tx) insert(c *collection, doc store.Raw, rows []entry) error {
	result, err := t.exec(c.insert, doc.Campaign, doc.ID, doc.Version, []byte(doc.Body))
	if err != nil {
		return err
	}
	if inserted, err := result.RowsAffected(); err != nil || inserted == 0 {
		return cmp.Or(err, fmt.Errorf("%w: id in %s", store.ErrDuplicate, c.schema.Name))
	}
	n, err := result.LastInsertId()
	if err != nil {
		return err
	}
	err = t.enter(n, rows)
	if errors.Is(err, store.ErrDuplicate) {
		if _, err := t.exec(c.remove, n); err != nil {
			return err
		}
	}
	return err
}

// enter writes index entries. If a unique one exists it is ErrDuplicate, and
// none is left: they are undone by hand because a savepoint for each document
// would cost nearly as much as the document.
func (t *tx) enter(n int64, rows []entry) error {
	for i, e := range rows {
		fresh, err := t.changed(e.table.insert, e.key, n)
		if err != nil {
			return err
		}
		if !fresh {
			return cmp.Or(t.leave(rows[:i]), fmt.Errorf("%w: index %s", store.ErrDuplicate, e.table.name))
		}
	}
	return nil
}

func (t *tx) leave(rows []entry) error {
	for _, e := range rows {
		if _, err := t.exec(e.table.remove, e.key); err != nil {
			return err
		}
	}
	return nil
}

// find reads a document, ErrNotFound if there is none.
func (t *tx) find(c *collection, campaign, id string) (row, error) {
	var r row
	found, err := t.row(c.lookup, campaign, id)
	if err != nil {
		return r, err
	}
	if err := found.Scan(&r.n, &r.version, &r.body); errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("%w: %s", store.ErrNotFound, c.schema.Name)
	} else if err != nil {
		return r, err
	}
	return r, nil
}

// replace writes a document anew if it has the version.
func (t *tx) replace(c *collection, campaign, id string, version int64, change func(old []byte) ([]byte, error)) error {
	old, err := t.find(c, campaign, id)
	if err != nil {
		return err
	}
	if old.version != version {
		return fmt.Errorf("%w: %s at version %d, not %d", store.ErrChanged, c.schema.Name, old.version, version)
	}
	body, err := change(old.body)
	if err != nil {
		return err
	}
	after, err := c.entries(campaign, id, body)
	if err != nil {
		return err
	}
	return t.rewrite(c, old, store.Raw{Campaign: campaign, ID: id, Version: version + 1, Body: body}, after)
}

// rewrite puts a document in the place of the old one, with those of its
// entries, after, that differ.
func (t *tx) rewrite(c *collection, old row, doc store.Raw, after []entry) error {
	t.written = append(t.written, recentKey(c, doc.Campaign, doc.ID))
	before, err := c.entries(doc.Campaign, doc.ID, old.body)
	if err != nil {
		return err
	}
	if err := t.enter(old.n, without(after, before)); err != nil { // first, because only this refuses
		return err
	}
	if err := t.leave(without(before, after)); err != nil {
		return err
	}
	_, err = t.exec(c.update, doc.Version, []byte(doc.Body), old.n)
	return err
}

// without gives the entries of list that are not in other.
func without(list, other []entry) []entry {
	if slices.EqualFunc(list, other, entry.equal) {
		return nil
	}
	type place struct {
		table *table
		key   string
	}
	held := make(map[place]bool, len(other))
	for _, e := range other {
		held[place{e.table, string(e.key)}] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(e entry) bool { return held[place{e.table, string(e.key)}] })
}

// Replace implements store.Engine.
func (db *DB) Replace(ctx context.Context, s *store.Schema, campaign, id string, version int64, body bson.Raw) error {
	c, err := db.checked(s, campaign, id)
	if err != nil {
		return err
	}
	if err := order.CheckShard(s, id, body); err != nil {
		return err
	}
	if _, err := c.entries(campaign, id, body); err != nil {
		return err
	}
	return db.writer.do(ctx, len(body), func(t *tx) (answer, err error) {
		return refusal(t.replace(c, campaign, id, version, func([]byte) ([]byte, error) { return body, nil }))
	})
}

// checked gives the collection for a call that names a campaign and ids.
func (db *DB) checked(s *store.Schema, campaign string, ids ...string) (*collection, error) {
	c, err := db.collection(s)
	if err != nil {
		return nil, err
	}
	if err := store.CheckScope(campaign); err != nil {
		return nil, err
	}
	return c, store.CheckIDs(ids...)
}

// change is one field to set.
type change struct {
	path  order.Path
	value bsoncore.Value
}

// SetMany implements store.Engine.
func (db *DB) SetMany(ctx context.Context, s *store.Schema, campaign string, sets []store.Set) []error {
	answers := make([]error, len(sets))
	c, err := db.checked(s, campaign)
	if err == nil && len(sets) > store.MaxBatch {
		err = store.ErrTooMany
	}
	changes := make([][]change, len(sets))
	for i, set := range sets {
		if err != nil {
			answers[i] = err
		} else if answers[i] = store.CheckIDs(set.ID); answers[i] == nil {
			changes[i], answers[i] = c.changes(set)
		}
	}
	if err != nil || len(sets) == 0 {
		return answers
	}
	sets = slices.Clone(sets) // the caller may leave, and reuse its own, before the writer is done
	return db.positions(ctx, answers, 0, func(t *tx, i int) error {
		set := sets[i]
		return t.replace(c, campaign, set.ID, set.Version, func(old []byte) ([]byte, error) { return apply(old, changes[i]) })
	})
}

// changes encodes the fields of a Set, and the version that they lead to.
func (c *collection) changes(set store.Set) ([]change, error) {
	version, err := order.Marshal(set.Version + 1)
	if err != nil {
		return nil, err
	}
	list := []change{{order.NewPath("version"), version}}
	for field, value := range set.Fields {
		p, ok := c.set[field]
		if !ok {
			return nil, fmt.Errorf("%w: %s does not declare %q in Set", store.ErrQuery, c.schema.Name, field)
		}
		v, err := order.Marshal(value)
		if err != nil {
			return nil, err
		}
		list = append(list, change{p, v})
	}
	return list, nil
}

func apply(body []byte, changes []change) ([]byte, error) {
	for _, ch := range changes {
		var err error
		if body, err = ch.path.Set(body, ch.value); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// Delete implements store.Engine.
func (db *DB) Delete(ctx context.Context, s *store.Schema, campaign string, ids []string) (int, error) {
	c, err := db.checked(s, campaign, ids...)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	ids = slices.Clone(ids)
	var removed int
	err = db.writer.do(ctx, 0, func(t *tx) (answer, err error) {
		count := 0
		for _, id := range ids {
			gone, err := t.delete(c, campaign, id)
			if err != nil {
				return nil, err
			}
			if gone {
				count++
			}
		}
		removed = count
		return nil, nil
	})
	if err != nil {
		return 0, err // removed may still be written to
	}
	return removed, nil
}

// delete removes a document and its entries, if it is there.
func (t *tx) delete(c *collection, campaign, id string) (bool, error) {
	old, err := t.find(c, campaign, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	t.written = append(t.written, recentKey(c, campaign, id))
	rows, err := c.entries(campaign, id, old.body)
	if err != nil {
		return false, err
	}
	if err := t.leave(rows); err != nil {
		return false, err
	}
	_, err = t.exec(c.remove, old.n)
	return true, err
}
