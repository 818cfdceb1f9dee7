package store

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Collection is the typed view of one collection. T is a struct that embeds
// Meta. It is safe for concurrent use.
type Collection[T any] struct {
	engine Engine
	schema *Schema
	queue  *Queue
}

// NewCollection binds a schema to an engine. It does no I/O; the engine must
// have migrated the schema before the first call. It panics if *T does not
// embed Meta: a mistake of the programmer, found by any test.
func NewCollection[T any](engine Engine, schema Schema) *Collection[T] {
	if _, ok := any(new(T)).(Document); !ok {
		panic(fmt.Sprintf("store: %T does not embed store.Meta", new(T)))
	}
	return &Collection[T]{engine: engine, schema: &schema, queue: NewQueue()}
}

// Page is one page of documents in index order.
type Page[T any] struct {
	Items []*T
	Next  string // cursor of the next page; "" at the end
}

func head[T any](doc *T) *Meta { return any(doc).(Document).Head() }

// Insert writes new documents, up to MaxBatch, and answers by position: nil,
// ErrDuplicate, or another error. Meta.ID must be set; Campaign and Version are
// filled in. A document that cannot be sent (no id, of another campaign, not
// encodable, ErrTooLarge) is refused at its position and stops no other.
func (c *Collection[T]) Insert(ctx context.Context, campaign string, docs ...*T) []error {
	answers := make([]error, len(docs))
	if len(docs) > MaxBatch {
		for i := range answers {
			answers[i] = ErrTooMany
		}
		return answers
	}
	raws := make([]Raw, 0, len(docs))
	at := make([]int, 0, len(docs)) // the position of each of raws
	for i, doc := range docs {
		raw, err := c.fresh(campaign, doc)
		if err != nil {
			answers[i] = err
			continue
		}
		raws, at = append(raws, raw), append(at, i)
	}
	if len(raws) > 0 {
		for i, err := range c.engine.Insert(ctx, c.schema, campaign, raws) {
			answers[at[i]] = err
		}
	}
	return answers
}

// fresh is a new document as the engine takes it.
func (c *Collection[T]) fresh(campaign string, doc *T) (Raw, error) {
	h := head(doc)
	if h.ID == "" || (h.Campaign != "" && h.Campaign != campaign) {
		return Raw{}, fmt.Errorf("%w: insert into %s of a document without an id or of another campaign", ErrQuery, c.schema.Name)
	}
	h.Campaign, h.Version = campaign, 1
	body, err := c.encode(doc)
	if err != nil {
		return Raw{}, err
	}
	return Raw{Campaign: campaign, ID: h.ID, Version: 1, Body: body}, nil
}

// InsertOne writes one new document; errors as Insert.
func (c *Collection[T]) InsertOne(ctx context.Context, campaign string, doc *T) error {
	return c.Insert(ctx, campaign, doc)[0]
}

// Get reads one document, or ErrNotFound.
func (c *Collection[T]) Get(ctx context.Context, campaign, id string) (*T, error) {
	found, err := c.GetMany(ctx, campaign, []string{id})
	if err != nil {
		return nil, err
	}
	doc, ok := found[id]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, c.schema.Name)
	}
	return doc, nil
}

// GetMany reads up to MaxBatch documents by id; those that do not exist are
// missing from the answer.
func (c *Collection[T]) GetMany(ctx context.Context, campaign string, ids []string) (map[string]*T, error) {
	if len(ids) > MaxBatch {
		return nil, ErrTooMany
	}
	raws, err := c.engine.Get(ctx, c.schema, campaign, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[string]*T, len(raws))
	for _, raw := range raws {
		doc, err := c.decode(raw)
		if err != nil {
			return nil, err
		}
		found[raw.ID] = doc
	}
	return found, nil
}

// encode gives the stored form, ErrTooLarge beyond MaxDocument.
func (c *Collection[T]) encode(doc *T) (bson.Raw, error) {
	body, err := bson.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("store: encode %s: %w", c.schema.Name, err)
	}
	if len(body) > MaxDocument {
		return nil, fmt.Errorf("%w: %s of %d bytes", ErrTooLarge, c.schema.Name, len(body))
	}
	return body, nil
}

func (c *Collection[T]) decode(raw Raw) (*T, error) {
	doc := new(T)
	if err := bson.Unmarshal(raw.Body, doc); err != nil {
		return nil, fmt.Errorf("store: decode %s: %w", c.schema.Name, err)
	}
	h := head(doc)
	h.Campaign, h.ID, h.Version = raw.Campaign, raw.ID, raw.Version
	return doc, nil
}

