package api_test

import (
	"net/http"
	"testing"
	"time"
)

// TestABriefingReachesMediaFirst: nobody approves their own words or words they
// have not seen, nobody outside HQ sees a briefing before their tier is open,
// and media's has settled before supporters' opens.
func TestABriefingReachesMediaFirst(t *testing.T) {
	h := start(t)
	author := h.admin()
	news := []any{map[string]any{"purpose": "news", "channel": "email", "wording": "v1"}}
	join := func(email, role string) string {
		signUp := h.want(http.StatusCreated, call{method: "POST", path: "@/sign-ups", body: map[string]any{"email": email, "postcode": "16121", "consents": news}})
		token, id := h.signIn(email, signUp["id"].(string))
		if role != "" {
			h.want(http.StatusOK, call{method: "PUT", path: "@/people/" + id + "/roles", token: author, body: map[string]any{"roles": []any{map[string]any{"role": role}}}})
		}
		return token
	}
	second, press, supporter := join("second@example.org", "staff"), join("press@example.org", "media"), join("ann@example.org", "")

	draft := h.do(call{method: "POST", path: "@/briefings", token: author, body: map[string]any{"title": "Saturday", "text": "In every square."}})
	if draft.status != http.StatusCreated {
		t.Fatalf("draft: %d %s", draft.status, draft.raw)
	}
	id := draft.body["id"].(string)
	step := func(token, what, match string, body any) answer {
		c := call{method: "POST", path: "@/briefings/" + id + "/" + what, token: token, body: body, headers: map[string]string{}}
		if match != "" {
			c.headers["If-Match"] = match
		}
		return h.do(c)
	}
	tiers := map[string]any{"tiers": []any{map[string]any{"name": "media"}, map[string]any{"name": "supporters", "at": time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)}}}
	if got := step(author, "schedule", "", tiers); got.code() != "briefing_state" {
		t.Errorf("scheduling a draft: %d %s", got.status, got.code())
	}
	submitted := step(author, "submit", "", nil)
	tag := submitted.headers.Get("ETag")
	if got := step(author, "approvals", tag, nil); got.status != http.StatusForbidden || got.code() != "own_briefing" {
		t.Errorf("the author's own approval: %d %s", got.status, got.code())
	}
	if got := step(second, "approvals", "", nil); got.code() != "version_required" {
		t.Errorf("an approval of words unseen: %d %s", got.status, got.code())
	}
	if got := step(second, "approvals", draft.headers.Get("ETag"), nil); got.code() != "briefing_changed" {
		t.Errorf("an approval of an older version: %d %s", got.status, got.code())
	}
	if got := step(second, "approvals", tag, nil); got.status != http.StatusOK {
		t.Fatalf("approval: %d %s", got.status, got.raw)
	}
	reads := func(token string) bool {
		return h.do(call{method: "GET", path: "@/briefings/" + id, token: token}).status == http.StatusOK
	}
	sees := func(token string) bool {
		before := reads(token)
		listed := len(h.want(http.StatusOK, call{method: "GET", path: "@/briefings", token: token})["briefings"].([]any)) > 0
		// A tier may open between two calls: only what stood still is compared.
		if after := reads(token); before == after && listed != after {
			t.Errorf("the briefing can be read: %v, and is listed: %v", after, listed)
		}
		return before
	}
	if sees(press) || sees(supporter) || !sees(second) {
		t.Error("before any tier is open HQ alone may see the briefing")
	}
	if got := step(second, "schedule", "", tiers); got.status != http.StatusOK {
		t.Fatalf("schedule: %d %s", got.status, got.raw)
	}
	h.eventually("media see it", func() bool { return sees(press) })
	h.eventually("all is delivered", func() bool {
		seen := sees(supporter) // before the report: what it shows may only be later
		report := h.want(http.StatusOK, call{method: "GET", path: "@/briefings/" + id + "/delivery", token: author})["tiers"].([]any)
		media, supporters := report[0].(map[string]any), report[1].(map[string]any)
		if seen && media["state"] != "settled" {
			t.Error("a supporter sees the briefing before media's tier has settled")
		}
		return supporters["state"] == "settled" && media["accepted"] == float64(1) && supporters["accepted"].(float64) >= 1
	})
	dashboard := h.want(http.StatusOK, call{method: "GET", path: "@/me/dashboard", token: supporter})
	h.want(http.StatusNoContent, call{method: "POST", path: "@/briefings/" + id + "/receipts", token: supporter})
	after := h.want(http.StatusOK, call{method: "GET", path: "@/me/dashboard", token: supporter})
	if dashboard["unread_briefings"] != float64(1) || after["unread_briefings"] != float64(0) {
		t.Errorf("unread: %v, after reading %v", dashboard["unread_briefings"], after["unread_briefings"])
	}
	messages := h.want(http.StatusOK, call{method: "GET", path: "/inbox.json?to=ann@example.org"})["messages"].([]any)
	if newest := messages[0].(map[string]any); newest["kind"] != "briefing" || newest["text"] == "In every square." {
		t.Errorf("the inbox holds %v", newest)
	}
	if got := step(author, "recall", "", nil); got.status != http.StatusOK || sees(supporter) || sees(press) {
		t.Errorf("recall: %d; it must be out of sight", got.status)
	}
}
