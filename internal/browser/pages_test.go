//go:build browser

package browser

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// looks are the screens and colours that a page is looked at with.
var looks = []struct {
	name          string
	width, height int64
	scheme        string
}{{"phone-light", 360, 800, "light"}, {"phone-dark", 360, 800, "dark"}, {"desk-light", 1280, 900, "light"}, {"desk-dark", 1280, 900, "dark"}}

// TestThePagesOfACampaign: leagues with their bands, a duel with its curve and a
// person's own page, on the server and the campaign of the demo.
func TestThePagesOfACampaign(t *testing.T) {
	h := newHouse(t)
	tb := newTab(t)
	volunteer := h.volunteer("vera@example.org")
	h.act(volunteer, "a1")
	team := h.call(http.MethodGet, "me", volunteer, nil)["team"].(map[string]any)["id"].(string)
	h.call(http.MethodPut, "teams/"+team+"/goals", h.signIn("admin@example.org"), map[string]any{"goals": []any{
		map[string]any{"kind": "door", "quantity": 500, "ends_at": time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)},
	}})
	display := h.token("display")
	page := func(name, more string) string {
		return "http://" + h.address + "/" + name + "?campaign=" + fakeCampaign + more
	}

	tb.size(1280, 900)
	tb.open(page("leagues", "") + "#token=" + display)
	tb.until("leagues of teams", `document.querySelectorAll("#leagues .league").length > 0`)
	table := h.call(http.MethodGet, "leagues/teams:all", display, nil)
	leagues := table["leagues"].([]any)
	if shown := eval[int](tb, `document.querySelectorAll("#leagues .league").length`); shown != len(leagues) {
		t.Errorf("%d leagues are shown, the server has %d", shown, len(leagues))
	}
	tb.do(script(`document.querySelector("#leagues-unit").value = "regions"; document.querySelector("#leagues-unit").dispatchEvent(new Event("change"))`))
	tb.until("leagues of regions", `document.querySelector("#leagues .label")?.textContent && [...document.querySelectorAll("#leagues .label")].some((e) => e.textContent === "Genova") && document.querySelectorAll("#leagues .label").length <= 4`)
	for _, l := range h.call(http.MethodGet, "leagues/regions:it.liguria", display, nil)["leagues"].([]any) {
		for _, r := range l.(map[string]any)["rows"].([]any) {
			row := r.(map[string]any)
			league := row["league"].(map[string]any)
			if low, value, high := league["low"].(float64), row["fair"].(float64), league["high"].(float64); low > value || value > high || league["members"].(float64) < 5 {
				t.Errorf("%v", row)
			}
		}
	}
	for _, look := range looks {
		tb.size(look.width, look.height)
		tb.media("prefers-color-scheme", look.scheme)
		tb.open(page("leagues", ""))
		tb.until("leagues", `document.querySelector("#leagues .range")`)
		tb.audit()
		tb.shoot("leagues-"+look.name, true)
	}
	if eval[bool](tb, `document.querySelector('#pages a[href*="/me"]') !== null`) {
		t.Error("a wall screen is offered a page of its own")
	}

	// From the board to a duel.
	tb.size(1280, 900)
	tb.open(page("board", ""))
	tb.until("the duels", `document.querySelectorAll(".duel-link").length === 2`)
	duels := h.call(http.MethodGet, "duels", display, nil)["duels"].([]any)
	first := duels[0].(map[string]any)
	tb.do(script(`document.querySelector(".duel-link").click()`))
	tb.until("the duel", `location.pathname === "/duel" && document.querySelector(".duel-whole .course .line.right")`)
	names := eval[[]string](tb, `[...document.querySelectorAll(".duel-whole .duel-name")].map((e) => e.textContent)`)
	if left, right := first["left"].(map[string]any)["name"], first["right"].(map[string]any)["name"]; names[0] != left || names[1] != right {
		t.Errorf("the duel of %v and %v shows %v", left, right, names)
	}
	course := h.call(http.MethodGet, "duels/"+first["id"].(string), display, nil)
	if curve := course["curve"].([]any); len(curve) == 0 {
		t.Error("the demo's duel has no curve")
	}
	if words := eval[string](tb, `document.querySelector(".course").getAttribute("aria-label")`); !strings.HasPrefix(words, "The score over time: "+names[0]) {
		t.Errorf("the curve says %q", words)
	}
	for _, look := range looks {
		tb.size(look.width, look.height)
		tb.media("prefers-color-scheme", look.scheme)
		tb.open(page("duel", "&duel="+first["id"].(string)))
		tb.until("the duel", `document.querySelector(".duel-whole .course")`)
		tb.audit()
		tb.shoot("duel-"+look.name, true)
	}
	tb.open(page("duel", "&duel=nonsense"))
	tb.until("that there is none", `document.querySelector("#duel .empty").textContent === "There is no such duel. Take one from the live board."`)
	tb.clean(h.address, "404")

	// A person's own page, after signing in.
	tb = newTab(t)
	tb.size(360, 800)
	tb.open(page("me", ""))
	tb.until("the sign-in", `document.querySelector("#email")?.checkVisibility()`)
	tb.do(script(`document.querySelector("#email").value = "vera@example.org"; document.querySelector("#sign-in form").requestSubmit()`))
	tb.until("the code is asked for", `document.querySelector("#code")?.checkVisibility()`)
	tb.do(script(fmt.Sprintf(`document.querySelector("#code").value = %q; document.querySelectorAll("#sign-in form")[1].requestSubmit()`, h.code("vera@example.org"))))
	tb.until("the page of hers", `document.querySelector("#me .figure strong")?.textContent === "60" && document.querySelector("#me .near .mine")`)
	if figures := eval[string](tb, `[...document.querySelectorAll("#me .figure")].map((e) => e.innerText).join("\n")`); !strings.Contains(figures, "Level 1") || !strings.Contains(figures, "1 week in a row") || !strings.Contains(figures, "60 points in your best week") {
		t.Errorf("her figures are %q", figures)
	}
	if aim := eval[string](tb, `document.querySelector("#me .units li")?.innerText`); !strings.HasPrefix(aim, "500 × door") {
		t.Errorf("what her team set out to do is %q", aim)
	}
	if eval[int](tb, `document.querySelectorAll("#me .badges li").length`) == 0 {
		t.Error("no badge is ahead of her")
	}
	if done := eval[string](tb, `document.querySelector("#me .done .label").textContent`); done != "3 × door" {
		t.Errorf("what she did is %q", done)
	}
	for _, look := range looks {
		tb.size(look.width, look.height)
		tb.media("prefers-color-scheme", look.scheme)
		tb.open(page("me", ""))
		tb.until("the page of hers", `document.querySelector("#me .near .mine")`)
		tb.audit()
		tb.shoot("me-"+look.name, true)
	}
	tb.clean(h.address)
}
