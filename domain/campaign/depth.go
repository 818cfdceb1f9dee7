package campaign

import (
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/musterhq/muster/internal/errs"
)

// Depth says which of GeoNames' levels the leaves of a campaign's tree are.
type Depth string

// The depths, from shallow to deep. A tree holds every level above its leaves,
// but DepthPlace leaves admin3 out: in most files it is incomplete.
const (
	DepthAdmin1 Depth = "admin1" // state, regione, région, voivodeship
	DepthAdmin2 Depth = "admin2" // county, provincia, département, powiat
	DepthAdmin3 Depth = "admin3" // arrondissement, gmina; absent from many countries
	DepthPlace  Depth = "place"  // country > admin1 > admin2 > place (comune, town)
)

// DefaultDepth is the depth where the operator names none: the place (comune)
// in Italy, admin2 elsewhere.
func DefaultDepth(country string) Depth {
	if strings.EqualFold(country, "IT") {
		return DepthPlace
	}
	return DepthAdmin2
}

// adminLevels is how many of admin1, admin2, admin3 the tree needs of a row.
func (d Depth) adminLevels() int {
	switch d {
	case DepthAdmin1:
		return 1
	case DepthAdmin3:
		return 3
	default:
		return 2
	}
}

// Valid says whether d is one of the depths.
func (d Depth) Valid() bool {
	return d == DepthAdmin1 || d == DepthAdmin2 || d == DepthAdmin3 || d == DepthPlace
}

// countryOf checks an ISO 3166 code of two letters and answers it in upper
// case with its English name.
func countryOf(code string) (string, string, error) {
	region, err := language.ParseRegion(code)
	if err != nil || len(code) != 2 || !region.IsCountry() {
		return "", "", errs.New(errs.Invalid, "country_unknown", "%q is not a country: use its two-letter code, for example IT.", code)
	}
	return strings.ToUpper(code), display.English.Regions().Name(region), nil
}
