package app

import (
	"context"
	"errors"
	"net/url"
	"strconv"

	"github.com/musterhq/muster/api"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/push"
)

// Mail is the mail server for sign-in codes.
type Mail struct {
	URL  string // smtp://user:password@host:587, smtps://...:465; empty: the inbox page
	From string // the sender's address; required with URL
}

// ErrBadMail is the answer to a mail server's address that is none. It does not
// quote the address: it may hold a password.
var ErrBadMail = errors.New("the mail server's address is not one: write smtp://user:password@host:587, and the sender in --mail-from")

// Check says whether the address can be one, without connecting: ErrBadMail.
func (m Mail) Check() error {
	if m.URL == "" {
		return nil
	}
	options, err := m.options()
	if err != nil {
		return err
	}
	if _, err := push.NewSMTP(options); err != nil {
		return ErrBadMail
	}
	return nil
}

// deliverBy decides where code mails go.
func (a *App) deliverBy(m Mail) error {
	var mailer push.Mailer = a.Inbox
	if m.URL != "" {
		options, err := m.options()
		if err != nil {
			return err
		}
		if mailer, err = push.NewSMTP(options); err != nil {
			return ErrBadMail
		}
	}
	codes := push.NewCodeMails(a.People.Gate(), mailer)
	a.effects.kinds[people.EffectCodeMail] = codes.CarryOut
	return nil
}

func (m Mail) options() (push.SMTPOptions, error) {
	address, err := url.Parse(m.URL)
	if err != nil || (address.Scheme != "smtp" && address.Scheme != "smtps") || address.Hostname() == "" || m.From == "" {
		return push.SMTPOptions{}, ErrBadMail
	}
	options := push.SMTPOptions{Host: address.Hostname(), From: m.From, User: address.User.Username()}
	options.Password, _ = address.User.Password()
	if address.Scheme == "smtps" {
		options.Port = 465
	}
	if port := address.Port(); port != "" {
		if options.Port, err = strconv.Atoi(port); err != nil {
			return push.SMTPOptions{}, ErrBadMail
		}
	}
	return options, nil
}

// inbox shows the inbox's messages, with their codes derived anew.
type inbox struct{ app *App }

// Latest implements api.Inbox.
func (i inbox) Latest(ctx context.Context, to string, limit int) ([]api.InboxMessage, error) {
	messages, err := i.app.Inbox.Latest(ctx, to, limit)
	if err != nil {
		return nil, err
	}
	shown := make([]api.InboxMessage, len(messages))
	for n, m := range messages {
		shown[n] = api.InboxMessage{
			ID: m.ID, Campaign: m.Campaign, To: m.To, Kind: m.Kind, Subject: m.Subject, Text: m.Text, Request: m.Request,
			Briefing: m.Briefing, Tier: m.Tier, SentAt: api.Time{Time: m.SentAt},
		}
		if m.Kind != push.KindCode {
			continue
		}
		mail, good, err := i.app.People.Gate().Code(ctx, m.Campaign, m.Request)
		if err != nil {
			return nil, err
		}
		if good && mail.Attempt == m.Attempt {
			shown[n].Code = mail.Code
		}
	}
	return shown, nil
}
