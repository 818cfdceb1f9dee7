package sqlite

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/musterhq/muster/store"
)

// A cursor is the last key a page read, sealed with a key that the file keeps:
// it survives restarts, and says nothing to who holds it, since indexed values
// may be personal. It opens only for the query it was made for.

// newCursorSeal makes the seal of a key of 32 bytes.
func newCursorSeal(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("sqlite: cursor key: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

var cursorText = base64.RawURLEncoding.Strict()

// sealCursor makes a cursor of a key; purpose names the query.
func sealCursor(seal cipher.AEAD, key, purpose []byte) string {
	return cursorText.EncodeToString(seal.Seal(nil, nil, key, purpose))
}

// openCursor gives the key back, or ErrQuery.
func openCursor(seal cipher.AEAD, cursor string, purpose []byte) ([]byte, error) {
	sealed, err := cursorText.DecodeString(cursor)
	if err != nil || strings.ContainsAny(cursor, "\r\n") { // which the decoder passes over
		return nil, fmt.Errorf("%w: the cursor is damaged", store.ErrQuery)
	}
	key, err := seal.Open(nil, nil, sealed, purpose)
	if err != nil {
		return nil, fmt.Errorf("%w: the cursor is damaged or of another query", store.ErrQuery)
	}
	return key, nil
}