// Find reads one page.
func (c *Collection[T]) Find(ctx context.Context, campaign string, q Query) (Page[T], error) {
	raw, err := c.engine.Find(ctx, c.schema, campaign, q)
	if err != nil {
		return Page[T]{}, err
	}
	page := Page[T]{Items: make([]*T, 0, len(raw.Docs)), Next: raw.Next}
	for _, r := range raw.Docs {
		doc, err := c.decode(r)
		if err != nil {
			return Page[T]{}, err
		}
		page.Items = append(page.Items, doc)
	}
	return page, nil
}

// First reads the first document a query finds, or ErrNotFound.
func (c *Collection[T]) First(ctx context.Context, campaign string, q Query) (*T, error) {
	q.Limit = 1
	for {
		page, err := c.Find(ctx, campaign, q)
		if err != nil {
			return nil, err
		}
		if len(page.Items) > 0 {
			return page.Items[0], nil
		}
		if page.Next == "" {
			return nil, fmt.Errorf("%w: %s by %s", ErrNotFound, c.schema.Name, q.Index)
		}
		q.After = page.Next
	}
}

// Scan reads everything a query finds, page by page, in constant memory. A
// document written or moved while the scan runs may or may not be seen; one
// that stays where it is, is seen once. The scan ends at the first error,
// which it yields.
func (c *Collection[T]) Scan(ctx context.Context, campaign string, q Query) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		if q.Limit == 0 {
			q.Limit = MaxPage
		}
		for {
			page, err := c.Find(ctx, campaign, q)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, doc := range page.Items {
				if !yield(doc, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.After = page.Next
		}
	}
}

// Count counts what a query finds, up to limit, 1 or more; above MaxCounted it
// is MaxCounted. The query's Limit and After do not matter. With conditions
// that would examine more than MaxCounted documents it answers ErrTooMany.
func (c *Collection[T]) Count(ctx context.Context, campaign string, q Query, limit int) (int, error) {
	return c.engine.Count(ctx, c.schema, campaign, q, min(limit, MaxCounted))
}

// Update reads a document, lets decide change it, and writes it if nobody else
// did meanwhile; otherwise it starts again, until ctx ends. decide may
// therefore run several times and must only decide: no I/O, no effect outside
// the document. An error from decide ends the update and is returned as it is;
// nothing is then written. Callers of one id in this process take turns.
// It returns the document as written.
func (c *Collection[T]) Update(ctx context.Context, campaign, id string, decide func(*T) error) (*T, error) {
	leave, err := c.queue.Enter(ctx, campaign+"/"+id)
	if err != nil {
		return nil, err
	}
	defer leave()
	for try := 0; ; try++ {
		doc, err := c.Get(ctx, campaign, id)
		if err != nil {
			return nil, err
		}
		h := head(doc)
		version := h.Version
		if err := decide(doc); err != nil {
			return nil, err
		}
		h.Campaign, h.ID, h.Version = campaign, id, version+1
		body, err := c.encode(doc)
		if err != nil {
			return nil, err
		}
		err = c.engine.Replace(ctx, c.schema, campaign, id, version, body)
		if err == nil {
			return doc, nil
		}
		if !errors.Is(err, ErrChanged) {
			return nil, err
		}
		// Another process wrote first.
		if err := Pause(ctx, try); err != nil {
			return nil, fmt.Errorf("store: update %s: %w", c.schema.Name, err)
		}
	}
}

// SetMany writes declared fields of up to MaxBatch documents, each under the
// version that was read, and answers by position: nil, ErrChanged, ErrNotFound.
// The versions it writes go up by one.
func (c *Collection[T]) SetMany(ctx context.Context, campaign string, sets []Set) []error {
	if len(sets) > MaxBatch {
		answers := make([]error, len(sets))
		for i := range answers {
			answers[i] = ErrTooMany
		}
		return answers
	}
	return c.engine.SetMany(ctx, c.schema, campaign, sets)
}

// Delete removes documents by id; those that do not exist are passed over.
func (c *Collection[T]) Delete(ctx context.Context, campaign string, ids ...string) error {
	if len(ids) > MaxBatch {
		return ErrTooMany
	}
	_, err := c.engine.Delete(ctx, c.schema, campaign, ids)
	return err
}

// DeleteMany removes everything a query finds, page by page, and says how many
// it removed. It is not atomic: after an error some may be gone, and a document
// that changes meanwhile so that it is no longer found may go too.
func (c *Collection[T]) DeleteMany(ctx context.Context, campaign string, q Query) (int, error) {
	if q.Limit == 0 {
		q.Limit = MaxPage
	}
	removed := 0
	for {
		page, err := c.engine.Find(ctx, c.schema, campaign, q)
		if err != nil {
			return removed, err
		}
		ids := make([]string, len(page.Docs))
		for i, doc := range page.Docs {
			ids[i] = doc.ID
		}
		if len(ids) > 0 {
			n, err := c.engine.Delete(ctx, c.schema, campaign, ids)
			removed += n
			if err != nil {
				return removed, err
			}
		}
		if page.Next == "" {
			return removed, nil
		}
		q.After = page.Next
	}
}
