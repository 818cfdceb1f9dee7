package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/order"
)

// every is how often Run looks for what has expired: twice in the minute that
// store.Index promises.
const every = 30 * time.Second

// expireBatch bounds one transaction of an expiry, so that other writes get in
// between.
const expireBatch = 200

// Run deletes expired documents, at once and then every 30 seconds, until ctx
// ends, and returns nil then. Until its deletion an expired document is still
// read: who must not see it compares the time too. A failure is logged and
// tried again.
func (db *DB) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if _, err := db.Expire(ctx); err != nil && ctx.Err() == nil {
			db.log.ErrorContext(ctx, "expired documents could not be deleted", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Expire deletes what has expired by the clock now and says how many documents
// that were.
func (db *DB) Expire(ctx context.Context) (int, error) {
	now := order.AppendTime(nil, db.clock.Now().UnixMilli()+1) // a time that is now has passed
	total := 0
	for _, c := range db.migrated() {
		for i := range c.indexes {
			if !c.indexes[i].Expire {
				continue
			}
			for more := true; more; {
				removed, err := db.expire(ctx, c, &c.indexes[i].expiry, now)
				if err != nil {
					return total, fmt.Errorf("sqlite: expire %s: %w", c.schema.Name, err)
				}
				total += removed
				more = removed == expireBatch
			}
		}
	}
	return total, nil
}

func (db *DB) migrated() []*collection {
	db.mu.RLock()
	defer db.mu.RUnlock()
	list := make([]*collection, 0, len(db.collections))
	for _, c := range db.collections {
		list = append(list, c)
	}
	return list
}

// expire deletes up to expireBatch documents whose time is below the key. It
// finds them in the writer's transaction, so none can have been prolonged.
func (db *DB) expire(ctx context.Context, c *collection, t *table, below []byte) (int, error) {
	waiting := 0
	err := db.query(ctx, t.count, []any{[]byte{0x00}, below, 1}, func(rows *sql.Rows) (bool, error) {
		return false, rows.Scan(&waiting)
	})
	if err != nil || waiting == 0 {
		return 0, err
	}
	var removed int
	err = db.writer.do(ctx, 0, func(tx *tx) (answer, err error) {
		docs, err := tx.expired(t, below)
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			if _, err := tx.delete(c, doc.Campaign, doc.ID); err != nil {
				return nil, err
			}
		}
		removed = len(docs)
		return nil, nil
	})
	if err != nil {
		return 0, err // removed may still be written to
	}
	return removed, nil
}

func (t *tx) expired(expiry *table, below []byte) ([]store.Raw, error) {
	var docs []store.Raw
	err := t.query(expiry.below, []any{below, expireBatch}, func(rows *sql.Rows) error {
		var d store.Raw
		err := rows.Scan(&d.Campaign, &d.ID)
		docs = append(docs, d)
		return err
	})
	return docs, err
}
