package people

import (
	"crypto/subtle"
	"encoding/base32"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster/internal/errs"
)

// What bounds a code.
const (
	// CodeLife is how long a code opens its request.
	CodeLife = 15 * time.Minute
	// CodeTries is how many wrong codes a request bears; the next guess is
	// refused unread.
	CodeTries = 5

	codeLength = 8
)

// Crockford's alphabet: no I, L, O, U, which are read as digits or spell words.
const codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var codeEncoding = base32.NewEncoding(codeAlphabet).WithPadding(base32.NoPadding)

// code derives the code that opens a request at its present attempt: eight
// characters, 40 bits. Five tries at a code and five codes an hour leave who
// guesses at an e-mail one chance in 4 * 10^10 an hour; six digits would leave
// one in 40,000. The end of the code takes part, so that a request stored again
// under the same id, after the first was purged, has another one.
func (k Keys) code(r *request) string {
	sum := k.derive("code", r.Campaign, r.ID, strconv.Itoa(r.Attempt), strconv.FormatInt(r.ExpiresAt.UnixMilli(), 10))
	return codeEncoding.EncodeToString(sum[:codeLength*5/8])
}

// showCode gives a code as people read it best, in two groups: "K7M2-9QXP".
func showCode(code string) string { return code[:codeLength/2] + "-" + code[codeLength/2:] }

// readCode takes a code as people type it, in any case, with spaces and
// hyphens, O for 0 and I or L for 1. What cannot be a code at all is Invalid
// code_malformed and costs no try.
func readCode(typed string) (string, error) {
	malformed := errs.New(errs.Invalid, "code_malformed", "A code has eight letters and digits. Type it as it stands in the mail.")
	if len(typed) > 64 {
		return "", malformed
	}
	var read strings.Builder
	for _, c := range strings.ToUpper(typed) {
		switch c {
		case ' ', '-', '\t', '\r', '\n':
			continue
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		if !strings.ContainsRune(codeAlphabet, c) {
			return "", malformed
		}
		read.WriteRune(c)
	}
	if read.Len() != codeLength {
		return "", malformed
	}
	return read.String(), nil
}

// sameCode compares without telling by its duration how much was right.
func sameCode(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
