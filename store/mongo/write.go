package mongo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/order"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// messageSize bounds the documents of one command: servers take messages of 48
// MB. The driver would cut too, but then one failure would hide the answers of
// the parts before it.
const messageSize = 40 << 20

// errUnknown is the answer to a write that may or may not have happened.
var errUnknown = errors.New("mongo: the outcome of the write is not known")

// member is one part of a bulk: the position it answers, and its document.
type member struct {
	position int
	doc      bson.Raw
}

// chunks cuts members so that each part fits into one message.
func chunks(members []member) [][]member {
	var list [][]member
	size := 0
	for i, m := range members {
		if i == 0 || size+len(m.doc) > messageSize {
			list, size = append(list, nil), 0
		}
		list[len(list)-1] = append(list[len(list)-1], m)
		size += len(m.doc)
	}
	return list
}

// outcome parts what a bulk answered: the refusals by place in the bulk, and
// the failure that leaves the others unknown. explain gives the answer to a
// member that was refused with a code.
func outcome(ctx context.Context, err error, explain func(code int) error) (refusals map[int]error, rest error) {
	refusals = map[int]error{}
	if err == nil {
		return refusals, nil
	}
	var bulk driver.BulkWriteException
	if !errors.As(err, &bulk) {
		return refusals, failure(ctx, err)
	}
	for _, we := range bulk.WriteErrors {
		refusals[we.Index] = explain(we.Code)
	}
	if bulk.WriteConcernError != nil {
		rest = fmt.Errorf("%w: write concern, code %d", errUnknown, bulk.WriteConcernError.Code)
	}
	return refusals, rest
}

// Insert implements store.Engine.
func (db *DB) Insert(ctx context.Context, s *store.Schema, campaign string, docs []store.Raw) []error {
	answers := make([]error, len(docs))
	c, err := db.checked(s, campaign)
	if err == nil && len(docs) > store.MaxBatch {
		err = store.ErrTooMany
	}
	var members []member
	for i, doc := range docs {
		if answers[i] = err; err != nil {
			continue
		}
		if doc.Campaign != campaign {
			answers[i] = fmt.Errorf("%w: a document of campaign %q inserted into %q", store.ErrQuery, doc.Campaign, campaign)
			continue
		}
		var ready bson.Raw
		if ready, answers[i] = c.ready(campaign, doc.ID, 1, doc.Body); answers[i] == nil {
			members = append(members, member{i, ready})
		}
	}
	for _, part := range chunks(members) {
		list := make([]any, len(part))
		for i, m := range part {
			list[i] = m.doc
		}
		_, err := c.docs.InsertMany(ctx, list, options.InsertMany().SetOrdered(false))
		c.answer(ctx, answers, part, err)
	}
	return answers
}

// ready checks a document and gives it as it is stored.
func (c *collection) ready(campaign, id string, version int64, body bson.Raw) (bson.Raw, error) {
	if err := store.CheckIDs(id); err != nil {
		return nil, err
	}
	if err := c.check(id, body); err != nil {
		return nil, err
	}
	return stored(campaign, id, version, body)
}

// answer enters what a bulk of whole documents answered.
func (c *collection) answer(ctx context.Context, answers []error, part []member, err error) {
	refusals, rest := outcome(ctx, err, func(code int) error {
		if slices.Contains(duplicateCodes, code) {
			return fmt.Errorf("%w: in %s", store.ErrDuplicate, c.schema.Name)
		}
		return fmt.Errorf("mongo: write %s: %w", c.schema.Name, refused(code))
	})
	for i, m := range part {
		switch why, refused := refusals[i]; {
		case refused:
			answers[m.position] = why
		case rest != nil:
			answers[m.position] = fmt.Errorf("mongo: write %s: %w", c.schema.Name, rest)
		}
	}
}

// Load implements store.Engine.
func (db *DB) Load(ctx context.Context, s *store.Schema, docs []store.Raw) []error {
	answers := make([]error, len(docs))
	c, err := db.collection(s)
	if err == nil && len(docs) > store.MaxBatch {
		err = store.ErrTooMany
	}
	var members []member
	for i, doc := range docs {
		if answers[i] = err; err != nil {
			continue
		}
		if answers[i] = store.CheckScope(doc.Campaign); answers[i] != nil {
			continue
		}
		var ready bson.Raw
		if ready, answers[i] = c.ready(doc.Campaign, doc.ID, doc.Version, doc.Body); answers[i] == nil {
			members = append(members, member{i, ready})
		}
	}
	for _, part := range chunks(members) {
		models := make([]driver.WriteModel, len(part))
		for i, m := range part {
			doc := docs[m.position]
			models[i] = driver.NewReplaceOneModel().SetFilter(c.one(doc.Campaign, doc.ID)).SetReplacement(m.doc).SetUpsert(true)
		}
		_, err := c.docs.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
		c.answer(ctx, answers, part, err)
	}
	return answers
}

// Replace implements store.Engine.
func (db *DB) Replace(ctx context.Context, s *store.Schema, campaign, id string, version int64, body bson.Raw) error {
	c, err := db.checked(s, campaign, id)
	if err != nil {
		return err
	}
	doc, err := c.ready(campaign, id, version+1, body)
	if err != nil {
		return err
	}
	filter := append(c.one(campaign, id), bson.E{Key: "version", Value: version})
	result, err := c.docs.ReplaceOne(ctx, filter, doc)
	switch {
	case duplicate(err):
		return fmt.Errorf("%w: in %s", store.ErrDuplicate, s.Name)
	case err != nil:
		return fmt.Errorf("mongo: write %s: %w", s.Name, failure(ctx, err))
	case result.MatchedCount == 1:
		return nil
	}
	versions, err := c.versions(ctx, campaign, []string{id})
	if err != nil {
		return err
	}
	if _, there := versions[id]; !there {
		return fmt.Errorf("%w: %s", store.ErrNotFound, s.Name)
	}
	return fmt.Errorf("%w: %s is not at version %d", store.ErrChanged, s.Name, version)
}

