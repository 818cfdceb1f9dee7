package people

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

const (
	issuer   = "muster"
	audience = "muster/api"
	// The types of token, in the header: one is never taken for another.
	typeAccess  = "at+jwt" // RFC 9068
	typeService = "service+jwt"

	// leeway is how far two nodes' clocks may be apart.
	leeway   = 5 * time.Second
	maxToken = 4096

	// MaxServiceLife is the longest life of a service token.
	MaxServiceLife = 400 * 24 * time.Hour
)

// claims is what a token says. An access token names a person and holds no
// role; a service token names a role and no person.
type claims struct {
	jwt.RegisteredClaims
	Campaign string        `json:"campaign"`
	Person   string        `json:"person,omitempty"`
	Account  string        `json:"account,omitempty"`
	Session  string        `json:"sid,omitempty"`
	Role     campaign.Role `json:"role,omitempty"`
	Region   string        `json:"region,omitempty"`
}

func (s *Service) sign(c claims, typ string, life time.Duration) (string, error) {
	now := s.clock.Now()
	c.RegisteredClaims = jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{audience}, ID: store.NewID(),
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(life)),
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	key := s.keys.Load().signer(now)
	token.Header["kid"], token.Header["typ"] = key.id, typ
	signed, err := token.SignedString(key.private)
	if err != nil {
		return "", errs.Wrap(err, errs.Internal, "internal", "Something went wrong on our side.")
	}
	return signed, nil
}

// verify gives what a token says, if we signed it and it holds now. The
// algorithm is pinned, the key is one of ours by its id; the header can name no
// other place to take a key from. The claims are shared and must not be changed.
func (s *Service) verify(token string) (*claims, error) {
	if len(token) > maxToken {
		return nil, invalidToken()
	}
	keys := s.keys.Load()
	digest := sha256.Sum256([]byte(token))
	if v, ok := s.verified.Get(digest); ok && v.keys == keys && s.validator.Validate(v.claims) == nil {
		return v.claims, nil
	}
	c, err := s.parse(token, keys)
	if err != nil {
		return nil, err
	}
	s.verified.Add(digest, verifiedToken{c, keys})
	return c, nil
}

func invalidToken() error {
	return errs.New(errs.Unauthentic, "token_invalid", "The access token is not one of this server's. Sign in again.")
}

// verifiedTokens is how many tokens a node knows to be its own: who acts sends
// the same one for its whole life, and to check its signature costs more than
// all else that a request needs of the processor (docs/performance.md).
const verifiedTokens = 50_000

// verifiedToken is what a token was found to say, under the keys of that time:
// with others it is checked anew.
type verifiedToken struct {
	claims *claims
	keys   *Keys
}

// tokenRules are what a token is held against whenever it is shown.
func tokenRules(c clock.Clock) []jwt.ParserOption {
	return []jwt.ParserOption{
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithNotBeforeRequired(),
		jwt.WithLeeway(leeway), jwt.WithTimeFunc(c.Now), jwt.WithStrictDecoding(),
	}
}

func (s *Service) parse(token string, keys *Keys) (*claims, error) {
	var c claims
	parsed, err := jwt.NewParser(tokenRules(s.clock)...).ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		id, _ := t.Header["kid"].(string)
		if key, ok := keys.public(id); ok && id != "" {
			return key, nil
		}
		return nil, errors.New("people: a token names a key that is not ours")
	})
	if errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
		return nil, errs.New(errs.Unauthentic, "token_expired", "The access token has run out. Refresh it.")
	}
	if err != nil {
		return nil, invalidToken()
	}
	access := parsed.Header["typ"] == typeAccess && c.Person != "" && c.Account != "" && c.Session != "" && c.Role == "" && c.Region == ""
	service := parsed.Header["typ"] == typeService && c.Role != "" && c.Person == "" && c.Account == "" && c.Session == ""
	if c.Campaign == "" || (!access && !service) {
		return nil, invalidToken()
	}
	return &c, nil
}

// ServiceToken makes a token that carries a role, and its region, for no
// person: for a wall screen (display), for load tests and support. It works
// until it runs out, at most MaxServiceLife from now, or until the key that
// signed it is dropped: by the second rotation from now, or retired. Who may have
// one is decided by who may read the server's keys. Errors: Invalid role_invalid,
// lifetime_invalid.
func (s *Service) ServiceToken(campaignID string, role campaign.Role, region string, life time.Duration) (string, error) {
	grant := campaign.Grant{Role: role, Region: region}
	if !campaign.ValidID(campaignID) || role == campaign.Supporter || role == campaign.Volunteer || !validGrant(grant, "") {
		return "", errs.New(errs.Invalid, "role_invalid", "A service token is for display, lead, media, staff or admin; display and lead may name a region.")
	}
	if life <= 0 || life > MaxServiceLife {
		return "", errs.New(errs.Invalid, "lifetime_invalid", "A service token lives longer than nothing and at most 400 days.")
	}
	return s.sign(claims{Campaign: campaignID, Role: role, Region: region}, typeService, life)
}
