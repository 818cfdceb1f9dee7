package dump

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/musterhq/muster/store"
)

// Report says what a file holds.
type Report struct {
	Header    Header
	Documents map[string]int64 // by collection
}

// Total is the number of all documents.
func (r Report) Total() int64 {
	sum := int64(0)
	for _, n := range r.Documents {
		sum += n
	}
	return sum
}

// Check reads a file to its end and answers ErrDamaged, ErrNewer, or what it
// holds. deep has it look into every document too, as Import will.
func Check(ctx context.Context, r io.Reader, schemas []store.Schema, deep bool) (Report, error) {
	b := &batch{ctx: ctx}
	take := func(l line) error { return nil }
	if deep {
		b.write = func(string, []store.Raw) error { return nil }
		take = b.add
	}
	report, err := scan(r, schemas, take)
	if err != nil {
		return report, err
	}
	return report, b.flush()
}

// Import writes all documents of a file over what the engine holds under their
// ids, and empties the Derived collections first. Nobody else may use the
// store. A document is written as it was, its version too, so an import that
// was cut short is repeated from the beginning and ends the same. progress is
// told after each batch how many documents are written; nil for nobody.
//
// Call Check before it: what is wrong with the file is otherwise found when a
// part of it is written.
func Import(ctx context.Context, r io.Reader, engine store.Engine, schemas []store.Schema, progress func(documents int64)) (Report, error) {
	byName := map[string]*store.Schema{}
	for i := range schemas {
		byName[schemas[i].Name] = &schemas[i]
		if schemas[i].Derived {
			if err := empty(ctx, engine, &schemas[i]); err != nil {
				return Report{}, fmt.Errorf("empty %s: %w", schemas[i].Name, err)
			}
		}
	}
	done := int64(0)
	b := &batch{ctx: ctx}
	b.write = func(collection string, docs []store.Raw) error {
		for _, err := range engine.Load(ctx, byName[collection], docs) {
			if err != nil {
				return fmt.Errorf("import %s: %w", collection, err)
			}
		}
		if done += int64(len(docs)); progress != nil {
			progress(done)
		}
		return nil
	}
	report, err := scan(r, schemas, b.add)
	if err != nil {
		return report, err
	}
	return report, b.flush()
}

// empty deletes all documents of a collection.
func empty(ctx context.Context, engine store.Engine, s *store.Schema) error {
	for after := ""; ; {
		page, err := engine.Walk(ctx, s, after, store.MaxPage)
		if err != nil {
			return err
		}
		ids := map[string][]string{}
		for _, doc := range page.Docs {
			ids[doc.Campaign] = append(ids[doc.Campaign], doc.ID)
		}
		for campaign, list := range ids {
			if _, err := engine.Delete(ctx, s, campaign, list); err != nil {
				return err
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

// batchBytes bounds a batch, in bytes of lines, so that large documents go a
// few at a time.
const batchBytes = 8 << 20

// batch collects lines of one collection and decodes them on all processors.
type batch struct {
	ctx   context.Context
	lines []line
	bytes int
	write func(collection string, docs []store.Raw) error
}

func (b *batch) add(l line) error {
	if len(b.lines) > 0 && b.lines[0].Collection != l.Collection {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.lines = append(b.lines, l)
	b.bytes += len(l.Document) + len(l.BSON)
	if len(b.lines) == store.MaxBatch || b.bytes >= batchBytes {
		return b.flush()
	}
	return nil
}

func (b *batch) flush() error {
	if len(b.lines) == 0 {
		return nil
	}
	docs := make([]store.Raw, len(b.lines))
	group, ctx := errgroup.WithContext(b.ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() error {
			for i := w; i < len(b.lines); i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				var err error
				if docs[i], err = decode(b.lines[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	collection := b.lines[0].Collection
	b.lines, b.bytes = b.lines[:0], 0
	return b.write(collection, docs)
}
