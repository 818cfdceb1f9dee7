package order

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/musterhq/muster/store"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Field is one field of a declared index, made ready.
type Field struct {
	Name   string
	path   Path
	each   bool // the index takes each element of the array it runs into
	unique bool
	time   bool // the Order field of an Expire index
}

// NewFields makes the fields of an index ready: the Equal ones, then Order.
func NewFields(x *store.Index) []Field {
	var list []Field
	for _, name := range x.Fields() {
		list = append(list, Field{
			Name: name, path: NewPath(name), each: name == x.Each, unique: x.Unique,
			time: x.Expire && name == x.Order,
		})
	}
	return list
}

// Values gives the encoded values of the field in a document: none if it is
// absent or null, several, each once, only for the Each field. A value that
// cannot be indexed is ErrQuery.
func (f *Field) Values(body []byte) ([][]byte, error) {
	var found [][]byte
	var fault error
	refuse := func(format string, args ...any) {
		fault = cmp.Or(fault, fmt.Errorf("%w: field %s %s", store.ErrQuery, f.Name, fmt.Sprintf(format, args...)))
	}
	one := func(v bsoncore.Value) {
		if v.Type == bsoncore.TypeNull {
			return
		}
		key, ok := AppendValue(nil, v)
		switch number, double := v.DoubleOK(); {
		case !ok:
			refuse("holds a %s, which cannot be indexed", v.Type)
		case double && math.IsNaN(number):
			refuse("holds a number that is none, which cannot be indexed")
		case f.time && key[0] != TagTime:
			refuse("is no time")
		}
		found = append(found, key)
	}
	err := f.path.Walk(body, func(v bsoncore.Value, through bool) {
		if !f.each && (through || v.Type == bsoncore.TypeArray) {
			refuse("runs into an array; name it in Each")
			return
		}
		if v.Type != bsoncore.TypeArray {
			one(v)
			return
		}
		if err := Elements(v.Data, func(e bsoncore.Element) bool { one(e.Value()); return true }); err != nil {
			fault = cmp.Or(fault, err)
		}
	})
	if err != nil || fault != nil {
		return nil, cmp.Or(fault, err)
	}
	if f.each && f.unique {
		if whole, err := f.path.whole(body); err != nil || !whole {
			return nil, cmp.Or(err, fmt.Errorf("%w: field %s is Unique in each element, and one has none", store.ErrQuery, f.Name))
		}
	}
	if len(found) > 1 {
		slices.SortFunc(found, bytes.Compare)
		found = slices.CompactFunc(found, bytes.Equal)
	}
	return found, nil
}

// whole says whether no element of the arrays that the path runs through lacks
// its end, or has a null there.
func (p Path) whole(doc []byte) (bool, error) {
	v, err := p.step(doc)
	if err != nil {
		return false, err
	}
	if v.Type != bsoncore.TypeArray {
		if v.Type == bsoncore.TypeEmbeddedDocument && len(p) > 1 {
			return p[1:].whole(v.Data)
		}
		return true, nil
	}
	all := true
	err = Elements(v.Data, func(e bsoncore.Element) bool {
		item := e.Value()
		if len(p) == 1 {
			all = item.Type != bsoncore.TypeNull
			return all
		}
		found := false
		if item.Type == bsoncore.TypeEmbeddedDocument {
			if err := p[1:].Walk(item.Data, func(v bsoncore.Value, _ bool) { found = v.Type != bsoncore.TypeNull }); err != nil {
				return false
			}
		}
		all = found
		return all
	})
	return all, err
}

// step gives the value of the path's first name, of type 0 where there is none.
func (p Path) step(doc []byte) (bsoncore.Value, error) {
	var v bsoncore.Value
	err := Elements(doc, func(e bsoncore.Element) bool {
		if !e.CompareKey(p[0]) {
			return true
		}
		v = e.Value()
		return false
	})
	return v, err
}

// CheckShard holds a document to its schema's ShardKey: the id is the value of
// that field, "/" and a rest without one, so that the id alone says where the
// document lies. Anything else is ErrQuery. Without a ShardKey all is right.
func CheckShard(s *store.Schema, id string, body []byte) error {
	if s.ShardKey == "" {
		return nil
	}
	value, ok := bson.Raw(body).Lookup(strings.Split(s.ShardKey, ".")...).StringValueOK()
	if !ok || value == "" || value != Shard(id) {
		return fmt.Errorf("%w: an id in %s must be its %s, \"/\" and a rest", store.ErrQuery, s.Name, s.ShardKey)
	}
	return nil
}

// Shard gives the value of the ShardKey that an id begins with, "" if none.
func Shard(id string) string {
	at := strings.LastIndexByte(id, '/')
	return id[:max(at, 0)]
}
