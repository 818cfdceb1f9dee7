package people

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"log/slog"
	"time"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// How long a person stays signed in.
const (
	// AccessLife is the life of an access token.
	AccessLife = 15 * time.Minute
	// SessionLife ends a session that was not refreshed for so long.
	SessionLife = 60 * 24 * time.Hour
	// RetryWindow is how long after its use a refresh token may be sent again
	// by who did not get the answer.
	RetryWindow = time.Minute
	// endedKept is how long it is known that a session has ended: until no
	// access token of it can be good, whatever two clocks say.
	endedKept = AccessLife + 5*time.Minute
)

// Tokens let a person in. They print as nothing.
type Tokens struct {
	Access    string        // to send with each call
	ExpiresIn time.Duration // life of Access
	Refresh   string        // opaque; good for one call of Refresh
}

// String hides the tokens from every kind of printing.
func (Tokens) String() string { return "tokens" }

// LogValue hides the tokens from logs.
func (Tokens) LogValue() slog.Value { return slog.StringValue("tokens") }

// session is one phone signed in: the family of all the tokens it was given.
type session struct {
	store.Meta `bson:",inline"`
	Person     string `bson:"person"`
	Device     string `bson:"device,omitempty"`
	// Refresh is the hash of the one refresh token that is good, Previous of
	// the one it was given for.
	Refresh   []byte    `bson:"refresh,omitempty"`
	Previous  []byte    `bson:"previous,omitempty"`
	CreatedAt time.Time `bson:"created_at"`
	RotatedAt time.Time `bson:"rotated_at"`
	// EndedAt is set once none of its tokens is good any more. The document
	// stays until they have run out, so that every node can learn of it.
	EndedAt   *time.Time `bson:"ended_at,omitempty"`
	ExpiresAt time.Time  `bson:"expires_at"`
}

var sessionSchema = store.Schema{
	Name: "sessions",
	Indexes: []store.Index{
		{Name: "expires", Order: "expires_at", Expire: true},
		{Name: "person", Equal: []string{"person"}},
		{Name: "ended", Order: "ended_at", Across: true},
	},
}

// end makes all tokens of the session bad.
func (f *session) end(now time.Time) {
	f.Refresh, f.Previous, f.EndedAt, f.ExpiresAt = nil, nil, &now, now.Add(endedKept)
}

// use is what a refresh token is to a session.
type use uint8

const (
	worthless use = iota // not a token of this session, or of one that has ended
	fresh                // the good one
	repeated             // the one before: its answer may have been lost
	reused               // one that was used and cannot be a repetition: two hold the session
)

