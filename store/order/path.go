package order

import (
	"errors"
	"fmt"
	"strings"

	"github.com/musterhq/muster/store"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

var errMalformed = errors.New("store: the document is not well-formed BSON")

// Path is a dotted field name, split.
type Path [][]byte

// NewPath splits a field name that the schema or Anchor has checked.
func NewPath(field string) Path {
	var p Path
	for part := range strings.SplitSeq(field, ".") {
		p = append(p, []byte(part))
	}
	return p
}

// Elements calls visit for each element of a document or array until visit
// answers false.
func Elements(doc []byte, visit func(bsoncore.Element) bool) error {
	length, rest, ok := bsoncore.ReadLength(doc)
	if !ok || int(length) != len(doc) || length < 5 {
		return errMalformed
	}
	for len(rest) > 1 {
		var e bsoncore.Element
		if e, rest, ok = bsoncore.ReadElement(rest); !ok {
			return errMalformed
		}
		if !visit(e) {
			return nil
		}
	}
	return nil
}

// Walk calls visit for what the path leads to: the value as it is, or, where
// the path runs through an array, that of each element. Absent fields are not
// visited. through tells visit that an array was on the way.
func (p Path) Walk(doc []byte, visit func(v bsoncore.Value, through bool)) error {
	return p.follow(doc, false, visit)
}

func (p Path) follow(doc []byte, through bool, visit func(bsoncore.Value, bool)) error {
	v, err := p.step(doc)
	if err != nil || v.Type == 0 {
		return err
	}
	if len(p) == 1 {
		visit(v, through)
		return nil
	}
	switch v.Type {
	case bsoncore.TypeEmbeddedDocument:
		return p[1:].follow(v.Data, through, visit)
	case bsoncore.TypeArray:
		var inner error
		err := Elements(v.Data, func(e bsoncore.Element) bool {
			if item := e.Value(); item.Type == bsoncore.TypeEmbeddedDocument {
				inner = p[1:].follow(item.Data, true, visit)
			}
			return inner == nil
		})
		return errors.Join(inner, err)
	}
	return nil
}

// Scalars calls visit for each encoded value the path leads to, with arrays
// taken apart; null and what has no order is passed over.
func (p Path) Scalars(doc []byte, visit func(key []byte)) error {
	var inner error
	var buffer []byte
	one := func(v bsoncore.Value) {
		if encoded, ok := AppendValue(buffer[:0], v); ok {
			buffer = encoded
			visit(encoded)
		}
	}
	err := p.Walk(doc, func(v bsoncore.Value, _ bool) {
		if v.Type != bsoncore.TypeArray {
			one(v)
			return
		}
		inner = errors.Join(inner, Elements(v.Data, func(e bsoncore.Element) bool { one(e.Value()); return true }))
	})
	return errors.Join(inner, err)
}

// Set gives the document with the field at the path replaced, added, or, for a
// value of type 0, removed. Documents on the way are made where absent; a
// scalar or array on the way is ErrQuery.
func (p Path) Set(doc []byte, v bsoncore.Value) ([]byte, error) {
	at, out := bsoncore.AppendDocumentStart(make([]byte, 0, len(doc)+len(v.Data)+16))
	found := false
	var inner error
	err := Elements(doc, func(e bsoncore.Element) bool {
		if !e.CompareKey(p[0]) {
			out = append(out, e...)
			return true
		}
		found = true
		out, inner = p.write(out, e.Value(), v)
		return inner == nil
	})
	if err == nil && inner == nil && !found {
		out, inner = p.write(out, bsoncore.Value{}, v)
	}
	if err := errors.Join(inner, err); err != nil {
		return nil, err
	}
	return bsoncore.AppendDocumentEnd(out, at)
}

// write appends the element p[0], which held old, as it is after the change.
func (p Path) write(out []byte, old, v bsoncore.Value) ([]byte, error) {
	key := string(p[0])
	if len(p) == 1 {
		if v.Type == 0 {
			return out, nil
		}
		return bsoncore.AppendValueElement(out, key, v), nil
	}
	if old.Type == 0 {
		if v.Type == 0 {
			return out, nil
		}
		old = bsoncore.Value{Type: bsoncore.TypeEmbeddedDocument, Data: bsoncore.NewDocumentBuilder().Build()}
	}
	if old.Type != bsoncore.TypeEmbeddedDocument {
		return nil, fmt.Errorf("%w: field %s holds no document to set a field in", store.ErrQuery, key)
	}
	inner, err := p[1:].Set(old.Data, v)
	if err != nil {
		return nil, err
	}
	return bsoncore.AppendDocumentElement(out, key, inner), nil
}

// Marshal encodes a value to set; nil, which removes, has type 0.
func Marshal(value any) (bsoncore.Value, error) {
	if value == nil {
		return bsoncore.Value{}, nil
	}
	kind, data, err := bson.MarshalValue(value)
	if err != nil {
		return bsoncore.Value{}, fmt.Errorf("%w: value of type %T: %w", store.ErrQuery, value, err)
	}
	return bsoncore.Value{Type: bsoncore.Type(kind), Data: data}, nil
}
