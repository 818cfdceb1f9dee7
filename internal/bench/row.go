package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"
)

// Row is one figure of a benchmark.
type Row struct {
	Name  string
	Value float64
	Unit  string
	// Limit is what the parts alone, or a peer, allow; 0: the figure has none.
	Limit float64
	// Cost says that less is better; otherwise more is.
	Cost bool
	// Aim is the ratio an issue or a user asks for; 0: none.
	Aim float64
}

// Ratio is value / limit for a rate and limit / value for a cost: 1 is the
// limit, and higher is better. 0 where there is no limit.
func (r Row) Ratio() float64 {
	switch {
	case r.Limit == 0 || r.Value == 0:
		return 0
	case r.Cost:
		return r.Limit / r.Value
	}
	return r.Value / r.Limit
}

// MarshalJSON writes name, value, unit, and only where there is one, limit,
// ratio and aim.
func (r Row) MarshalJSON() ([]byte, error) {
	out := struct {
		Name  string   `json:"name"`
		Value float64  `json:"value"`
		Unit  string   `json:"unit"`
		Limit *float64 `json:"limit,omitempty"`
		Ratio *float64 `json:"ratio,omitempty"`
		Aim   *float64 `json:"aim,omitempty"`
	}{Name: r.Name, Value: rounded(r.Value), Unit: r.Unit}
	if r.Limit != 0 {
		limit, ratio, aim := rounded(r.Limit), math.Round(r.Ratio()*1000)/1000, math.Round(r.Aim*1000)/1000
		out.Limit, out.Ratio = &limit, &ratio
		if aim != 0 {
			out.Aim = &aim
		}
	}
	return json.Marshal(out)
}

// rounded keeps four digits: more would be noise.
func rounded(v float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64)
	if err != nil {
		return v
	}
	return out
}

// WriteTable prints rows for a person.
func WriteTable(w io.Writer, rows []Row) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tvalue\tunit\tlimit\tratio\taim")
	for _, r := range rows {
		limit, ratio, aim := "", "", ""
		if r.Limit != 0 {
			limit, ratio = plain(r.Limit), fmt.Sprintf("%.2f", r.Ratio())
		}
		if r.Aim != 0 {
			aim = fmt.Sprintf("%.2f", r.Aim)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, plain(r.Value), r.Unit, limit, ratio, aim)
	}
	return table.Flush()
}

func plain(v float64) string { return strconv.FormatFloat(rounded(v), 'f', -1, 64) }
