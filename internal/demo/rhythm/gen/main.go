// Command gen makes table.csv from a public record of what people did on
// Twitter around the announcement of the Higgs boson:
//
//	go run ./internal/demo/rhythm/gen higgs_actions_until_0704.csv.gz > internal/demo/rhythm/table.csv
//
// Source: M. De Domenico, A. Lima, P. Mougel, M. Musolesi: The Anatomy of a
// Scientific Rumor. Sci. Rep. 3:2980 (2013); data by SNAP. The record itself is
// not part of this repository. Only quantiles over all people leave it.
package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen higgs_actions_until_0704.csv.gz > table.csv")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func generate(path string, out io.Writer) error {
	times, err := readTimes(path)
	if err != nil {
		return err
	}
	gaps, people := []int64{}, map[int]int{} // people: how many did so many actions
	for _, at := range times {
		slices.Sort(at)
		people[len(at)]++
		for i := 1; i < len(at); i++ {
			gaps = append(gaps, at[i]-at[i-1])
		}
	}
	slices.Sort(gaps)
	buffered := bufio.NewWriter(out)
	_, _ = fmt.Fprintln(buffered, "what,p,value")
	for _, p := range grid() {
		at := min(int(math.Round(p*float64(len(gaps)-1))), len(gaps)-1)
		_, _ = fmt.Fprintf(buffered, "gap_seconds,%s,%d\n", share(p), gaps[at])
	}
	done := 0
	for _, count := range slices.Sorted(maps.Keys(people)) {
		done += people[count]
		_, _ = fmt.Fprintf(buffered, "actions,%s,%d\n", share(float64(done)/float64(len(times))), count)
	}
	return buffered.Flush()
}

// grid is every percent, and finer at the heavy end.
func grid() []float64 {
	var ps []float64
	for i := range 100 {
		ps = append(ps, float64(i)/100)
	}
	for i := 991; i < 1000; i++ {
		ps = append(ps, float64(i)/1000)
	}
	return append(ps, .9995, .9999, 1)
}

func share(p float64) string { return strconv.FormatFloat(math.Round(p*1e6)/1e6, 'f', -1, 64) }

// readTimes gives each actor's instants.
func readTimes(path string) (map[string][]int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(unzipped).ReadAll()
	if err = cmp.Or(err, unzipped.Close()); err != nil {
		return nil, err
	}
	times := map[string][]int64{}
	for _, row := range rows[1:] {
		at, err := strconv.ParseInt(row[0], 10, 64)
		if err != nil {
			return nil, err
		}
		times[row[1]] = append(times[row[1]], at)
	}
	return times, nil
}
