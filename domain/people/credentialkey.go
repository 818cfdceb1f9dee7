package people

import (
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// CredentialKey signs what people take along: badges. It is derived from the key
// that no rotation changes, because a badge is verified years after the tokens of its
// time have run out, and so is the same on every node, in every backup, and for ever.
// It prints as nothing.
func (k Keys) CredentialKey() crypto.Signer {
	return credentialKey{ed25519.NewKeyFromSeed(k.derive("credentials"))}
}

type credentialKey struct{ key ed25519.PrivateKey }

// Public implements crypto.Signer.
func (c credentialKey) Public() crypto.PublicKey { return c.key.Public() }

// Sign implements crypto.Signer.
func (c credentialKey) Sign(rand io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	return c.key.Sign(rand, message, o)
}

// String hides the key.
func (credentialKey) String() string { return "credential key" }

// Format hides the key from every kind of printing.
func (c credentialKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue hides the key from logs.
func (c credentialKey) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON hides the key from a log or an answer in JSON.
func (c credentialKey) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }
