package order

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/musterhq/muster/store"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Tags begin an encoded value; their order is the order of types, MongoDB's.
// None is 0x00 or 0xFF, which serve as bounds, and no two are neighbours, so
// tag+1 is above every value of a type and below the next type.
const (
	TagNumber byte = 0x10
	TagString byte = 0x20
	TagBool   byte = 0x40
	TagTime   byte = 0x50
)

// appendNumber encodes a double and, for an integer that is not a double, how
// far it lies from the nearest one. Integers and doubles of equal value are so
// equal, and all are in order: an integer's nearest double never jumps over
// another double, and integers with the same nearest double differ in residual.
func appendNumber(dst []byte, f float64, residual int16) []byte {
	bits := math.Float64bits(f)
	switch {
	case math.IsNaN(f):
		bits = 0 // below -Inf, as MongoDB has it
	case f == 0:
		bits = 1 << 63 // -0 is 0
	case bits>>63 == 1:
		bits = ^bits
	default:
		bits |= 1 << 63
	}
	dst = append(dst, TagNumber)
	dst = binary.BigEndian.AppendUint64(dst, bits)
	return binary.BigEndian.AppendUint16(dst, uint16(residual)^0x8000)
}

func appendInt(dst []byte, i int64) []byte {
	f := float64(i)
	if f == 1<<63 { // rounded up beyond int64: int64(f) is not defined
		return appendNumber(dst, f, int16(i+math.MinInt64))
	}
	return appendNumber(dst, f, int16(i-int64(f)))
}

// AppendString ends the string with 0x00 0x01 and writes a zero byte in it as
// 0x00 0xFF, so a prefix sorts before what it begins.
func AppendString[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, TagString)
	for i := range len(s) {
		dst = append(dst, s[i])
		if s[i] == 0 {
			dst = append(dst, 0xFF)
		}
	}
	return append(dst, 0x00, 0x01)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, TagBool, 1)
	}
	return append(dst, TagBool, 0)
}

// AppendTime takes milliseconds since 1970, BSON's instants.
func AppendTime(dst []byte, ms int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, TagTime), uint64(ms)^(1<<63))
}

// AppendValue encodes a stored scalar. It answers false for a type that has no
// order here: documents, arrays, binary and the like.
func AppendValue(dst []byte, v bsoncore.Value) ([]byte, bool) {
	switch v.Type {
	case bsoncore.TypeString:
		// The string's bytes without copying them: length, text, NUL.
		if len(v.Data) < 5 {
			return dst, false
		}
		return AppendString(dst, v.Data[4:len(v.Data)-1]), true
	case bsoncore.TypeInt32:
		i, ok := v.Int32OK()
		return appendInt(dst, int64(i)), ok
	case bsoncore.TypeInt64:
		i, ok := v.Int64OK()
		return appendInt(dst, i), ok
	case bsoncore.TypeDouble:
		f, ok := v.DoubleOK()
		return appendNumber(dst, f, 0), ok
	case bsoncore.TypeBoolean:
		b, ok := v.BooleanOK()
		return appendBool(dst, b), ok
	case bsoncore.TypeDateTime:
		ms, ok := v.DateTimeOK()
		return AppendTime(dst, ms), ok
	}
	return dst, false
}

// AppendGo encodes a value of a query. What has no order is ErrQuery.
func AppendGo(dst []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case string:
		return AppendString(dst, v), nil
	case int:
		return appendInt(dst, int64(v)), nil
	case int64:
		return appendInt(dst, v), nil
	case bool:
		return appendBool(dst, v), nil
	case time.Time:
		return AppendTime(dst, v.UnixMilli()), nil
	}
	kind, data, err := bson.MarshalValue(value)
	if err != nil {
		return nil, fmt.Errorf("%w: value of type %T: %w", store.ErrQuery, value, err)
	}
	dst, ok := AppendValue(dst, bsoncore.Value{Type: bsoncore.Type(kind), Data: data})
	if !ok {
		return nil, fmt.Errorf("%w: a value of type %T cannot be compared", store.ErrQuery, value)
	}
	return dst, nil
}
