package campaign

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxSlug keeps a region's id, four slugs at most, far below what an index or
// a URL takes.
const maxSlug = 60

// unfolded are the Latin letters that Unicode does not take apart into a base
// letter and a mark.
var unfolded = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th", 'ħ': "h", 'ŧ': "t", 'ı': "i", 'ĸ': "k", 'ŋ': "n",
}

// Slug makes a part of an id from a name: lower-case ASCII letters and digits,
// accents folded, everything else one hyphen ("Forlì-Cesena" is
// "forli-cesena"). It is never empty, holds no dot and has at most 80
// characters. Where a letter of the name has no Latin base, or the name is too
// long, a short hash of the name is added, so that two names do not become one.
func Slug(name string) string {
	var b strings.Builder
	lost := false
	hyphen := false
	put := func(s string) {
		if hyphen && b.Len() > 0 {
			b.WriteByte('-')
		}
		hyphen = false
		b.WriteString(s)
	}
	for _, r := range norm.NFKD.String(name) {
		r = unicode.ToLower(r)
		switch latin := unfolded[r]; {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			put(string(r))
		case latin != "":
			put(latin)
		case unicode.Is(unicode.Mn, r): // the mark of a folded accent
		default:
			lost = lost || unicode.IsLetter(r) || unicode.IsDigit(r)
			hyphen = true
		}
	}
	slug := b.String()
	if len(slug) > maxSlug {
		slug, lost = strings.TrimRight(slug[:maxSlug], "-"), true
	}
	if slug != "" && !lost {
		return slug
	}
	if slug != "" {
		slug += "-"
	}
	sum := sha256.Sum256([]byte(name))
	return slug + "x" + hex.EncodeToString(sum[:4])
}

// slugOf is the slug of an admin unit: its code where that is letters, else
// its name.
func slugOf(code, name string) string {
	if code == "" {
		return Slug(name)
	}
	for _, c := range []byte(code) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return Slug(name)
		}
	}
	return strings.ToLower(code)
}

// Lengths of a postcode without spaces and hyphens.
const (
	minPostcode = 2
	maxPostcode = 12
)

// NormalizePostcode is the form under which a postcode is kept and looked up:
// its letters and digits in upper case, without the spaces and hyphens that
// people write or leave out ("00-950", " 00 950 " and "00950" are one; leading
// zeros stay). It answers false where other characters are in it or its length
// is not 2 to 12.
func NormalizePostcode(s string) (string, bool) {
	code := make([]byte, 0, maxPostcode)
	for _, r := range s {
		switch {
		case r == '-' || unicode.IsSpace(r):
			continue
		case r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		default:
			return "", false
		}
		if len(code) == maxPostcode {
			return "", false
		}
		code = append(code, byte(r))
	}
	return string(code), len(code) >= minPostcode
}
