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
	"slices"
	"time"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Keys are the server's secrets. Every node of an installation holds the same.
// A value is never changed: Rotate and Retire give another. They print as the
// ids of their signing keys only.
type Keys struct {
	// signing are the keys whose tokens are accepted, in the order in which
	// they sign.
	signing []signingKey
	// derivation is the key of 32 bytes from which codes, invitations, the successors
	// of refresh tokens and the names of limits are derived. Changing the
	// signing keys leaves it as it is, so all of those go on.
	derivation []byte
}

// signingKey is one key of Ed25519. Its id is the "kid" in each token's header.
type signingKey struct {
	id      string
	public  ed25519.PublicKey
	private ed25519.PrivateKey // nil: it only verifies
	from    time.Time          // when it begins to sign; zero: it always did
}

const (
	// liveKeys is how many signing keys there are at most: the one that signs,
	// and the one before it or the one after it.
	liveKeys = 2
	// MinKeyDelay is the shortest time between a key's making and its first
	// signature: every node must have read the key by then, or it would refuse
	// what another node signs.
	MinKeyDelay = 15 * time.Second
	// MaxKeyDelay is the longest.
	MaxKeyDelay = 30 * 24 * time.Hour
)

// NewKeys makes random keys.
func NewKeys() Keys {
	derivation := make([]byte, sha256.Size)
	rand.Read(derivation) // never fails: crypto/rand documents that it crashes instead
	return Keys{signing: []signingKey{newSigningKey(time.Time{})}, derivation: derivation}
}

func newSigningKey(from time.Time) signingKey {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	return pair(store.NewID()[:8], seed, from)
}

func pair(id string, seed []byte, from time.Time) signingKey {
	private := ed25519.NewKeyFromSeed(seed)
	return signingKey{id: id, public: private.Public().(ed25519.PublicKey), private: private, from: from}
}

// KeyState is what a signing key is for at some instant.
type KeyState string

// The states of a signing key, in their order.
const (
	KeyNext     KeyState = "next"     // accepted already, signs from its time on
	KeySigns    KeyState = "signs"    // every new token is of this key
	KeyVerifies KeyState = "verifies" // signed before; its tokens are accepted
)

// KeyInfo is what may be shown of a signing key.
type KeyInfo struct {
	ID    string
	State KeyState
	From  time.Time // when it signs, or began to; zero: since the keys were made
}

// List gives the signing keys as they stand at now, in the order in which they
// sign. It holds no secret.
func (k Keys) List(now time.Time) []KeyInfo {
	signs := k.signer(now).id
	infos := make([]KeyInfo, len(k.signing))
	for i, key := range k.signing {
		infos[i] = KeyInfo{ID: key.id, State: KeyVerifies, From: key.from}
		switch {
		case key.id == signs:
			infos[i].State = KeySigns
		case key.from.After(now):
			infos[i].State = KeyNext
		}
	}
	return infos
}

// signer is the key that signs at now: the last whose time has come.
func (k Keys) signer(now time.Time) signingKey {
	var first, last *signingKey
	for i := range k.signing {
		key := &k.signing[i]
		if key.private == nil {
			continue
		}
		if first == nil {
			first = key
		}
		if !key.from.After(now) {
			last = key
		}
	}
	if last == nil {
		last = first // this node's clock is behind; check saw to it that there is one
	}
	return *last
}

