package campaign

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// writer is what every step of an import's writing shares.
type writer struct {
	campaign string
	options  ImportOptions
}

// document is a pointer to a stored struct, so that upsert can read its head.
type document[T any] interface {
	*T
	store.Document
}

// upsert inserts what is missing and sets the fields that changed, in batches.
// changes gives the fields in which an existing document differs, nil for none.
// A document that another import inserted meanwhile counts as unchanged: the
// same file gives the same document.
func upsert[T any, P document[T]](ctx context.Context, w writer, step ImportStep, c *store.Collection[T], want []P, changes func(have, want P) map[string]any) (Counts, error) {
	var counts Counts
	done := 0
	for batch := range slices.Chunk(want, store.MaxBatch) {
		ids := make([]string, len(batch))
		for i, doc := range batch {
			ids[i] = doc.Head().ID
		}
		have, err := c.GetMany(ctx, w.campaign, ids)
		if err != nil {
			return counts, fmt.Errorf("import %s: %w", step, err)
		}
		var missing []*T
		var sets []store.Set
		for _, doc := range batch {
			old, ok := have[doc.Head().ID]
			if !ok {
				missing = append(missing, doc)
				continue
			}
			if fields := changes(old, doc); fields != nil {
				sets = append(sets, store.Set{ID: doc.Head().ID, Version: P(old).Head().Version, Fields: fields})
			}
		}
		if !w.options.DryRun {
			if err := writeBatch(ctx, w.campaign, c, missing, sets); err != nil {
				return counts, fmt.Errorf("import %s: %w", step, err)
			}
		}
		counts.Created += len(missing)
		counts.Updated += len(sets)
		counts.Unchanged += len(batch) - len(missing) - len(sets)
		done += len(batch)
		w.options.Progress(step, done, len(want))
	}
	return counts, nil
}

func writeBatch[T any](ctx context.Context, campaignID string, c *store.Collection[T], missing []*T, sets []store.Set) error {
	if len(missing) > 0 {
		for _, err := range c.Insert(ctx, campaignID, missing...) {
			if err != nil && !errors.Is(err, store.ErrDuplicate) {
				return err
			}
		}
	}
	if len(sets) > 0 {
		for _, err := range c.SetMany(ctx, campaignID, sets) {
			if errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrNotFound) {
				return errs.Wrap(err, errs.Conflict, "import_conflict", "Another import is running; wait for it and run this one again.")
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// diff collects the fields that differ.
type diff map[string]any

func (d *diff) set(field string, differs bool, value any) {
	if !differs {
		return
	}
	if *d == nil {
		*d = diff{}
	}
	(*d)[field] = value
}

func regionChanges(have, want *Region) map[string]any {
	var d diff
	d.set("name", have.Name != want.Name, want.Name)
	d.set("slug", have.Slug != want.Slug, want.Slug)
	d.set("code", have.Code != want.Code, want.Code)
	d.set("leaf", have.Leaf != want.Leaf, want.Leaf)
	d.set("lat", have.Lat != want.Lat, want.Lat)
	d.set("lon", have.Lon != want.Lon, want.Lon)
	return d
}

func teamChanges(have, want *Team) map[string]any {
	var d diff
	d.set("name", have.Name != want.Name, want.Name)
	return d
}

func postcodeChanges(have, want *Postcode) map[string]any {
	var d diff
	d.set("places", !slices.Equal(have.Places, want.Places), want.Places)
	return d
}

// clear removes the regions, teams and postcodes that a killed import with
// other options left: those that h does not hold, or holds elsewhere in the
// tree.
func (s *Service) clear(ctx context.Context, campaignID string, h *harvest) error {
	err := drop(ctx, campaignID, s.postcodes, "id", h.postcodes, func(*Postcode, *Postcode) bool { return true })
	if err != nil {
		return err
	}
	err = drop(ctx, campaignID, s.teams, "region", h.teams, func(have, want *Team) bool { return slices.Equal(have.Within, want.Within) })
	if err != nil {
		return err
	}
	return drop(ctx, campaignID, s.regions, "level", h.regions, func(have, want *Region) bool {
		return slices.Equal(have.Within, want.Within) && have.Parent == want.Parent && have.Level == want.Level
	})
}

func drop[T any, P document[T]](ctx context.Context, campaignID string, c *store.Collection[T], index string, keep []P, same func(have, want P) bool) error {
	kept := make(map[string]P, len(keep))
	for _, doc := range keep {
		kept[doc.Head().ID] = doc
	}
	var stale []string
	for doc, err := range c.Scan(ctx, campaignID, store.Query{Index: index}) {
		if err != nil {
			return fmt.Errorf("clear a killed import: %w", err)
		}
		id := P(doc).Head().ID
		if want, ok := kept[id]; !ok || !same(doc, want) {
			stale = append(stale, id)
		}
	}
	for batch := range slices.Chunk(stale, store.MaxBatch) {
		if err := c.Delete(ctx, campaignID, batch...); err != nil {
			return fmt.Errorf("clear a killed import: %w", err)
		}
	}
	return nil
}
