package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func statuses(body map[string]any) (all []string) {
	for _, a := range body["actions"].([]any) {
		one := a.(map[string]any)
		text, _ := one["status"].(string)
		if reason, ok := one["reason"].(string); ok {
			text += ":" + reason
		}
		all = append(all, text)
	}
	return all
}

// TestABatchIsJudgedOneByOne: wrong actions refuse themselves alone, whatever
// is wrong with them, and what was recorded counts once.
func TestABatchIsJudgedOneByOne(t *testing.T) {
	h := start(t)
	token, _ := h.volunteer("ann@example.org")
	now := time.Now().UTC()
	odd := func(id string, change map[string]any) map[string]any {
		a := action(id, "door", 1)
		for field, value := range change {
			a[field] = value
		}
		return a
	}
	missing := action("m", "door", 1)
	delete(missing, "quantity")
	sent := batch(
		action("a", "door", 3),
		odd("b", map[string]any{"kind": "bribe"}),
		odd("c", map[string]any{"kind": 7}),
		odd("d", map[string]any{"quantity": 0}),
		odd("e", map[string]any{"quantity": "many"}),
		odd("f", map[string]any{"quantity": json.RawMessage("1e309")}),
		odd("g", map[string]any{"occurred_at": "yesterday"}),
		odd("h", map[string]any{"occurred_at": now.Add(time.Hour).Format(time.RFC3339)}),
		odd("i", map[string]any{"occurred_at": now.Add(-15 * 24 * time.Hour).Format(time.RFC3339)}),
		odd("j", map[string]any{"occurred_at": now.Add(2 * time.Minute).Format(time.RFC3339)}),
		odd("k/void", nil),
		odd("l", map[string]any{"task": "../../etc"}),
		missing,
		action("a", "door", 3),
		odd("n", map[string]any{"unexpected": map[string]any{"deep": []int{1}}}),
	)
	got := h.want(http.StatusOK, call{method: "POST", path: "@/actions", token: token, body: sent})
	want := []string{
		"recorded", "rejected:unknown_kind", "rejected:unknown_kind", "rejected:quantity_out_of_range", "rejected:quantity_out_of_range",
		"rejected:quantity_out_of_range", "rejected:too_old", "rejected:in_future", "rejected:too_old", "recorded", "rejected:bad_id",
		"rejected:bad_task", "rejected:quantity_out_of_range", "duplicate", "recorded",
	}
	if all := statuses(got); fmt.Sprint(all) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", all, want)
	}
	total := got["total"].(float64)
	if total <= 0 || got["rank"] != float64(1) {
		t.Errorf("total %v, rank %v: want points and the first rank", got["total"], got["rank"])
	}
	again := h.want(http.StatusOK, call{method: "POST", path: "@/actions", token: token, body: sent})
	if all := statuses(again); all[0] != "duplicate" || all[9] != "duplicate" || again["total"] != total {
		t.Errorf("the same batch again: %v, total %v; want duplicates and %v", all, again["total"], total)
	}
	first := again["actions"].([]any)[0].(map[string]any)["first"].(map[string]any)
	if first["status"] != "recorded" || first["points"] != got["actions"].([]any)[0].(map[string]any)["points"] {
		t.Errorf("the duplicate holds %v, not the first answer", first)
	}
}

// TestAVoidTakesBackOnce: within its window a void takes off what the action
// brought, and a repeat changes nothing.
func TestAVoidTakesBackOnce(t *testing.T) {
	h := start(t)
	token, _ := h.volunteer("ann@example.org")
	h.want(http.StatusOK, call{method: "POST", path: "@/actions", token: token, body: batch(action("keep", "door", 1), action("gone", "call", 2))})
	before := h.want(http.StatusOK, call{method: "POST", path: "@/actions", token: token, body: batch(action("keep", "door", 1))})["total"].(float64)
	void := call{method: "DELETE", path: "@/actions/gone", token: token}
	first := h.want(http.StatusOK, void)
	if took := first["action"].(map[string]any)["points"].(float64); took >= 0 || first["total"].(float64) != before+took {
		t.Errorf("void took %v and left %v of %v", took, first["total"], before)
	}
	if second := h.want(http.StatusOK, void); second["total"] != first["total"] {
		t.Errorf("a second void left %v, the first %v", second["total"], first["total"])
	}
	h.refused(http.StatusNotFound, "action_unknown", call{method: "DELETE", path: "@/actions/never", token: token})
	board := h.want(http.StatusOK, call{method: "GET", path: "@/boards/people:all", token: token})
	if rows := board["rows"].([]any); len(rows) != 1 || rows[0].(map[string]any)["sum"] != first["total"] {
		t.Errorf("the board shows %v, the ledger has %v", rows, first["total"])
	}
}

