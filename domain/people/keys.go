package people

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/musterhq/muster/store"
)

// Keys are the server's secrets. Every node of an installation holds the same.
// They print as their key id only.
type Keys struct {
	// KeyID names Signing in the header of each token ("kid").
	KeyID string
	// Signing signs access and service tokens.
	Signing ed25519.PrivateKey
	// Verify holds further public keys by key id whose tokens are accepted: the
	// previous key, or the next one, while keys are changed. May be nil.
	Verify map[string]ed25519.PublicKey
	// Code is the key of 32 bytes from which codes, invitations and the names
	// of limits are derived. A new one makes open codes and invitations
	// worthless and nothing else.
	Code []byte
}

// NewKeys makes random keys.
func NewKeys() Keys {
	seed, code := make([]byte, ed25519.SeedSize), make([]byte, sha256.Size)
	rand.Read(seed) // never fails: crypto/rand documents that it crashes instead
	rand.Read(code)
	return Keys{KeyID: store.NewID()[:8], Signing: ed25519.NewKeyFromSeed(seed), Code: code}
}

type keyFile struct {
	Version int               `json:"version"`
	KeyID   string            `json:"key_id"`
	Signing []byte            `json:"signing"` // the seed, 32 bytes
	Code    []byte            `json:"code"`
	Verify  map[string][]byte `json:"verify,omitempty"`
}

// Encode gives the keys as a JSON document to keep in a file that only the
// server's user may read.
func (k Keys) Encode() ([]byte, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	file := keyFile{Version: 1, KeyID: k.KeyID, Signing: k.Signing.Seed(), Code: k.Code}
	for id, key := range k.Verify {
		if file.Verify == nil {
			file.Verify = map[string][]byte{}
		}
		file.Verify[id] = key
	}
	return json.MarshalIndent(file, "", "  ")
}

// DecodeKeys reads what Encode gave and refuses anything else. Its errors hold
// no part of the document.
func DecodeKeys(document []byte) (Keys, error) {
	var file keyFile
	if err := json.Unmarshal(document, &file); err != nil {
		return Keys{}, errors.New("people: the keys are not the JSON document that was written")
	}
	if file.Version != 1 || len(file.Signing) != ed25519.SeedSize {
		return Keys{}, errors.New("people: the keys are of another version or cut short")
	}
	keys := Keys{KeyID: file.KeyID, Signing: ed25519.NewKeyFromSeed(file.Signing), Code: file.Code}
	for id, key := range file.Verify {
		if keys.Verify == nil {
			keys.Verify = map[string]ed25519.PublicKey{}
		}
		keys.Verify[id] = key
	}
	return keys, keys.check()
}

func (k Keys) check() error {
	if k.KeyID == "" || len(k.Signing) != ed25519.PrivateKeySize || len(k.Code) != sha256.Size {
		return errors.New("people: the keys are incomplete")
	}
	for id, key := range k.Verify {
		if id == "" || len(key) != ed25519.PublicKeySize {
			return errors.New("people: a further public key is not one")
		}
	}
	return nil
}

// public gives the key that verifies tokens with this key id.
func (k Keys) public(id string) (ed25519.PublicKey, bool) {
	if id == k.KeyID {
		return k.Signing.Public().(ed25519.PublicKey), true
	}
	key, ok := k.Verify[id]
	return key, ok
}

// derive gives 32 bytes that only who holds the key can tell. The label keeps
// the uses apart; no part may hold a zero byte.
func (k Keys) derive(label string, parts ...string) []byte {
	mac := hmac.New(sha256.New, k.Code)
	mac.Write([]byte(label))
	for _, part := range parts {
		mac.Write([]byte{0})
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

// String hides the keys from every kind of printing.
func (k Keys) String() string { return fmt.Sprintf("keys %s", k.KeyID) }

// GoString hides the keys from %#v.
func (k Keys) GoString() string { return k.String() }

// LogValue hides the keys from logs.
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalJSON hides the keys from a log or an answer in JSON; to keep them,
// use Encode.
func (k Keys) MarshalJSON() ([]byte, error) { return json.Marshal(k.String()) }
