package main

import (
	"fmt"

	"github.com/musterhq/muster/internal/app"
)

// documents are the flags of commands that work on the documents alone.
type documents struct {
	Data     string `help:"Folder with the campaign's data." default:"./muster-data" env:"MUSTER_DATA"`
	MongoURL string `name:"mongo-url" help:"MongoDB with the documents. Empty: in the data folder." env:"MUSTER_MONGO_URL" placeholder:"URL"`
}

// storage opens them with a Redis inside the process, which is never the one
// that a server uses.
func (d documents) storage() storage { return storage{Data: d.Data, MongoURL: d.MongoURL} }

type exportCmd struct {
	documents `embed:""`

	File  string `arg:"" help:"The export: gzipped JSON lines (see docs/operations.md). It holds everybody's personal data, but not the server's keys, which are in keys.json in the data folder." placeholder:"FILE"`
	Force bool   `help:"Write over FILE if it exists."`
}

// Run exports and says what is in the file.
func (c *exportCmd) Run(env *environment) error {
	a, err := c.storage().openExisting(env.ctx, env)
	if err != nil {
		return err
	}
	defer a.Close()
	bars := newBars(env)
	counts, err := a.Export(env.ctx, c.File, c.Force, bars.progress)
	bars.finish()
	if err != nil {
		return ofUser(err)
	}
	fmt.Fprintf(env.err, "Exported %d documents of %d collections to %s. It holds personal data: keep it as you keep a password. The server's keys are not in it: take keys.json along.\n", sum(counts), len(counts), c.File)
	return a.Close()
}

type importDataCmd struct {
	documents `embed:""`

	File     string `arg:"" help:"An export that muster export made." placeholder:"FILE"`
	Force    bool   `help:"Write over the documents of a store that holds campaigns already: to repeat an import that was cut short."`
	DryRun   bool   `help:"Check the file whole, open no store and change nothing."`
	NoVerify bool   `help:"Do not recount the ledger at the end."`
}

// Run imports, verifies, and answers errFailed where the boards are not equal
// to the ledger.
func (c *importDataCmd) Run(env *environment) error {
	bars := newBars(env)
	defer bars.finish()
	checked, err := app.CheckExport(env.ctx, c.File, c.DryRun, bars.progress)
	if err != nil {
		return ofUser(err)
	}
	if c.DryRun {
		bars.finish()
		fmt.Fprintf(env.err, "%s is whole: %d documents of %d collections, written at %s.\n", c.File, checked.Total(), len(checked.Documents), checked.Header.TakenAt.Format(instant))
		return nil
	}
	a, err := c.storage().open(env.ctx, env)
	if err != nil {
		return err
	}
	defer a.Close()
	report, err := a.Import(env.ctx, c.File, checked, c.Force, bars.progress)
	bars.finish()
	if err != nil {
		return ofUser(err)
	}
	if err := a.Close(); err != nil {
		return err
	}
	fmt.Fprintf(env.err, "Imported %d documents of %d collections.\n", report.Total(), len(report.Documents))
	if c.NoVerify {
		return nil
	}
	return verifyData(env, c.storage())
}
