package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/app"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/demo"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/internal/liguria"
)

type demoCmd struct {
	Listen     string        `help:"Address to answer on; must be a loopback address." default:"127.0.0.1:8080"`
	Volunteers int           `help:"How many people take part." default:"2000"`
	For        time.Duration `help:"End by itself after this long (sign-ups take up to a third of it). Empty: run until Ctrl-C." placeholder:"DURATION"`
	JSON       bool          `name:"json" help:"Print exactly one line of JSON to stdout at the end."`
	Seed       uint64        `help:"The same seed gives the same people and the same schedule." default:"1"`
	Speed      float64       `help:"How many times faster than in life people act." default:"1440"`
	Data       string        `help:"Keep the data in this folder and go on with it next time. Empty: a temporary folder." placeholder:"DIR"`
	Journal    string        `help:"Append a line for every acknowledged action to this file." placeholder:"FILE"`
	// No variables: what names a campaign's servers must not bring the demo onto them.
	MongoURL string `name:"mongo-url" help:"Run on a MongoDB database that holds nothing else, after muster migrate on it. Empty: in the data folder." placeholder:"URL"`
	RedisURL string `name:"redis-url" help:"Run on this Redis or Cluster. Empty: inside this process." placeholder:"URL"`
}

// maxVolunteers is what the Redis in the process is for, with room to spare for
// whoever wants to see it struggle.
const maxVolunteers = 20_000

