package mongo

import (
	"slices"
	"strings"

	"github.com/musterhq/muster/store"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ours begins the name of every index that Migrate makes, with the number of
// the layout. Others belong to the operator (the shard key's, for example) and
// are left alone.
const ours = "muster1:"

// Index is a native index that stands for a declared one.
type Index struct {
	// Name follows from everything else: an index whose declaration has changed
	// has another name, and can be built beside the old one.
	Name   string
	Keys   []string // all ascending
	Unique bool
	Expire bool // a TTL index: documents go when the time in Keys[0] has passed
	filter bson.D
}

// indexable are the types of values that an index may hold.
var indexable = bson.A{"number", "string", "bool", "date"}

// Indexes lists the native indexes of a schema, each once. The schema must be
// valid.
func Indexes(s *store.Schema) []Index {
	var list []Index
	add := func(x Index) {
		if !slices.ContainsFunc(list, func(o Index) bool { return o.Name == x.Name }) {
			list = append(list, x)
		}
	}
	for i := range s.Indexes {
		x := &s.Indexes[i]
		add(own(x))
		if x.Across {
			add(across(x))
		}
		if x.Expire {
			add(expiry(x))
		}
	}
	return list
}

// own is the index that answers within a campaign.
func own(x *store.Index) Index {
	keys := []string{"campaign"}
	for _, field := range x.Fields() {
		keys = with(keys, field)
	}
	if !x.Unique {
		keys = with(keys, "id")
	}
	return made(Index{Keys: keys, Unique: x.Unique, filter: presence(x)})
}

// across is the index that answers over campaigns.
func across(x *store.Index) Index {
	return made(Index{Keys: with(with(x.Fields(), "campaign"), "id"), filter: presence(x)})
}

func expiry(x *store.Index) Index {
	return made(Index{Keys: []string{x.Order}, Expire: true, filter: bson.D{exists(x.Order)}})
}

// with ends the keys with one more, unless they hold it.
func with(keys []string, key string) []string {
	if slices.Contains(keys, key) {
		return keys
	}
	return append(slices.Clip(keys), key)
}

func made(x Index) Index {
	x.Name = ours + strings.Join(x.Keys, ",")
	for _, field := range x.filter {
		x.Name += ":" + field.Key
	}
	if x.Unique {
		x.Name += ":unique"
	}
	if x.Expire {
		x.Name += ":ttl"
	}
	return x
}

// presence is the filter of a partial index: absent fields and nulls are not
// indexed, which matters most to a Unique one, where two nulls would be equal.
// The field of Each has only to be there: its elements have values of their own,
// and of a Unique one all have (order.Field.Values).
func presence(x *store.Index) bson.D {
	var filter bson.D
	for _, field := range x.Fields() {
		switch {
		case inHead(field):
		case field == x.Each:
			filter = append(filter, exists(field))
		default:
			filter = append(filter, bson.E{Key: field, Value: bson.D{{Key: "$type", Value: indexable}}})
		}
	}
	return filter
}

// inHead says whether a field is of store.Meta: always there, of one type.
func inHead(field string) bool { return field == "campaign" || field == "id" || field == "version" }

func exists(field string) bson.E {
	return bson.E{Key: field, Value: bson.D{{Key: "$exists", Value: true}}}
}

// model is the index as the driver creates it.
func (x *Index) model() driver.IndexModel {
	keys := make(bson.D, len(x.Keys))
	for i, key := range x.Keys {
		keys[i] = bson.E{Key: key, Value: int32(1)}
	}
	o := options.Index().SetName(x.Name)
	if x.Unique {
		o.SetUnique(true)
	}
	if x.Expire {
		o.SetExpireAfterSeconds(0)
	}
	if len(x.filter) > 0 {
		o.SetPartialFilterExpression(x.filter)
	}
	return driver.IndexModel{Keys: keys, Options: o}
}
