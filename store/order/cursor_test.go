package order

import (
	"bytes"
	"errors"
	"testing"

	"github.com/musterhq/muster/store"
)

func testSeal(t testing.TB) Seal {
	t.Helper()
	seal, err := NewSeal(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return seal
}

// FuzzCursor: whatever a client sends as a cursor is one that was given out or
// ErrQuery, and what was given out opens.
func FuzzCursor(f *testing.F) {
	seal := testSeal(f)
	f.Add("", []byte("key"))
	f.Add("AAAA", []byte{0})
	f.Add("\r", []byte("0"))
	f.Add(seal.Cursor([]byte("key"), []byte("purpose")), []byte{0xFF})
	f.Fuzz(func(t *testing.T, text string, key []byte) {
		if got, err := seal.Open(text, []byte("another purpose")); !errors.Is(err, store.ErrQuery) {
			t.Errorf("%q opened: %x, %v", text, got, err)
		}
		sealed := seal.Cursor(key, []byte("purpose"))
		if got, err := seal.Open(sealed, []byte("purpose")); err != nil || !bytes.Equal(got, key) {
			t.Errorf("%x came back as %x, %v", key, got, err)
		}
		if _, err := seal.Open(sealed+text, []byte("purpose")); text != "" && !errors.Is(err, store.ErrQuery) {
			t.Errorf("with %q behind it: %v", text, err)
		}
	})
}

// Bits that decoding passes over would let one cursor be written in two ways.
func TestCursorHasOneSpelling(t *testing.T) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	seal := testSeal(t)
	for _, key := range [][]byte{{1}, {1, 2}, {1, 2, 3}} {
		cursor := seal.Cursor(key, nil)
		for _, letter := range letters {
			other := cursor[:len(cursor)-1] + string(letter)
			if _, err := seal.Open(other, nil); other != cursor && !errors.Is(err, store.ErrQuery) {
				t.Errorf("%q opened as %q does: %v", other, cursor, err)
			}
		}
	}
}
