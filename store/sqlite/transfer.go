package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/order"
)

// walkBytes ends a page of Walk: with documents of any size a page is at most
// this and one document more.
const walkBytes = 8 << 20

// Walk implements store.Engine.
func (db *DB) Walk(ctx context.Context, s *store.Schema, after string, limit int) (store.RawPage, error) {
	c, err := db.collection(s)
	if err != nil {
		return store.RawPage{}, err
	}
	if limit < 1 || limit > store.MaxPage {
		return store.RawPage{}, fmt.Errorf("%w: a walk by %d is not within 1 and %d", store.ErrQuery, limit, store.MaxPage)
	}
	purpose := []byte("walk\x00" + s.Name)
	var campaign, id []byte // below every name
	if after != "" {
		key, err := db.cursor.Open(after, purpose)
		if err != nil {
			return store.RawPage{}, err
		}
		campaign, id, _ = bytes.Cut(key, []byte{0}) // no name holds a NUL
	}
	var page store.RawPage
	size := 0
	// One row more than the page takes tells whether there is a next one.
	err = db.query(ctx, c.walk, []any{string(campaign), string(id), limit + 1}, func(rows *sql.Rows) (bool, error) {
		if len(page.Docs) == limit || size >= walkBytes {
			last := page.Docs[len(page.Docs)-1]
			page.Next = db.cursor.Cursor([]byte(last.Campaign+"\x00"+last.ID), purpose)
			return false, nil
		}
		var doc store.Raw
		err := rows.Scan(&doc.Campaign, &doc.ID, &doc.Version, (*[]byte)(&doc.Body))
		page.Docs = append(page.Docs, doc)
		size += len(doc.Body)
		return true, err
	})
	if err != nil {
		return store.RawPage{}, err
	}
	return page, nil
}

// Load implements store.Engine.
func (db *DB) Load(ctx context.Context, s *store.Schema, docs []store.Raw) []error {
	answers := make([]error, len(docs))
	c, err := db.collection(s)
	if err == nil && len(docs) > store.MaxBatch {
		err = store.ErrTooMany
	}
	size := 0
	rows := make([][]entry, len(docs))
	for i, doc := range docs {
		if answers[i] = err; err != nil {
			continue
		}
		size += len(doc.Body)
		if answers[i] = errors.Join(store.CheckScope(doc.Campaign), store.CheckIDs(doc.ID), order.CheckShard(s, doc.ID, doc.Body)); answers[i] == nil {
			rows[i], answers[i] = c.entries(doc.Campaign, doc.ID, doc.Body)
		}
	}
	if err != nil || len(docs) == 0 {
		return answers
	}
	return db.positions(ctx, answers, size, func(t *tx, i int) error { return t.load(c, docs[i], rows[i]) })
}

func (t *tx) load(c *collection, doc store.Raw, rows []entry) error {
	old, err := t.find(c, doc.Campaign, doc.ID)
	if errors.Is(err, store.ErrNotFound) {
		return t.insert(c, doc, rows)
	}
	if err != nil {
		return err
	}
	return t.rewrite(c, old, doc, rows)
}