// TestBadInputChangesNothing: a request that is not one is a problem document
// with a stable code, and nothing is recorded.
func TestBadInputChangesNothing(t *testing.T) {
	h := start(t)
	token, _ := h.volunteer("ann@example.org")
	post := func(body any) call { return call{method: "POST", path: "@/actions", token: token, body: body} }
	cases := []struct {
		status int
		code   string
		call   call
	}{
		{422, "invalid_request", post(batch([]map[string]any{}...))},
		{422, "batch_size", post(`{"sent_at":"2026-11-23T10:00:00Z","actions":null}`)},
		{422, "invalid_request", post(batch(many(201)...))},
		{422, "invalid_request", post(map[string]any{"actions": many(1)})},
		{422, "invalid_request", post(map[string]any{"sent_at": "soon", "actions": many(1)})},
		{422, "invalid_request", post(batch(map[string]any{"kind": "door"}))},
		{422, "invalid_request", post(batch(action(strings.Repeat("x", 65), "door", 1)))},
		{422, "invalid_request", post(`[]`)},
		{400, "not_json", post(`{"sent_at":`)},
		{400, "not_json", post("\xff\xfe")},
		{413, "body_too_large", post(`{"sent_at":"` + strings.Repeat("x", 1<<20) + `"}`)},
		{401, "token_required", call{method: "POST", path: "@/actions", body: batch(many(1)...)}},
		{401, "token_invalid", call{method: "POST", path: "@/actions", token: "x.y.z", body: batch(many(1)...)}},
		{404, "campaign_unknown", call{method: "POST", path: "/v1/campaigns/" + other + "/actions", token: token, body: batch(many(1)...)}},
		{404, "board_unknown", call{method: "GET", path: "@/boards/people%3Ait.liguria.xx", token: token}},
		{404, "route_unknown", call{method: "GET", path: "/v1/nothing"}},
		{405, "method_not_allowed", call{method: "PUT", path: "@/actions", token: token, body: batch(many(1)...)}},
		{431, "headers_too_large", call{method: "GET", path: "@/me", token: strings.Repeat("x", 20<<10)}},
	}
	for _, c := range cases {
		got := h.refused(c.status, c.code, c.call)
		if detail, _ := got.body["detail"].(string); detail == "" || strings.Contains(string(got.raw), "goroutine") {
			t.Errorf("%s: the problem says %q", c.code, got.raw)
		}
	}
	if mine := h.want(http.StatusOK, call{method: "GET", path: "@/me/actions", token: token}); len(mine["actions"].([]any)) != 0 {
		t.Errorf("refused requests recorded %v", mine["actions"])
	}
}

// TestManyPhonesAtOnce: one person's batches from many phones at once, each
// sent three times, end in each action once and boards equal to the ledger.
func TestManyPhonesAtOnce(t *testing.T) {
	h := start(t)
	token, _ := h.volunteer("ann@example.org")
	var phones sync.WaitGroup
	for phone := range 10 {
		for range 3 {
			phones.Go(func() {
				one, two := fmt.Sprintf("p%d-1", phone), fmt.Sprintf("p%d-2", phone)
				h.do(call{method: "POST", path: "@/actions", token: token, body: batch(action(one, "door", 2), action(two, "call", 1))})
			})
		}
	}
	phones.Wait()
	page := h.want(http.StatusOK, call{method: "GET", path: "@/me/actions?limit=100", token: token})
	if n := len(page["actions"].([]any)); n != 20 {
		t.Errorf("%d actions recorded, want 20", n)
	}
	var sum float64
	for _, e := range page["actions"].([]any) {
		sum += e.(map[string]any)["points"].(float64)
	}
	rows := h.want(http.StatusOK, call{method: "GET", path: "@/boards/people:all?window=all", token: token})["rows"].([]any)
	if len(rows) != 1 || rows[0].(map[string]any)["sum"] != sum {
		t.Errorf("the board shows %v, the actions come to %v", rows, sum)
	}
}
