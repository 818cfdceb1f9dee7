package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/musterhq/muster/internal/app"
	"github.com/musterhq/muster/internal/demo"
)

type verifyCmd struct {
	Boards verifyBoardsCmd `cmd:"" help:"Recount the ledger and compare every board with it. Exit 0: equal, 1: not, 2: wrong use."`
}

type verifyBoardsCmd struct {
	storage `embed:""`

	Campaign string `help:"Check this campaign only; empty: all." placeholder:"ID"`
	Journal  string `help:"Also check that every action a demo's journal says was acknowledged is in the ledger exactly once." placeholder:"FILE"`
	Stopped  bool   `help:"No server runs on the MongoDB: hold everything against the boards. Without it what was recorded in the last minutes is left out. The embedded store is always stopped: its folder would be in use."`
	JSON     bool   `name:"json" help:"Print the report as JSON."`
}

// Run prints the report and answers errFailed where something is not equal.
func (c *verifyBoardsCmd) Run(env *environment) error {
	var journal []demo.JournalLine
	if c.Journal != "" {
		file, err := os.Open(c.Journal)
		if err != nil {
			return usagef("journal: %v", err)
		}
		defer file.Close()
		if journal, err = demo.ReadJournal(file); err != nil {
			return usagef("journal: %v", err)
		}
	}
	a, err := c.openExisting(env.ctx, env)
	if err != nil {
		return err
	}
	defer a.Close()
	if all, err := a.Campaigns.All(env.ctx); err == nil && len(all) == 0 {
		return usagef("%s holds no campaign; name the data folder with --data", c.where())
	}
	bars := newBars(env)
	report, err := a.Verify(env.ctx, app.VerifyRequest{
		Campaign: c.Campaign, Live: c.MongoURL != "" && !c.Stopped, Journal: demo.Acknowledged(journal), Progress: bars.progress,
	})
	bars.finish()
	if err != nil {
		return plain(err)
	}
	if c.JSON {
		if err := json.NewEncoder(env.out).Encode(report); err != nil {
			return err
		}
	} else {
		report.Write(env.out)
	}
	if !report.Equal() {
		return errFailed
	}
	return a.Close()
}

type rebuildCmd struct {
	Boards rebuildBoardsCmd `cmd:"" help:"Rebuild every board from the ledger while the server goes on."`
}

type rebuildBoardsCmd struct {
	storage `embed:""`

	Campaign string `help:"Rebuild this campaign only; empty: all." placeholder:"ID"`
}

// Run rebuilds with progress on stderr.
func (c *rebuildBoardsCmd) Run(env *environment) error {
	a, err := c.openExisting(env.ctx, env)
	if err != nil {
		return err
	}
	bars := newBars(env)
	err = a.RebuildBoards(env.ctx, c.Campaign, bars.progress)
	bars.finish()
	if err != nil {
		return errors.Join(plain(err), a.Close())
	}
	fmt.Fprintln(env.err, "Boards rebuilt.")
	return a.Close()
}
