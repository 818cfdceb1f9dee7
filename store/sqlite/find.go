package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/order"
)

// Get implements store.Engine.
func (db *DB) Get(ctx context.Context, s *store.Schema, campaign string, ids []string) ([]store.Raw, error) {
	c, err := db.checked(s, campaign, ids...)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sqlite: read %s: %w", c.schema.Name, err)
	}
	if len(ids) == 1 {
		return db.getOne(ctx, c, campaign, ids[0])
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	docs := make([]store.Raw, 0, len(ids))
	var missing []string
	writes := map[string]uint64{}
	for _, id := range ids {
		doc, n, ok := db.recent.get(recentKey(c, campaign, id))
		if ok {
			docs = append(docs, doc)
			continue
		}
		missing, writes[id] = append(missing, id), n
	}
	if len(missing) == 0 {
		return docs, nil
	}
	list, err := json.Marshal(missing)
	if err != nil {
		return nil, fmt.Errorf("sqlite: encode ids: %w", err)
	}
	err = db.query(ctx, c.lookupMany, []any{string(list), campaign}, func(rows *sql.Rows) (bool, error) {
		doc := store.Raw{Campaign: campaign}
		err := rows.Scan(&doc.ID, &doc.Version, (*[]byte)(&doc.Body))
		if err == nil {
			db.recent.put(recentKey(c, campaign, doc.ID), writes[doc.ID], doc)
			docs = append(docs, doc)
		}
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return docs, nil
}

func (db *DB) getOne(ctx context.Context, c *collection, campaign, id string) ([]store.Raw, error) {
	key := recentKey(c, campaign, id)
	doc, writes, ok := db.recent.get(key)
	if ok {
		return []store.Raw{doc}, nil
	}
	statement, err := db.statement(ctx, c.lookup) //nolint:sqlclosecheck // prepared once, kept
	if err != nil {
		return nil, err
	}
	doc = store.Raw{Campaign: campaign, ID: id}
	var n int64
	err = statement.QueryRowContext(ctx, campaign, id).Scan(&n, &doc.Version, (*[]byte)(&doc.Body))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sqlite: read %s: %w", c.schema.Name, db.failure(ctx, err))
	}
	db.recent.put(key, writes, doc)
	return []store.Raw{doc}, nil
}

// query calls each for the rows of a read until it answers false.
func (db *DB) query(ctx context.Context, text string, args []any, each func(*sql.Rows) (bool, error)) error {
	statement, err := db.statement(ctx, text) //nolint:sqlclosecheck // prepared once, kept
	if err != nil {
		return fmt.Errorf("sqlite: read: %w", err)
	}
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return fmt.Errorf("sqlite: read: %w", db.failure(ctx, err))
	}
	if err := drain(rows, each); err != nil {
		return fmt.Errorf("sqlite: read: %w", db.failure(ctx, err))
	}
	return nil
}

// drain calls each for rows until it answers false, and closes them.
func drain(rows *sql.Rows, each func(*sql.Rows) (bool, error)) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if more, err := each(rows); err != nil || !more {
			return err
		}
	}
	return rows.Err()
}

// plan is a query made ready: a range of keys in one table, and what filters
// within it.
type plan struct {
	index   *index
	table   *table
	low     []byte // inclusive
	high    []byte // exclusive
	filters order.Filters
	desc    bool
	limit   int
	purpose []byte // what a cursor of this query is bound to
}

func (db *DB) plan(s *store.Schema, campaign string, q store.Query) (*plan, error) {
	c, err := db.collection(s)
	if err != nil {
		return nil, err
	}
	if _, err := c.schema.Anchor(campaign, &q); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(c.indexes, func(x index) bool { return x.Name == q.Index })
	p := &plan{index: &c.indexes[at], desc: q.Desc, limit: q.Limit}
	p.table = &p.index.own
	var prefix []byte
	if campaign == store.Everywhere {
		p.table = &p.index.across
	} else {
		prefix = order.AppendString(prefix, campaign)
	}
	for _, value := range q.Equal {
		if prefix, err = order.AppendGo(prefix, value); err != nil {
			return nil, err
		}
	}
	if err := p.bound(prefix, q.From, q.To); err != nil {
		return nil, err
	}
	if p.filters, err = order.NewFilters(q.Where); err != nil {
		return nil, err
	}
	p.purpose = fmt.Appendf(nil, "%s\x00%s\x00%t\x00%s", p.table.name, p.index.declared, q.Desc, prefix)
	return p, p.resume(db, q.After)
}

