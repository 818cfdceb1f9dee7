//go:build browser

package browser

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
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

// TestARegionsScreen: a display token for a region shows that region.
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

// TestKeyboard tabs through the page and back: everything that can be used is
// reached in the order of the page, and its focus is seen.
// TestNarrowAndLarge: 320 px is a phone, and 1280 px at 400 %.
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
