package people_test

import (
	"net/mail"
	"strings"
	"testing"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

func TestNormaliseEmail(t *testing.T) {
	long := strings.Repeat("a", 60)
	for in, want := range map[string]string{
		"anna@example.org":                       "anna@example.org",
		"  Anna.ROSSI+muster@Example.ORG \n":     "anna.rossi+muster@example.org",
		"o'brien@example.ie":                     "o'brien@example.ie",
		"a@b.co":                                 "a@b.co",
		"a@sub.example.museum":                   "a@sub.example.museum",
		"a@münchen.de":                           "a@xn--mnchen-3ya.de",
		"a@XN--mnchen-3ya.de":                    "a@xn--mnchen-3ya.de",
		long + "@" + long + ".org":               long + "@" + long + ".org",
		"":                                       "",
		"anna":                                   "",
		"@example.org":                           "",
		"anna@":                                  "",
		"anna@localhost":                         "",
		"anna@example..org":                      "",
		"anna@example.org.":                      "",
		"anna@-example.org":                      "",
		"anna@exa_mple.org":                      "",
		"anna@192.0.2.1":                         "",
		"anna@[192.0.2.1]":                       "",
		"anna@@example.org":                      "",
		".anna@example.org":                      "",
		"an..na@example.org":                     "",
		"an na@example.org":                      "",
		"Anna <anna@example.org>":                "",
		"<anna@example.org>":                     "",
		`"anna rossi"@example.org`:               "",
		"anna@example.org (Anna)":                "",
		"anna@example.org, berta@example.org":    "",
		"anna@example.org\r\nBcc: b@example.org": "",
		"änna@example.org":                       "",
		"anna\x00@example.org":                   "",
		"anna@example.org\x00":                   "",
		"anna@exam\u200bple.org":                 "anna@example.org",
		strings.Repeat("a", 65) + "@example.org": "",
		"a@" + strings.Repeat("b.", 126) + "org": "",
		strings.Repeat("x", 100_000):             "",
	} {
		got, err := people.NormaliseEmail(in)
		if got != want || (want == "") != (errs.CodeOf(err) == "email_invalid") {
			t.Errorf("%.60q gives %q, %v, want %q", in, got, err, want)
		}
	}
}

func FuzzNormaliseEmail(f *testing.F) {
	for _, seed := range []string{"anna@example.org", " A.B@C.de", "a@münchen.de", `"a b"@c.de`, "a@b\r\nX: y.de", "a@b@c.de", "0@\xc3.A"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		normal, err := people.NormaliseEmail(in)
		if err != nil {
			if normal != "" || errs.CodeOf(err) != "email_invalid" {
				t.Fatalf("%q gives %q, %v", in, normal, err)
			}
			return
		}
		if again, err := people.NormaliseEmail(normal); again != normal || err != nil {
			t.Fatalf("%q gives %q, which gives %q, %v", in, normal, again, err)
		}
		if upper, err := people.NormaliseEmail("\t" + strings.ToUpper(normal) + " "); upper != normal || err != nil {
			t.Fatalf("%q in capitals gives %q, %v", normal, upper, err)
		}
		parsed, err := mail.ParseAddress(normal)
		if err != nil || parsed.Address != normal || len(normal) > 254 {
			t.Fatalf("%q gives %q, which is no bare address: %v", in, normal, err)
		}
		for _, c := range []byte(normal) {
			if c <= ' ' || c >= 0x7f {
				t.Fatalf("%q gives %q", in, normal)
			}
		}
	})
}
