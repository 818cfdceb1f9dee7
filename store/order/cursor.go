package order

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/musterhq/muster/store"
)

// Seal makes and opens cursors. A cursor is the place a page ended at, sealed
// with a key that the database keeps: it survives restarts, and says nothing to
// who holds it, since indexed values may be personal. It opens only for the
// query it was made for. A Seal is safe for concurrent use.
type Seal struct{ aead cipher.AEAD }

// NewSeal makes the seal of a key of 32 bytes.
func NewSeal(key []byte) (Seal, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return Seal{}, fmt.Errorf("store: cursor key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Seal{}, fmt.Errorf("store: cursor key: %w", err)
	}
	return Seal{aead}, nil
}

var cursorText = base64.RawURLEncoding.Strict()

// Cursor makes a cursor of a place; purpose names the query.
func (s Seal) Cursor(place, purpose []byte) string {
	return cursorText.EncodeToString(s.aead.Seal(nil, nil, place, purpose))
}

// Open gives the place back, or ErrQuery.
func (s Seal) Open(cursor string, purpose []byte) ([]byte, error) {
	sealed, err := cursorText.DecodeString(cursor)
	if err != nil || strings.ContainsAny(cursor, "\r\n") { // which the decoder passes over
		return nil, fmt.Errorf("%w: the cursor is damaged", store.ErrQuery)
	}
	place, err := s.aead.Open(nil, nil, sealed, purpose)
	if err != nil {
		return nil, fmt.Errorf("%w: the cursor is damaged or of another query", store.ErrQuery)
	}
	return place, nil
}
