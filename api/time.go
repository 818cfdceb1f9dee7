package api

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Time is an instant on the wire: UTC with six decimals.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000000Z"

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(`"` + t.UTC().Format(timeLayout) + `"`), nil
}

// Schema implements huma.SchemaProvider.
func (Time) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Description: "UTC, six decimals.", Examples: []any{"2026-11-23T09:30:00.000000Z"}}
}

var _ huma.SchemaProvider = Time{}

// timePtr is for fields that may be absent.
func timePtr(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	return &Time{t}
}

// loose takes any JSON value, so that one wrong field of one action in a batch
// is judged with that action and does not refuse the others. sent is false when
// the field was absent, ok when the value was no T.
type loose[T any] struct {
	value    T
	sent, ok bool
}

// UnmarshalJSON implements json.Unmarshaler; it never fails.
func (l *loose[T]) UnmarshalJSON(raw []byte) error {
	l.sent, l.ok = true, json.Unmarshal(raw, &l.value) == nil && string(raw) != "null"
	return nil
}

// Schema implements huma.SchemaProvider: documented as a T, accepted as
// anything.
func (loose[T]) Schema(r huma.Registry) *huma.Schema {
	inner := huma.SchemaFromType(r, reflect.TypeFor[T]())
	return &huma.Schema{Description: "Expected: " + inner.Type + " " + inner.Format + ". Judged with the action: a wrong value rejects this action alone."}
}
