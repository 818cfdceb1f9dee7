package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
)

var alphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID is a random id of 26 characters and 128 bits, in Crockford's base 32.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand documents that it crashes instead
	return alphabet.EncodeToString(b[:])
}

// IDFrom is the id that the same parts always give: a repeated POST with the
// same Idempotency-Key finds the document the first one made. Where parts may
// be secret or personal the id reveals them only to who can guess all of them.
// Each part counts with its length, so no text a client sends can pass for two.
func IDFrom(parts ...string) string {
	var all []byte
	for _, part := range parts {
		all = binary.AppendUvarint(all, uint64(len(part)))
		all = append(all, part...)
	}
	sum := sha256.Sum256(all)
	return alphabet.EncodeToString(sum[:16])
}
