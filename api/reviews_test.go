package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/app"
)

// behind is the machine's clock, less what a test says.
type behind struct{ by atomic.Int64 }

func (b *behind) Now() time.Time {
	return time.Now().Add(-time.Duration(b.by.Load())).UTC().Truncate(time.Millisecond)
}

// back sets it two minutes back until the test calls what it answers, so that the
// checks, which stay a minute behind, then look at once.
func (b *behind) back() func() {
	b.by.Store(int64(2 * time.Minute))
	return func() { b.by.Store(0) }
}

// mill is a batch of doors a second apart.
func mill(name string, n int) []map[string]any {
	out := make([]map[string]any, n)
	for i := range out {
		out[i] = action(fmt.Sprint(name, i), "door", 1)
		out[i]["occurred_at"] = time.Now().Add(-time.Duration(i) * time.Second).UTC().Format(time.RFC3339Nano)
	}
	return out
}

func (h *house) walk() {
	h.t.Helper()
	if err := h.app.Reviews.Walk(h.t.Context(), home); err != nil {
		h.t.Fatal(err)
	}
}

// states are those of the caller's actions, by id.
func (h *house) states(token string) map[string]map[string]any {
	h.t.Helper()
	out := map[string]map[string]any{}
	for cursor := ""; ; {
		page := h.want(http.StatusOK, call{method: "GET", path: "@/me/actions?limit=100&cursor=" + cursor, token: token})
		for _, e := range page["actions"].([]any) {
			if entry := e.(map[string]any); entry["about"] == nil {
				out[entry["id"].(string)] = entry
			}
		}
		if cursor = page["next_cursor"].(string); cursor == "" {
			return out
		}
	}
}

func (h *house) total(token string) any {
	h.t.Helper()
	return h.want(http.StatusOK, call{method: "POST", path: "@/actions", token: token, body: batch(action("asks-nothing", "dance", 1))})["total"]
}

// equal holds boards and ledger together.
func (h *house) equal() {
	h.t.Helper()
	report, err := h.app.Verify(h.t.Context(), app.VerifyRequest{Campaign: home, Live: true})
	if err != nil {
		h.t.Fatal(err)
	}
	if !report.Equal() {
		text := &strings.Builder{}
		report.Write(text)
		h.t.Error(text)
	}
}

