package order

import (
	"bytes"
	"cmp"
	"math"
	"math/big"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"
)

// rank is where a type stands among types.
func rank(value any) int {
	switch value.(type) {
	case int32, int64, float64:
		return 1
	case string:
		return 2
	case bool:
		return 3
	default:
		return 4
	}
}

// exact is a number without rounding; NaN has none.
func exact(value any) *big.Float {
	switch v := value.(type) {
	case int32:
		return new(big.Float).SetInt64(int64(v))
	case int64:
		return new(big.Float).SetInt64(v)
	default:
		return new(big.Float).SetFloat64(v.(float64))
	}
}

// compare is the order that the keys must have, said in another way.
func compare(a, b any) int {
	if order := cmp.Compare(rank(a), rank(b)); order != 0 {
		return order
	}
	switch x := a.(type) {
	case string:
		return cmp.Compare(x, b.(string))
	case bool:
		return cmp.Compare(map[bool]int{true: 1}[x], map[bool]int{true: 1}[b.(bool)])
	case time.Time:
		return cmp.Compare(x.UnixMilli(), b.(time.Time).UnixMilli())
	}
	nan := func(v any) bool { f, ok := v.(float64); return ok && math.IsNaN(f) }
	if nan(a) || nan(b) {
		return cmp.Compare(map[bool]int{false: 1}[nan(a)], map[bool]int{false: 1}[nan(b)])
	}
	return exact(a).Cmp(exact(b))
}

// check compares two values, alone and with something behind them, by query
// encoding and by stored encoding.
func check(t interface{ Fatalf(string, ...any) }, a, b any) {
	want := compare(a, b)
	encode := func(v any) []byte {
		key, err := AppendGo(nil, v)
		if err != nil {
			t.Fatalf("encode %v: %v", v, err)
		}
		doc, err := bson.Marshal(bson.D{{Key: "v", Value: v}})
		if err != nil {
			t.Fatalf("marshal %v: %v", v, err)
		}
		stored := []byte{}
		if err := NewPath("v").Scalars(doc, func(key []byte) { stored = append(stored, key...) }); err != nil || !bytes.Equal(stored, key) {
			t.Fatalf("%T %v is stored as %x, %v, and asked for as %x", v, v, stored, err, key)
		}
		if key[0] == 0x00 || key[0] == 0xFF {
			t.Fatalf("the key of %v begins with a bound", v)
		}
		return key
	}
	ka, kb := encode(a), encode(b)
	if got := bytes.Compare(ka, kb); got != want {
		t.Fatalf("%T %v and %T %v: keys say %d, values %d", a, a, b, b, got, want)
	}
	if want != 0 {
		// What follows in the key must not matter: no key is a prefix of another.
		if got := bytes.Compare(append(ka, 0xFF), append(kb, 0x01)); got != want {
			t.Fatalf("%v and %v: with a tail the keys say %d, values %d", a, b, got, want)
		}
	}
}

// special are the values at which an encoding goes wrong.
var special = []any{
	0.0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64,
	int64(math.MaxInt64), int64(math.MaxInt64 - 1), int64(math.MaxInt64 - 600), int64(math.MinInt64), int64(math.MinInt64 + 1),
	float64(1 << 63), -float64(1 << 63), int64(1<<53 - 1), int64(1 << 53), int64(1<<53 + 1), int64(1<<53 + 2), float64(1 << 53), -float64(1 << 53),
	int64(-1<<53 - 1), int64(-1 << 53), int32(math.MinInt32), int32(-1), int64(0), 1.0, int64(1), 1.5,
	"", "\x00", "\x00\x00", "\x00\x01", "a", "a\x00", "a\x00b", "a\x01", "ab", "b", "\U0010FFFF",
	true, false, time.UnixMilli(0), time.UnixMilli(-1), time.Time{},
}

func TestKeyOrderOfSpecialValues(t *testing.T) {
	for _, a := range special {
		for _, b := range special {
			check(t, a, b)
		}
	}
}

func value() *rapid.Generator[any] {
	near := rapid.Custom(func(t *rapid.T) any { // integers and doubles that lie close together
		base := int64(1) << rapid.IntRange(50, 62).Draw(t, "bits")
		i := base + rapid.Int64Range(-2000, 2000).Draw(t, "off")
		if rapid.Bool().Draw(t, "negative") {
			i = -i
		}
		if rapid.Bool().Draw(t, "float") {
			return float64(i)
		}
		return i
	})
	return rapid.OneOf(
		rapid.SampledFrom(special), near,
		rapid.Int64().AsAny(), rapid.Int32().AsAny(), rapid.Float64().AsAny(), rapid.Bool().AsAny(),
		rapid.StringN(0, 8, -1).AsAny(),
		rapid.Map(rapid.Int64Range(-1<<50, 1<<50), func(ms int64) any { return time.UnixMilli(ms).UTC() }),
	)
}

func TestKeyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { check(t, value().Draw(t, "a"), value().Draw(t, "b")) })
}

func FuzzKeyOrder(f *testing.F) {
	f.Add("a", "a\x00", int64(1), 1.0)
	f.Add("", "\x00\xff", int64(math.MaxInt64), float64(1<<63))
	f.Fuzz(func(t *testing.T, a, b string, i int64, d float64) {
		if !validText(a) || !validText(b) {
			return
		}
		check(t, a, b)
		check(t, i, d)
		check(t, time.UnixMilli(i%(1<<50)), d)
		check(t, a, i)
	})
}

// validText: BSON strings are UTF-8, and the driver refuses others.
func validText(s string) bool {
	_, err := bson.Marshal(bson.D{{Key: "v", Value: s}})
	return err == nil
}