// Rotate adds a new signing key, whose tokens are accepted at once and which
// signs when delay, MinKeyDelay to MaxKeyDelay, has passed; the key that signs
// until then is accepted afterwards too. A key from before that one is dropped,
// so there are two. Errors: Invalid delay_invalid; Conflict keys_rotating where
// the last new key does not sign yet, or has not signed for so long that the
// access tokens of the key to be dropped have run out.
func (k Keys) Rotate(now time.Time, delay time.Duration) (Keys, error) {
	if delay < MinKeyDelay || delay > MaxKeyDelay {
		return Keys{}, errs.New(errs.Invalid, "delay_invalid", "A new key signs after %s at the earliest, so that every node has read it by then, and after %s at the latest.", MinKeyDelay, MaxKeyDelay)
	}
	last := k.signing[len(k.signing)-1]
	if last.from.After(now) {
		return Keys{}, errs.New(errs.Conflict, "keys_rotating", "Key %s is waiting to sign from %s on. Wait for it, or retire it first.", last.id, last.from.UTC().Format(time.RFC3339))
	}
	if settled := last.from.Add(AccessLife + 2*leeway); len(k.signing) >= liveKeys && now.Before(settled) {
		return Keys{}, errs.New(errs.Conflict, "keys_rotating", "Access tokens of key %s are still in use. Rotate after %s, or retire it first.", k.signing[0].id, settled.UTC().Format(time.RFC3339))
	}
	next := newSigningKey(now.Add(delay).UTC().Truncate(time.Second))
	return Keys{signing: []signingKey{k.signer(now), next}, derivation: k.derivation}, nil
}

// Retire drops a signing key that does not sign at now: what it signed is
// refused from then on. Errors: NotFound key_unknown; Conflict key_signs.
func (k Keys) Retire(id string, now time.Time) (Keys, error) {
	kept := slices.DeleteFunc(slices.Clone(k.signing), func(key signingKey) bool { return key.id == id })
	switch {
	case len(kept) == len(k.signing):
		return Keys{}, errs.New(errs.NotFound, "key_unknown", "There is no key with this id. List them with muster keys list.")
	case k.signer(now).id == id:
		return Keys{}, errs.New(errs.Conflict, "key_signs", "This key signs now. Rotate, and retire it once the new key signs.")
	}
	return Keys{signing: kept, derivation: k.derivation}, nil
}

// lacks says whether a key of other is missing here.
func (k Keys) lacks(other Keys) bool {
	return slices.ContainsFunc(other.signing, func(key signingKey) bool {
		mine, ok := k.public(key.id)
		return !ok || !mine.Equal(key.public)
	})
}

func (k Keys) check() error {
	if len(k.derivation) != sha256.Size || !slices.ContainsFunc(k.signing, func(key signingKey) bool { return key.private != nil }) {
		return errors.New("people: the keys are incomplete")
	}
	seen := map[string]bool{}
	for i, key := range k.signing {
		switch {
		case key.id == "" || len(key.public) != ed25519.PublicKeySize:
			return errors.New("people: a signing key is incomplete")
		case seen[key.id]:
			return errors.New("people: two signing keys have one id")
		case i > 0 && key.from.Before(k.signing[i-1].from):
			return errors.New("people: the signing keys are not in their order")
		}
		seen[key.id] = true
	}
	return nil
}

// public gives the key that verifies tokens with this key id.
func (k Keys) public(id string) (ed25519.PublicKey, bool) {
	for _, key := range k.signing {
		if key.id == id {
			return key.public, true
		}
	}
	return nil, false
}

// Mark is the same for two nodes that know each other's codes, invitations and
// sessions, through every rotation, and tells nothing of the keys.
func (k Keys) Mark() []byte { return k.derive("mark") }

// Derive is a key of 32 bytes for a room that needs one, the same on every node and
// through every rotation. It tells nothing of the keys.
func (k Keys) Derive(purpose string) []byte { return k.derive("room", purpose) }

// derive gives 32 bytes that only who holds the key can tell. The label keeps
// the uses apart; no part may hold a zero byte.
func (k Keys) derive(label string, parts ...string) []byte {
	mac := hmac.New(sha256.New, k.derivation)
	mac.Write([]byte(label))
	for _, part := range parts {
		mac.Write([]byte{0})
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

// String gives the ids of the signing keys.
func (k Keys) String() string {
	text := "keys"
	for _, key := range k.signing {
		text += " " + key.id
	}
	return text
}

// Format hides the keys from every kind of printing.
func (k Keys) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue hides the keys from logs.
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalJSON hides the keys from a log or an answer in JSON; to keep them,
// use Encode.
func (k Keys) MarshalJSON() ([]byte, error) { return json.Marshal(k.String()) }
