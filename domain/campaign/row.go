package campaign

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Reason is a stable slug for why an import refused a row.
type Reason string

// The reasons. What a person should do about each is in RefusedRow.Text.
const (
	BadColumns       Reason = "bad_columns"          // not the columns of the format
	BadText          Reason = "bad_text"             // not UTF-8, or a quote left open
	OtherCountry     Reason = "other_country"        // another country than the import's
	NotForSignUp     Reason = "kind_not_for_sign_up" // CEDEX, military, other business mail
	BadPostcode      Reason = "bad_postcode"
	MissingPlace     Reason = "missing_place"
	MissingAdminCode Reason = "missing_admin_code" // a level down to the depth has no code or name
	BadCoordinates   Reason = "bad_coordinates"
	OutsideRoot      Reason = "outside_root" // not in the subtree that was asked for
)

// RefusedRow is one row that an import did not take.
type RefusedRow struct {
	Line   int    `json:"line"` // 1 is the first line of the file, a header included
	Reason Reason `json:"reason"`
	Text   string `json:"text"` // one sentence that names what was found
}

// maxName bounds the name of a place or admin unit, in bytes.
const maxName = 200

// maxPopulation bounds the population of a place: more people than there are.
const maxPopulation = 1e10

// unit is one admin level of a row.
type unit struct{ name, code string }

// row is one line of a postcode file, read and checked.
type row struct {
	line     int
	postcode string // normalised
	place    string
	admin    [3]unit
	lat, lon float64
	// population is the place's, 0 where the file has none that can be read; no
	// tree holds it, see Leaf.
	population int64
}

// rowRules are what a row is checked against.
type rowRules struct {
	columns columns
	country string // upper case; "" takes the country of the first row
	depth   Depth
}

// parse reads the fields of one line. A nil refusal means that the row holds.
func (r *rowRules) parse(line int, fields []string) (row, *RefusedRow) {
	refuse := func(reason Reason, text string) (row, *RefusedRow) {
		return row{}, &RefusedRow{Line: line, Reason: reason, Text: text}
	}
	if len(fields) != r.columns.count {
		return refuse(BadColumns, "The row has "+strconv.Itoa(len(fields))+" columns; "+strconv.Itoa(r.columns.count)+" are expected.")
	}
	for _, field := range fields {
		if !utf8.ValidString(field) || len(field) > maxName || strings.ContainsFunc(field, func(c rune) bool { return c < ' ' }) {
			return refuse(BadText, "A field is not UTF-8 text of at most 200 bytes.")
		}
	}
	get := r.columns.getter(fields)
	if country := strings.ToUpper(get(colCountry)); country != r.country {
		return refuse(OtherCountry, "The country is "+strconv.Quote(country)+", not "+r.country+".")
	}
	raw, kind := splitKind(r.country, get(colPostcode), get(colKind), get(colAdmin1Code))
	if kind != "" {
		return refuse(NotForSignUp, "Nobody lives at a postcode of kind "+strconv.Quote(kind)+".")
	}
	postcode, ok := NormalizePostcode(raw)
	if !ok {
		return refuse(BadPostcode, strconv.Quote(raw)+" is not a postcode: use 2 to 12 letters and digits.")
	}
	out := row{line: line, postcode: postcode, place: get(colPlace)}
	out.admin = [3]unit{
		{get(colAdmin1), get(colAdmin1Code)},
		{get(colAdmin2), get(colAdmin2Code)},
		{get(colAdmin3), get(colAdmin3Code)},
	}
	if out.place == "" {
		return refuse(MissingPlace, "The place has no name.")
	}
	for level := range r.depth.adminLevels() {
		if u := out.admin[level]; u.code == "" || u.name == "" {
			return refuse(MissingAdminCode, "admin"+strconv.Itoa(level+1)+" has no code or no name; the campaign's tree needs both.")
		}
	}
	if out.lat, ok = degrees(get(colLat), 90); !ok {
		return refuse(BadCoordinates, strconv.Quote(get(colLat))+" is not a latitude from -90 to 90.")
	}
	if out.lon, ok = degrees(get(colLon), 180); !ok {
		return refuse(BadCoordinates, strconv.Quote(get(colLon))+" is not a longitude from -180 to 180.")
	}
	if out.lat == 0 && out.lon == 0 {
		return refuse(BadCoordinates, "Latitude and longitude are both 0, which stands for unknown.")
	}
	if people, err := strconv.ParseInt(get(colPopulation), 10, 64); err == nil {
		out.population = min(max(people, 0), maxPopulation)
	}
	return out, nil
}

func degrees(s string, limit float64) (float64, bool) {
	value, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(value) || math.Abs(value) > limit {
		return 0, false
	}
	return value, true
}

// splitKind finds what GeoNames' own files write into other columns: French
// business mail as "75008 CEDEX 08" in the postcode, American military mail as
// the pseudo-states AA, AE and AP.
func splitKind(country, postcode, kind, admin1Code string) (string, string) {
	if kind != "" {
		return postcode, kind
	}
	if before, after, found := strings.Cut(strings.ToUpper(postcode), " CEDEX"); found {
		return before, "CEDEX" + after
	}
	if country == "US" && (admin1Code == "AA" || admin1Code == "AE" || admin1Code == "AP") {
		return postcode, "military"
	}
	return postcode, ""
}
