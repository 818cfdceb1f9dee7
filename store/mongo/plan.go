package mongo

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/order"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// plan is a query made ready: exact ranges of one native index, read one after
// the other, and what filters within them.
//
// The first page is one range. A page after a cursor is what is equal to the
// cursor's value and lies behind its id, and then what lies behind its value:
// two ranges, each one interval of the index, where one condition with "or"
// would leave it to the server's planner whether equal values are read again
// and again.
type plan struct {
	c       *collection
	index   *store.Index
	hint    string
	across  bool
	ranges  []bson.D
	sort    bson.D
	filters order.Filters
	desc    bool
	limit   int
	purpose []byte // what a cursor of this query is bound to
}

// bounds is the range of the Order field. low and high are as in order's keys.
type bounds struct {
	from, to  any
	low, high []byte
}

func (db *DB) plan(s *store.Schema, campaign string, q store.Query) (*plan, error) {
	c, err := db.collection(s)
	if err != nil {
		return nil, err
	}
	if _, err := c.schema.Anchor(campaign, &q); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(c.schema.Indexes, func(x store.Index) bool { return x.Name == q.Index })
	p := &plan{c: c, index: &c.schema.Indexes[at], across: campaign == store.Everywhere, desc: q.Desc, limit: q.Limit}
	var base bson.D
	if p.across {
		p.hint = across(p.index).Name
	} else {
		p.hint = own(p.index).Name
		base = bson.D{{Key: "campaign", Value: campaign}}
	}
	key := order.AppendString(nil, campaign)
	for i, value := range q.Equal {
		if key, err = order.AppendGo(key, value); err != nil {
			return nil, err
		}
		base = append(base, p.field(p.index.Equal[i], bson.E{Key: "$eq", Value: value}))
	}
	b, err := newBounds(q.From, q.To)
	if err != nil {
		return nil, err
	}
	if p.filters, err = order.NewFilters(q.Where); err != nil {
		return nil, err
	}
	p.purpose = fmt.Appendf(nil, "%s\x00%s\x00%t\x00%s", c.schema.Name, p.hint, q.Desc, key)
	p.order()
	if q.After == "" {
		p.ranges = []bson.D{p.first(base, b)}
		return p, nil
	}
	place, err := db.cursor.Open(q.After, p.purpose)
	if err != nil {
		return nil, err
	}
	p.ranges, err = p.after(base, b, place)
	return p, err
}

// field is a condition on an indexed field, with what the partial index says of
// it, so that the server knows that the index holds all that is asked for.
func (p *plan) field(name string, conditions ...bson.E) bson.E {
	value := bson.D(conditions)
	if name != p.index.Each {
		for _, present := range presence(p.index) {
			if present.Key == name {
				value = append(value, present.Value.(bson.D)...)
			}
		}
	}
	return bson.E{Key: name, Value: value}
}

// order is the order of the index behind what is equal.
func (p *plan) order() {
	var keys []string
	if p.index.Order != "" {
		keys = []string{p.index.Order}
	}
	if p.across {
		keys = with(keys, "campaign")
	}
	direction := int32(1)
	if p.desc {
		direction = -1
	}
	for _, key := range with(keys, "id") {
		p.sort = append(p.sort, bson.E{Key: key, Value: direction})
	}
}

// options of a find that reads up to limit documents.
func (p *plan) options(limit int) *options.FindOptionsBuilder {
	o := options.Find().SetHint(p.hint).SetSort(p.sort).SetLimit(int64(limit))
	// Without conditions all is wanted, in one answer. With some the page may be
	// full long before the bound, so the rest is fetched as it is needed.
	batch := limit
	if len(p.filters) > 0 {
		batch = min(limit, max(100, 2*p.limit))
	}
	return o.SetBatchSize(int32(batch))
}

func newBounds(from, to any) (bounds, error) {
	b := bounds{from: from, to: to, low: []byte{0x00}, high: []byte{0xFF}}
	var err error
	if from != nil {
		if b.low, err = order.AppendGo(nil, from); err != nil {
			return b, err
		}
		b.high = []byte{b.low[0] + 1}
	}
	if to != nil {
		if b.high, err = order.AppendGo(nil, to); err != nil {
			return b, err
		}
		if from == nil {
			b.low = []byte{b.high[0]}
		} else if b.low[0] != b.high[0] {
			return b, fmt.Errorf("%w: From and To are of different types", store.ErrQuery)
		}
	}
	return b, nil
}

