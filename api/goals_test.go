package api_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestGoals: a lead sets goals, every member sees how far they are, a team of four
// shows no numbers, and two who write at once do not lose each other's.
func TestGoals(t *testing.T) {
	h := start(t)
	admin := h.admin()
	var tokens []string
	for i := range 4 {
		token, _ := h.volunteer(fmt.Sprintf("p%d@example.org", i))
		tokens = append(tokens, token)
	}
	me := h.want(http.StatusOK, call{method: "GET", path: "@/me", token: tokens[0]})
	team := me["team"].(map[string]any)["id"].(string)
	wanted := map[string]any{"goals": []any{map[string]any{"kind": "door", "quantity": 10, "ends_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}}}
	put := call{method: "PUT", path: "@/teams/" + team + "/goals", token: admin, body: wanted}
	h.refused(http.StatusForbidden, "role_required", call{method: "PUT", path: put.path, token: tokens[0], body: wanted})
	first := h.do(put)
	if first.status != http.StatusOK || first.headers.Get("ETag") != `"1"` {
		t.Fatalf("%d %s: %s", first.status, first.headers.Get("ETag"), first.raw)
	}
	stale := put
	stale.headers = map[string]string{"If-Match": `"7"`}
	h.refused(http.StatusConflict, "goals_changed", stale)
	h.refused(http.StatusUnprocessableEntity, "if_match_invalid", call{method: "PUT", path: put.path, token: admin, body: wanted, headers: map[string]string{"If-Match": "x"}})
	h.want(http.StatusOK, call{method: "PUT", path: "@/regions/it.liguria/goals", token: admin, body: wanted})
	h.refused(http.StatusNotFound, "team_unknown", call{method: "GET", path: "@/teams/team-x/goals", token: admin})
	h.refused(http.StatusNotFound, "region_unknown", call{method: "GET", path: "@/regions/it.nowhere/goals", token: admin})

	h.want(http.StatusOK, call{method: "POST", path: "@/actions", token: tokens[0], body: batch(action("a", "door", 8))})
	goalOf := func(path string) map[string]any {
		view := h.want(http.StatusOK, call{method: "GET", path: path, token: tokens[1]})
		goal := view["goals"].([]any)[0].(map[string]any)
		goal["few"] = view["too_few_members"]
		return goal
	}
	if g := goalOf("@/teams/" + team + "/goals"); g["progress"] != nil || g["reached"] != nil || g["few"] != true {
		t.Errorf("a team of four shows %v", g)
	}
	h.volunteer("p4@example.org")
	h.want(http.StatusOK, call{method: "POST", path: "@/actions", token: tokens[2], body: batch(action("b", "door", 3), action("c", "door", 5))})
	h.want(http.StatusOK, call{method: "DELETE", path: "@/actions/c", token: tokens[2]})
	for _, path := range []string{"@/teams/" + team + "/goals", "@/regions/it.liguria/goals"} {
		h.eventually("progress is 11 in "+path, func() bool {
			g := goalOf(path)
			return g["progress"] == 11.0 && g["reached"] == true && g["state"] == "running"
		})
	}
	if g := h.want(http.StatusOK, call{method: "GET", path: "@/regions/it.liguria.sp/goals", token: tokens[1]}); len(g["goals"].([]any)) != 0 {
		t.Errorf("goals that nobody set: %v", g)
	}
}
