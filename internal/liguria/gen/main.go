// Command gen makes liguria.csv from the published files it is derived from:
//
//	go run ./internal/liguria/gen FOLDER > internal/liguria/liguria.csv
//
// FOLDER holds it_liguria_comuni.csv (comuni, population, postcodes, middles;
// onData and Ministero dell'Interno, CC BY 4.0) and postcodes_it.csv (GeoNames,
// CC BY 4.0). Each comune becomes a row a postcode, in the columns that
// `muster import postcodes` reads, and its population. A postcode that only
// GeoNames knows goes to the comune of that name, or else to the nearest one of
// the province, by the middle.
package main

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen FOLDER > liguria.csv")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// comune is one of the 234.
type comune struct {
	istat, name, province, code, population string
	postcodes                               []string
	lat, lon                                float64
}

func generate(folder string, out io.Writer) error {
	comuni, err := readComuni(filepath.Join(folder, "it_liguria_comuni.csv"))
	if err != nil {
		return err
	}
	if err := addMissing(comuni, filepath.Join(folder, "postcodes_it.csv")); err != nil {
		return err
	}
	slices.SortFunc(comuni, func(a, b *comune) int { return cmp.Compare(a.istat, b.istat) })
	buffered := bufio.NewWriter(out)
	w := csv.NewWriter(buffered)
	_ = w.Write(strings.Split("country,postcode,kind,place,admin1,admin1_code,admin2,admin2_code,admin3,admin3_code,lat,lon,population", ","))
	for _, c := range comuni {
		slices.Sort(c.postcodes)
		for _, postcode := range c.postcodes {
			_ = w.Write([]string{"IT", postcode, "", c.name, "Liguria", "08", c.province, c.code, c.name, c.istat, degrees(c.lat), degrees(c.lon), c.population})
		}
	}
	w.Flush()
	return cmp.Or(w.Error(), buffered.Flush())
}

func readComuni(path string) ([]*comune, error) {
	rows, err := read(path)
	if err != nil {
		return nil, err
	}
	var comuni []*comune
	for _, row := range rows {
		c := &comune{
			istat: row["istat"], name: row["comune"], province: row["province_name"], code: row["province"],
			population: row["population"], postcodes: strings.Split(row["postcodes"], "|"),
		}
		if c.lat, c.lon, err = point(row); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, c.name, err)
		}
		comuni = append(comuni, c)
	}
	return comuni, nil
}

// addMissing gives comuni the postcodes of Liguria that only GeoNames has: to
// the comune of the row's name, or else to the nearest of the province.
func addMissing(comuni []*comune, path string) error {
	known := map[string]bool{}
	for _, c := range comuni {
		for _, postcode := range c.postcodes {
			known[postcode] = true
		}
	}
	rows, err := read(path)
	if err != nil {
		return err
	}
	var left []map[string]string
	for _, row := range rows {
		if row["admin1"] != "Liguria" || known[row["postcode"]] {
			continue
		}
		i := slices.IndexFunc(comuni, func(c *comune) bool { return c.code == row["admin2_code"] && letters(c.name) == letters(row["place"]) })
		if i < 0 {
			left = append(left, row)
			continue
		}
		comuni[i].postcodes = append(comuni[i].postcodes, row["postcode"])
		known[row["postcode"]] = true
	}
	for _, row := range left {
		if known[row["postcode"]] {
			continue
		}
		lat, lon, err := point(row)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", path, row["postcode"], err)
		}
		var nearest *comune
		for _, c := range comuni {
			if c.code == row["admin2_code"] && (nearest == nil || c.square(lat, lon) < nearest.square(lat, lon)) {
				nearest = c
			}
		}
		if nearest == nil {
			return fmt.Errorf("%s: %s lies in the province %s, which has no comune", path, row["postcode"], row["admin2_code"])
		}
		if !slices.Contains(nearest.postcodes, row["postcode"]) {
			nearest.postcodes = append(nearest.postcodes, row["postcode"])
		}
	}
	return nil
}

// letters compares names that GeoNames writes together ("Laspezia").
func letters(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "'", "").Replace(name))
}

func (c *comune) square(lat, lon float64) float64 {
	north, east := c.lat-lat, (c.lon-lon)*math.Cos(c.lat*math.Pi/180)
	return north*north + east*east
}

func point(row map[string]string) (lat, lon float64, err error) {
	if lat, err = strconv.ParseFloat(row["lat"], 64); err != nil {
		return 0, 0, err
	}
	lon, err = strconv.ParseFloat(row["lon"], 64)
	return lat, lon, err
}

func degrees(v float64) string { return strconv.FormatFloat(v, 'f', 4, 64) }

// read gives a file's rows by the names in its header.
func read(path string) ([]map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var rows []map[string]string
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
	return rows, nil
}
