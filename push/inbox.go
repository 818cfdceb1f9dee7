package push

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/store"
)

// inboxKept is how long the inbox keeps a message.
const inboxKept = 7 * 24 * time.Hour

// Kinds of message in the inbox.
const (
	KindCode     = "code"
	KindBriefing = "briefing"
)

// Inbox is where messages go when neither SMTP nor Firebase is configured: a
// collection that a page on the loopback address shows. It is safe for
// concurrent use.
type Inbox struct {
	messages *store.Collection[Message]
	clock    clock.Clock
}

// Message is one message in the inbox. A code mail holds Request and Attempt,
// from which the code is derived when somebody looks: neither the code nor its
// hash is stored.
type Message struct {
	store.Meta `bson:",inline"`
	To         string    `bson:"to"` // e-mail address in lower case
	Kind       string    `bson:"kind"`
	Subject    string    `bson:"subject"`
	Text       string    `bson:"text,omitempty"`
	Request    string    `bson:"request,omitempty"`
	Attempt    int       `bson:"attempt,omitempty"`
	Briefing   string    `bson:"briefing,omitempty"`
	Tier       string    `bson:"tier,omitempty"`
	SentAt     time.Time `bson:"sent_at"`
	ExpiresAt  time.Time `bson:"expires_at"`
}

// Schemas declares the room's collections.
var Schemas = []store.Schema{InboxSchema}

// InboxSchema declares the inbox.
var InboxSchema = store.Schema{
	Name: "inbox",
	Indexes: []store.Index{
		{Name: "to", Equal: []string{"to"}, Order: "sent_at", Across: true},
		{Name: "sent", Order: "sent_at", Across: true},
		{Name: "expires", Order: "expires_at", Expire: true},
	},
}

// NewInbox opens the inbox; it does no I/O.
func NewInbox(engine store.Engine, clk clock.Clock) *Inbox {
	return &Inbox{messages: store.NewCollection[Message](engine, InboxSchema), clock: clk}
}

// Put stores a message under the id in its head, once: a repeat with the same
// id changes nothing. SentAt and ExpiresAt are filled in.
func (i *Inbox) Put(ctx context.Context, campaignID string, m *Message) error {
	m.To = address(m.To)
	m.SentAt = i.clock.Now()
	m.ExpiresAt = m.SentAt.Add(inboxKept)
	err := i.messages.InsertOne(ctx, campaignID, m)
	if errors.Is(err, store.ErrDuplicate) {
		return nil
	}
	return err
}

// Latest gives the newest messages to one address, or to everybody when to is
// empty, over all campaigns: it is for the operator of the machine alone.
// Limit is 1 to store.MaxPage.
func (i *Inbox) Latest(ctx context.Context, to string, limit int) ([]*Message, error) {
	q := store.Query{Index: "sent", Desc: true, Limit: limit}
	if to = address(to); to != "" {
		q.Index, q.Equal = "to", []any{to}
	}
	page, err := i.messages.Find(ctx, store.Everywhere, q)
	return page.Items, err
}

func address(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
