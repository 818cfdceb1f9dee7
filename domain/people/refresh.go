package people

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// refreshToken is a refresh token taken apart: "<session>.<secret and mark>" in
// base64. The secret is 256 bits: random in a session's first token, then each
// time derived from the one before under the server's key, so that the same
// token always has the same successor, which its holder cannot tell in advance.
// The mark shows that a secret was given out here: a token that was used long
// ago is told from an invented one without keeping any of them.
type refreshToken struct {
	session string
	secret  []byte
	text    string
	hash    []byte // what is stored: the secret is random enough for a plain hash
	ours    bool   // the mark is good
}

const (
	secretSize  = 32 // bytes
	markSize    = 16
	sessionSize = 16 // of a session's id, which is written in hexadecimal
)

var refreshEncoding = base64.RawURLEncoding.Strict()

// newRefresh makes a session's first refresh token.
func (k Keys) newRefresh(campaign, session string) refreshToken {
	secret := make([]byte, secretSize)
	rand.Read(secret) // never fails: crypto/rand documents that it crashes instead
	return k.refresh(campaign, session, secret)
}

// successor is the token that t is exchanged for.
func (k Keys) successor(campaign string, t refreshToken) refreshToken {
	return k.refresh(campaign, t.session, k.derive("refresh/next", campaign, t.session, hex.EncodeToString(t.secret)))
}

func (k Keys) refresh(campaign, session string, secret []byte) refreshToken {
	sum := sha256.Sum256(secret)
	text := refreshEncoding.EncodeToString(append(append([]byte{}, secret...), k.mark(campaign, session, secret)...))
	return refreshToken{session: session, secret: secret, text: session + "." + text, hash: sum[:], ours: true}
}

func (k Keys) mark(campaign, session string, secret []byte) []byte {
	return k.derive("refresh/mark", campaign, session, hex.EncodeToString(secret))[:markSize]
}

// readRefresh takes a refresh token apart; not ok: it cannot be one. Tokens from
// before there were marks have none, and are good for one more use.
func (k Keys) readRefresh(campaign, text string) (t refreshToken, ok bool) {
	session, encoded, found := strings.Cut(text, ".")
	if !found || len(text) > 256 {
		return t, false
	}
	if id, err := hex.DecodeString(session); err != nil || len(id) != sessionSize || session != strings.ToLower(session) {
		return t, false
	}
	raw, err := refreshEncoding.DecodeString(encoded)
	if err != nil || (len(raw) != secretSize && len(raw) != secretSize+markSize) {
		return t, false
	}
	secret, mark := raw[:secretSize], raw[secretSize:]
	sum := sha256.Sum256(secret)
	ours := subtle.ConstantTimeCompare(mark, k.mark(campaign, session, secret)) == 1
	return refreshToken{session: session, secret: secret, text: text, hash: sum[:], ours: ours}, ours || len(mark) == 0
}
