package push

import (
	"context"
	"strconv"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/store"
)

// Codes gives the mail for a request; people.Gate is one.
type Codes interface {
	Code(ctx context.Context, campaignID, request string) (mail people.CodeMail, send bool, err error)
}

// Mailer carries a code mail out of the house. id is the same for a repeat.
type Mailer interface {
	MailCode(ctx context.Context, id string, mail people.CodeMail) error
}

// CodeMails carries out the effects that ask for a code mail: class service,
// before everything else and outside the parcels.
type CodeMails struct {
	codes  Codes
	mailer Mailer
}

// NewCodeMails mails by SMTP or into the inbox.
func NewCodeMails(codes Codes, mailer Mailer) *CodeMails {
	return &CodeMails{codes: codes, mailer: mailer}
}

// CarryOut carries out one effect of the kind people.EffectCodeMail. A mail
// that no longer helps (the request was opened, has ended, or has a newer code)
// is not sent.
func (c *CodeMails) CarryOut(ctx context.Context, campaignID string, e store.Effect) error {
	mail, send, err := c.codes.Code(ctx, campaignID, e.Data["request"])
	if err != nil {
		return err
	}
	if !send || e.Data["attempt"] != strconv.Itoa(mail.Attempt) {
		return nil
	}
	return c.mailer.MailCode(ctx, store.IDFrom(KindCode, campaignID, e.ID), mail)
}

const codeSubject = "Your code"

// MailCode implements Mailer. Only the request and the attempt are stored: who
// shows the inbox derives the code again.
func (i *Inbox) MailCode(ctx context.Context, id string, mail people.CodeMail) error {
	if !mail.To.Valid() {
		return notCleared().Err
	}
	return i.Put(ctx, mail.To.Campaign(), &Message{
		Meta: store.Meta{ID: id}, To: mail.To.Address(), Kind: KindCode,
		Subject: codeSubject, Request: mail.Request, Attempt: mail.Attempt,
	})
}
