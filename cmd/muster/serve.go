package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/term"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/app"
	"github.com/musterhq/muster/store"
)

type serveCmd struct {
	storage `embed:""`

	Listen         string   `help:"Address to answer on." default:"127.0.0.1:8080" env:"MUSTER_LISTEN"`
	TrustedProxies []string `help:"Addresses or networks of your proxies, whose X-Forwarded-For is believed." env:"MUSTER_TRUSTED_PROXIES" placeholder:"CIDR"`
	PublicURL      string   `name:"public-url" help:"Where people reach this server (https://example.org). It stands in the badges they take along. Empty: the address it listens on, if that is a loopback address; else no badge can be taken along." env:"MUSTER_PUBLIC_URL" placeholder:"URL"`
	Origins        []string `help:"Origins of web pages, besides this server's own, that may open live feeds (https://example.org)." env:"MUSTER_ORIGINS" placeholder:"ORIGIN"`
	MaxInFlight    int      `help:"Calls answered at once; four times as many wait for their turn." default:"256" env:"MUSTER_MAX_IN_FLIGHT" placeholder:"N"`
	SMTPURL        string   `name:"smtp-url" help:"Mail server for sign-in codes (smtp://user:password@host:587). Empty: the inbox page, on a loopback address only." env:"MUSTER_SMTP_URL" placeholder:"URL"`
	FCMCredentials string   `name:"fcm-credentials" help:"File with a Firebase service account: briefings go to phones by push. Empty: the inbox page." env:"MUSTER_FCM_CREDENTIALS" placeholder:"FILE"`
	FCMProject     string   `name:"fcm-project" help:"Firebase project id; needed with --fcm-credentials." env:"MUSTER_FCM_PROJECT" placeholder:"ID"`
	MailFrom       string   `help:"Sender of mails; needed with --smtp-url." env:"MUSTER_MAIL_FROM" placeholder:"ADDRESS"`

	Campaign   string `help:"First run: id of the campaign to create (lower-case letters, digits, hyphens)." env:"MUSTER_CAMPAIGN" placeholder:"ID"`
	Name       string `help:"First run: the campaign's name." env:"MUSTER_NAME"`
	AdminEmail string `help:"First run: e-mail of its first admin, who signs in with a code." env:"MUSTER_ADMIN_EMAIL" placeholder:"EMAIL"`
	TimeZone   string `help:"First run: the campaign's time zone." default:"UTC" env:"MUSTER_TIME_ZONE"`
	seasonFlag `embed:""`
}

// Run serves until SIGINT or SIGTERM, then drains.
func (c *serveCmd) Run(env *environment) error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return usagef("--listen %s is not an address; write HOST:PORT, for example 127.0.0.1:8080", c.Listen)
	}
	if c.MaxInFlight < 1 {
		return usagef("--max-in-flight %d would answer nothing; leave it out or give 1 or more", c.MaxInFlight)
	}
	if c.SMTPURL == "" && !loopback(c.Listen) {
		return usagef("--listen %s is not a loopback address, and sign-in codes would have no way to people: set --smtp-url and --mail-from", c.Listen)
	}
	if err := app.CheckPublicURL(c.PublicURL); err != nil {
		return usageError{err}
	}
	if err := errors.Join(c.mail().Check(), c.fcm().Check()); err != nil {
		return usageError{err}
	}
	if err := c.storage.check(); err != nil {
		return err
	}
	if err := c.checkFirstRun(env); err != nil {
		return err
	}
	listener, err := listen(env.ctx, c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	a, err := c.open(env.ctx, env)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := c.firstRun(env, a); err != nil {
		return err
	}
	err = a.Serve(env.ctx, listener, app.ServeOptions{
		PublicURL: c.PublicURL, TrustedProxies: c.TrustedProxies, Origins: c.Origins, FCM: c.fcm(), Mail: c.mail(), MaxInFlight: c.MaxInFlight,
		Begun: func() {
			fmt.Fprintf(env.err, "Muster answers on http://%s — the contract is at /docs\n", listener.Addr())
		},
	})
	if errors.Is(err, app.ErrOtherKeys) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	return a.Close()
}

func (c *serveCmd) mail() app.Mail { return app.Mail{URL: c.SMTPURL, From: c.MailFrom} }

func (c *serveCmd) fcm() app.FCM {
	return app.FCM{Project: c.FCMProject, Credentials: c.FCMCredentials}
}

// firstRun creates the campaign and its admin where the data folder has none.
func (c *serveCmd) firstRun(env *environment, a *app.App) error {
	campaigns, err := a.Campaigns.All(env.ctx)
	if err != nil || len(campaigns) > 0 {
		return err
	}
	if err := c.ask(env); err != nil {
		return err
	}
	return createCampaign(env, a, c.wanted(), c.AdminEmail)
}

// wanted is the campaign that the first run creates.
func (c *serveCmd) wanted() campaign.Campaign {
	return campaign.Campaign{Meta: store.Meta{ID: c.Campaign}, Name: c.Name, TimeZone: c.TimeZone, SeasonWeeks: int(c.SeasonWeeks)}
}

// checkFirstRun refuses what the first run could not use, before a data folder
// is made for it.
func (c *serveCmd) checkFirstRun(env *environment) error {
	if c.MongoURL != "" || app.HasData(c.Data) {
		return nil // what is there shows once it is open
	}
	if err := c.ask(env); err != nil {
		return err
	}
	wanted := c.wanted()
	if err := wanted.Check(); err != nil {
		return plain(err)
	}
	if _, err := people.NormaliseEmail(c.AdminEmail); err != nil {
		return plain(err)
	}
	return nil
}

// ask fills what the flags left open, on a terminal; elsewhere it names them.
func (c *serveCmd) ask(env *environment) error {
	questions := []struct {
		flag, text string
		value      *string
	}{
		{"--campaign", "Id of the campaign (lower-case letters, digits, hyphens): ", &c.Campaign},
		{"--name", "Name of the campaign: ", &c.Name},
		{"--admin-email", "E-mail of its first admin: ", &c.AdminEmail},
	}
	var missing []string
	for _, q := range questions {
		if *q.value == "" {
			missing = append(missing, q.flag)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if !term.IsTerminal(int(env.in.Fd())) {
		return usagef("%s holds no campaign yet: the first run needs %s", c.where(), strings.Join(missing, ", "))
	}
	input := bufio.NewScanner(env.in)
	for _, q := range questions {
		for *q.value == "" {
			fmt.Fprint(env.err, q.text)
			if !input.Scan() {
				return usagef("the first run needs %s", strings.Join(missing, ", "))
			}
			*q.value = strings.TrimSpace(input.Text())
		}
	}
	return nil
}

// listen takes the address before anything is opened, so that a busy port
// leaves nothing behind.
func listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, usagef("cannot listen on %s: %v", address, err)
	}
	return listener, nil
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
