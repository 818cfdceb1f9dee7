package mongo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/musterhq/muster/store"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// idIndex is the name of the index that every collection has. Reads by id need
// not name it: no other index of Muster's could answer them, since all the others
// are partial.
const idIndex = "_id_"

// Get implements store.Engine.
func (db *DB) Get(ctx context.Context, s *store.Schema, campaign string, ids []string) ([]store.Raw, error) {
	c, err := db.checked(s, campaign, ids...)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	docs := make([]store.Raw, 0, len(ids))
	err = c.each(ctx, c.these(campaign, ids), options.Find().SetBatchSize(int32(len(ids)+1)), func(doc bson.Raw) (bool, error) {
		raw, err := read(doc)
		docs = append(docs, raw)
		return true, err
	})
	return docs, err
}

// each calls visit for what a filter finds until it answers false. The document
// is the visitor's only until it returns.
func (c *collection) each(ctx context.Context, filter bson.D, o *options.FindOptionsBuilder, visit func(bson.Raw) (bool, error)) (err error) {
	cursor, err := c.docs.Find(ctx, filter, o)
	if err != nil {
		return fmt.Errorf("mongo: read %s: %w", c.schema.Name, failure(ctx, err))
	}
	defer func() {
		// What is left on the server is told to go, also when ctx has ended.
		if stop := cursor.Close(context.WithoutCancel(ctx)); stop != nil && err == nil {
			err = fmt.Errorf("mongo: read %s: %w", c.schema.Name, failure(ctx, stop))
		}
	}()
	for cursor.Next(ctx) {
		if more, err := visit(cursor.Current); err != nil || !more {
			return err
		}
	}
	if err := cursor.Err(); err != nil {
		return fmt.Errorf("mongo: read %s: %w", c.schema.Name, failure(ctx, err))
	}
	return nil
}

// Find implements store.Engine.
func (db *DB) Find(ctx context.Context, s *store.Schema, campaign string, q store.Query) (store.RawPage, error) {
	p, err := db.plan(s, campaign, q)
	if err != nil {
		return store.RawPage{}, err
	}
	bound := p.limit
	if len(p.filters) > 0 {
		bound *= store.Examined
	}
	var page store.RawPage
	var last, spare bson.Raw
	examined := 0
	full := false // one document more than may be examined tells whether there is a next page
	for _, filter := range p.ranges {
		err := p.c.each(ctx, filter, p.options(bound+1-examined), func(doc bson.Raw) (bool, error) {
			if examined == bound || len(page.Docs) == p.limit {
				full = true
				return false, nil
			}
			examined++
			ok, err := p.filters.Match(doc)
			if !ok || err != nil {
				spare = append(spare[:0], doc...) // doc goes with the next one
				last = spare
				return true, err
			}
			raw, err := read(doc)
			page.Docs = append(page.Docs, raw)
			last = raw.Body
			return true, err
		})
		if err != nil {
			return store.RawPage{}, err
		}
		if full {
			place, err := p.place(last)
			if err != nil {
				return store.RawPage{}, err
			}
			page.Next = db.cursor.Cursor(place, p.purpose)
			break
		}
	}
	return page, nil
}

// Count implements store.Engine.
func (db *DB) Count(ctx context.Context, s *store.Schema, campaign string, q store.Query, limit int) (int, error) {
	q.After, q.Limit, q.Desc = "", 0, false
	p, err := db.plan(s, campaign, q)
	if err != nil {
		return 0, err
	}
	if limit < 1 || limit > store.MaxCounted {
		return 0, fmt.Errorf("%w: a count up to %d is not within 1 and %d", store.ErrQuery, limit, store.MaxCounted)
	}
	if len(p.ranges) == 0 {
		return 0, nil
	}
	if len(p.filters) == 0 {
		o := options.Count().SetHint(p.hint).SetLimit(int64(limit))
		n, err := p.c.docs.CountDocuments(ctx, p.ranges[0], o)
		if err != nil {
			return 0, fmt.Errorf("mongo: count %s: %w", p.c.schema.Name, failure(ctx, err))
		}
		return int(n), nil
	}
	found, examined := 0, 0
	err = p.c.each(ctx, p.ranges[0], p.options(store.MaxCounted+1), func(doc bson.Raw) (bool, error) {
		if examined++; examined > store.MaxCounted {
			return false, fmt.Errorf("%w: counting would examine more than %d documents", store.ErrTooMany, store.MaxCounted)
		}
		ok, err := p.filters.Match(doc)
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

// walkSize is how many bytes of documents end a page of Walk before its limit.
const walkSize = 16 << 20

// walkPurpose binds cursors of Walk to the collection.
func walkPurpose(c *collection) []byte { return []byte("walk\x00" + c.schema.Name) }

// Walk implements store.Engine. A page also ends where its documents come to 16
// MiB. It crosses campaigns, in the order of _id, which
// is that of campaign and id.
func (db *DB) Walk(ctx context.Context, s *store.Schema, after string, limit int) (store.RawPage, error) {
	var page store.RawPage
	c, err := db.collection(s)
	if err != nil {
		return page, err
	}
	if limit < 1 || limit > store.MaxPage {
		return page, fmt.Errorf("%w: limit %d is not within 1 and %d", store.ErrQuery, limit, store.MaxPage)
	}
	filter := bson.D{}
	if after != "" {
		id, err := db.cursor.Open(after, walkPurpose(c))
		if err != nil {
			return page, err
		}
		filter = bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: bson.Raw(id)}}}}
	}
	o := options.Find().SetHint(idIndex).SetSort(bson.D{{Key: "_id", Value: 1}}).
		SetLimit(int64(limit + 1)).SetBatchSize(int32(limit + 1))
	var last []byte
	size := 0
	err = c.each(ctx, filter, o, func(doc bson.Raw) (bool, error) {
		if len(page.Docs) == limit || size > walkSize {
			page.Next = db.cursor.Cursor(last, walkPurpose(c))
			return false, nil
		}
		size += len(doc)
		last = bytes.Clone(doc.Lookup("_id").Value)
		raw, err := read(doc)
		page.Docs = append(page.Docs, raw)
		return true, err
	})
	if err != nil {
		return store.RawPage{}, err
	}
	return page, nil
}

// versions gives those of the documents that are there, with their versions.
func (c *collection) versions(ctx context.Context, campaign string, ids []string) (map[string]int64, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	found := make(map[string]int64, len(ids))
	o := options.Find().SetBatchSize(int32(len(ids) + 1)).
		SetProjection(bson.D{{Key: "id", Value: 1}, {Key: "version", Value: 1}})
	err := c.each(ctx, c.these(campaign, ids), o, func(doc bson.Raw) (bool, error) {
		id, ok := doc.Lookup("id").StringValueOK()
		version, also := doc.Lookup("version").AsInt64OK()
		if !ok || !also {
			return false, errors.New("mongo: a stored document has no id or version")
		}
		found[id] = version
		return true, nil
	})
	return found, err
}
