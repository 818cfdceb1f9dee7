//go:build browser

package browser

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// isLive is true once everything is subscribed.
const isLive = `document.body.dataset.connection === "live"`

// sumOf is the expression of a unit's points as the page shows them.
func sumOf(id string) string {
	return fmt.Sprintf(`document.querySelector('[data-id="%s"] td.sum > span:last-child')?.textContent`, id)
}

// openLive opens the board of a fake with a display token.
func openLive(t *testing.T, f *fake) *tab {
	t.Helper()
	tb := newTab(t)
	tb.size(1280, 1600)
	tb.open(f.page())
	tb.until("live", isLive)
	return tb
}

func TestChangesAreShownAsTheyHappen(t *testing.T) {
	f := newFake(t)
	campaignInSwing(f)
	tb := openLive(t, f)
	tb.until("the first paint", sumOf("it.liguria.ge")+` === "4,180"`)
	if order := eval[[]string](tb, `[...document.querySelectorAll("#regions tbody th .label")].map((e) => e.textContent)`); !slices.Equal(order, []string{"Genova", "Savona", "La Spezia", "Imperia"}) {
		t.Errorf("regions stand as %v", order)
	}

	f.score(map[string]int64{"it.liguria.im": 3200, "team-04": 3200})
	tb.until("the points are there", sumOf("it.liguria.im")+` === "4,410"`)
	tb.until("the row moved", `document.querySelector("#regions tbody tr").dataset.id === "it.liguria.im"`)
	tb.until("the lead is told", `[...document.querySelectorAll(".news-list .words")].some((e) => e.textContent === "Imperia takes the lead from Genova")`)
	tb.until("the duel turned", `[...document.querySelectorAll(".news-list .words")].some((e) => e.textContent === "Imperia overtakes La Spezia")`)
	tb.until("readers are told", `document.querySelector("#announcer").textContent.includes("lead")`)
	if hidden := eval[bool](tb, `document.querySelector(".news-list").closest("[aria-live]") === null`); !hidden {
		t.Error("the ticker itself is a live region: it would talk without end")
	}

	f.setTasks(task("t9", "Phones for the last evening", "Genova", 5, 5))
	f.live.event("tasks:it.liguria", "task_opened", event("t9", "Phones for the last evening"))
	tb.until("a task that opened is shown", `document.querySelector(".task-list li .task-title").textContent === "Phones for the last evening" && document.querySelector(".task-mark").textContent === "Opened"`)
	f.live.event("tasks:it.liguria", "task_taken", event("t9", ""))
	tb.until("a place that was taken is shown", `document.querySelector(".task-mark").textContent === "Taken"`)
	tb.clean(f.address)
}

func TestAFastBoardIsPaintedSeldom(t *testing.T) {
	f := newFake(t)
	campaignInSwing(f)
	tb := openLive(t, f)
	tb.do(script(`globalThis.paints = 0; globalThis.since = performance.now(); new MutationObserver(() => paints++).observe(document.querySelector('[data-id="it.liguria.sp"] td.fair > span'), {childList: true, characterData: true, subtree: true})`))
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	for range 200 {
		<-pace.C
		f.score(map[string]int64{"it.liguria.sp": 10})
	}
	tb.until("the last change is shown", sumOf("it.liguria.sp")+` === "3,322"`)
	paints, ms := eval[int](tb, `paints`), eval[float64](tb, `performance.now() - since`)
	if most := int(ms/250) + 2; paints == 0 || paints > most {
		t.Errorf("200 changes within %.0f ms were painted %d times, want at most %d", ms, paints, most)
	}
	tb.clean(f.address)
}

func TestComesBackAfterARestart(t *testing.T) {
	f := newFake(t)
	campaignInSwing(f)
	tb := openLive(t, f)
	f.stop()
	tb.until("the loss is said", `document.body.dataset.connection !== "live" && !document.querySelector("#connection .words").textContent.startsWith("Live")`)
	f.score(map[string]int64{"it.liguria.ge": 20})
	f.start(f.address)
	tb.until("it is live again by itself", isLive)
	tb.until("what was missed is there", sumOf("it.liguria.ge")+` === "4,200"`)
	if _, resumed := f.live.counts(); resumed != 4 {
		t.Errorf("%d subscriptions resumed, want 4", resumed)
	}
	f.score(map[string]int64{"it.liguria.ge": 1})
	tb.until("changes come again", sumOf("it.liguria.ge")+` === "4,201"`)
	tb.clean(f.address, "WebSocket connection", "ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", "ERR_INCOMPLETE")
}

