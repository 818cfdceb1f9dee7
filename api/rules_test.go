package api_test

import (
	"net/http"
	"testing"
	"time"
)

// TestRulesAreAnnouncedBeforeTheyHold: staff draft and preview, an admin
// publishes, everybody sees what is to come, and points stay what they are.
func TestRulesAreAnnouncedBeforeTheyHold(t *testing.T) {
	h := start(t)
	admin := h.admin()
	signUp := h.want(http.StatusCreated, call{method: "POST", path: "@/sign-ups", body: map[string]any{"email": "ann@example.org", "postcode": "16121"}})
	ann, _ := h.signIn("ann@example.org", signUp["id"].(string))
	staffUp := h.want(http.StatusCreated, call{method: "POST", path: "@/sign-ups", body: map[string]any{"email": "staff@example.org", "postcode": "16121"}})
	staff, staffID := h.signIn("staff@example.org", staffUp["id"].(string))
	h.want(http.StatusOK, call{method: "PUT", path: "@/people/" + staffID + "/roles", token: admin, body: map[string]any{"roles": []any{map[string]any{"role": "staff"}}}})

	act := func(id string) float64 {
		now := time.Now().UTC().Format(time.RFC3339Nano)
		got := h.want(http.StatusOK, call{method: "POST", path: "@/actions", token: ann, body: map[string]any{
			"sent_at": now, "actions": []any{map[string]any{"id": id, "kind": "door", "quantity": 3, "occurred_at": now}}}})
		return got["actions"].([]any)[0].(map[string]any)["points"].(float64)
	}
	if got := act("a"); got != 60 {
		t.Fatalf("three doors are worth %v", got)
	}

	kind := map[string]any{"name": "door", "unit": "door knocked", "points": 5, "max_quantity": 100, "source": "a test",
		"tiers": []any{map[string]any{"up_to": 80, "percent": 100}}, "cool_down_minutes": 30}
	broken := map[string]any{"name": "door", "unit": "door knocked", "points": 5, "max_quantity": 100, "source": "a test", "tiers": []any{}}
	if got := h.do(call{method: "POST", path: "@/rule-sets", token: staff, body: map[string]any{"name": "Less", "kinds": []any{broken}}}); got.status != http.StatusUnprocessableEntity || got.code() != "rule_set_invalid" {
		t.Errorf("a broken table: %d %s", got.status, got.raw)
	}
	draft := h.want(http.StatusCreated, call{method: "POST", path: "@/rule-sets", token: staff, body: map[string]any{"name": "Less", "note": "Doors pay less.", "kinds": []any{kind}}})
	id := draft["id"].(string)
	if draft["state"] != "draft" || draft["kinds"].([]any)[0].(map[string]any)["weight"] != 1.0 {
		t.Errorf("%v", draft)
	}
	if got := h.do(call{method: "GET", path: "@/rule-sets/" + id, token: ann}); got.status != http.StatusNotFound {
		t.Errorf("a supporter sees a draft: %d", got.status)
	}
	if got := h.do(call{method: "GET", path: "@/rule-sets?drafts=true", token: ann}); got.status != http.StatusForbidden {
		t.Errorf("a supporter lists drafts: %d", got.status)
	}
	if got := h.want(http.StatusOK, call{method: "GET", path: "@/rule-sets?drafts=true", token: staff})["rule_sets"].([]any); len(got) != 1 {
		t.Errorf("drafts: %v", got)
	}

	seasons := h.want(http.StatusOK, call{method: "GET", path: "@/seasons", token: ann})["seasons"].([]any)
	season := seasons[0].(map[string]any)["id"]
	preview := h.want(http.StatusOK, call{method: "POST", path: "@/rule-sets/" + id + "/preview", token: staff, body: map[string]any{"season": season}})
	if preview["people"] != 1.0 || preview["before"] != 60.0 || preview["after"] != 15.0 || preview["down"] != 1.0 || len(preview["regions"].([]any)) < 3 || len(preview["teams"].([]any)) != 1 {
		t.Errorf("preview: %v", preview)
	}
	last := h.want(http.StatusOK, call{method: "POST", path: "@/rule-sets/" + id + "/preview", token: staff, body: map[string]any{}})
	if last["people"] != 0.0 || last["season"] == season {
		t.Errorf("of last season: %v", last)
	}

	if got := h.do(call{method: "POST", path: "@/rule-sets/" + id + "/publish", token: staff, body: map[string]any{}}); got.status != http.StatusForbidden {
		t.Errorf("staff publish: %d", got.status)
	}
	if got := h.do(call{method: "POST", path: "@/rule-sets/" + id + "/publish", token: admin, body: map[string]any{"season": season}}); got.code() != "notice_too_short" {
		t.Errorf("for the season that runs: %d %s", got.status, got.raw)
	}
	published := h.want(http.StatusOK, call{method: "POST", path: "@/rule-sets/" + id + "/publish", token: admin, body: map[string]any{}})
	if published["state"] != "announced" || published["season"].(string) <= season.(string) {
		t.Errorf("published: %v", published)
	}
	listed := h.want(http.StatusOK, call{method: "GET", path: "@/rule-sets", token: ann})["rule_sets"].([]any)
	first, second := listed[0].(map[string]any), listed[1].(map[string]any)
	if len(listed) != 2 || first["id"] != id || first["state"] != "announced" || second["id"] != "v1" || second["state"] != "in_force" {
		t.Errorf("listed: %v", listed)
	}
	if got := act("b"); got != 60 {
		t.Errorf("before they hold three doors are worth %v", got)
	}
}
