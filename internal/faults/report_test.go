//go:build fault || servers

package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// row is one line of the table: what a fault did.
type row struct {
	Fault    string  `json:"fault"`
	Rounds   int     `json:"rounds"`
	Ops      int     `json:"operations"`
	OK       int     `json:"ok"`
	Unknown  int     `json:"unknown"`
	Actions  int     `json:"actions"`
	Lost     int     `json:"lost"`
	Doubled  int     `json:"doubled"`
	Wrong    int     `json:"wrong"` // invented, worth other points than answered, totals that fell
	Equal    bool    `json:"boards_equal"`
	Healed   float64 `json:"healed_seconds"` // 0: nothing had to heal
	Asserted string  `json:"asserted"`
	// Broken: a build that is wrong on purpose, which must be found out.
	Broken bool `json:"broken_build,omitempty"`
}

var (
	rowsMu sync.Mutex
	rows   []row
)

func addRow(r row) {
	rowsMu.Lock()
	defer rowsMu.Unlock()
	rows = append(rows, r)
}

// The table lies in the page between these.
const (
	tableBegins = "<!-- table: written by make test-faults and make test-servers-faults -->\n"
	tableEnds   = "<!-- end of table -->\n"
)

// report prints the rows as JSON, a line each, and writes them into the table of
// the page that FAULT_TABLE names, if all went well. Rows of the table go by the
// name of the fault: those of faults that this run did not have stay.
func report(passed bool) error {
	for _, r := range rows {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		fmt.Println("row", string(text))
	}
	page := os.Getenv("FAULT_TABLE")
	if page == "" || !passed || bounded {
		return nil
	}
	if len(rows) == 0 {
		return errors.New("no row was run: there is no table to write")
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), tableBegins)
	old, after, ends := strings.Cut(rest, tableEnds)
	if !ok || !ends {
		return fmt.Errorf("%s has no place for the table", page)
	}
	return os.WriteFile(page, []byte(before+tableBegins+table(old)+tableEnds+after), 0o644)
}

const (
	heads      = " | Rounds | Operations | ok | unknown | Actions acknowledged | Lost | Doubled | Wrong | Boards equal | Healed after | What was held to |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|---|\n"
	ofFaults   = "| Fault" + heads
	ofBuilds   = "| Build" + heads
	sumOfAll   = "**all**"
	figures    = 8 // columns that are added up, behind the first
	boardsText = "\nThe same checker on builds that are wrong on purpose, which it must find out:\n\n"
)

// table is the old table with the rows of this run in it.
func table(old string) string {
	var faults, builds []string
	oldFaults, oldBuilds, _ := strings.Cut(old, ofBuilds)
	_, oldFaults, _ = strings.Cut(oldFaults, ofFaults)
	for line := range strings.Lines(oldFaults) {
		if name := nameOf(line); name != "" && name != sumOfAll {
			faults = append(faults, line)
		}
	}
	for line := range strings.Lines(oldBuilds) {
		if nameOf(line) != "" {
			builds = append(builds, line)
		}
	}
	for _, r := range rows {
		into := &faults
		if r.Broken {
			into = &builds
		}
		if i := slices.IndexFunc(*into, func(line string) bool { return nameOf(line) == r.Fault }); i >= 0 {
			(*into)[i] = r.line()
		} else {
			*into = append(*into, r.line())
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nLast run on %s, %s/%s, %d CPUs.\n\n", time.Now().UTC().Format("2006-01-02"), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	b.WriteString(ofFaults + strings.Join(faults, ""))
	var sums [figures]int
	for _, line := range faults {
		for i, cell := range strings.Split(line, "|")[2 : 2+figures] {
			n, _ := strconv.Atoi(strings.TrimSpace(cell))
			sums[i] += n
		}
	}
	fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | **%d** | **%d** | **%d** | | | |\n", sumOfAll, sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7])
	b.WriteString(boardsText + ofBuilds + strings.Join(builds, ""))
	return b.String() + "\n"
}

// nameOf is the fault of a line of the table; empty for what is no row.
func nameOf(line string) string {
	cells := strings.Split(line, "|")
	if len(cells) < 3+figures {
		return ""
	}
	return strings.TrimSpace(cells[1])
}

func (r row) line() string {
	equal, healed := "yes", "–"
	if !r.Equal {
		equal = "**no**"
	}
	if r.Healed > 0 {
		healed = fmt.Sprintf("%.1f s", r.Healed)
	}
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %d | %d | %s | %s | %s |\n",
		r.Fault, r.Rounds, r.Ops, r.OK, r.Unknown, r.Actions, r.Lost, r.Doubled, r.Wrong, equal, healed, r.Asserted)
}

// TestTable: a run's rows replace those of the same fault, and leave the others.
func TestTable(t *testing.T) {
	mine := rows
	t.Cleanup(func() { rows = mine })
	rows = []row{{Fault: "a", Rounds: 1, OK: 5, Equal: true}, {Fault: "w", Broken: true, Lost: 3}}
	first := table("\nnothing yet\n")
	rows = []row{{Fault: "b", Rounds: 2, OK: 7, Equal: true, Healed: 1.5}, {Fault: "a", Rounds: 3, OK: 1, Equal: true}}
	second := table(first)
	for _, want := range []string{
		"| a | 3 | 0 | 1 | 0 | 0 | 0 | 0 | 0 | yes | – |  |\n| b | 2 | 0 | 7 | 0 | 0 | 0 | 0 | 0 | yes | 1.5 s |  |\n| **all** | 5 | 0 | 8 |",
		ofBuilds + "| w | 0 | 0 | 0 | 0 | 0 | 3 | 0 | 0 | **no** | – |  |\n",
	} {
		if !strings.Contains(second, want) {
			t.Errorf("got\n%s\nwant in it\n%s", second, want)
		}
	}
	rows = nil
	if third := table(second); third != second {
		t.Errorf("a run without rows changed it to\n%s", third)
	}
}