func TestALostMemoryIsASnapshot(t *testing.T) {
	f := newFake(t)
	campaignInSwing(f)
	tb := openLive(t, f)
	f.live.drop()
	f.live.forget("e2")
	f.score(map[string]int64{"it.liguria.ge": 20})
	tb.until("the snapshot of the new epoch is shown", sumOf("it.liguria.ge")+` === "4,200" && `+isLive)
	tb.clean(f.address, "WebSocket connection")
}

func TestDrainingIsFollowed(t *testing.T) {
	f := newFake(t)
	tb := openLive(t, f)
	f.live.closeAll(4001, `{"code":"draining","reconnect_in_ms":300}`)
	tb.until("left", `document.body.dataset.connection !== "live"`)
	tb.until("back", isLive)
	if connected, _ := f.live.counts(); connected != 2 {
		t.Errorf("%d connections, want 2", connected)
	}
	tb.clean(f.address)
}

func TestWithoutALiveConnectionItAsks(t *testing.T) {
	f := newFake(t)
	campaignInSwing(f)
	f.live.set(func(l *fakeLive) { l.closeWith = 4503 })
	tb := newTab(t)
	tb.open(f.page())
	tb.until("it says that it asks", `document.body.dataset.connection === "feed_off"`)
	f.score(map[string]int64{"it.liguria.ge": 20})
	tb.until("what it asked for is shown", sumOf("it.liguria.ge")+` === "4,200"`)
	tb.clean(f.address)
}

func TestSilenceIsNoticed(t *testing.T) {
	f := newFake(t)
	tb := openLive(t, f)
	select {
	case <-f.live.pinged:
	case <-time.After(patience):
		t.Fatal("the page sends no ping")
	}
	f.live.set(func(l *fakeLive) { l.silent = true })
	tb.until("a silent connection is given up", `document.body.dataset.connection !== "live"`)
	f.live.set(func(l *fakeLive) { l.silent = false })
	tb.until("and another made", isLive)
	tb.clean(f.address)
}

func TestOldDataIsCalledOld(t *testing.T) {
	f := newFake(t)
	campaignInSwing(f)
	tb := openLive(t, f)
	f.stop()
	tb.until("out of date, in words", `document.body.dataset.connection === "stale" && document.querySelector("#connection .words").textContent.startsWith("Out of date")`)
	tb.shoot("stale", false)
	if shown := eval[string](tb, sumOf("it.liguria.ge")); shown != "4,180" {
		t.Errorf("the last known board is gone: %q", shown)
	}
	tb.clean(f.address, "WebSocket connection", "ERR_")
}

func TestRanksBeingRecounted(t *testing.T) {
	f := newFake(t)
	campaignInSwing(f)
	tb := openLive(t, f)
	f.change(func() {
		for _, b := range f.boards {
			b.stale = true
			b.rows[0].Sum++
		}
	})
	tb.until("it is said", `document.querySelector("#notice").checkVisibility() && document.querySelector("#regions tbody .rank").textContent.startsWith("–")`)
	tb.audit()
	f.change(func() {
		for _, b := range f.boards {
			b.stale = false
			b.rows[0].Sum++
		}
	})
	tb.until("and taken back", `!document.querySelector("#notice").checkVisibility() && document.querySelector("#regions tbody .rank").textContent === "1"`)
	tb.clean(f.address)
}

func TestWhoHasNoRightIsAskedToSignIn(t *testing.T) {
	f := newFake(t)
	f.only("access-1")
	campaignInSwing(f)
	tb := newTab(t)
	tb.size(360, 800)
	tb.open(f.bare())
	tb.until("the sign-in", `document.querySelector("#email").checkVisibility() && !document.querySelector("#board").checkVisibility()`)
	tb.do(chromedp.SendKeys(chromedp.CSS("#email"), "\r"))
	tb.until("an empty address is refused", `document.querySelector("#email-message").textContent !== "" && document.activeElement.id === "email"`)
	tb.do(chromedp.SendKeys(chromedp.CSS("#email"), "anna@example.org\r"))
	tb.until("the code is asked for", `document.activeElement.id === "code" && document.querySelector(".sent").textContent.includes("anna@example.org")`)
	tb.audit()
	tb.shoot("sign-in-code", false)
	tb.do(chromedp.SendKeys(chromedp.CSS("#code"), "WRONG\r"))
	tb.until("a wrong one is refused in the server's words", `document.querySelector("#code-message").textContent === "The server says: code wrong." && document.activeElement.id === "code"`)
	tb.do(script(`document.querySelector("#code").value = ""`), chromedp.SendKeys(chromedp.CSS("#code"), rightCode+"\r"))
	tb.until("the right one opens the board", isLive)
	tb.until("the own team is marked", `document.querySelector('[data-id="team-05"]').classList.contains("mine")`)

	tb.do(chromedp.Reload())
	tb.until("a reload keeps it", isLive)
	tb.do(chromedp.Click(chromedp.CSS("#sign-out")))
	tb.until("signing out closes it", `document.querySelector("#email").checkVisibility() && !document.querySelector("#board").checkVisibility() && sessionStorage.getItem("muster.session.liguria-2024") === null`)
	tb.clean(f.address, "422")
}

