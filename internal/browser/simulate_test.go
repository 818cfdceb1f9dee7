//go:build browser

package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/musterhq/muster/internal/liguria"
	"github.com/musterhq/muster/internal/simulate"
)

// simulatedPage writes the report of a small simulation, one region of which has a
// name that is long and would be markup.
func simulatedPage(t *testing.T) string {
	t.Helper()
	o := simulate.Options{
		Ground: liguria.CampaignName, Sizes: "population", Seasons: 12, Runs: 6, Seed: 1,
		A: simulate.Side{Rules: simulate.FirstRules(), Params: simulate.Defaults()},
		B: simulate.Side{Rules: simulate.FirstRules(), Params: simulate.Defaults()},
	}
	for _, c := range liguria.Comuni() {
		o.Places = append(o.Places, simulate.Place{ID: c.Region, Name: c.Name, Size: simulate.OfPopulation(int64(c.Population))})
	}
	for i := range o.Places {
		if o.Places[i].Name == "Genova" {
			o.Places[i].Name = `<img src=x onerror="document.title='owned'">` + "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
		}
	}
	o.B.Rules.Name = "No daily caps, and a name as long as a name can be, which is eighty characters"
	for i := range o.B.Rules.Set.Kinds {
		o.B.Rules.Set.Kinds[i].Tiers = o.B.Rules.Set.Kinds[i].Tiers[:1]
		o.B.Rules.Set.Kinds[i].Tiers[0].UpTo = 1_000_000
	}
	report, err := simulate.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "report.html")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := report.WriteHTML(file); err != nil {
		t.Fatal(err)
	}
	return "file://" + path
}

// TestTheSimulationsReport fits a phone and a desk, light and dark, closed and with
// all its numbers shown, and asks nobody for anything.
func TestTheSimulationsReport(t *testing.T) {
	page := simulatedPage(t)
	for _, scheme := range []string{"light", "dark"} {
		for _, look := range []struct {
			name          string
			width, height int64
		}{{"phone", 360, 800}, {"desk", 1280, 900}, {"wall", 1920, 1080}} {
			t.Run(look.name+" "+scheme, func(t *testing.T) {
				tb := newTab(t)
				tb.size(look.width, look.height)
				tb.media("prefers-color-scheme", scheme)
				tb.open(page)
				tb.until("the page", `document.querySelectorAll("figure").length >= 8`)
				if title := eval[string](tb, `document.title`); title != "Seasons ahead of time: First rules and No daily caps, and a name as long as a name can be, which is eighty characters" {
					t.Errorf("the title is %q", title)
				}
				tb.audit()
				tb.shoot(fmt.Sprintf("simulate-%s-%s", look.name, scheme), true)
				small := eval[[]string](tb, `[...document.querySelectorAll("svg text")].filter((e) => e.getBoundingClientRect().height < 11).map((e) => e.textContent)`)
				if len(small) > 0 {
					t.Errorf("too small to read: %q", small)
				}
				outside := eval[[]string](tb, `[...document.querySelectorAll("svg")].flatMap((svg) => {
					const box = svg.getBoundingClientRect();
					return [...svg.querySelectorAll("*")].filter((e) => { const b = e.getBoundingClientRect(); return b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 || b.bottom > box.bottom + 1; }).map((e) => e.outerHTML);
				})`)
				if len(outside) > 0 {
					t.Errorf("outside of its chart: %q", outside)
				}
				tb.do(script(`document.querySelectorAll("details").forEach((d) => { d.open = true; })`))
				tb.audit()
				tb.shoot(fmt.Sprintf("simulate-%s-%s-open", look.name, scheme), true)
				tb.clean("")
			})
		}
	}
}