// Run runs the campaign and answers errFailed where something does not add up.
func (c *demoCmd) Run(env *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	listener, err := listen(env.ctx, c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	folder := c.Data
	if folder == "" {
		if folder, err = os.MkdirTemp("", "muster-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(folder)
	}
	// The server outlives the signal: people finish, then it is verified.
	serving, stop := context.WithCancel(context.WithoutCancel(env.ctx))
	defer stop()
	a, err := storage{Data: folder, MongoURL: c.MongoURL, RedisURL: c.RedisURL}.open(serving, env)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := c.alone(serving, a); err != nil {
		return err
	}
	summary, err := c.campaign(serving, env, a, listener, stop)
	if err != nil {
		return err
	}
	if err := c.report(env, summary); err != nil {
		return err
	}
	if !summary.OK() {
		return errFailed
	}
	return a.Close()
}

func (c *demoCmd) check() error {
	switch {
	case c.Volunteers < 1 || c.Volunteers > maxVolunteers:
		return usagef("--volunteers must be between 1 and %d", maxVolunteers)
	case c.For < 0:
		return usagef("--for must not be negative")
	case !(c.Speed > 0):
		return usagef("--speed must be above 0")
	case !loopback(c.Listen):
		return usagef("--listen %s is not a loopback address; the demo shows everybody's mail on a page", c.Listen)
	}
	if c.Journal == "" {
		return nil
	}
	journal, err := os.OpenFile(c.Journal, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return usagef("--journal: %v", err)
	}
	return journal.Close()
}

// alone refuses a store with other campaigns: the demo would carry out what they
// have pending, and show everybody their mail.
func (c *demoCmd) alone(ctx context.Context, a *app.App) error {
	campaigns, err := a.Campaigns.All(ctx)
	if err != nil {
		return err
	}
	for _, each := range campaigns {
		if each.ID != liguria.CampaignID {
			return usagef("the store holds the campaign %s, and the demo needs one to itself: name another database or data folder", each.ID)
		}
	}
	return nil
}

// campaign serves, lets the people act, and stops the server.
func (c *demoCmd) campaign(serving context.Context, env *environment, a *app.App, listener net.Listener, stop func()) (*demo.Summary, error) {
	system := demoSystem{a}
	if err := system.PrepareCampaign(serving); err != nil {
		return nil, err
	}
	if c.RedisURL != "" { // it may hold the boards of an earlier demo, on another store
		if err := a.RebuildBoards(serving, liguria.CampaignID, nil); err != nil {
			return nil, err
		}
	}
	link, err := c.link(a, listener)
	if err != nil {
		return nil, err
	}
	acting, abandon := context.WithCancel(env.ctx)
	defer abandon()
	served := make(chan error, 1)
	go func() {
		err := a.Serve(serving, listener, app.ServeOptions{Begun: func() { fmt.Fprint(env.err, link) }})
		abandon() // nobody answers any more
		served <- err
	}()
	summary, err := demo.Run(acting, c.options(env, "http://"+listener.Addr().String()), system)
	stop()
	failure := <-served
	if errors.Is(failure, app.ErrOtherKeys) {
		return nil, usageError{failure}
	}
	return summary, errors.Join(err, failure)
}

// linkLife is how long the link to the board works.
const linkLife = 24 * time.Hour

// link is where to look, printed once and past the log: the token in the
// fragment is never sent to a server, nor should it be kept in a file.
func (c *demoCmd) link(a *app.App, listener net.Listener) (string, error) {
	token, err := a.People.ServiceToken(liguria.CampaignID, campaign.Display, "", linkLife)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Watch it live: http://%s/board?campaign=%s#token=%s\nEverybody's mail: http://%s/inbox\n",
		listener.Addr(), liguria.CampaignID, token, listener.Addr()), nil
}

func (c *demoCmd) options(env *environment, baseURL string) demo.Options {
	comuni := liguria.Comuni()
	places := make([]demo.Place, len(comuni))
	for i, comune := range comuni {
		places[i] = demo.Place{Region: comune.Region, Name: comune.Name, Population: comune.Population, Postcodes: comune.Postcodes}
	}
	return demo.Options{
		BaseURL: baseURL, Campaign: liguria.CampaignID, Root: liguria.Root, Places: places,
		Volunteers: c.Volunteers, For: c.For, Seed: c.Seed, Speed: c.Speed, Journal: c.Journal,
		Progress: env.err, Log: env.log, Clock: clock.System{},
	}
}

func (c *demoCmd) report(env *environment, summary *demo.Summary) error {
	if c.JSON {
		return json.NewEncoder(env.out).Encode(summary)
	}
	if err := summary.Write(env.out); err != nil {
		return err
	}
	fmt.Fprintf(env.out, "\n%s\n%s\n", liguria.PostcodesAttribution, liguria.ComuniAttribution)
	return nil
}

// demoSystem is what the demo asks of this machine.
type demoSystem struct{ app *app.App }

// PrepareCampaign implements demo.System.
func (s demoSystem) PrepareCampaign(ctx context.Context) error {
	wanted := campaign.Campaign{Name: liguria.CampaignName, TimeZone: liguria.TimeZone}
	wanted.ID = liguria.CampaignID
	author, approver := s.Headquarters()
	err := s.app.CreateCampaign(ctx, wanted, author)
	if err != nil && errs.CodeOf(err) != "campaign_exists" {
		return err
	}
	if _, err := s.app.People.CreateAdmin(ctx, liguria.CampaignID, approver); err != nil {
		return err
	}
	_, err = s.app.Campaigns.Import(ctx, liguria.CampaignID, liguria.Options(), liguria.Rows())
	return err
}

// Headquarters implements demo.System.
func (s demoSystem) Headquarters() (author, approver string) {
	return "admin@example.org", "second@example.org"
}

// StaffToken implements demo.System.
func (s demoSystem) StaffToken(context.Context) (string, error) {
	return s.app.People.ServiceToken(liguria.CampaignID, campaign.Staff, "", 24*time.Hour)
}

// Ledger implements demo.System.
func (s demoSystem) Ledger(ctx context.Context) iter.Seq2[demo.LedgerAction, error] {
	return func(yield func(demo.LedgerAction, error) bool) {
		for action, err := range s.app.Actions(ctx, liguria.CampaignID) {
			if !yield(demo.LedgerAction{Account: action.Account, ID: action.ID}, err) {
				return
			}
		}
	}
}

// Verify implements demo.System.
func (s demoSystem) Verify(ctx context.Context) (demo.VerifyResult, error) {
	report, err := s.app.Verify(ctx, app.VerifyRequest{Campaign: liguria.CampaignID})
	if err != nil {
		return demo.VerifyResult{}, err
	}
	return demo.VerifyResult{Equal: report.Equal(), Compared: report.Campaigns[0].Boards}, nil
}
