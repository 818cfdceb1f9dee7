package mongo

import (
	"fmt"
	"slices"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/order"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// collection is a schema made ready.
type collection struct {
	schema  store.Schema
	docs    *driver.Collection
	fields  []order.Field // of all indexes
	indexes []Index       // the native ones
}

func (db *DB) newCollection(s store.Schema) (*collection, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	c := &collection{schema: s, docs: db.data.Collection(s.Name), indexes: Indexes(&s)}
	for i := range s.Indexes {
		c.fields = append(c.fields, order.NewFields(&s.Indexes[i])...)
	}
	return c, nil
}

// check refuses, as ErrQuery, a document that an index cannot hold.
func (c *collection) check(id string, body []byte) error {
	if err := order.CheckShard(&c.schema, id, body); err != nil {
		return err
	}
	for i := range c.fields {
		if _, err := c.fields[i].Values(body); err != nil {
			return fmt.Errorf("%w (collection %s)", err, c.schema.Name)
		}
	}
	return nil
}

// internalID is the _id of a document.
func internalID(campaign, id string) bson.D {
	return bson.D{{Key: "c", Value: campaign}, {Key: "i", Value: id}}
}

// one is the filter of one document. It begins with the campaign and names the
// whole shard key, so it goes to one shard.
func (c *collection) one(campaign, id string) bson.D {
	filter := bson.D{{Key: "campaign", Value: campaign}}
	if c.schema.ShardKey != "" {
		filter = append(filter, bson.E{Key: c.schema.ShardKey, Value: order.Shard(id)})
	} else {
		filter = append(filter, bson.E{Key: "id", Value: id})
	}
	return append(filter, bson.E{Key: "_id", Value: internalID(campaign, id)})
}

// these is the filter of several documents; it goes to the shards that hold
// them.
func (c *collection) these(campaign string, ids []string) bson.D {
	if len(ids) == 1 {
		return c.one(campaign, ids[0])
	}
	internal := make(bson.A, len(ids))
	for i, id := range ids {
		internal[i] = internalID(campaign, id)
	}
	key, shards := "id", ids
	if c.schema.ShardKey != "" {
		key, shards = c.schema.ShardKey, make([]string, len(ids))
		for i, id := range ids {
			shards[i] = order.Shard(id)
		}
		slices.Sort(shards)
		shards = slices.Compact(shards)
	}
	return bson.D{
		{Key: "campaign", Value: campaign},
		{Key: key, Value: bson.D{{Key: "$in", Value: shards}}},
		{Key: "_id", Value: bson.D{{Key: "$in", Value: internal}}},
	}
}

var (
	campaignPath = order.NewPath("campaign")
	idPath       = order.NewPath("id")
	versionPath  = order.NewPath("version")
)

// stored is a document as the server keeps it: _id, then the body, whose head
// says the campaign, the id and this version.
func stored(campaign, id string, version int64, body []byte) (bson.Raw, error) {
	head := bson.Raw(body)
	for _, field := range []struct {
		path order.Path
		name string
		want any
	}{{campaignPath, "campaign", campaign}, {idPath, "id", id}, {versionPath, "version", version}} {
		want, err := order.Marshal(field.want)
		if err != nil {
			return nil, err
		}
		have := head.Lookup(field.name)
		if bsoncore.Type(have.Type) == want.Type && slices.Equal(have.Value, want.Data) {
			continue
		}
		if body, err = field.path.Set(body, want); err != nil {
			return nil, err
		}
		head = body
	}
	if len(body) < 5 {
		return nil, fmt.Errorf("%w: a document that is no BSON", store.ErrQuery)
	}
	at, doc := bsoncore.AppendDocumentStart(make([]byte, 0, len(body)+len(campaign)+len(id)+40))
	inner, doc := bsoncore.AppendDocumentElementStart(doc, "_id")
	doc = bsoncore.AppendStringElement(doc, "c", campaign)
	doc = bsoncore.AppendStringElement(doc, "i", id)
	doc, err := bsoncore.AppendDocumentEnd(doc, inner)
	if err != nil {
		return nil, fmt.Errorf("mongo: encode _id: %w", err)
	}
	doc = append(doc, body[4:len(body)-1]...)
	if doc, err = bsoncore.AppendDocumentEnd(doc, at); err != nil {
		return nil, fmt.Errorf("mongo: encode: %w", err)
	}
	return doc, nil
}

// read is a document as the port knows it: without _id. doc is not kept.
func read(doc bson.Raw) (store.Raw, error) {
	var raw store.Raw
	element, rest, ok := bsoncore.ReadElement(doc[min(4, len(doc)):])
	if !ok || element.Key() != "_id" {
		return raw, fmt.Errorf("mongo: a stored document does not begin with _id")
	}
	at, body := bsoncore.AppendDocumentStart(make([]byte, 0, len(rest)+4))
	body, err := bsoncore.AppendDocumentEnd(append(body, rest[:max(len(rest)-1, 0)]...), at)
	if err != nil {
		return raw, fmt.Errorf("mongo: decode: %w", err)
	}
	raw.Body = body
	var known [3]bool
	raw.Campaign, known[0] = raw.Body.Lookup("campaign").StringValueOK()
	raw.ID, known[1] = raw.Body.Lookup("id").StringValueOK()
	raw.Version, known[2] = raw.Body.Lookup("version").AsInt64OK()
	if known != [3]bool{true, true, true} {
		return raw, fmt.Errorf("mongo: a stored document has no campaign, id or version")
	}
	return raw, nil
}