// bound sets the range: everything that begins with prefix, cut by From and To,
// which reach only values of their own type.
func (p *plan) bound(prefix []byte, from, to any) error {
	// No key begins with 0x00 or 0xFF, so these bounds hold for an empty prefix
	// too, and an entry that is the prefix itself lies between them.
	p.low, p.high = slices.Clone(prefix), append(slices.Clone(prefix), 0xFF)
	if len(prefix) == 0 {
		p.low = []byte{0x00}
	}
	var err error
	if from != nil {
		if p.low, err = order.AppendGo(slices.Clone(prefix), from); err != nil {
			return err
		}
		p.high = append(slices.Clone(prefix), p.low[len(prefix)]+1)
	}
	if to != nil {
		if p.high, err = order.AppendGo(slices.Clone(prefix), to); err != nil {
			return err
		}
		kind := p.high[len(prefix)]
		if from == nil {
			p.low = append(slices.Clone(prefix), kind)
		} else if p.low[len(prefix)] != kind {
			return fmt.Errorf("%w: From and To are of different types", store.ErrQuery)
		}
	}
	return nil
}

// resume moves the range past the cursor.
func (p *plan) resume(db *DB, after string) error {
	if after == "" {
		return nil
	}
	key, err := db.cursor.Open(after, p.purpose)
	if err != nil {
		return err
	}
	if p.desc {
		if bytes.Compare(key, p.high) < 0 {
			p.high = key
		}
		return nil
	}
	key = append(key, 0x00) // the least key above it
	if bytes.Compare(key, p.low) > 0 {
		p.low = key
	}
	return nil
}

// Find implements store.Engine.
func (db *DB) Find(ctx context.Context, s *store.Schema, campaign string, q store.Query) (store.RawPage, error) {
	p, err := db.plan(s, campaign, q)
	if err != nil {
		return store.RawPage{}, err
	}
	text := p.table.asc
	if p.desc {
		text = p.table.desc
	}
	bound := p.limit
	if len(p.filters) > 0 {
		bound *= store.Examined
	}
	var page store.RawPage
	var last []byte
	examined := 0
	// One row more than may be examined tells whether there is a next page.
	err = db.query(ctx, text, []any{p.low, p.high, bound + 1}, func(rows *sql.Rows) (bool, error) {
		if examined == bound || len(page.Docs) == p.limit {
			page.Next = db.cursor.Cursor(last, p.purpose)
			return false, nil
		}
		examined++
		var doc store.Raw
		var key, body sql.RawBytes
		if err := rows.Scan(&key, &doc.Campaign, &doc.ID, &doc.Version, &body); err != nil {
			return false, err
		}
		last = append(last[:0], key...)
		ok, err := p.filters.Match(body)
		if ok {
			doc.Body = bytes.Clone(body)
			page.Docs = append(page.Docs, doc)
		}
		return true, err
	})
	if err != nil {
		return store.RawPage{}, err
	}
	return page, nil
}

// Count implements store.Engine.
func (db *DB) Count(ctx context.Context, s *store.Schema, campaign string, q store.Query, limit int) (int, error) {
	q.After, q.Limit = "", 0
	p, err := db.plan(s, campaign, q)
	if err != nil {
		return 0, err
	}
	if limit < 1 || limit > store.MaxCounted {
		return 0, fmt.Errorf("%w: a count up to %d is not within 1 and %d", store.ErrQuery, limit, store.MaxCounted)
	}
	found := 0
	if len(p.filters) == 0 {
		err = db.query(ctx, p.table.count, []any{p.low, p.high, limit}, func(rows *sql.Rows) (bool, error) {
			return true, rows.Scan(&found)
		})
		return found, err
	}
	examined := 0
	err = db.query(ctx, p.table.asc, []any{p.low, p.high, store.MaxCounted + 1}, func(rows *sql.Rows) (bool, error) {
		if examined++; examined > store.MaxCounted {
			return false, fmt.Errorf("%w: counting would examine more than %d documents", store.ErrTooMany, store.MaxCounted)
		}
		var key, campaign, id, body sql.RawBytes
		var version int64
		if err := rows.Scan(&key, &campaign, &id, &version, &body); err != nil {
			return false, err
		}
		ok, err := p.filters.Match(body)
		if ok {
			found++
		}
		return found < limit, err
	})
	if err != nil {
		return 0, err
	}
	return found, nil
}