func TestATokenLeavesTheAddress(t *testing.T) {
	f := newFake(t)
	tb := openLive(t, f)
	if address := eval[string](tb, `location.href`); strings.Contains(address, "token") || address != f.bare() {
		t.Errorf("the address is %s", address)
	}
	if n := eval[int](tb, `history.length`); n > 2 {
		t.Errorf("the token is still in the history of %d pages", n)
	}
	tb.do(chromedp.Reload())
	tb.until("the tab keeps it", isLive)
	if kept := eval[string](tb, `JSON.stringify(localStorage)`); strings.Contains(kept, "c2ln") {
		t.Errorf("the token outlives the tab: %s", kept)
	}
	tb.clean(f.address)
}

func TestATokenThatEndedAsksToSignIn(t *testing.T) {
	f := newFake(t)
	f.only()
	tb := newTab(t)
	tb.open(f.page())
	tb.until("the sign-in, with the reason", `document.querySelector("#email-message").textContent.startsWith("Your access has ended")`)
	if kept := eval[string](tb, `JSON.stringify(sessionStorage)`); strings.Contains(kept, "c2ln") {
		t.Errorf("the useless token is kept: %s", kept)
	}
	tb.clean(f.address, "401")
}

func TestASessionRenewsItself(t *testing.T) {
	f := newFake(t)
	f.only("access-1")
	tb := newTab(t)
	tb.open(f.bare())
	tb.do(chromedp.SendKeys(chromedp.CSS("#email"), "anna@example.org\r"))
	tb.until("the code is asked for", `document.activeElement.id === "code"`)
	tb.do(chromedp.SendKeys(chromedp.CSS("#code"), rightCode+"\r"))
	tb.until("live", isLive)
	f.only() // the access token ends before its time: signed out elsewhere, keys changed
	f.live.closeAll(4003, `{"code":"token_expired"}`)
	tb.until("left", `document.body.dataset.connection !== "live"`)
	tb.until("live again with a fresh token", isLive)
	f.mu.Lock()
	refreshed := f.refresh
	f.mu.Unlock()
	if refreshed != 1 {
		t.Errorf("refreshed %d times, want once", refreshed)
	}
	f.score(map[string]int64{"it.liguria.ge": 7})
	tb.until("changes come", sumOf("it.liguria.ge")+` === "7"`)
	tb.clean(f.address, "401")
}

func TestANewerServerReloadsThePage(t *testing.T) {
	f := newFake(t)
	f.live.set(func(l *fakeLive) { l.closeWith = 4502 })
	tb := newTab(t)
	tb.open(f.page())
	tb.until("it is said", `document.querySelector("#notice").textContent.includes("newer version")`)
	f.live.set(func(l *fakeLive) { l.closeWith = 0 })
	tb.until("the page was loaded again", `document.querySelector("#notice").textContent === "" && `+isLive)
	tb.clean(f.address)
}

func TestTasksAreForThoseWhoMaySeeThem(t *testing.T) {
	f := newFake(t)
	f.noTasks = true
	f.live.set(func(l *fakeLive) { l.forbidden["tasks:it.liguria"] = true })
	tb := openLive(t, f)
	tb.until("the boards are there", sumOf("it.liguria.ge"))
	if eval[bool](tb, `document.querySelector("#tasks").checkVisibility()`) {
		t.Error("an empty list of tasks is shown to who may not see them")
	}
	tb.clean(f.address, "403")
}

func TestWrongAddresses(t *testing.T) {
	f := newFake(t)
	for _, tt := range []struct{ name, address, words string }{
		{"no campaign", "/board", "names no campaign"},
		{"an unknown one", "/board?campaign=nowhere#token=" + displayToken(""), "no campaign “nowhere”"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tb := newTab(t)
			tb.open("http://" + f.address + tt.address)
			tb.until("it says so", fmt.Sprintf(`document.querySelector("#trouble").innerText.includes(%q)`, tt.words))
			tb.audit()
			tb.clean(f.address, "404")
		})
	}
}

