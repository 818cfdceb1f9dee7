// Package rhythm is how people really act: mostly once, a few very often, in
// bursts with long pauses. It samples from a small table of quantiles that was
// derived from a public record (see Source); rhythm/gen derives it.
package rhythm

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Source names the record the table was derived from.
const Source = "M. De Domenico, A. Lima, P. Mougel, M. Musolesi: The Anatomy of a Scientific Rumor. Sci. Rep. 3:2980 (2013); data by SNAP"

// Window is how long the record runs: Actions counts over this long.
const Window = 72 * time.Hour

//go:embed table.csv
var file []byte

// point is one quantile: a share p of all values is at most value.
type point struct{ p, value float64 }

// Table holds the quantiles. It never changes.
type Table struct {
	gaps    []point // seconds between two actions of one person
	actions []point // actions of one person within Window; every count there is
}

// Load reads the table that the package ships.
func Load() (*Table, error) { return parse(file) }

func parse(file []byte) (*Table, error) {
	rows, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("rhythm: %w", err)
	}
	t := &Table{}
	for _, row := range rows[1:] {
		p, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			return nil, fmt.Errorf("rhythm: %w", err)
		}
		value, err := strconv.ParseFloat(row[2], 64)
		if err != nil {
			return nil, fmt.Errorf("rhythm: %w", err)
		}
		switch row[0] {
		case "gap_seconds":
			t.gaps = append(t.gaps, point{p, value})
		case "actions":
			t.actions = append(t.actions, point{p, value})
		default:
			return nil, fmt.Errorf("rhythm: the table has a row %q", row[0])
		}
	}
	for _, points := range [][]point{t.gaps, t.actions} {
		if !rises(points) {
			return nil, fmt.Errorf("rhythm: the table does not rise from a small share to 1")
		}
	}
	return t, nil
}

// rises says whether points are quantiles: shares and values that grow, the
// last share 1.
func rises(points []point) bool {
	for i := 1; i < len(points); i++ {
		if points[i].p <= points[i-1].p || points[i].value < points[i-1].value {
			return false
		}
	}
	return len(points) > 1 && points[len(points)-1].p == 1
}

// Gap draws the pause between two actions of one person: zero in half of the
// cases (a burst), up to days. Values between two quantiles are equally likely.
func (t *Table) Gap(from *rand.Rand) time.Duration {
	u := from.Float64()
	i := above(t.gaps, u)
	if i == 0 {
		return seconds(t.gaps[0].value)
	}
	a, b := t.gaps[i-1], t.gaps[i]
	return seconds(a.value + (b.value-a.value)*(u-a.p)/(b.p-a.p))
}

// Actions draws how many actions a person does within Window: at least one.
func (t *Table) Actions(from *rand.Rand) int {
	return int(t.actions[above(t.actions, from.Float64())].value)
}

// above is the first quantile that is not below u, which is below 1.
func above(points []point, u float64) int {
	i, _ := slices.BinarySearchFunc(points, u, func(q point, u float64) int {
		if q.p < u {
			return -1
		}
		return 1
	})
	return i
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
