package push

import (
	"context"
	"time"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/store"
)

// Sender carries notices out of the house. The inbox and FCM are two.
type Sender interface {
	// Prepare looks up in one go what cleared people can be reached by.
	Prepare(ctx context.Context, campaignID string, to []people.Cleared) (Batch, error)
}

// Batch sends to the people it was prepared for. It is safe for concurrent use.
type Batch interface {
	// Messages is how many messages a notice to this person costs; 0 when
	// nothing reaches them.
	Messages(person string) int
	// Send sends one notice and waits for the answer. It returns when ctx ends
	// at the latest.
	Send(ctx context.Context, n Notice) Answer
}

// Notice says that there is a briefing to read. It never holds its text.
type Notice struct {
	To       people.Cleared
	Briefing string
	Tier     briefing.TierName
	Title    string    // neutral; see briefing.Content.Notice
	Expires  time.Time // a phone that is off until then is not told
	TTL      time.Duration
}

// Answer is what became of a notice.
type Answer struct {
	// Outcome is final; "" is to be tried again, after Wait at the earliest.
	Outcome briefing.Outcome
	Wait    time.Duration
	// Pause holds back everything that goes by this sender for so long.
	Pause time.Duration
	// Halt says that our message or our credentials are wrong: the rest of the
	// parcel is not tried now.
	Halt bool
	// Err is for the log: it names no recipient.
	Err error
}

// noticeText is all that a mailbox shows of a briefing.
const noticeText = "Open the app to read it."

// InboxSender puts notices into the inbox, where the operator's page shows them.
type InboxSender struct{ inbox *Inbox }

// NewInboxSender makes the inbox a Sender.
func NewInboxSender(inbox *Inbox) *InboxSender { return &InboxSender{inbox: inbox} }

// Prepare implements Sender.
func (s *InboxSender) Prepare(_ context.Context, campaignID string, _ []people.Cleared) (Batch, error) {
	return inboxBatch{s.inbox, campaignID}, nil
}

type inboxBatch struct {
	inbox    *Inbox
	campaign string
}

// Messages implements Batch.
func (inboxBatch) Messages(string) int { return 1 }

// Send implements Batch. The message's id is made from briefing and person, so
// a repeat shows once.
func (b inboxBatch) Send(ctx context.Context, n Notice) Answer {
	if !n.To.Valid() || n.To.Campaign() != b.campaign {
		return notCleared()
	}
	to := n.To.Address()
	if to == "" {
		to = n.To.Person() // cleared for push: there is no address
	}
	err := b.inbox.Put(ctx, b.campaign, &Message{
		Meta: store.Meta{ID: store.IDFrom(KindBriefing, n.Briefing, n.To.Person())},
		To:   to, Kind: KindBriefing, Subject: n.Title, Text: noticeText, Briefing: n.Briefing, Tier: string(n.Tier),
	})
	if err != nil {
		return Answer{Err: err}
	}
	return Answer{Outcome: briefing.Accepted}
}
