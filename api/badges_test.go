package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/internal/clock"
)

// didLongAgo records doors of an account an hour ago, with a ledger of that time, and
// has them taken up.
func (h *house) didLongAgo(account string, quantity int64) {
	h.t.Helper()
	c := clock.NewManual(time.Now().Add(-time.Hour))
	ledger := points.New(points.Config{Engine: h.app.Store(), Clock: c, Calendar: func(context.Context, string) (points.Calendar, error) {
		return season.Calendar{Zone: time.UTC}, nil
	}})
	_, err := ledger.Record(h.t.Context(), home, points.Member{Account: account, Team: "team-x", Region: "it.liguria.ge.genova"}, points.Batch{
		SentAt: c.Now(), Actions: []points.Action{{ID: "long-ago", Kind: "door", Quantity: quantity, OccurredAt: c.Now()}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.app.Badges.Round(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// TestABadgeTakenAlong is awarded, exported, verified by its published key with
// another library, and withdrawn.
func TestABadgeTakenAlong(t *testing.T) {
	h := start(t)
	admin := h.admin()
	// A person whom the ledger does not know yet: their first posting is an hour old.
	h.want(http.StatusOK, call{method: "PATCH", path: "@/me", token: admin, body: map[string]any{"given_name": "Ada", "family_name": "Neri"}})
	me := h.want(http.StatusOK, call{method: "GET", path: "@/me", token: admin})
	h.didLongAgo(me["account"].(string), 60)
	mine := h.want(http.StatusOK, call{method: "GET", path: "@/me/badges", token: admin})
	var held []string
	for _, b := range mine["badges"].([]any) {
		held = append(held, b.(map[string]any)["id"].(string))
	}
	if strings.Join(held, " ") != "doors-50 first-week" {
		t.Fatalf("held: %v", held)
	}
	ahead := map[string]float64{}
	for _, b := range mine["ahead"].([]any) {
		ahead[b.(map[string]any)["id"].(string)] = b.(map[string]any)["have"].(float64)
	}
	if ahead["doors-500"] != 60 || ahead["regular"] != 1 {
		t.Errorf("ahead: %v", ahead)
	}
	export := func(query string) map[string]any {
		got := h.do(call{method: "GET", path: "@/me/badges/doors-50/credential" + query, token: admin})
		if got.status != http.StatusOK || got.headers.Get("Content-Type") != "application/vc+jwt" {
			t.Fatalf("%d %s: %s", got.status, got.headers.Get("Content-Type"), got.raw)
		}
		return h.opened(string(got.raw))
	}
	c := export("")
	raw, _ := json.Marshal(c)
	for _, told := range []string{me["account"].(string), me["id"].(string), "Ada", "Neri", "admin@"} {
		if strings.Contains(string(raw), told) {
			t.Errorf("%s is in %s", told, raw)
		}
	}
	if raw, _ := json.Marshal(export("?name=true")); !strings.Contains(string(raw), `"Ada Neri"`) {
		t.Errorf("no name in %s", raw)
	}
	// What it names is served, to anybody.
	issuer := c["issuer"].(map[string]any)["id"].(string)
	if !strings.HasPrefix(issuer, h.url) {
		t.Fatalf("the issuer is %s", issuer)
	}
	achievement := c["credentialSubject"].(map[string]any)["achievement"].(map[string]any)["id"].(string)
	list := c["credentialStatus"].(map[string]any)["statusListCredential"].(string)
	for _, address := range []string{issuer, achievement, list} {
		h.want(http.StatusOK, call{method: "GET", path: strings.TrimPrefix(address, h.url)})
	}
	h.opened(string(h.do(call{method: "GET", path: strings.TrimPrefix(list, h.url)}).raw))
	h.refused(http.StatusNotFound, "list_unknown", call{method: "GET", path: "@/badge-status/2"})

	revoke := call{method: "POST", path: "@/people/" + me["id"].(string) + "/badges/doors-50/revoke", token: admin, body: map[string]any{"reason": "A test."}}
	h.want(http.StatusOK, revoke)
	h.refused(http.StatusNotFound, "badge_not_held", call{method: "GET", path: "@/me/badges/doors-50/credential", token: admin})
	after := h.want(http.StatusOK, call{method: "GET", path: "@/people/" + me["id"].(string) + "/badges", token: admin})["badges"].([]any)[0].(map[string]any)
	if after["reason"] != "A test." || after["revoked_at"] == nil {
		t.Errorf("withdrawn: %v", after)
	}
}

// opened verifies a JWT by the key set that the server publishes.
func (h *house) opened(token string) map[string]any {
	h.t.Helper()
	signed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		h.t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(h.do(call{method: "GET", path: "/.well-known/jwks.json"}).raw, &set); err != nil {
		h.t.Fatal(err)
	}
	kid := signed.Signatures[0].Protected.KeyID
	keys := set.Key(kid)
	if len(keys) != 1 {
		h.t.Fatalf("%d keys of %s", len(keys), kid)
	}
	var alone jose.JSONWebKey
	if err := json.Unmarshal(h.do(call{method: "GET", path: strings.TrimPrefix(kid, h.url)}).raw, &alone); err != nil || alone.KeyID != kid {
		h.t.Errorf("the key's own address gives %v, %v", alone, err)
	}
	payload, err := signed.Verify(keys[0])
	if err != nil {
		h.t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		h.t.Fatal(err)
	}
	return claims
}

func TestPutBadge(t *testing.T) {
	h := start(t)
	admin := h.admin()
	body := map[string]any{"name": "Ten calls", "description": "Dialled ten numbers.", "criterion": map[string]any{"measure": "quantity", "kind": "call", "at_least": 10}}
	put := call{method: "PUT", path: "@/badges/calls-10", token: admin, body: body}
	first := h.do(put)
	if first.status != http.StatusOK || first.headers.Get("ETag") != `"1"` || first.body["narrative"] != `Have recorded 10 or more of "call".` {
		t.Fatalf("%d %s: %s", first.status, first.headers.Get("ETag"), first.raw)
	}
	put.headers = map[string]string{"If-Match": `"1"`}
	h.want(http.StatusOK, put)
	h.refused(http.StatusConflict, "badge_changed", put)
	h.refused(http.StatusUnprocessableEntity, "badge_invalid", call{method: "PUT", path: "@/badges/Calls", token: admin, body: body})
	token, _ := h.volunteer("ann@example.org")
	list := h.want(http.StatusOK, call{method: "GET", path: "@/badges", token: token})["badges"].([]any)
	if len(list) != 12 {
		t.Errorf("%d badges", len(list))
	}
	h.refused(http.StatusNotFound, "badge_unknown", call{method: "GET", path: "@/badges/never"})
}
