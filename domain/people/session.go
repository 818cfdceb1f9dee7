package people

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
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
	// crossing is how long after a rotation the old refresh token is refused
	// without ending the session: two calls of one phone may cross.
	crossing = 10 * time.Second
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

// session is one phone signed in.
type session struct {
	store.Meta `bson:",inline"`
	Person     string `bson:"person"`
	Device     string `bson:"device,omitempty"`
	// Refresh is the hash of the one refresh token that is good.
	Refresh   []byte    `bson:"refresh"`
	CreatedAt time.Time `bson:"created_at"`
	RotatedAt time.Time `bson:"rotated_at"`
	ExpiresAt time.Time `bson:"expires_at"`
}

var sessionSchema = store.Schema{
	Name:    "sessions",
	Indexes: []store.Index{{Name: "expires", Order: "expires_at", Expire: true}},
}

const secretSize = 32 // bytes

// newRefresh makes a refresh token, "<session>.<secret>", and the hash under
// which it is kept. The secret is 256 random bits, so a plain hash is enough.
func newRefresh(sessionID string) (token string, hash []byte) {
	secret := make([]byte, secretSize)
	rand.Read(secret) // never fails: crypto/rand documents that it crashes instead
	sum := sha256.Sum256(secret)
	return sessionID + "." + base64.RawURLEncoding.EncodeToString(secret), sum[:]
}

// readRefresh takes a refresh token apart.
func readRefresh(token string) (sessionID string, hash []byte, ok bool) {
	id, text, found := strings.Cut(token, ".")
	if !found || id == "" || len(token) > 256 {
		return "", nil, false
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(secret) != secretSize {
		return "", nil, false
	}
	sum := sha256.Sum256(secret)
	return id, sum[:], true
}

// openSession makes the one session that the request's code can open. A second
// call with the same code, at the same moment or after a crash, is refused.
func (s *Service) openSession(ctx context.Context, p *Person, r *request, device string) (Tokens, error) {
	now := s.clock.Now()
	id := hex.EncodeToString(s.keys.derive("session", r.Campaign, r.ID, s.keys.code(r))[:16])
	token, hash := newRefresh(id)
	err := s.sessions.InsertOne(ctx, r.Campaign, &session{
		Meta: store.Meta{ID: id}, Person: p.ID, Device: device, Refresh: hash,
		CreatedAt: now, RotatedAt: now, ExpiresAt: now.Add(SessionLife),
	})
	if errors.Is(err, store.ErrDuplicate) {
		return Tokens{}, errs.New(errs.Gone, "code_used", "This code was used already. Ask for a new one.")
	}
	if err != nil {
		return Tokens{}, storeError(err)
	}
	return s.tokens(p, id, token)
}

func (s *Service) tokens(p *Person, sessionID, refresh string) (Tokens, error) {
	access, err := s.sign(claims{
		Campaign: p.Campaign, Person: p.ID, Account: p.Account, Session: sessionID,
	}, typeAccess, AccessLife)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{Access: access, ExpiresIn: AccessLife, Refresh: refresh}, nil
}

// Refresh gives new tokens for a refresh token, which is refused from then on.
// Whoever sends an old one later than ten seconds after its successor was made
// shows that two hold the session; it ends for both. Errors: Unauthentic
// refresh_refused; Unavailable.
func (s *Service) Refresh(ctx context.Context, campaignID, token string) (Tokens, *Person, error) {
	refused := errs.New(errs.Unauthentic, "refresh_refused", "You are signed out. Sign in again with a code.")
	id, hash, ok := readRefresh(token)
	if !ok {
		return Tokens{}, nil, refused
	}
	now := s.clock.Now()
	next, nextHash := newRefresh(id)
	stolen := false
	found, err := s.sessions.Update(ctx, campaignID, id, func(f *session) error {
		stolen = false
		if !now.Before(f.ExpiresAt) {
			return refused
		}
		if subtle.ConstantTimeCompare(hash, f.Refresh) != 1 {
			stolen = now.Sub(f.RotatedAt) > crossing
			return refused
		}
		f.Refresh, f.RotatedAt, f.ExpiresAt = nextHash, now, now.Add(SessionLife)
		return nil
	})
	if stolen {
		s.log.Warn("a refresh token was used twice; its session ends", "campaign", campaignID, "session", id)
		if err := s.sessions.Delete(ctx, campaignID, id); err != nil {
			return Tokens{}, nil, storeError(err)
		}
	}
	if absent(err) {
		return Tokens{}, nil, refused
	}
	if err != nil {
		return Tokens{}, nil, storeError(err)
	}
	p, err := s.Person(ctx, campaignID, found.Person)
	if errs.KindOf(err) == errs.NotFound {
		return Tokens{}, nil, refused
	}
	if err != nil {
		return Tokens{}, nil, err
	}
	tokens, err := s.tokens(p, id, next)
	return tokens, p, err
}

// SignOut ends the caller's session: its refresh token is refused from now on.
// The access token runs out by itself. Signing out twice is no error.
func (s *Service) SignOut(ctx context.Context, campaignID string, by Identity) error {
	if by.Campaign != campaignID || by.Session == "" {
		return nil
	}
	return storeError(s.sessions.Delete(ctx, campaignID, by.Session))
}