func TestNamesAreNeverMarkup(t *testing.T) {
	f := newFake(t)
	const evil = `<img src=x onerror="document.title='owned'">`
	f.change(func() {
		f.boards[regionsBoard].rows[0].Name = evil
		f.boards[teamsBoard].rows[0].Name = evil
	})
	f.setTasks(task("t1", evil, evil, 1, 2))
	tb := openLive(t, f)
	f.score(map[string]int64{"it.liguria.ge": 9, "team-00": 9})
	tb.until("the name is shown as it is", fmt.Sprintf(`[...document.querySelectorAll(".label")].some((e) => e.textContent === %q) && document.querySelector(".task-title").textContent === %q`, evil, evil))
	tb.until("in the news too", fmt.Sprintf(`[...document.querySelectorAll(".news-list .words")].some((e) => e.textContent.includes(%q))`, evil))
	if n := eval[int](tb, `document.querySelectorAll("main img").length`); n != 0 {
		t.Errorf("%d pictures", n)
	}
	tb.clean(f.address)
}

func TestPausing(t *testing.T) {
	f := newFake(t)
	campaignInSwing(f)
	tb := openLive(t, f)
	tb.do(chromedp.Click(chromedp.CSS("#pause")))
	tb.until("it says so", `document.querySelector("#pause").getAttribute("aria-pressed") === "true" && document.querySelector("#connection .words").textContent === "Paused"`)
	f.score(map[string]int64{"it.liguria.ge": 20})
	eval[bool](tb, `new Promise((done) => setTimeout(() => done(true), 1000))`) // four times as long as a paint waits
	if shown := eval[string](tb, sumOf("it.liguria.ge")); shown != "4,180" {
		t.Errorf("a paused board moved to %q", shown)
	}
	tb.do(chromedp.Click(chromedp.CSS("#pause")))
	tb.until("resumed with what came meanwhile", sumOf("it.liguria.ge")+` === "4,200" && `+isLive)
	tb.clean(f.address)
}

func TestTheThemeIsKept(t *testing.T) {
	f := newFake(t)
	tb := newTab(t)
	tb.media("prefers-color-scheme", "light")
	tb.open(f.page())
	tb.until("live", isLive)
	const ground = `getComputedStyle(document.body).backgroundColor`
	light := eval[string](tb, ground)
	tb.do(chromedp.Click(chromedp.CSS("#theme")))
	dark := eval[string](tb, ground)
	tb.do(chromedp.Reload())
	tb.until("live", isLive)
	if again := eval[string](tb, ground); light == dark || again != dark {
		t.Errorf("light %s, dark %s, after a reload %s", light, dark, again)
	}
	tb.media("prefers-color-scheme", "dark")
	tb.do(script(`localStorage.clear()`), chromedp.Reload())
	tb.until("the system decides where nobody chose", isLive+` && `+ground+` === "`+dark+`"`)
	tb.clean(f.address)
}

func TestLessMotion(t *testing.T) {
	f := newFake(t)
	campaignInSwing(f)
	tb := newTab(t)
	tb.media("prefers-reduced-motion", "reduce")
	tb.open(f.page())
	tb.until("live", isLive)
	tb.do(script(`globalThis.moved = 0; Element.prototype.animate = () => { moved++; return {}; }; addEventListener("transitionrun", () => moved++)`))
	f.score(map[string]int64{"it.liguria.im": 3200, "team-04": 3200})
	tb.until("the row moved", `document.querySelector("#regions tbody tr").dataset.id === "it.liguria.im"`)
	if moved := eval[int](tb, `moved + document.getAnimations().length`); moved != 0 {
		t.Errorf("%d animations for a reader who asked for none", moved)
	}
	tb.clean(f.address)
}

func TestRowsGlide(t *testing.T) {
	f := newFake(t)
	campaignInSwing(f)
	tb := openLive(t, f)
	tb.do(script(`globalThis.glides = 0; const real = Element.prototype.animate; Element.prototype.animate = function (frames, options) { if (options.id === "glide") glides++; return real.call(this, frames, options); }`))
	f.score(map[string]int64{"it.liguria.im": 3200})
	tb.until("the rows glided", `glides === 4`)
	tb.until("and stopped where they belong", `document.getAnimations().every((a) => a.id !== "glide") && (() => {
		const tops = [...document.querySelectorAll("#regions tbody tr")].map((r) => r.getBoundingClientRect().top);
		return tops.every((t, i) => i === 0 || t > tops[i - 1]);
	})()`)
	tb.clean(f.address)
}

