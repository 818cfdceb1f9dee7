package people_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

// forge makes a token like an access token of p's, changed, and signed by key.
func (h *house) forge(by people.Identity, method jwt.SigningMethod, key any, change func(header map[string]any, claims jwt.MapClaims)) string {
	h.t.Helper()
	now := h.clock.Now()
	claims := jwt.MapClaims{
		"iss": "muster", "aud": "muster/api", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(15 * time.Minute).Unix(),
		"campaign": by.Campaign, "person": by.Person, "account": by.Account, "sid": by.Session,
	}
	token := jwt.NewWithClaims(method, claims)
	token.Header["typ"] = "at+jwt"
	token.Header["kid"], _ = h.signing()
	change(token.Header, claims)
	signed, err := token.SignedString(key)
	if err != nil {
		h.t.Fatal(err)
	}
	return signed
}

func TestAuthenticateRefusesForgedTokens(t *testing.T) {
	h := newHouse(t)
	by := h.person("anna@example.org")
	_, private := h.signing()
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	same := func(map[string]any, jwt.MapClaims) {}
	if got, err := h.Authenticate(context.Background(), h.forge(by, jwt.SigningMethodEdDSA, private, same)); err != nil || got.Person != by.Person {
		t.Fatalf("the forge does not make good tokens: %v", err)
	}
	public := private.Public().(ed25519.PublicKey)
	header := func(change func(map[string]any)) string {
		return h.forge(by, jwt.SigningMethodEdDSA, private, func(header map[string]any, _ jwt.MapClaims) { change(header) })
	}
	claim := func(name string, value any) string {
		return h.forge(by, jwt.SigningMethodEdDSA, private, func(_ map[string]any, c jwt.MapClaims) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		})
	}
	now := h.clock.Now()
	good := h.forge(by, jwt.SigningMethodEdDSA, private, same)
	parts := strings.Split(good, ".")
	for name, token := range map[string]string{
		"empty":                   "",
		"not a token":             "bearer",
		"long":                    strings.Repeat("a.", 5000),
		"no signature":            parts[0] + "." + parts[1] + ".",
		"none":                    h.forge(by, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same),
		"HMAC by the public key":  h.forge(by, jwt.SigningMethodHS256, []byte(public), same),
		"a stranger's key":        h.forge(by, jwt.SigningMethodEdDSA, stranger, same),
		"another person's claims": parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"campaign":"liguria-2024"}`)) + "." + parts[2],
		"no key id":               header(func(h map[string]any) { delete(h, "kid") }),
		"an empty key id":         header(func(h map[string]any) { h["kid"] = "" }),
		"a number as key id":      header(func(h map[string]any) { h["kid"] = 1 }),
		"an unknown key id":       header(func(h map[string]any) { h["kid"] = "other" }),
		"another type":            header(func(h map[string]any) { h["typ"] = "JWT" }),
		"a service token's type":  header(func(h map[string]any) { h["typ"] = "service+jwt" }),
		"another issuer":          claim("iss", "other"),
		"no issuer":               claim("iss", nil),
		"another audience":        claim("aud", "other"),
		"no audience":             claim("aud", nil),
		"no end":                  claim("exp", nil),
		"no beginning":            claim("nbf", nil),
		"not yet":                 claim("nbf", now.Add(10*time.Second).Unix()),
		"issued in the future":    claim("iat", now.Add(10*time.Second).Unix()),
		"no campaign":             claim("campaign", nil),
		"no person":               claim("person", nil),
		"no account":              claim("account", nil),
		"no session":              claim("sid", nil),
		"a role of its own":       claim("role", "admin"),
		"a region of its own":     claim("region", "it.liguria"),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := h.Authenticate(context.Background(), token)
			wantCode(t, err, "token_invalid")
			if errs.KindOf(err) != errs.Unauthentic || got.Campaign != "" {
				t.Fatalf("%+v, %v", got, err)
			}
		})
	}
	for name, token := range map[string]string{
		"no such person":  claim("person", "nobody"),
		"another account": claim("account", "other"),
		"an odd person":   claim("person", strings.Repeat("x", 600)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Authenticate(context.Background(), token)
			wantCode(t, err, "person_gone")
		})
	}
	for name, token := range map[string]string{
		"another campaign": claim("campaign", "other"),
		"no such session":  claim("sid", strings.Repeat("0", 32)),
		"an odd session":   claim("sid", strings.Repeat("x", 600)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Authenticate(context.Background(), token)
			wantCode(t, err, "session_ended")
		})
	}
}

func TestAnAccessTokenRunsOut(t *testing.T) {
	h := newHouse(t)
	tokens, p := h.enter(signUp("anna@example.org"))
	ctx := context.Background()
	if by, err := h.Authenticate(ctx, tokens.Access); err != nil || !by.Expires.Equal(saturday.Add(people.AccessLife)) {
		t.Fatalf("it says it runs out at %v, %v", by.Expires, err)
	}
	h.advance(people.AccessLife + 4*time.Second) // within two clocks' difference
	if _, err := h.Authenticate(ctx, tokens.Access); err != nil {
		t.Fatal(err)
	}
	h.advance(2 * time.Second)
	_, err := h.Authenticate(ctx, tokens.Access)
	wantCode(t, err, "token_expired")
	fresh, _, err := h.Refresh(ctx, liguria, tokens.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Authenticate(ctx, fresh.Access); err != nil {
		t.Fatal(err)
	}
	h.remove("people", p.ID)
	h.advance(time.Second)
	_, err = h.Authenticate(ctx, fresh.Access)
	wantCode(t, err, "person_gone")
}

func TestAccessTokensHoldNoRole(t *testing.T) {
	h := newHouse(t)
	tokens, p := h.enter(signUp("anna@example.org"))
	body, err := base64.RawURLEncoding.DecodeString(strings.Split(tokens.Access, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(body, &claims); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"iss", "aud", "iat", "nbf", "exp", "jti", "campaign", "person", "account", "sid"} {
		if claims[name] == nil {
			t.Errorf("no claim %s", name)
		}
		delete(claims, name)
	}
	if len(claims) != 0 {
		t.Fatalf("further claims: %v", claims)
	}
	if strings.Contains(string(body), p.Email()) {
		t.Fatal("the e-mail is in the token")
	}
}

// Roles are those of the document: at once on the node that changed them, and
// within a second on every other.
func TestRolesAreReadFromTheDocument(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	other := h.node()
	tokens, p := h.enter(signUp("anna@example.org"))
	isLead := func(s *people.Service) bool {
		by, err := s.Authenticate(ctx, tokens.Access)
		if err != nil {
			t.Fatal(err)
		}
		return by.CoversRegion(campaign.Lead, genova)
	}
	if isLead(h.Service) || isLead(other) {
		t.Fatal("a new person is a lead")
	}
	root := people.Identity{Campaign: liguria, Grants: []campaign.Grant{{Role: campaign.Admin}}}
	if _, err := h.PutRoles(ctx, liguria, root, p.ID, []campaign.Grant{{Role: campaign.Lead, Region: "it.liguria.ge"}}); err != nil {
		t.Fatal(err)
	}
	if !isLead(h.Service) {
		t.Fatal("the node that wrote does not know")
	}
	h.advance(time.Second)
	if !isLead(other) {
		t.Fatal("the other node does not know after a second")
	}
	if _, err := h.PutRoles(ctx, liguria, root, p.ID, nil); err != nil {
		t.Fatal(err)
	}
	if isLead(h.Service) {
		t.Fatal("the node that took the role away still gives it")
	}
}

// A read that began before a change and ends after it does not bring back the
// old roles.
func TestASlowReadDoesNotUndoAChange(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	tokens, p := h.enter(signUp("anna@example.org"))
	root := people.Identity{Campaign: liguria, Grants: grants(campaign.Admin)}
	gets := 0
	h.engine.onGot = func() {
		if gets++; gets != 1 {
			return
		}
		// The reader has the document in hand; the change comes now.
		if _, err := h.PutRoles(ctx, liguria, root, p.ID, grants(campaign.Staff)); err != nil {
			t.Error(err)
		}
	}
	if _, err := h.Authenticate(ctx, tokens.Access); err != nil {
		t.Fatal(err)
	}
	h.engine.onGot = nil
	if by, err := h.Authenticate(ctx, tokens.Access); err != nil || !by.Has(campaign.Staff) {
		t.Fatalf("the roles are %v, %v", by.Grants, err)
	}
}

func TestServiceTokens(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	for _, c := range []struct {
		role   campaign.Role
		region string
		life   time.Duration
		code   string
	}{
		{campaign.Display, "it.liguria.ge", 400 * 24 * time.Hour, ""},
		{campaign.Display, "", time.Hour, ""},
		{campaign.Lead, "it.liguria", time.Hour, ""},
		{campaign.Staff, "", time.Hour, ""},
		{campaign.Admin, "", time.Hour, ""},
		{campaign.Media, "", time.Hour, ""},
		{campaign.Staff, "it.liguria", time.Hour, "role_invalid"},
		{campaign.Display, "it.Liguria/../x", time.Hour, "role_invalid"},
		{campaign.Supporter, "", time.Hour, "role_invalid"},
		{campaign.Volunteer, "", time.Hour, "role_invalid"},
		{"root", "", time.Hour, "role_invalid"},
		{campaign.Display, "", 0, "lifetime_invalid"},
		{campaign.Display, "", 400*24*time.Hour + 1, "lifetime_invalid"},
	} {
		token, err := h.ServiceToken(liguria, c.role, c.region, c.life)
		wantCode(t, err, c.code)
		if c.code != "" {
			continue
		}
		by, err := h.Authenticate(ctx, token)
		if err != nil || by.Person != "" || by.Account != "" || by.Campaign != liguria || len(by.Grants) != 1 || by.Grants[0] != (campaign.Grant{Role: c.role, Region: c.region}) {
			t.Fatalf("%+v: %+v, %v", c, by, err)
		}
	}
	_, err := h.ServiceToken("Not A Campaign", campaign.Display, "", time.Hour)
	wantCode(t, err, "role_invalid")
	token, err := h.ServiceToken(liguria, campaign.Display, "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	h.advance(time.Hour + 6*time.Second)
	_, err = h.Authenticate(ctx, token)
	wantCode(t, err, "token_expired")
}

// No text that was not signed here is a token, and none makes the parser fall.
func FuzzAuthenticate(f *testing.F) {
	h := newHouse(f)
	tokens, _ := h.enter(signUp("anna@example.org"))
	service, err := h.ServiceToken(liguria, campaign.Display, "", time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", ".", "..", tokens.Access, service, tokens.Access + "x", "eyJhbGciOiJub25lIn0.e30.", tokens.Refresh} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		by, err := h.Authenticate(context.Background(), token)
		if token != tokens.Access && token != service && (err == nil || by.Campaign != "") {
			t.Fatalf("%q is accepted as %+v", token, by)
		}
		if err != nil && errs.KindOf(err) != errs.Unauthentic {
			t.Fatalf("%q gives %v", token, err)
		}
	})
}

func FuzzRefresh(f *testing.F) {
	h := newHouse(f)
	tokens, _ := h.enter(signUp("anna@example.org"))
	id, secret, _ := strings.Cut(tokens.Refresh, ".")
	for _, seed := range []string{"", ".", id + ".", "." + secret, "x." + secret} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if _, _, err := h.Refresh(context.Background(), liguria, token); token != tokens.Refresh && errs.CodeOf(err) != "refresh_refused" {
			t.Fatalf("%q gives %v", token, err)
		}
	})
}