// TestAReviewFromHoldToDecision: what is hard to believe is withheld with reasons,
// the person answers, a lead of their region and nobody else's decides, and boards
// follow the ledger all the way.
func TestAReviewFromHoldToDecision(t *testing.T) {
	late := &behind{}
	h := startBy(t, late)
	now := late.back()
	ann, annID := h.volunteer("ann@example.org")
	bob, _ := h.volunteer("bob@example.org")
	staff := h.admin()
	lead := func(email, region string) string {
		token, id := h.volunteer(email)
		h.want(http.StatusOK, call{method: "PUT", path: "@/people/" + id + "/roles", token: staff, body: map[string]any{"roles": []any{map[string]any{"role": "lead", "region": region}}}})
		return token
	}
	genova, spezia := lead("lena@example.org", "it.liguria.ge"), lead("luca@example.org", "it.liguria.sp")

	for name, token := range map[string]string{"ann": ann, "bob": bob} {
		answer := h.want(http.StatusOK, call{method: "POST", path: "@/actions", token: token, body: batch(mill(name, 90)...)})
		if answer["total"] != float64(80*20+10*10) {
			t.Errorf("total %v", answer["total"])
		}
	}
	if s := h.states(ann)["ann3"]; s["state"] != "provisional" {
		t.Errorf("before anybody looked: %v", s)
	}
	now()
	h.walk()
	h.eventually("the points are withheld", func() bool { return h.total(ann) == float64(0) && h.total(bob) == float64(0) })
	held := h.states(ann)["ann3"]
	if held["state"] != "quarantined" || !strings.Contains(fmt.Sprint(held["reasons"]), "doors within 10 minutes") {
		t.Errorf("it says %v", held)
	}
	if page := h.want(http.StatusOK, call{method: "GET", path: "@/boards/people:all", token: ann}); fmt.Sprint(page["rows"]) != "[]" && strings.Contains(fmt.Sprint(page["rows"]), "1700") {
		t.Errorf("the board shows %v", page["rows"])
	}
	h.equal()

	h.refused(http.StatusNotFound, "action_unknown", call{method: "POST", path: "@/actions/bob3/appeal", token: ann, body: map[string]any{"text": "Not mine."}})
	h.want(http.StatusOK, call{method: "POST", path: "@/actions/ann3/appeal", token: ann, body: map[string]any{"text": "A tower of ten floors."}})
	mine := h.want(http.StatusOK, call{method: "GET", path: "@/me/reviews", token: ann})["reviews"].([]any)
	if len(mine) != 1 || mine[0].(map[string]any)["state"] != "appealed" || mine[0].(map[string]any)["account"] != nil {
		t.Fatalf("her reviews: %v", mine)
	}
	id := mine[0].(map[string]any)["id"].(string)

	h.refused(http.StatusForbidden, "region_forbidden", call{method: "GET", path: "@/reviews?region=it.liguria.ge", token: spezia})
	h.refused(http.StatusForbidden, "region_forbidden", call{method: "GET", path: "@/reviews", token: genova})
	if empty := h.want(http.StatusOK, call{method: "GET", path: "@/reviews?region=it.liguria.sp", token: spezia})["reviews"].([]any); len(empty) != 0 {
		t.Errorf("La Spezia sees %v", empty)
	}
	h.refused(http.StatusNotFound, "review_unknown", call{method: "GET", path: "@/reviews/" + id, token: spezia})
	decide := func(token, id, decision string) call {
		return call{method: "POST", path: "@/reviews/" + id + "/decision", token: token, body: map[string]any{"decision": decision, "reason": "I called them."}}
	}
	h.refused(http.StatusNotFound, "review_unknown", decide(spezia, id, "clear"))
	h.refused(http.StatusForbidden, "role_required", decide(ann, id, "clear"))
	waiting := h.want(http.StatusOK, call{method: "GET", path: "@/reviews?region=it.liguria.ge", token: genova})["reviews"].([]any)
	if len(waiting) != 2 {
		t.Fatalf("%d wait: %v", len(waiting), waiting)
	}
	whole := h.want(http.StatusOK, call{method: "GET", path: "@/reviews/" + id, token: genova})
	if entries := whole["entries"].([]any); len(entries) != 90 || whole["appeal"].(map[string]any)["text"] != "A tower of ten floors." || whole["name"] == "" || whole["region"] == nil {
		t.Errorf("the review is %v", whole)
	}
	if text := fmt.Sprint(waiting, whole); strings.Contains(text, "example.org") || strings.Contains(text, annID) {
		t.Error("a review says who it is")
	}
	for range 2 { // the same again is answered alike
		if got := h.want(http.StatusOK, decide(genova, id, "clear")); got["state"] != "cleared" {
			t.Errorf("cleared: %v", got)
		}
	}
	h.refused(http.StatusConflict, "review_decided", decide(genova, id, "void"))
	h.refused(http.StatusConflict, "review_decided", call{method: "POST", path: "@/actions/ann3/appeal", token: ann, body: map[string]any{"text": "Once more."}})
	h.eventually("the points are back", func() bool { return h.total(ann) == float64(1700) })
	if s := h.states(ann)["ann3"]; s["state"] != "counted" {
		t.Errorf("cleared: %v", s)
	}

	his := h.want(http.StatusOK, call{method: "GET", path: "@/me/reviews", token: bob})["reviews"].([]any)[0].(map[string]any)
	h.want(http.StatusOK, decide(genova, his["id"].(string), "void"))
	h.eventually("it is void", func() bool { return h.states(bob)["bob3"]["state"] == "voided" })
	h.equal()

	// A roll-back of what was cleared.
	back := func(token, person string, dry bool) call {
		return call{method: "POST", path: "@/people/" + person + "/roll-back", token: token, headers: map[string]string{"Idempotency-Key": "once"}, body: map[string]any{
			"from": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "to": time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:00:00Z"), "reason": "A lost phone.", "dry_run": dry,
		}}
	}
	h.refused(http.StatusForbidden, "region_forbidden", back(spezia, annID, true))
	plan := h.want(http.StatusOK, back(genova, annID, true))
	if plan["actions"] != float64(90) || plan["points"] != float64(-1700) || plan["review"] != nil || h.total(ann) != float64(1700) {
		t.Errorf("dry: %v", plan)
	}
	done := h.want(http.StatusOK, back(genova, annID, false))
	if done["actions"] != float64(90) || done["review"].(map[string]any)["source"] != "roll_back" {
		t.Errorf("rolled back: %v", done)
	}
	h.eventually("it is rolled back", func() bool { return h.total(ann) == float64(0) })
	if s := h.states(ann)["ann3"]; s["state"] != "voided" {
		t.Errorf("rolled back: %v", s)
	}
	lena := h.want(http.StatusOK, call{method: "GET", path: "@/me", token: genova})["id"].(string)
	h.refused(http.StatusForbidden, "own_review", back(genova, lena, false))
	h.equal()
}

