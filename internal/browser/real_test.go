//go:build browser

package browser

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const savona = "it.liguria.sv"

// sumAbove is true once a unit's points, as shown, are above a number.
func sumAbove(id string, n int) string {
	return fmt.Sprintf(`Number(%s.replace(/\D/g, "")) > %d`, strings.Replace(sumOf(id), "?.textContent", ".textContent", 1), n)
}

func shownSum(tb *tab, id string) int {
	tb.t.Helper()
	return eval[int](tb, fmt.Sprintf(`Number(%s.replace(/\D/g, ""))`, strings.Replace(sumOf(id), "?.textContent", ".textContent", 1)))
}

// TestTheRealBoard: what is posted over HTTP is on the page, tasks open and are
// taken, and the page outlives the server.
func TestTheRealBoard(t *testing.T) {
	h := newHouse(t)
	volunteer := h.volunteer("savona@example.org")
	tb := newTab(t)
	tb.size(1280, 1800)
	tb.open(h.page() + "#token=" + h.token("display"))
	tb.until("live", isLive)
	tb.until("the rows", sumAbove(savona, -1)+` && document.querySelectorAll("#regions tbody tr").length === 4`)
	tb.until("the duels", `document.querySelectorAll(".duel").length === 2`)
	tb.until("the season", `/^Week \d+ · .* · ends in /.test(document.querySelector("#season").textContent)`)

	before := shownSum(tb, savona)
	posted := time.Now()
	h.act(volunteer, "browser-1")
	tb.until("an action that was posted", sumAbove(savona, before))
	t.Logf("an action was on the page after %v", time.Since(posted).Round(time.Millisecond))

	staff := h.token("staff")
	task := h.call(http.MethodPost, "tasks", staff, map[string]any{
		"kind": "door", "title": "Doors before the last evening", "region": savona, "capacity": 2, "ends_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	})["task"].(map[string]any)
	card := func(mark, places string) string {
		return fmt.Sprintf(`[...document.querySelectorAll(".task-list li")].some((li) => li.querySelector(".task-title").textContent === "Doors before the last evening" &&
			li.querySelector(".task-mark").textContent === %q && li.querySelector(".task-places").textContent === %q)`, mark, places)
	}
	tb.until("a task that opened", card("Opened", "0 of 2 taken"))
	h.call(http.MethodPost, "tasks/"+task["id"].(string)+"/claim", volunteer, nil)
	tb.until("a place that was taken", card("Taken", "1 of 2 taken"))
	tb.audit()

	before = shownSum(tb, savona)
	h.server.end(syscall.SIGTERM)
	tb.until("the loss is said", `document.body.dataset.connection !== "live"`)
	h.serve()
	restarted := time.Now()
	tb.until("it is live again by itself", isLive)
	t.Logf("live again %v after the restart", time.Since(restarted).Round(time.Millisecond))
	h.act(volunteer, "browser-2")
	tb.until("changes come again", sumAbove(savona, before))
	tb.clean(h.address, "WebSocket connection", "ERR_", "503")
}

// TestTheRealSignIn: mail, code, board, in the browser, against the real
// server; a supporter sees the boards and no list of tasks.
func TestTheRealSignIn(t *testing.T) {
	h := newHouse(t)
	h.volunteer("anna@example.org")
	for i := range 5 { // so that there are enough of the team for it to be shown
		h.volunteer(fmt.Sprintf("of-savona-%d@example.org", i))
	}
	tb := newTab(t)
	tb.size(360, 800)
	tb.open(h.page())
	tb.until("the sign-in", `document.querySelector("#email").checkVisibility()`)
	tb.do(chromedp.SendKeys(chromedp.CSS("#email"), "anna@example.org\r"))
	tb.until("the code is asked for, and the inbox named", `document.activeElement.id === "code" && document.querySelector(".inbox a").checkVisibility()`)
	code := h.code("anna@example.org")
	tb.do(chromedp.SendKeys(chromedp.CSS("#code"), "AAAA-AAAA\r"))
	tb.until("a wrong code is refused", `document.querySelector("#code-message").textContent.length > 20 && document.activeElement.id === "code"`)
	tb.do(script(`document.querySelector("#code").value = ""`), chromedp.SendKeys(chromedp.CSS("#code"), code+"\r"))
	tb.until("the board", isLive+` && document.querySelectorAll("#regions tbody tr").length === 4`)
	if eval[bool](tb, `document.querySelector("#tasks").checkVisibility()`) {
		t.Error("a supporter is shown a region's tasks")
	}
	tb.until("the own team is marked", `document.querySelector("#teams .mine") || !document.querySelector("#teams .more").hidden`)
	tb.do(chromedp.Click(chromedp.CSS("#sign-out")))
	tb.until("signed out", `document.querySelector("#email").checkVisibility()`)
	tb.clean(h.address, "401", "403", "410", "422")
}

// TestTheDemo opens the link that the demo prints, while it runs, and writes
// the pictures of a real run.
func TestTheDemo(t *testing.T) {
	demo := muster(t, "demo", "--listen", "127.0.0.1:0", "--volunteers", "300", "--speed", "4000")
	_, link, _ := strings.Cut(demo.says("#token="), "http")
	address, err := url.Parse("http" + link)
	if err != nil {
		t.Fatal(err)
	}
	tb := newTab(t)
	tb.size(1920, 1080)
	tb.media("prefers-reduced-motion", "reduce") // for pictures of rows that stand
	tb.open(address.String())
	tb.until("live, with points, duels and tasks", isLive+` && `+sumAbove("it.liguria.ge", 10_000)+` && document.querySelectorAll(".duel").length === 2 && document.querySelectorAll(".task-list li").length > 2`)
	tb.until("changes of the lead", `document.querySelectorAll(".news-list li").length > 0`)
	tb.audit()
	tb.shoot("demo-wall", false)
	tb.media("prefers-reduced-motion", "reduce", "prefers-color-scheme", "dark")
	tb.shoot("demo-wall-dark", false)
	tb.media("prefers-reduced-motion", "reduce")
	tb.size(360, 800)
	tb.shoot("demo-phone", false)
	tb.shoot("demo-phone-whole", true)
	tb.clean(address.Host)
	demo.end(syscall.SIGINT)
}
