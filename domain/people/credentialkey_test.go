package people_test

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/people"
)

// TestTheCredentialKeyIsForEver: through a restart and every rotation, so that a badge
// of years ago verifies, and apart from the keys of tokens.
func TestTheCredentialKeyIsForEver(t *testing.T) {
	keys := people.NewKeys()
	first := keys.CredentialKey()
	public := first.Public().(ed25519.PublicKey)
	document, err := keys.Encode()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for range 3 {
		if keys, err = people.DecodeKeys(document); err != nil {
			t.Fatal(err)
		}
		if keys, err = keys.Rotate(now, people.MinKeyDelay); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
		if document, err = keys.Encode(); err != nil {
			t.Fatal(err)
		}
		if !public.Equal(keys.CredentialKey().Public()) {
			t.Fatal("a rotation changed the key of credentials")
		}
	}
	if public.Equal(people.NewKeys().CredentialKey().Public()) {
		t.Error("two installations have the same key")
	}
	message := []byte("badge")
	signature, err := first.Sign(nil, message, crypto.Hash(0))
	if err != nil || !ed25519.Verify(public, message, signature) {
		t.Errorf("its signature does not verify: %v", err)
	}
	var printed strings.Builder
	logger := slog.New(slog.NewJSONHandler(&printed, nil))
	logger.Info("key", "key", first)
	raw, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&printed, "%v %+v %#v %s %q %x %d %s", first, first, first, first, first, first, first, raw)
	for _, form := range []string{hex.EncodeToString(public), base64.StdEncoding.EncodeToString(public), strings.Trim(fmt.Sprint([]byte(public)[:8]), "[]")} {
		if strings.Contains(printed.String(), form) {
			t.Errorf("it prints: %s", printed.String())
		}
	}
	if !strings.Contains(printed.String(), "credential key") {
		t.Errorf("printed %s", printed.String())
	}
}