// SetMany implements store.Engine. A bulk update answers only how many of its
// members found their document, so the version is not in their filters: each is
// a pipeline that, where the version is another, would change _id. That the
// server refuses, by position, and so says which they were; what found nothing
// at all is asked for afterwards.
func (db *DB) SetMany(ctx context.Context, s *store.Schema, campaign string, sets []store.Set) []error {
	answers := make([]error, len(sets))
	c, err := db.checked(s, campaign)
	if err == nil && len(sets) > store.MaxBatch {
		err = store.ErrTooMany
	}
	var positions []int
	var models []driver.WriteModel
	for i, set := range sets {
		if answers[i] = err; err != nil {
			continue
		}
		var update driver.Pipeline
		if update, answers[i] = c.update(set); answers[i] == nil {
			positions = append(positions, i)
			models = append(models, driver.NewUpdateOneModel().SetFilter(c.one(campaign, set.ID)).SetUpdate(update))
		}
	}
	if len(models) == 0 {
		return answers
	}
	result, err := c.docs.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	refusals, rest := outcome(ctx, err, func(code int) error {
		switch code {
		case codeImmutableField:
			return fmt.Errorf("%w: %s", store.ErrChanged, s.Name)
		case codePathNotViable:
			return fmt.Errorf("%w: a field of %s holds no document to set a field in", store.ErrQuery, s.Name)
		}
		return fmt.Errorf("mongo: write %s: %w", s.Name, refused(code))
	})
	var open []int // positions that were not refused
	for i, position := range positions {
		if why, refused := refusals[i]; refused {
			answers[position] = why
			continue
		}
		open = append(open, position)
		if rest != nil {
			answers[position] = fmt.Errorf("mongo: write %s: %w", s.Name, rest)
		}
	}
	if rest == nil && int(result.MatchedCount) < len(open) {
		c.findMissing(ctx, answers, campaign, sets, open, len(open)-int(result.MatchedCount))
	}
	return answers
}

// update is the pipeline of one Set.
func (c *collection) update(set store.Set) (driver.Pipeline, error) {
	if err := store.CheckIDs(set.ID); err != nil {
		return nil, err
	}
	same := bson.D{{Key: "$eq", Value: bson.A{"$version", set.Version}}}
	values := bson.D{
		{Key: "_id", Value: bson.D{{Key: "$cond", Value: bson.A{same, "$_id", nil}}}},
		{Key: "version", Value: bson.D{{Key: "$literal", Value: set.Version + 1}}},
	}
	var removed bson.A
	probe := []byte{5, 0, 0, 0, 0} // a document of these fields alone
	for _, field := range slices.Sorted(maps.Keys(set.Fields)) {
		if !slices.Contains(c.schema.Set, field) {
			return nil, fmt.Errorf("%w: %s does not declare %q in Set", store.ErrQuery, c.schema.Name, field)
		}
		value, err := order.Marshal(set.Fields[field])
		if err != nil {
			return nil, err
		}
		if probe, err = order.NewPath(field).Set(probe, value); err != nil {
			return nil, err
		}
		if value.Type == 0 {
			removed = append(removed, field)
			continue
		}
		literal := bson.D{{Key: "$literal", Value: bson.RawValue{Type: bson.Type(value.Type), Value: value.Data}}}
		values = append(values, bson.E{Key: field, Value: literal})
	}
	for i := range c.fields {
		if _, err := c.fields[i].Values(probe); err != nil {
			return nil, fmt.Errorf("%w (collection %s)", err, c.schema.Name)
		}
	}
	update := driver.Pipeline{bson.D{{Key: "$set", Value: values}}}
	if len(removed) > 0 {
		update = append(update, bson.D{{Key: "$unset", Value: removed}})
	}
	return update, nil
}

// findMissing says which of the open positions found no document; there were
// missing of them. One that is there with the version the set began from, or an
// older one, came after the write.
func (c *collection) findMissing(ctx context.Context, answers []error, campaign string, sets []store.Set, open []int, missing int) {
	ids := make([]string, len(open))
	for i, position := range open {
		ids[i] = sets[position].ID
	}
	versions, err := c.versions(ctx, campaign, ids)
	var rest []int
	for _, position := range open {
		version, there := versions[sets[position].ID]
		switch {
		case err != nil:
			answers[position] = fmt.Errorf("%w: %w", errUnknown, err)
		case !there || version <= sets[position].Version:
			answers[position] = fmt.Errorf("%w: %s", store.ErrNotFound, c.schema.Name)
			missing--
		default:
			rest = append(rest, position)
		}
	}
	if err == nil && missing > 0 { // one was deleted, inserted again and changed since
		for _, position := range rest {
			answers[position] = errUnknown
		}
	}
}

// Delete implements store.Engine.
func (db *DB) Delete(ctx context.Context, s *store.Schema, campaign string, ids []string) (int, error) {
	c, err := db.checked(s, campaign, ids...)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	result, err := c.docs.DeleteMany(ctx, c.these(campaign, ids))
	if err != nil {
		return 0, fmt.Errorf("mongo: delete from %s: %w", s.Name, failure(ctx, err))
	}
	return int(result.DeletedCount), nil
}