// judge says what t is to the session at now.
func (f *session) judge(t refreshToken, now time.Time) use {
	same := func(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
	switch {
	case f.EndedAt != nil || !now.Before(f.ExpiresAt):
		return worthless
	case same(t.hash, f.Refresh):
		return fresh
	case same(t.hash, f.Previous) && now.Sub(f.RotatedAt) <= RetryWindow:
		return repeated
	case t.ours || same(t.hash, f.Previous):
		return reused
	}
	return worthless
}

// openSession makes the one session that the request's code can open. A second
// call with the same code, at the same moment or after a crash, is refused.
func (s *Service) openSession(ctx context.Context, p *Person, r *request, device string) (Tokens, error) {
	now, keys := s.clock.Now(), s.keys.Load()
	id := hex.EncodeToString(keys.derive("session", r.Campaign, r.ID, keys.code(r))[:16])
	refresh := keys.newRefresh(r.Campaign, id)
	err := s.sessions.InsertOne(ctx, r.Campaign, &session{
		Meta: store.Meta{ID: id}, Person: p.ID, Device: device, Refresh: refresh.hash,
		CreatedAt: now, RotatedAt: now, ExpiresAt: now.Add(SessionLife),
	})
	if errors.Is(err, store.ErrDuplicate) {
		return Tokens{}, errs.New(errs.Gone, "code_used", "This code was used already. Ask for a new one.")
	}
	if err != nil {
		return Tokens{}, storeError(err)
	}
	return s.tokens(p, refresh)
}

func (s *Service) tokens(p *Person, refresh refreshToken) (Tokens, error) {
	access, err := s.sign(claims{
		Campaign: p.Campaign, Person: p.ID, Account: p.Account, Session: refresh.session,
	}, typeAccess, AccessLife)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{Access: access, ExpiresIn: AccessLife, Refresh: refresh.text}, nil
}

// errAgain ends an Update that has nothing to write.
var errAgain = errors.New("people: nothing is to be written")

// Refresh gives new tokens for a refresh token, which is used up by it. Its
// successor is derived from it, so who lost the answer may send the same token
// again for RetryWindow, as long as the successor was not used, and is given
// the same successor; and calls that race end in one. Any other use of a token
// that was used shows that two hold the session: the session ends for both in
// the same write, with all its tokens. Errors: Unauthentic refresh_refused;
// Unavailable, after which the same token may be sent again.
func (s *Service) Refresh(ctx context.Context, campaignID, token string) (Tokens, *Person, error) {
	refused := errs.New(errs.Unauthentic, "refresh_refused", "You are signed out. Sign in again with a code.")
	now, keys := s.clock.Now(), s.keys.Load()
	t, ok := keys.readRefresh(campaignID, token)
	if !ok {
		return Tokens{}, nil, refused
	}
	next := keys.successor(campaignID, t)
	var found session
	var what use
	_, err := s.sessions.Update(ctx, campaignID, t.session, func(f *session) error {
		what = f.judge(t, now)
		switch what {
		case fresh:
			f.Previous, f.Refresh = f.Refresh, next.hash
			f.RotatedAt, f.ExpiresAt = now, now.Add(SessionLife)
		case repeated:
			found = *f
			return errAgain
		case reused:
			f.end(now)
		case worthless:
			return refused
		}
		found = *f
		return nil
	})
	switch {
	case absent(err):
		return Tokens{}, nil, refused
	case err != nil && !errors.Is(err, errAgain):
		return Tokens{}, nil, storeError(err)
	case what == reused:
		s.log.Warn("a refresh token was used twice; its session has ended", "campaign", campaignID, "session", t.session)
		s.ended.learn(campaignID, &found)
		return Tokens{}, nil, refused
	}
	p, err := s.Person(ctx, campaignID, found.Person)
	if errs.KindOf(err) == errs.NotFound {
		return Tokens{}, nil, refused
	}
	if err != nil {
		return Tokens{}, nil, err
	}
	tokens, err := s.tokens(p, next)
	return tokens, p, err
}

// SignOut ends the caller's session: none of its tokens is good any more, here
// at once and on every other node within two seconds; its live connections are
// closed. Signing out twice is no error.
func (s *Service) SignOut(ctx context.Context, campaignID string, by Identity) error {
	if by.Campaign != campaignID || by.Session == "" {
		return nil
	}
	return s.endSession(ctx, campaignID, by.Session)
}

// EndSessions ends all sessions of a person, as SignOut ends one: where they
// sign out everywhere, and before they are erased. One that is opened meanwhile
// may stay. After an error some may have ended; repeat it.
func (s *Service) EndSessions(ctx context.Context, campaignID, person string) error {
	for f, err := range s.sessions.Scan(ctx, campaignID, store.Query{Index: "person", Equal: []any{person}}) {
		if err != nil {
			return storeError(err)
		}
		if err := s.endSession(ctx, campaignID, f.ID); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) endSession(ctx context.Context, campaignID, id string) error {
	f, err := s.sessions.Update(ctx, campaignID, id, func(f *session) error {
		if f.EndedAt != nil {
			return errAgain
		}
		f.end(s.clock.Now())
		return nil
	})
	if absent(err) || errors.Is(err, errAgain) {
		return nil
	}
	if err != nil {
		return storeError(err)
	}
	s.ended.learn(campaignID, f)
	return nil
}