// TestEvidenceAndConfirmation: evidence is optional, what is wrong in it costs
// nobody an action, and the partner who is named, and nobody else, is asked.
func TestEvidenceAndConfirmation(t *testing.T) {
	h := start(t)
	ann, _ := h.volunteer("ann@example.org")
	bob, _ := h.volunteer("bob@example.org")
	carl, _ := h.volunteer("carl@example.org")
	account := func(token string) string {
		return h.want(http.StatusOK, call{method: "GET", path: "@/me", token: token})["account"].(string)
	}
	with := func(id string, evidence any) map[string]any {
		a := action(id, "door", 1)
		a["evidence"] = evidence
		return a
	}
	sent := batch(
		with("whole", map[string]any{
			"location": map[string]any{"lat": 44.4, "lon": 8.9, "accuracy": 12}, "duration_seconds": 90, "attempts": 1, "contacts": 1,
			"answers": []string{"support"}, "device": "phone-1", "partner": account(bob),
		}),
		with("text", "no object"), with("null", nil), with("types", map[string]any{"attempts": "many"}),
		with("range", map[string]any{"location": map[string]any{"lat": 400, "lon": 8.9, "accuracy": -1}, "duration_seconds": -5, "partner": strings.Repeat("x", 5000)}),
		action("none", "door", 1),
	)
	for _, want := range []string{"recorded", "duplicate"} {
		for i, got := range statuses(h.want(http.StatusOK, call{method: "POST", path: "@/actions", token: ann, body: sent})) {
			if got != want {
				t.Errorf("action %d is %s, want %s", i, got, want)
			}
		}
	}
	asked := func(token string) []any {
		return h.want(http.StatusOK, call{method: "GET", path: "@/me/confirmations", token: token})["confirmations"].([]any)
	}
	if got := asked(bob); len(got) != 1 || got[0].(map[string]any)["kind"] != "door" || len(asked(carl)) != 0 {
		t.Fatalf("bob is asked %v, carl %v", got, asked(carl))
	}
	confirm := func(token, action string, so bool) call {
		return call{method: "POST", path: "@/me/confirmations", token: token, body: map[string]any{"account": account(ann), "action": action, "confirmed": so}}
	}
	h.refused(http.StatusNotFound, "confirmation_unknown", confirm(carl, "whole", true))
	h.refused(http.StatusNotFound, "confirmation_unknown", confirm(ann, "whole", true))
	h.refused(http.StatusNotFound, "confirmation_unknown", confirm(bob, "never", true))
	h.want(http.StatusNoContent, confirm(bob, "whole", true))
	h.want(http.StatusNoContent, confirm(bob, "whole", true))
	h.refused(http.StatusConflict, "confirmation_given", confirm(bob, "whole", false))
	if got := asked(bob); len(got) != 0 {
		t.Errorf("bob is asked again: %v", got)
	}
	// What is rejected has no evidence, and costs the others of its batch nothing:
	// nobody is asked of it, also when its id comes again.
	partner := map[string]any{"partner": account(bob)}
	old, much := with("again", partner), with("much", partner)
	old["occurred_at"], much["quantity"] = "2020-01-01T10:00:00Z", 1_000_000
	kind := with("kind", partner)
	kind["kind"] = strings.Repeat("x", 10_000)
	got := statuses(h.want(http.StatusOK, call{method: "POST", path: "@/actions", token: ann, body: batch(
		with("good", partner), with("a/b", partner), with("a\x00b", partner), with("z/void", partner), old, much, kind,
	)}))
	if want := []string{"recorded", "rejected:bad_id", "rejected:bad_id", "rejected:bad_id", "rejected:too_old", "rejected:quantity_out_of_range", "rejected:unknown_kind"}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if got := asked(bob); len(got) != 1 || got[0].(map[string]any)["action"] != "good" {
		t.Errorf("bob is asked of what was rejected: %v", got)
	}
	h.refused(http.StatusConflict, "nothing_withheld", call{method: "POST", path: "@/actions/whole/appeal", token: ann, body: map[string]any{"text": "It was so."}})
}
