package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/musterhq/muster/store"
)

// layout names the form of the tables and keys; a change of either makes a new
// one, and with it every index is built anew.
const layout = "1 "

// Migrate implements store.Engine. It is one transaction: it happens whole or
// not at all. An index whose declaration has changed is built anew, one that is
// no longer declared is dropped. Stored documents that a new Unique index
// refuses are ErrDuplicate.
func (db *DB) Migrate(ctx context.Context, schemas []store.Schema) error {
	ready := make(map[string]*collection, len(schemas))
	for _, s := range schemas {
		c, err := newCollection(s)
		if err != nil {
			return err
		}
		if ready[s.Name] != nil {
			return fmt.Errorf("%w: collection %s is declared twice", store.ErrQuery, s.Name)
		}
		ready[s.Name] = c
	}
	err := db.writer.do(ctx, 0, func(t *tx) (answer, err error) {
		for _, s := range schemas {
			if err := t.migrate(ctx, ready[s.Name]); err != nil {
				return nil, fmt.Errorf("migrate %s: %w", s.Name, err)
			}
		}
		return nil, nil
	})
	if err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	for name, c := range ready {
		db.collections[name] = c
	}
	return nil
}

func (t *tx) migrate(ctx context.Context, c *collection) error {
	for _, text := range []string{
		`CREATE TABLE IF NOT EXISTS _index (collection TEXT, name TEXT, declared TEXT NOT NULL, PRIMARY KEY (collection, name)) STRICT, WITHOUT ROWID`,
		`CREATE TABLE IF NOT EXISTS ` + c.docs + ` (n INTEGER PRIMARY KEY, campaign TEXT NOT NULL, id TEXT NOT NULL,
			version INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (campaign, id)) STRICT`,
	} {
		if err := t.define(text); err != nil {
			return err
		}
	}
	stored, err := t.declared(c.schema.Name)
	if err != nil {
		return err
	}
	fresh := map[*table]bool{}
	for i := range c.indexes {
		x := &c.indexes[i]
		was, ok := stored[x.Name]
		delete(stored, x.Name)
		if ok && was == layout+x.declared {
			continue
		}
		if err := t.drop(c.schema.Name, x.Name); err != nil {
			return err
		}
		if err := t.create(c.schema.Name, x); err != nil {
			return err
		}
		for _, table := range x.tables() {
			fresh[table] = true
		}
	}
	for name := range stored {
		if err := t.drop(c.schema.Name, name); err != nil {
			return err
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return t.backfill(ctx, c, fresh)
}

// define runs a statement that is not worth keeping prepared.
func (t *tx) define(text string, args ...any) error {
	_, err := t.conn.ExecContext(context.Background(), text, args...)
	return err
}

// declared reads the indexes that a collection has, by name.
func (t *tx) declared(collection string) (map[string]string, error) {
	found := map[string]string{}
	err := t.query(`SELECT name, declared FROM _index WHERE collection = ?`, []any{collection}, func(rows *sql.Rows) error {
		var name, declared string
		err := rows.Scan(&name, &declared)
		found[name] = declared
		return err
	})
	return found, err
}

func (t *tx) drop(collection, name string) error {
	for _, suffix := range []string{"", ".across", ".expiry"} {
		if err := t.define(`DROP TABLE IF EXISTS ` + quoted(collection+"."+name+suffix)); err != nil {
			return err
		}
	}
	return t.define(`DELETE FROM _index WHERE collection = ? AND name = ?`, collection, name)
}

func (t *tx) create(collection string, x *index) error {
	for _, table := range x.tables() {
		if err := t.define(`CREATE TABLE ` + table.name + ` (k BLOB PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID`); err != nil {
			return err
		}
	}
	return t.define(`INSERT INTO _index VALUES (?, ?, ?)`, collection, x.Name, layout+x.declared)
}

// stored is a document with its number, as backfill reads it.
type stored struct {
	n            int64
	campaign, id string
	body         []byte
}

// backfill enters what is stored into the tables that are new.
func (t *tx) backfill(ctx context.Context, c *collection, fresh map[*table]bool) error {
	after := int64(-1)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		docs, err := t.after(c, after)
		if err != nil || len(docs) == 0 {
			return err
		}
		for _, doc := range docs {
			rows, err := c.entries(doc.campaign, doc.id, doc.body)
			if err != nil {
				return fmt.Errorf("document number %d: %w", doc.n, err)
			}
			var missing []entry
			for _, e := range rows {
				if fresh[e.table] {
					missing = append(missing, e)
				}
			}
			if err := t.enter(doc.n, missing); err != nil {
				return fmt.Errorf("document number %d: %w", doc.n, err)
			}
			after = doc.n
		}
	}
}

func (t *tx) after(c *collection, n int64) ([]stored, error) {
	var docs []stored
	err := t.query(c.after, []any{n}, func(rows *sql.Rows) error {
		var d stored
		err := rows.Scan(&d.n, &d.campaign, &d.id, &d.body)
		docs = append(docs, d)
		return err
	})
	return docs, err
}
