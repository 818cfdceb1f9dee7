package push

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/musterhq/muster/domain/people"
)

// smtpTimeout bounds one mail, from the connection to the last answer.
const smtpTimeout = 20 * time.Second

// SMTPOptions is the mail server that code mails go by.
type SMTPOptions struct {
	Host     string // required
	Port     int    // 0 means 587; 465 speaks TLS from the first byte
	User     string // "" means that the server asks for none
	Password string
	From     string // the sender's address; required
	// Plain allows a server without TLS: for one on this machine only.
	Plain bool
}

// SMTP mails codes.
type SMTP struct {
	client *mail.Client
	from   string
}

// NewSMTP makes the mailer; it connects to nobody yet.
func NewSMTP(o SMTPOptions) (*SMTP, error) {
	if o.Port == 0 {
		o.Port = 587
	}
	options := []mail.Option{mail.WithPort(o.Port), mail.WithTimeout(smtpTimeout), mail.WithTLSPolicy(mail.TLSMandatory)}
	if o.Port == 465 {
		options = append(options, mail.WithSSL())
	}
	if o.Plain {
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	}
	if o.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(o.User), mail.WithPassword(o.Password))
	}
	client, err := mail.NewClient(o.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("push: smtp: %w", err)
	}
	if err := mail.NewMsg().From(o.From); err != nil {
		return nil, errors.New("push: smtp: the sender's address is not one")
	}
	return &SMTP{client: client, from: o.From}, nil
}

// MailCode implements Mailer. Errors name no address and no code: a mail server
// may quote either.
func (s *SMTP) MailCode(ctx context.Context, id string, code people.CodeMail) error {
	if !code.To.Valid() {
		return notCleared().Err
	}
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if m.From(s.from) != nil || m.To(code.To.Address()) != nil {
		return errors.New("push: smtp: the address cannot be mailed to")
	}
	m.Subject(codeSubject)
	m.SetMessageIDWithValue(id + "@muster") // a repeat is the same mail
	m.SetDate()
	m.SetBodyString(mail.TypeTextPlain, fmt.Sprintf(
		"Your code is %s\n\nIt opens your account for %d minutes. If you did not ask for it, ignore this mail; nobody can do anything without it.\n",
		code.Code, int(people.CodeLife.Minutes())))
	ctx, cancel := context.WithTimeout(ctx, smtpTimeout)
	defer cancel()
	err := s.client.DialAndSendWithContext(ctx, m)
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*mail.SendError](err); ok {
		return fmt.Errorf("push: smtp: the server did not take the mail (temporary: %t)", refused.IsTemp())
	}
	return errors.New("push: smtp: the server does not answer")
}
