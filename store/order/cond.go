package order

import (
	"bytes"
	"reflect"

	"github.com/musterhq/muster/store"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Filters are conditions made ready. Both engines judge documents by them, so a
// query finds the same in both.
type Filters []filter

// filter is a store.Cond made ready: its values encoded as keys, so that they
// compare as they do in an index.
type filter struct {
	path   Path
	op     store.Op
	values [][]byte
}

// NewFilters makes conditions ready. A value that has no order is ErrQuery.
func NewFilters(conds []store.Cond) (Filters, error) {
	filters := make(Filters, 0, len(conds))
	for _, c := range conds {
		f := filter{path: NewPath(c.Field), op: c.Op}
		var values []any
		switch c.Op {
		case store.IsSet:
		case store.In:
			list := reflect.ValueOf(c.Value)
			for i := range list.Len() {
				values = append(values, list.Index(i).Interface())
			}
		default:
			values = []any{c.Value}
		}
		for _, v := range values {
			key, err := AppendGo(nil, v)
			if err != nil {
				return nil, err
			}
			f.values = append(f.values, key)
		}
		filters = append(filters, f)
	}
	return filters, nil
}

// Match says whether a document meets all conditions.
func (filters Filters) Match(body []byte) (bool, error) {
	for i := range filters {
		if ok, err := filters[i].match(body); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (f *filter) match(body []byte) (bool, error) {
	met := false
	if f.op == store.IsSet {
		err := f.path.Walk(body, func(v bsoncore.Value, _ bool) { met = met || v.Type != bsoncore.TypeNull })
		return met, err
	}
	err := f.path.Scalars(body, func(key []byte) {
		for _, want := range f.values {
			met = met || f.holds(key, want)
		}
	})
	// NotEqual is that no value is equal, so an absent field satisfies it.
	return met != (f.op == store.NotEqual), err
}

func (f *filter) holds(key, want []byte) bool {
	if key[0] != want[0] { // values of different types do not compare
		return false
	}
	switch order := bytes.Compare(key, want); f.op {
	case store.Less:
		return order < 0
	case store.AtLeast:
		return order >= 0
	default:
		return order == 0
	}
}
