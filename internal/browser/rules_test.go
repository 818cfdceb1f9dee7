//go:build browser

package browser

import (
	"net/http"
	"testing"
)

// signIn opens an account that exists.
func (h *house) signIn(email string) string {
	h.t.Helper()
	request := h.call(http.MethodPost, "sessions/codes", "", map[string]any{"email": email})
	session := h.call(http.MethodPost, "sessions", "", map[string]any{"request": request["id"], "code": h.code(email)})
	return session["access_token"].(string)
}

// TestTheRules: what counts and why is shown with its sources, and what will
// change as soon as an admin has published it.
func TestTheRules(t *testing.T) {
	h := newHouse(t)
	tb := newTab(t)
	tb.size(360, 800)
	address := "http://" + h.address + "/rules?campaign=" + fakeCampaign
	tb.open(address + "#token=" + h.token("display"))
	tb.until("every kind, the dearest first", `document.querySelectorAll(".kind").length === 8 && document.querySelector(".kind h3").textContent === "Event attended"`)
	door := eval[string](tb, `[...[...document.querySelectorAll(".kind")].find((k) => k.querySelector("h3").textContent === "Door knocked").querySelectorAll("h3, p")].map((e) => e.textContent).join("\n")`)
	want := "Door knocked\n20 points\n1 to 80 a day in full. 81 to 160: 50%. 161 to 320: 25%. Above 320: nothing.\n22 % of doors open and 14 talks win a vote: 0.0157 votes a door, 0.31 an hour at 3 minutes a door. 80 is a long shift."
	if door != want {
		t.Errorf("doors are shown as\n%s", door)
	}
	if eval[bool](tb, `document.querySelector(".ahead") !== null`) {
		t.Error("a change is told that nobody published")
	}
	tb.audit()

	admin := h.signIn("admin@example.org")
	kind := func(name, unit string, points int) map[string]any {
		return map[string]any{"name": name, "unit": unit, "points": points, "max_quantity": 100, "source": "A test.",
			"tiers": []any{map[string]any{"up_to": 80, "percent": 100}, map[string]any{"up_to": 160, "percent": 50}, map[string]any{"up_to": 320, "percent": 25}}}
	}
	draft := h.call(http.MethodPost, "rule-sets", admin, map[string]any{
		"name": "Doors first", "note": "Talks at the door were worth more than we thought. <b>Not markup.</b>",
		"kinds": []any{kind("door", "door knocked", 25), kind("lift", "lift to the polls", 1)}})
	h.call(http.MethodPost, "rule-sets/"+draft["id"].(string)+"/publish", admin, map[string]any{})
	for _, look := range []struct {
		name          string
		width, height int64
		scheme        string
	}{{"phone", 360, 800, "light"}, {"desk", 1280, 800, "dark"}, {"phone-dark", 360, 800, "dark"}, {"desk-light", 1280, 800, "light"}} {
		tb.size(look.width, look.height)
		tb.media("prefers-color-scheme", look.scheme)
		tb.open(address) // the token is the tab's
		tb.until("what will change", `/^From Monday, .* other rules hold: Doors first$/.test(document.querySelector(".ahead h3")?.textContent)`)
		changes := eval[[]string](tb, `[...document.querySelectorAll(".ahead li")].map((li) => li.innerText)`)
		if len(changes) != 9 || changes[0] != "Door knocked 20 points become 25 points" || changes[8] != "Lift to the polls is new: 1 point" {
			t.Errorf("changes: %q", changes)
		}
		if eval[int](tb, `document.querySelectorAll(".ahead p b").length`) != 0 {
			t.Error("a note is taken for markup")
		}
		tb.audit()
		tb.shoot("rules-"+look.name, true)
	}
	tb.do(script(`document.querySelector('#pages a[href*="/board"]').click()`))
	tb.until("the board", isLive+` && location.pathname === "/board"`)
	tb.do(script(`document.querySelector('#pages a[href*="/rules"]').click()`))
	tb.until("and back", `location.pathname === "/rules" && document.querySelectorAll(".kind").length === 8`)
	tb.clean(h.address)
}