// first is everything in the range.
func (p *plan) first(base bson.D, b bounds) bson.D {
	if p.index.Order == "" {
		return base
	}
	var conditions []bson.E
	if b.from != nil {
		conditions = append(conditions, bson.E{Key: "$gte", Value: b.from})
	}
	if b.to != nil {
		conditions = append(conditions, bson.E{Key: "$lt", Value: b.to})
	}
	if field := p.field(p.index.Order, conditions...); len(field.Value.(bson.D)) > 0 {
		return append(slices.Clip(base), field)
	}
	return base // the id, which every document has
}

// place is where a page ended: the last document's values behind what is equal.
type place struct {
	Order    bson.RawValue `bson:"o,omitempty"`
	Campaign string        `bson:"c"`
	ID       string        `bson:"i"`
}

func (p *plan) place(doc bson.Raw) ([]byte, error) {
	var at place
	at.Campaign, _ = doc.Lookup("campaign").StringValueOK()
	at.ID, _ = doc.Lookup("id").StringValueOK()
	if p.index.Order != "" {
		err := order.NewPath(p.index.Order).Walk(doc, func(v bsoncore.Value, _ bool) {
			at.Order = bson.RawValue{Type: bson.Type(v.Type), Value: v.Data}
		})
		if err != nil {
			return nil, err
		}
	}
	sealed, err := bson.Marshal(at)
	if err != nil {
		return nil, fmt.Errorf("mongo: encode a cursor: %w", err)
	}
	return sealed, nil
}

// after is what lies behind a place, in order.
func (p *plan) after(base bson.D, b bounds, sealed []byte) ([]bson.D, error) {
	var at place
	if err := bson.Unmarshal(sealed, &at); err != nil {
		return nil, fmt.Errorf("%w: the cursor is damaged", store.ErrQuery)
	}
	behind := "$gt"
	if p.desc {
		behind = "$lt"
	}
	if p.index.Order == "" {
		return p.ties(base, at, behind), nil
	}
	key, ok := order.AppendValue(nil, bsoncore.Value{Type: bsoncore.Type(at.Order.Type), Data: at.Order.Value})
	if !ok {
		return nil, fmt.Errorf("%w: the cursor is damaged", store.ErrQuery)
	}
	below, above := bytes.Compare(key, b.low) < 0, bytes.Compare(key, b.high) >= 0
	switch {
	case below && !p.desc, above && p.desc: // the range begins later
		return []bson.D{p.first(base, b)}, nil
	case below, above: // and here it has ended
		return nil, nil
	}
	equal := append(slices.Clip(base), p.field(p.index.Order, bson.E{Key: "$eq", Value: at.Order}))
	ranges := p.ties(equal, at, behind)
	rest := []bson.E{{Key: behind, Value: at.Order}}
	if !p.desc && b.to != nil {
		rest = append(rest, bson.E{Key: "$lt", Value: b.to})
	}
	if p.desc && b.from != nil {
		rest = append(rest, bson.E{Key: "$gte", Value: b.from})
	}
	ranges = append(ranges, append(slices.Clip(base), p.field(p.index.Order, rest...)))
	if others := otherTypes(key[0], p.desc); b.from == nil && b.to == nil && len(others) > 0 && !inHead(p.index.Order) {
		// A comparison reaches only values of its own type.
		// The field's own condition is a $type too, hence $and.
		typed := bson.D{{Key: p.index.Order, Value: bson.D{{Key: "$type", Value: others}}}}
		ranges = append(ranges, append(p.first(base, b), bson.E{Key: "$and", Value: bson.A{typed}}))
	}
	return ranges, nil
}

// ties is what is equal to the place and lies behind it by campaign and id.
func (p *plan) ties(equal bson.D, at place, behind string) []bson.D {
	equal = slices.Clip(equal) // each range gets its own copy
	if !p.across {
		if p.index.Order == "id" {
			return nil
		}
		return []bson.D{append(equal, bson.E{Key: "id", Value: bson.D{{Key: behind, Value: at.ID}}})}
	}
	elsewhere := append(slices.Clip(equal), bson.E{Key: "campaign", Value: bson.D{{Key: behind, Value: at.Campaign}}})
	if p.index.Order == "id" {
		return []bson.D{elsewhere}
	}
	return []bson.D{
		append(equal, bson.E{Key: "campaign", Value: at.Campaign}, bson.E{Key: "id", Value: bson.D{{Key: behind, Value: at.ID}}}),
		elsewhere,
	}
}

// otherTypes are those whose values come behind the values of the type.
func otherTypes(tag byte, desc bool) bson.A {
	tags := []byte{order.TagNumber, order.TagString, order.TagBool, order.TagTime} // as in indexable
	at := bytes.IndexByte(tags, tag)
	if desc {
		return indexable[:at]
	}
	return indexable[at+1:]
}
