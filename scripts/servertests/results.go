package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action, Package, Test, Output, ImportPath string

	Elapsed float64
}

type test struct{ pkg, name string }

// results are what became of each test, subtests too. A package may run its
// tests more than once, on one server after another: the worst of it counts.
type results struct {
	out    io.Writer
	became map[test]string
	said   map[test][]string // until it passed
}

func newResults(out io.Writer) *results {
	return &results{out: out, became: map[test]string{}, said: map[test][]string{}}
}

var worst = []string{"pass", "skip", "fail"}

// read takes the events of a run, and writes what failed and a line a package.
func (r *results) read(events io.Reader) error {
	for decoder := json.NewDecoder(events); ; {
		var e event
		if err := decoder.Decode(&e); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("go test -json: %w", err)
		}
		r.take(e)
	}
}

func (r *results) take(e event) {
	of := test{e.Package, e.Test}
	switch e.Action {
	case "output", "build-output":
		if e.Package == "" {
			of.pkg = e.ImportPath
		}
		r.said[of] = append(r.said[of], e.Output)
	case "pass", "skip", "fail", "build-fail":
		if e.Action == "fail" || e.Action == "build-fail" {
			if e.Package == "" {
				of.pkg = e.ImportPath
			}
			fmt.Fprint(r.out, strings.Join(r.said[of], ""))
		}
		delete(r.said, of)
		if e.Test == "" {
			if e.Action == "pass" || e.Action == "fail" { // go calls a package without tests skipped
				fmt.Fprintf(r.out, "%s\t%s\t%.1fs\n", e.Action, e.Package, e.Elapsed)
			}
			return
		}
		if slices.Index(worst, e.Action) >= slices.Index(worst, r.became[of]) {
			r.became[of] = e.Action
		}
	}
}

func (r *results) passed() int {
	n := 0
	for _, became := range r.became {
		if became == "pass" {
			n++
		}
	}
	return n
}

// judge says what keeps the run from having been one on the servers.
func (r *results) judge(tagged tests) []string {
	var problems []string
	for of, became := range r.became {
		if became != "pass" {
			problems = append(problems, fmt.Sprintf("%s of %s: %s", of.name, of.pkg, became))
		}
	}
	for pkg, names := range tagged {
		for _, name := range names {
			if r.became[test{pkg, name}] == "" {
				problems = append(problems, fmt.Sprintf("%s of %s did not run", name, pkg))
			}
		}
	}
	if tagged.count() == 0 {
		problems = append(problems, "no test carries the tag servers")
	}
	slices.Sort(problems)
	return problems
}