// TestKeyboard tabs through the page and back: everything that can be used is
// reached in the order of the page, and its focus is seen.
func TestKeyboard(t *testing.T) {
	f := newFake(t)
	campaignInSwing(f)
	for name, address := range map[string]string{"board": f.page(), "sign-in": f.bare()} {
		t.Run(name, func(t *testing.T) {
			tb := newTab(t)
			tb.size(1280, 900)
			tb.open(address)
			tb.until("the page", `document.querySelector("#teams tbody tr") || document.querySelector("#email").checkVisibility()`)
			want := eval[[]string](tb, `[...document.querySelectorAll("a[href], button, input")].filter((e) => e.checkVisibility()).map((e) => e.id || e.className)`)
			var got []string
			for range want {
				tb.do(chromedp.KeyEvent(kb.Tab))
				got = append(got, eval[string](tb, `document.activeElement.id || document.activeElement.className`))
				if !eval[bool](tb, `getComputedStyle(document.activeElement).outlineStyle !== "none" && parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2`) {
					t.Errorf("the focus on %s is not seen", got[len(got)-1])
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("the keyboard reaches\n%v, the page has\n%v", got, want)
			}
			if len(want) < 4 {
				t.Errorf("only %v", want)
			}
		})
	}
	t.Run("keys work", func(t *testing.T) {
		tb := newTab(t)
		tb.size(1280, 900)
		tb.open(f.page())
		tb.until("live", isLive+` && document.querySelector("#teams .more").checkVisibility()`)
		tb.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
		tb.until("the skip link skips", `document.activeElement.id === "main"`)
		tb.do(chromedp.Focus(chromedp.CSS("#teams .more")), chromedp.KeyEvent(" "))
		tb.until("all rows", `document.querySelectorAll("#teams tbody tr").length === 26 && document.activeElement.getAttribute("aria-expanded") === "true"`)
		tb.audit()
		tb.do(chromedp.KeyEvent(" "))
		tb.until("fewer rows", `document.querySelectorAll("#teams tbody tr").length === 10`)
		tb.clean(f.address)
	})
}

// TestNarrowAndLarge: 320 px is a phone, and 1280 px at 400 %.
func TestNarrowAndLarge(t *testing.T) {
	f := newFake(t)
	f.score(map[string]int64{"it.liguria.ge": 123_456_789, "team-25": 98_765_432, "team-21": 87_654_321})
	campaignInSwing(f)
	for _, s := range [][2]int64{{320, 640}, {768, 1024}, {2560, 1440}, {3840, 2160}, {1920, 700}} {
		t.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(t *testing.T) {
			tb := newTab(t)
			tb.size(s[0], s[1])
			tb.open(f.page())
			tb.until("live", isLive+` && document.querySelector("#teams tbody tr") && document.querySelector(".task-list li")`)
			tb.until("everything stands still", `document.getAnimations().every((a) => a.effect.getTiming().iterations !== 1)`)
			tb.audit()
			tb.shoot(fmt.Sprintf("size-%d", s[0]), false)
			tb.clean(f.address)
		})
	}
}

// TestNetworkGone: the browser says offline, then online again.
func TestNetworkGone(t *testing.T) {
	f := newFake(t)
	campaignInSwing(f)
	tb := openLive(t, f)
	offline := func(is bool) chromedp.Action[chromedp.Void] {
		return chromedp.Steps(
			command(network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
				MatchedNetworkConditions: []*network.Conditions{{Offline: is, DownloadThroughput: -1, UploadThroughput: -1}},
			}),
			command(network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: is, DownloadThroughput: -1, UploadThroughput: -1}))
	}
	tb.do(offline(true))
	f.live.drop()
	tb.until("the loss is said", `document.body.dataset.connection !== "live"`)
	f.score(map[string]int64{"it.liguria.ge": 20})
	tb.do(offline(false))
	tb.until("live again", isLive+` && `+sumOf("it.liguria.ge")+` === "4,200"`)
	tb.clean(f.address, "WebSocket connection", "ERR_")
}

// TestServerInTrouble: errors of the server are not taken for a lost right.
func TestServerInTrouble(t *testing.T) {
	f := newFake(t)
	campaignInSwing(f)
	f.mu.Lock()
	f.failing = http.StatusServiceUnavailable
	f.mu.Unlock()
	tb := newTab(t)
	tb.open(f.page())
	tb.until("it waits", `document.querySelector("#board").checkVisibility() && document.querySelector("#connection .words").textContent === "Connecting…"`)
	f.mu.Lock()
	f.failing = 0
	f.mu.Unlock()
	tb.until("it comes by itself", isLive+` && `+sumOf("it.liguria.ge")+` === "4,180"`)
	tb.clean(f.address, "503")
}
