package people

import (
	"net/mail"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/musterhq/muster/internal/errs"
)

const (
	maxEmail = 254 // RFC 5321 4.5.3.1.3 less the angle brackets
	maxLocal = 64
)

// NormaliseEmail gives the one form under which an address is stored and
// compared: trimmed, lower case, the domain in its ASCII form. It accepts a
// bare address with a plain ASCII local part and a domain of two labels or
// more; anything else is Invalid email_invalid.
//
// The local part is put into lower case too, although RFC 5321 lets a server
// tell cases apart: none of note does, and phones capitalise what is typed.
func NormaliseEmail(address string) (string, error) {
	bad := errs.New(errs.Invalid, "email_invalid", "This does not look like an e-mail address. Check it and send it again.")
	address = strings.TrimSpace(address)
	if len(address) > 4*maxEmail || !utf8.ValidString(address) {
		return "", bad
	}
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at > maxLocal {
		return "", bad
	}
	local := strings.ToLower(address[:at])
	for _, c := range []byte(local) {
		if c <= ' ' || c >= 0x7f {
			return "", bad
		}
	}
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil || !validDomain(domain) {
		return "", bad
	}
	// One form only: what this form would be turned into yet another is not one.
	if again, err := idna.Lookup.ToASCII(domain); err != nil || again != domain {
		return "", bad
	}
	normal := local + "@" + domain
	// net/mail judges the syntax. What it understands differently from what
	// was sent (a display name, a comment, quotes) is not a bare address.
	parsed, err := mail.ParseAddress(normal)
	if err != nil || parsed.Address != normal || len(normal) > maxEmail {
		return "", bad
	}
	return normal, nil
}

// validDomain says whether the name is two or more labels of letters, digits
// and inner hyphens, the last of them not a number.
func validDomain(domain string) bool {
	labels := strings.Split(domain, ".")
	if len(labels) < 2 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != ""
}
