package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/danielgtaylor/huma/v2"
)

// jsonFormat is huma's JSON, but for one thing: a number that no float holds
// (1e309) is a wrong value where it stands, not a body that is no JSON. Otherwise
// one such quantity would refuse a whole batch of actions.
var jsonFormat = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}

func unmarshal(data []byte, v any) error {
	whole, ok := v.(*any)
	if !ok {
		return json.Unmarshal(data, v)
	}
	// Nearly every body ends here, and costs less than by the way below.
	if json.Unmarshal(data, whole) == nil {
		return nil
	}
	*whole = nil
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(whole); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	*whole = floats(*whole)
	return nil
}

// floats puts float64 in the place of every number, as json.Unmarshal does, and
// leaves as text what is too large for one: the schema then refuses it as that.
func floats(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	case []any:
		for i := range v {
			v[i] = floats(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = floats(v[key])
		}
	}
	return v
}
