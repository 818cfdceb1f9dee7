//go:build browser

package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

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

func TestARegionsScreen(t *testing.T) {
	const region = "it.liguria.ge"
	f := newFake(t)
	f.mu.Lock()
	f.boards["regions:"+region] = &fakeBoard{window: "2024-w44", rows: unitsOf([][3]any{{region + ".rapallo", "Rapallo", 30}, {region + ".recco", "Recco", 9}})}
	f.boards["teams:"+region] = &fakeBoard{window: "2024-w44", rows: unitsOf([][3]any{{"team-05", "Rapallo", 30}})}
	f.rank()
	f.mu.Unlock()
	tb := newTab(t)
	tb.open(f.bare() + "#token=" + displayToken(region))
	tb.until("its regions and teams, live", isLive+` && document.querySelectorAll("#regions tbody tr").length === 2 && document.querySelectorAll("#teams tbody tr").length === 1`)
	f.score(map[string]int64{region + ".recco": 5})
	tb.until("changes come", sumOf(region+".recco")+` === "5"`)
	f.live.event("tasks:"+region, "task_opened", event("t1", "Doors in Recco"))
	tb.until("its tasks too", `document.querySelector(".task-title")?.textContent === "Doors in Recco"`)
	tb.clean(f.address)
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
