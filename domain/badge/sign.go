package badge

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// JWK is the public half of the key that signs credentials (RFC 8037).
type JWK struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	KeyID     string `json:"kid,omitempty"`
	Algorithm string `json:"alg,omitempty"`
	Use       string `json:"use,omitempty"`
}

// signer signs credentials as JWTs. It prints as the key's thumbprint.
type signer struct {
	key        crypto.Signer
	jwk        JWK
	thumbprint string // RFC 7638
}

func newSigner(key crypto.Signer) signer {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		panic(fmt.Sprintf("badge: a key of type %T signs no credentials", key.Public()))
	}
	jwk := JWK{KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(public)}
	// RFC 7638: the required members alone, in the order of their names.
	canonical := fmt.Sprintf(`{"crv":%q,"kty":%q,"x":%q}`, jwk.Curve, jwk.KeyType, jwk.X)
	sum := sha256.Sum256([]byte(canonical))
	return signer{key: key, jwk: jwk, thumbprint: base64.RawURLEncoding.EncodeToString(sum[:])}
}

// String gives the key's thumbprint.
func (s signer) String() string { return s.thumbprint }

// Format hides the key from every kind of printing.
func (s signer) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.thumbprint) }

// Where the public key is served, below the address that people reach the server by.
const (
	KeysPath = "/.well-known/jwks.json"
	KeyPath  = "/.well-known/jwks/" // and the thumbprint
)

// Key is the public key, as served at KeyPath + thumbprint: its KeyID is that
// address, which is what the header of a credential names.
func (s *Service) Key(base string) (jwk JWK, thumbprint string) {
	jwk = s.signer.jwk
	jwk.KeyID, jwk.Algorithm, jwk.Use = base+KeyPath+s.signer.thumbprint, "EdDSA", "sig"
	return jwk, s.signer.thumbprint
}

// sign gives a credential as a JWT whose payload is the credential itself, with the
// registered claims that Open Badges 3.0, section 8.2, wants beside it.
func (s *Service) sign(base string, credential any, registered map[string]any) (string, error) {
	raw, err := json.Marshal(credential)
	if err != nil {
		return "", err
	}
	claims := jwt.MapClaims{}
	if err := json.Unmarshal(raw, &claims); err != nil {
		return "", err
	}
	for name, value := range registered {
		claims[name] = value
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	jwk, _ := s.Key(base)
	token.Header["kid"], token.Header["jwk"] = jwk.KeyID, s.signer.jwk
	return token.SignedString(s.signer.key)
}
