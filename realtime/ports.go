package realtime

import (
	"context"
	"encoding/json"
	"time"

	"github.com/musterhq/muster/domain/campaign"
)

// Session is who a connection acts for.
type Session struct {
	// Subject is what connections are counted by and re-checked by: a person's
	// id, or a name of the token for a token without a person (a wall screen).
	Subject string
	// Account is the person's account, "" for a token without a person.
	Account string
	Grants  []campaign.Grant
	// Expires is when the connection ends.
	Expires time.Time
}

// Authenticator says who a token speaks for.
type Authenticator interface {
	// Authenticate answers for a token of this campaign. An error of kind
	// Unauthentic, Forbidden, NotFound or Gone means that the token is not good
	// here (code "token_expired": it was, and a fresh one will be); any other
	// error, that nobody can say just now. It is called again for a connected
	// token when roles change, and must then see the change.
	Authenticate(ctx context.Context, campaign, token string) (Session, error)
}

// Authorizer says what a session may subscribe. It is asked at each
// subscription and again when roles change.
type Authorizer interface {
	// May answers nil, or an error of kind Forbidden or NotFound; any other
	// kind means that nobody can say just now.
	May(ctx context.Context, campaign string, session Session, feed Feed) error
}

// BoardRef names a board and the window it is read for: "season", "all" or a
// season's id.
type BoardRef struct{ Board, Window string }

// BoardSource is where boards come from. One node a board asks it, at most four
// times a second, for boards that somebody watches.
type BoardSource interface {
	// Versions answers, by position, a number that differs whenever the board
	// may show something else, or 0 where that is not known; then the board is
	// read and compared each time.
	Versions(ctx context.Context, campaign string, boards []BoardRef) ([]int64, error)
	// Page gives the head of a board, up to limit rows. It shows nobody who is
	// hidden. An error of kind NotFound ends the subscriptions of the board.
	Page(ctx context.Context, campaign string, board BoardRef, limit int) (Board, error)
}

// MeSource gives the content of a person's own feed: one JSON object.
type MeSource interface {
	Me(ctx context.Context, campaign, account string) (json.RawMessage, error)
}
