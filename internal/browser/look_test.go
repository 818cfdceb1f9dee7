//go:build browser

package browser

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// campaignInSwing gives the fake a week's points and some tasks.
func campaignInSwing(f *fake) {
	points := map[string]int64{"it.liguria.ge": 4180, "it.liguria.sv": 1495, "it.liguria.sp": 1322, "it.liguria.im": 1210}
	for i, sum := range []int64{2764, 610, 402, 371, 290, 301, 244, 150, 188, 201, 160, 122, 98, 90, 104, 77, 81, 66, 72, 60, 58, 61, 44, 52, 38, 21} {
		points[fmt.Sprintf("team-%02d", i)] = sum
	}
	f.score(points)
	f.setTasks(
		task("t1", "Doors in Via Garibaldi and the old harbour", "Genova", 2, 12), task("t2", "Call those who asked for a lift", "La Spezia", 4, 6),
		task("t3", "Stall at the Saturday market", "Sanremo", 0, 4), task("t4", "Doors in Villapiana", "Savona", 7, 8),
		task("t5", "Type in last night’s canvass sheets", "Imperia", 1, 2), task("t6", "Leaflets at the station", "Rapallo", 3, 3),
	)
}

// leadChanges makes the page tell some changes of the lead.
func leadChanges(tb *tab, f *fake) {
	for _, points := range []map[string]int64{
		{"it.liguria.sv": 3000, "team-02": 2600}, {"it.liguria.ge": 400}, {"it.liguria.sp": 60, "team-00": 900}, {"it.liguria.im": 140, "team-04": 95},
	} {
		f.score(points)
	}
	tb.until("changes of the lead are told", `document.querySelectorAll(".news-list li").length >= 2`)
	tb.until("everything stands still", `document.getAnimations().every((a) => a.effect.getTiming().iterations !== 1)`)
}

// audit holds what the page shows now to testdata/audit.js.
func (tb *tab) audit() {
	tb.t.Helper()
	script, err := os.ReadFile("testdata/audit.js")
	if err != nil {
		tb.t.Fatal(err)
	}
	for _, complaint := range eval[[]string](tb, strings.TrimSuffix(strings.TrimSpace(string(script)), ";")) {
		tb.t.Errorf("not accessible: %s", complaint)
	}
}

// TestLook opens the board and the sign-in on every kind of screen, light and
// dark, audits them and writes their pictures.
func TestLook(t *testing.T) {
	screens := []struct {
		name          string
		width, height int64
	}{{"phone", 360, 800}, {"desk", 1280, 800}, {"wall", 1920, 1080}}
	for _, scheme := range []string{"light", "dark"} {
		for _, s := range screens {
			t.Run(s.name+" "+scheme, func(t *testing.T) {
				f := newFake(t)
				campaignInSwing(f)
				tb := newTab(t)
				tb.size(s.width, s.height)
				tb.media("prefers-color-scheme", scheme)

				tb.open(f.bare())
				tb.until("the sign-in", `document.querySelector("#email")?.checkVisibility()`)
				tb.audit()
				tb.shoot("sign-in-"+s.name+"-"+scheme, false)

				tb.open("about:blank")
				tb.open(f.page())
				tb.until("live", `document.body.dataset.connection === "live"`)
				f.live.event("tasks:it.liguria", "task_taken", event("t4", "Doors in Villapiana"))
				tb.until("a task is marked", `document.querySelector(".task-mark:not(:empty)")`)
				leadChanges(tb, f)
				tb.audit()
				tb.shoot(s.name+"-"+scheme, false)
				if s.name != "wall" {
					tb.shoot(s.name+"-"+scheme+"-whole", true)
				}
				tb.clean(f.address)
			})
		}
	}
}
