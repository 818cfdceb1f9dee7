package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/musterhq/muster/domain/campaign"
)

type importCmd struct {
	Postcodes importPostcodesCmd `cmd:"" help:"Build the tree of regions from a GeoNames postcode file."`
	Data      importDataCmd      `cmd:"" help:"Write an export into an empty store."`
}

type importPostcodesCmd struct {
	storage `embed:""`

	File     string `arg:"" help:"The country's file from https://download.geonames.org/export/zip/, unpacked (IT.txt), or a CSV with the same columns and a header." placeholder:"FILE"`
	Campaign string `help:"Id of the campaign." required:"" placeholder:"ID"`
	Country  string `help:"Two-letter code of the country, for example IT. Empty: that of the first row." placeholder:"CC"`
	Within   string `help:"Take one region of the country only, for example it.liguria." placeholder:"ID"`
	Depth    string `help:"Level of the leaves, where people and teams are placed: admin1, admin2, admin3 or place. Empty: place in Italy, admin2 elsewhere." placeholder:"LEVEL"`
	DryRun   bool   `help:"Report what would be done and change nothing."`
	Refused  string `help:"Write the refused rows to this CSV file." placeholder:"FILE"`
}

// shownRefusals is how many refused rows the report prints; --refused has all.
const shownRefusals = 20

// Run imports and reports every refused row.
func (c *importPostcodesCmd) Run(env *environment) error {
	file, err := os.Open(c.File)
	if err != nil {
		return usagef("%v", err)
	}
	defer file.Close()
	a, err := c.openExisting(env.ctx, env)
	if err != nil {
		return err
	}
	defer a.Close()
	bars := newBars(env)
	report, err := a.Campaigns.Import(env.ctx, c.Campaign, campaign.ImportOptions{
		Country: c.Country, Within: c.Within, Depth: campaign.Depth(c.Depth), DryRun: c.DryRun, Progress: importProgress(bars),
	}, file)
	bars.finish()
	if err != nil {
		printRefused(env, report)
		return plain(err)
	}
	if c.Refused != "" {
		if err := writeRefused(c.Refused, report); err != nil {
			return err
		}
	}
	printImport(env, c.DryRun, report)
	return a.Close()
}

// importProgress draws the steps of an import.
func importProgress(bars *bars) func(campaign.ImportStep, int, int) {
	if bars.progress == nil {
		return nil
	}
	return func(step campaign.ImportStep, done, total int) {
		bars.progress(string(step), int64(done), int64(total))
	}
}

// printImport tells what came of the rows.
func printImport(env *environment, dryRun bool, report campaign.Report) {
	printRefused(env, report)
	verb := "Imported"
	if dryRun {
		verb = "Would import"
	}
	fmt.Fprintf(env.err, "%s %s: %d of %d rows accepted; %s, %s, %s; %d postcodes ask people to choose a place.\n", verb, report.Root, report.Accepted, report.Rows,
		counted("regions", report.Regions), counted("teams", report.Teams), counted("postcodes", report.Postcodes), report.Shared)
}

// printRefused tells the refusals by reason, and the first refused rows that are
// somebody's mistake. A row outside the chosen region is none.
func printRefused(env *environment, report campaign.Report) {
	shown := 0
	for _, r := range report.Refused {
		if r.Reason == campaign.OutsideRoot {
			continue
		}
		if shown == shownRefusals {
			fmt.Fprintln(env.err, "... more refused rows; --refused FILE writes all")
			break
		}
		shown++
		fmt.Fprintf(env.err, "line %d refused (%s): %s\n", r.Line, r.Reason, r.Text)
	}
	reasons := report.Reasons()
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(env.err, "%6d rows refused: %s\n", reasons[reason], reason)
	}
}

func counted(what string, c campaign.Counts) string {
	return fmt.Sprintf("%d %s (%d new, %d changed)", c.Created+c.Updated+c.Unchanged, what, c.Created, c.Updated)
}

// writeRefused writes every refused row as CSV: line, reason, text.
func writeRefused(path string, report campaign.Report) error {
	file, err := os.Create(path)
	if err != nil {
		return usagef("%v", err)
	}
	out := csv.NewWriter(file)
	rows := [][]string{{"line", "reason", "text"}}
	for _, r := range report.Refused {
		rows = append(rows, []string{strconv.Itoa(r.Line), string(r.Reason), r.Text})
	}
	return errors.Join(out.WriteAll(rows), file.Close())
}
