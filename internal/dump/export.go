package dump

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/musterhq/muster/store"
)

// Export writes all documents of the schemas that are not Derived, in their
// order, in constant memory, and says how many of each there were. header's
// Format and Collections are filled in. progress is told after each page how
// many documents are written; nil for nobody.
func Export(ctx context.Context, w io.Writer, engine store.Engine, schemas []store.Schema, header Header, progress func(documents int64)) (map[string]int64, error) {
	schemas = kept(schemas)
	header.Format = format
	for _, s := range schemas {
		header.Collections = append(header.Collections, s.Name)
	}
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(sum, zip), 1<<16)
	if err := json.NewEncoder(out).Encode(header); err != nil {
		return nil, err
	}
	counts, done := map[string]int64{}, int64(0)
	for i := range schemas {
		n, err := exportOne(ctx, out, engine, &schemas[i], func(n int64) {
			if progress != nil {
				progress(done + n)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("export %s: %w", schemas[i].Name, err)
		}
		counts[schemas[i].Name] = n
		done += n
	}
	if err := out.Flush(); err != nil {
		return nil, err
	}
	last := line{End: &end{Documents: counts, SHA256: hex.EncodeToString(sum.Sum(nil))}}
	return counts, errors.Join(json.NewEncoder(zip).Encode(last), zip.Close())
}

// kept are the schemas that an export holds.
func kept(schemas []store.Schema) []store.Schema {
	var list []store.Schema
	for _, s := range schemas {
		if !s.Derived {
			list = append(list, s)
		}
	}
	return list
}

func exportOne(ctx context.Context, out io.Writer, engine store.Engine, s *store.Schema, progress func(int64)) (int64, error) {
	n := int64(0)
	for after := ""; ; {
		page, err := engine.Walk(ctx, s, after, store.MaxPage)
		if err != nil {
			return n, err
		}
		for _, doc := range page.Docs {
			text, err := encode(s.Name, doc)
			if err != nil {
				return n, err
			}
			if _, err := out.Write(text); err != nil {
				return n, err
			}
		}
		n += int64(len(page.Docs))
		progress(n)
		if after = page.Next; after == "" {
			return n, nil
		}
	}
}
