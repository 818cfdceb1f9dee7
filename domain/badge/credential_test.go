package badge_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/musterhq/muster/domain/badge"
	"github.com/musterhq/muster/internal/errs"
)

var issuer = badge.Issuer{Base: "https://muster.example.org", Campaign: camp, Name: "Liguria"}

// opened verifies a JWT with another library than the one that signed it, by nothing
// but a saved key set, and gives its payload.
func opened(t *testing.T, token string, saved []byte) map[string]any {
	t.Helper()
	signed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(saved, &set); err != nil {
		t.Fatal(err)
	}
	header := signed.Signatures[0].Protected
	keys := set.Key(header.KeyID)
	if len(keys) != 1 || !keys[0].Valid() || !keys[0].IsPublic() {
		t.Fatalf("%d keys of id %q", len(keys), header.KeyID)
	}
	if header.JSONWebKey == nil || !bytes.Equal(header.JSONWebKey.Key.(ed25519.PublicKey), keys[0].Key.(ed25519.PublicKey)) {
		t.Error("the header's jwk is another key")
	}
	if typ := header.ExtraHeaders[jose.HeaderType]; typ != "JWT" {
		t.Errorf("typ is %v", typ)
	}
	payload, err := signed.Verify(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	// One bit less, and it must not verify.
	parts := strings.Split(token, ".")
	forged := parts[0] + "." + base64.RawURLEncoding.EncodeToString(bytes.Replace(payload, []byte("2026"), []byte("2025"), 1)) + "." + parts[2]
	if other, err := jose.ParseSigned(forged, []jose.SignatureAlgorithm{jose.EdDSA}); err == nil {
		if _, err := other.Verify(keys[0]); err == nil {
			t.Error("a changed credential verifies")
		}
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func (h *house) savedKeys() []byte {
	jwk, _ := h.Key(issuer.Base)
	saved, err := json.Marshal(map[string]any{"keys": []badge.JWK{jwk}})
	if err != nil {
		h.t.Fatal(err)
	}
	return saved
}

// required are the members that the JSON schema of Open Badges 3.0's
// AchievementCredential requires, each with what its value must be.
func required(t *testing.T, c map[string]any) {
	t.Helper()
	text := func(v any) bool { s, ok := v.(string); return ok && s != "" }
	uri := func(v any) bool {
		s, _ := v.(string)
		return strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "urn:uuid:")
	}
	at := func(v any) bool { s, _ := v.(string); _, err := time.Parse(time.RFC3339, s); return err == nil }
	types := func(names ...string) func(any) bool {
		return func(v any) bool {
			list, _ := v.([]any)
			have := map[any]bool{}
			for _, x := range list {
				have[x] = true
			}
			for _, name := range names {
				if !have[name] {
					return false
				}
			}
			return true
		}
	}
	for path, ok := range map[string]func(any) bool{
		"@context": func(v any) bool {
			list, _ := v.([]any)
			return len(list) >= 2 && list[0] == "https://www.w3.org/ns/credentials/v2" && strings.HasPrefix(list[1].(string), "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.")
		},
		"id":                                 uri,
		"type":                               types("VerifiableCredential", "AchievementCredential"),
		"issuer.id":                          uri,
		"issuer.type":                        types("Profile"),
		"validFrom":                          at,
		"name":                               text,
		"credentialSubject.id":               uri,
		"credentialSubject.type":             types("AchievementSubject"),
		"credentialSubject.achievement.id":   uri,
		"credentialSubject.achievement.type": types("Achievement"),
		"credentialSubject.achievement.name": text,
		"credentialSubject.achievement.description":        text,
		"credentialSubject.achievement.criteria.narrative": text,
		"credentialStatus.type":                            func(v any) bool { return v == "BitstringStatusListEntry" },
		"credentialStatus.statusPurpose":                   func(v any) bool { return v == "revocation" },
		"credentialStatus.statusListIndex": func(v any) bool {
			s, _ := v.(string)
			n, err := strconv.Atoi(s)
			return err == nil && n >= 0
		},
		"credentialStatus.statusListCredential": uri,
		"iss":                                   uri, "jti": uri, "sub": uri,
		"nbf": func(v any) bool { _, ok := v.(float64); return ok },
	} {
		if !ok(valueAt(c, path)) {
			t.Errorf("%s is %v", path, valueAt(c, path))
		}
	}
	if c["iss"] != valueAt(c, "issuer.id") || c["jti"] != c["id"] || c["sub"] != valueAt(c, "credentialSubject.id") {
		t.Error("the registered claims are not the credential's")
	}
	if _, wrapped := c["vc"]; wrapped {
		t.Error("the credential is wrapped as in version 1 of the data model")
	}
	from, err := time.Parse(time.RFC3339, c["validFrom"].(string))
	if err != nil || float64(from.Unix()) != c["nbf"] {
		t.Errorf("nbf %v is not validFrom %v", c["nbf"], c["validFrom"])
	}
}

// valueAt is the value at a path of names.
func valueAt(v any, path string) any {
	for _, name := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func TestCredentialVerifiesOffline(t *testing.T) {
	h := open(t)
	saved := h.savedKeys()
	h.ledger.add("account-of-anna", false, doors(60))
	h.round()
	token, err := h.Credential(t.Context(), camp, "account-of-anna", "doors-50", "", issuer)
	if err != nil {
		t.Fatal(err)
	}
	c := opened(t, token, saved)
	required(t, c)
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "anna") || valueAt(c, "credentialSubject.identifier") != nil {
		t.Errorf("it tells whose it is: %s", raw)
	}
	if got := valueAt(c, "credentialSubject.achievement.criteria.narrative"); got != `Have recorded 50 or more of "door".` {
		t.Errorf("narrative: %v", got)
	}
	// The same again, from another process with the same key: the same credential.
	h.restart()
	again, err := h.Credential(t.Context(), camp, "account-of-anna", "doors-50", "Anna Bianchi", issuer)
	if err != nil {
		t.Fatal(err)
	}
	named := opened(t, again, saved)
	required(t, named)
	identity := valueAt(named, "credentialSubject.identifier").([]any)[0].(map[string]any)
	if identity["identityHash"] != "Anna Bianchi" || identity["identityType"] != "name" || identity["hashed"] != false || identity["type"] != "IdentityObject" {
		t.Errorf("identifier %v", identity)
	}
	if named["id"] != c["id"] || valueAt(named, "credentialStatus.id") != valueAt(c, "credentialStatus.id") {
		t.Error("the second export is another credential")
	}
	other, err := h.Credential(t.Context(), camp, "account-of-anna", "first-week", "", issuer)
	if err != nil {
		t.Fatal(err)
	}
	if o := opened(t, other, saved); valueAt(o, "credentialSubject.id") == valueAt(c, "credentialSubject.id") || valueAt(o, "credentialStatus.id") == valueAt(c, "credentialStatus.id") {
		t.Error("two badges can be told to be one person's")
	}
	for _, account := range []string{"account-of-anna", "nobody"} {
		if _, err := h.Credential(t.Context(), camp, account, "level-10", "", issuer); errs.CodeOf(err) != "badge_not_held" {
			t.Errorf("a badge that %s does not hold: %v", account, err)
		}
	}
}

// bit reads one bit of a status list as its specification says.
func (h *house) bit(saved []byte, list string, index string) bool {
	h.t.Helper()
	t := h.t.(*testing.T)
	token, err := h.Status(h.t.Context(), camp, list, issuer)
	if err != nil {
		t.Fatal(err)
	}
	c := opened(t, token, saved)
	if c["issuer"] != issuer.Profile().ID || valueAt(c, "credentialSubject.type") != "BitstringStatusList" || valueAt(c, "credentialSubject.statusPurpose") != "revocation" ||
		c["type"].([]any)[1] != "BitstringStatusListCredential" {
		t.Errorf("the list is %v", c)
	}
	encoded, ok := strings.CutPrefix(valueAt(c, "credentialSubject.encodedList").(string), "u")
	packed, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || !ok {
		t.Fatal(err, ok)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	bits, err := io.ReadAll(r)
	if err != nil || len(bits) < 16<<10 {
		t.Fatalf("%d bytes, %v", len(bits), err)
	}
	n, err := strconv.Atoi(index)
	if err != nil {
		t.Fatal(err)
	}
	return bits[n/8]&(0x80>>(n%8)) != 0
}

func TestStatusList(t *testing.T) {
	h := open(t)
	saved := h.savedKeys()
	for _, list := range []string{"1", "0", "-1", "01", "x", "2"} {
		if _, err := h.Status(t.Context(), camp, list, issuer); errs.CodeOf(err) != "list_unknown" {
			t.Errorf("list %q before any: %v", list, err)
		}
	}
	indexes := map[string]string{}
	for i := range 11 {
		account := string(rune('a' + i))
		h.ledger.add(account, false, doors(60))
		h.round()
		token, err := h.Credential(t.Context(), camp, account, "doors-50", "", issuer)
		if err != nil {
			t.Fatal(err)
		}
		c := opened(t, token, saved)
		if valueAt(c, "credentialStatus.statusListCredential") != "https://muster.example.org/v1/campaigns/liguria-2024/badge-status/1" {
			t.Errorf("status %v", c["credentialStatus"])
		}
		indexes[account] = valueAt(c, "credentialStatus.statusListIndex").(string)
	}
	// One by staff, one by a void, and one that was never exported.
	if _, err := h.Revoke(t.Context(), camp, "c", "doors-50", "staff", "why"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Revoke(t.Context(), camp, "d", "first-week", "staff", "why"); err != nil {
		t.Fatal(err)
	}
	h.ledger.add("k", false, doors(-20))
	h.round()
	h.clock.Advance(2 * time.Minute)
	seen := map[string]bool{}
	for account, index := range indexes {
		if seen[index] {
			t.Errorf("place %s is given twice", index)
		}
		seen[index] = true
		if got := h.bit(saved, "1", index); got != (account == "c" || account == "k") {
			t.Errorf("the bit of %s, place %s, is %v", account, index, got)
		}
	}
	if _, err := h.Credential(t.Context(), camp, "c", "doors-50", "", issuer); errs.CodeOf(err) != "badge_not_held" {
		t.Errorf("a badge that was withdrawn: %v", err)
	}
}
