//go:build fault || servers

package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
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

// The table of a suite lies in the page between these.
const (
	tableBegins = "<!-- table: written by " + suiteName + " -->\n"
	tableEnds   = "<!-- end of table -->\n"
)

// report prints the rows as JSON, a line each, and writes the table into the
// page that FAULT_TABLE names, if all went well.
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
	_, after, ends := strings.Cut(rest, tableEnds)
	if !ok || !ends {
		return fmt.Errorf("%s has no place for the table", page)
	}
	return os.WriteFile(page, []byte(before+tableBegins+table()+tableEnds+after), 0o644)
}

func table() string {
	var b strings.Builder
	sum := row{}
	fmt.Fprintf(&b, "\nRun of %s, %s/%s, %d CPUs.\n\n", time.Now().UTC().Format("2006-01-02"), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	b.WriteString("| Fault | Rounds | Operations | ok | unknown | Actions acknowledged | Lost | Doubled | Wrong | Boards equal | Healed after | What was held to |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|---|\n")
	line := func(r row) {
		equal, healed := "yes", "–"
		if !r.Equal {
			equal = "**no**"
		}
		if r.Healed > 0 {
			healed = fmt.Sprintf("%.1f s", r.Healed)
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %s | %s | %s |\n",
			r.Fault, r.Rounds, r.Ops, r.OK, r.Unknown, r.Actions, r.Lost, r.Doubled, r.Wrong, equal, healed, r.Asserted)
	}
	for _, r := range rows {
		if r.Broken {
			continue
		}
		line(r)
		sum.Rounds, sum.Ops, sum.OK, sum.Unknown = sum.Rounds+r.Rounds, sum.Ops+r.Ops, sum.OK+r.OK, sum.Unknown+r.Unknown
		sum.Actions, sum.Lost, sum.Doubled, sum.Wrong = sum.Actions+r.Actions, sum.Lost+r.Lost, sum.Doubled+r.Doubled, sum.Wrong+r.Wrong
	}
	fmt.Fprintf(&b, "| **all** | %d | %d | %d | %d | %d | **%d** | **%d** | **%d** | | | |\n", sum.Rounds, sum.Ops, sum.OK, sum.Unknown, sum.Actions, sum.Lost, sum.Doubled, sum.Wrong)
	if !slices.ContainsFunc(rows, func(r row) bool { return r.Broken }) {
		return b.String() + "\n"
	}
	b.WriteString("\nThe same checker on builds that are wrong on purpose, which it must find out:\n\n")
	b.WriteString("| Build | Rounds | Operations | ok | unknown | Actions acknowledged | Lost | Doubled | Wrong | Boards equal | Healed after | What was held to |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|---|\n")
	for _, r := range rows {
		if r.Broken {
			line(r)
		}
	}
	return b.String() + "\n"
}
