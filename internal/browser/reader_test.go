//go:build browser

package browser

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

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
