package api

import (
	"context"

	"github.com/gofiber/fiber/v2"
)

// inboxShown is how many messages the inbox page shows.
const inboxShown = 50

// Inbox is what the inbox page needs: the newest messages to one recipient or,
// with an empty to, to everybody.
type Inbox interface {
	Latest(ctx context.Context, to string, limit int) ([]InboxMessage, error)
}

// InboxMessage is one message as the page shows it.
type InboxMessage struct {
	ID       string `json:"id"`
	Campaign string `json:"campaign"`
	To       string `json:"to"`
	Kind     string `json:"kind"`
	Subject  string `json:"subject"`
	Text     string `json:"text"`
	Request  string `json:"request,omitempty"`
	Code     string `json:"code,omitempty"` // derived when looked at; "" once it has ended
	Briefing string `json:"briefing,omitempty"`
	Tier     string `json:"tier,omitempty"`
	SentAt   Time   `json:"sent_at"`
}

// inbox serves the page of the embedded default. It exists only where the
// operator's listener is loopback, and each request is held to that again.
func (a *API) inbox() {
	if a.parts.Inbox == nil {
		return
	}
	a.fiber.Get("/inbox", onLoopback, page("inbox/index.html"))
	a.fiber.Get("/inbox/:file", onLoopback, assets("inbox"))
	a.fiber.Get("/inbox.json", onLoopback, func(c *fiber.Ctx) error {
		messages, err := a.parts.Inbox.Latest(c.UserContext(), c.Query("to"), inboxShown)
		if err != nil {
			return err
		}
		if messages == nil {
			messages = []InboxMessage{}
		}
		return c.JSON(fiber.Map{"messages": messages})
	})
}
