package dump

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/musterhq/muster/store"
)

// format is raised when an older Muster could not read an export rightly.
const format = 1

// ErrDamaged is the answer to a file that is not a whole export.
var ErrDamaged = errors.New("the export is damaged, or is none")

// ErrNewer is the answer to an export that a later version made.
var ErrNewer = errors.New("the export was made by a newer Muster; use that or a later one")

func damaged(why string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(why, args...))
}

// Header is the first line.
type Header struct {
	Format      int       `json:"muster_export"`
	Muster      string    `json:"muster"`   // version that wrote it
	TakenAt     time.Time `json:"taken_at"` // when it began
	Collections []string  `json:"collections"`
}

// line is any line after the first: a document, in one of two forms, or the end.
type line struct {
	Collection string          `json:"collection,omitempty"`
	Document   json.RawMessage `json:"document,omitempty"`
	BSON       []byte          `json:"bson,omitempty"`
	End        *end            `json:"end,omitempty"`
}

type end struct {
	Documents map[string]int64 `json:"documents"`
	SHA256    string           `json:"sha256"`
}

// maxPlain is the largest document that is written as Extended JSON, in bytes
// of BSON: reading that takes several times its memory.
const maxPlain = 1 << 20

// encode gives the line of a document, with its newline.
func encode(collection string, doc store.Raw) ([]byte, error) {
	if got, err := headOf(doc.Body); err != nil || got.Campaign != doc.Campaign || got.ID != doc.ID || got.Version != doc.Version {
		return nil, fmt.Errorf("a document of %s does not hold its own campaign, id and version", collection)
	}
	if len(doc.Body) > maxPlain || !plain(doc.Body, false) {
		return encodeBSON(collection, doc)
	}
	// Not doc.Body.String(), which leaves the names of fields as they are.
	extended, err := bson.MarshalExtJSON(doc.Body, true, false)
	if err != nil {
		return encodeBSON(collection, doc)
	}
	text := make([]byte, 0, len(extended)+len(collection)+40)
	text = append(text, `{"collection":"`...)
	text = append(text, collection...) // lower case, digits and underscores: nothing to escape
	text = append(text, `","document":`...)
	text = append(text, extended...)
	return append(text, "}\n"...), nil
}

func encodeBSON(collection string, doc store.Raw) ([]byte, error) {
	if !sound(doc.Body) { // decode would refuse it
		return nil, fmt.Errorf("a document of %s is no BSON", collection)
	}
	text, err := json.Marshal(line{Collection: collection, BSON: doc.Body})
	return append(text, '\n'), err
}

// parse reads any line after the first.
func parse(text []byte) (line, error) {
	var l line
	err := json.Unmarshal(text, &l)
	return l, err
}

// decode gives the document of a line.
func decode(l line) (store.Raw, error) {
	body := bson.Raw(l.BSON)
	if l.BSON == nil {
		var doc bson.D
		if err := bson.UnmarshalExtJSON(l.Document, true, &doc); err != nil {
			return store.Raw{}, damaged("a document of %s is no Extended JSON", l.Collection)
		}
		var err error
		if body, err = bson.Marshal(doc); err != nil {
			return store.Raw{}, damaged("a document of %s is no BSON", l.Collection)
		}
	}
	if len(body) > store.MaxDocument || !sound(body) {
		return store.Raw{}, damaged("a document of %s is too large, or is no BSON", l.Collection)
	}
	head, err := headOf(body)
	if err != nil || head.Version < 1 {
		return store.Raw{}, damaged("a document of %s has no campaign, id and version", l.Collection)
	}
	return store.Raw{Campaign: head.Campaign, ID: head.ID, Version: head.Version, Body: body}, nil
}

func headOf(body bson.Raw) (store.Meta, error) {
	var head store.Meta
	err := bson.Unmarshal(body, &head)
	return head, err
}

// sound says whether a document is BSON down to its last value; bson's own
// Validate does not look into documents within it.
func sound(doc bson.Raw) bool {
	elements, err := doc.Elements()
	if err != nil || doc.Validate() != nil {
		return false
	}
	for _, e := range elements {
		if v := e.Value(); (v.Type == bson.TypeEmbeddedDocument || v.Type == bson.TypeArray) && !sound(v.Value) {
			return false
		}
	}
	return true
}

// plain says whether Extended JSON gives a document back to the byte. It does
// for the kinds of value that Muster stores, unless a name begins with a dollar,
// which Extended JSON keeps for itself, or a text is not UTF-8.
func plain(doc bson.Raw, array bool) bool {
	elements, err := doc.Elements()
	if err != nil {
		return false
	}
	for i, e := range elements {
		name, err := e.KeyErr()
		if err != nil || !utf8.ValidString(name) || strings.HasPrefix(name, "$") || (array && name != strconv.Itoa(i)) {
			return false
		}
		value, err := e.ValueErr()
		if err != nil || !plainValue(value) {
			return false
		}
	}
	return true
}

func plainValue(v bson.RawValue) bool {
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		return plain(v.Value, false)
	case bson.TypeArray:
		return plain(v.Value, true)
	case bson.TypeString:
		s, ok := v.StringValueOK()
		return ok && utf8.ValidString(s)
	case bson.TypeDouble:
		f, ok := v.DoubleOK()
		return ok && !math.IsNaN(f) // there are many of them
	case bson.TypeBinary, bson.TypeBoolean, bson.TypeDateTime, bson.TypeNull, bson.TypeInt32, bson.TypeInt64, bson.TypeObjectID:
		return true
	}
	return false
}
