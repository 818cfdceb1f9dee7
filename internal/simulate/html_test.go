package simulate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// hostile is a name that would be markup, a script, a break of an attribute.
const hostile = `<script>alert(1)</script>"'><img src=//evil.example/x onerror=alert(2)>` + "\x1b[31m\u2028&amp;"

// rendered is the page of a small simulation in which every name is hostile.
func rendered(t *testing.T) string {
	t.Helper()
	o := small()
	o.Ground, o.Sizes = hostile, hostile
	o.A.Rules.Name, o.B.Rules.Name = hostile, hostile
	for i := range o.Places {
		o.Places[i].Name = hostile
	}
	var page bytes.Buffer
	if err := played(t, o).WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

// TestThePageIsWhole: elements are closed in order, names stay text, and nothing is
// loaded from anywhere.
func TestThePageIsWhole(t *testing.T) {
	page := rendered(t)
	text, allowed := strings.Builder{}, map[string]bool{
		"html": true, "head": true, "meta": true, "title": true, "style": true, "body": true, "header": true, "main": true, "footer": true, "section": true,
		"h1": true, "h2": true, "h3": true, "p": true, "ul": true, "li": true, "div": true, "figure": true, "figcaption": true, "details": true, "summary": true,
		"table": true, "caption": true, "thead": true, "tbody": true, "tr": true, "th": true, "td": true,
		"svg": true, "line": true, "text": true, "rect": true, "circle": true, "path": true,
	}
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(page, "<!doctype html>\n")))
	d.Entity = xml.HTMLEntity
	charts := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if !allowed[e.Name.Local] {
				t.Errorf("there is a <%s>", e.Name.Local)
			}
			for _, a := range e.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || slices.Contains([]string{"href", "src", "srcset", "action", "data", "style"}, a.Name.Local) {
					t.Errorf("<%s %s=%q>", e.Name.Local, a.Name.Local, a.Value)
				}
				if a.Name.Local == "role" && a.Value == "img" {
					charts++
				}
			}
		case xml.CharData:
			text.Write(e)
		}
	}
	if charts < 8 {
		t.Errorf("%d charts", charts)
	}
	if n := strings.Count(text.String(), "<script>alert(1)</script>"); n < 8 {
		t.Errorf("the hostile name is read %d times as text", n)
	}
	if found := regexp.MustCompile(`(?i)url\(|@import|https?:|//[a-z]`).FindString(regexp.MustCompile(`(?s)&[^;]*;|<img src=//evil`).ReplaceAllString(strings.ReplaceAll(page, "//evil", ""), "")); found != "" {
		t.Errorf("the page refers to something outside: %q", found)
	}
	if strings.Contains(page, "NaN") || strings.Contains(page, "%!") || strings.Contains(page, "ZgotmplZ") {
		t.Error("the page shows what is no value")
	}
	if !strings.Contains(page, `default-src 'none'`) {
		t.Error("the page does not forbid what it does not need")
	}
	// Every chart has its name, its words and its numbers.
	for _, figure := range strings.Split(page, "<figure>")[1:] {
		figure, _, _ = strings.Cut(figure, "</figure>")
		for _, need := range []string{`role="img" aria-labelledby=`, `aria-describedby=`, "<figcaption", "<svg", `aria-hidden="true"`, "<details>", "<table", `role="rowheader"`} {
			if !strings.Contains(figure, need) {
				t.Errorf("a chart without %s: %.200s", need, figure)
			}
		}
	}
}

// TestTheTextIsPlain: no name steers the terminal or breaks a line.
func TestTheTextIsPlain(t *testing.T) {
	o := small()
	o.Ground, o.A.Rules.Name = hostile, "A\nB\t\x1b[31m"
	var out bytes.Buffer
	if err := played(t, o).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if strings.ContainsAny(text, "\x1b\u2028\t\r") || !strings.HasPrefix(text, "A: A B  [31m\nB: First rules\n") {
		t.Errorf("text %.200q", text)
	}
	for _, need := range []string{"door_mill, unearned", "fair index", "bottom half of the first season", "promotions a season", "the most at the end"} {
		if !strings.Contains(text, need) {
			t.Errorf("the text does not say %q", need)
		}
	}
}

// TestAChartEscapes: words in a picture are words.
func TestAChartEscapes(t *testing.T) {
	rows := []row{{Compared: compare([]run{{}, {}}, func(*sideRun) float64 { return 1 }), label: hostile}}
	for _, chart := range []string{string(dots(rows, false, 1)), string(bars(rows))} {
		if strings.Contains(chart, "<script") || strings.Contains(chart, "<img") || !strings.Contains(chart, "&lt;script&gt;") {
			t.Errorf("the chart is %s", chart)
		}
	}
}

// TestNumbersAreWrittenForPeople.
func TestNumbersAreWrittenForPeople(t *testing.T) {
	for _, c := range []struct {
		unit   unit
		value  float64
		signed bool
		want   string
	}{
		{times, 1.005, false, "1.00"}, {times, -.001, true, "0.00"}, {times, .001, true, "0.00"}, {times, 12.3456, true, "+12.35"}, {fine, .12345, false, "0.123"},
		{percent, .5, true, "+50.0"}, {percent, -.0001, true, "0.0"}, {whole, 1234567.4, true, "+1,234,567"}, {whole, -1234, true, "-1,234"}, {whole, -123, false, "-123"}, {whole, 12.34, false, "12.3"},
	} {
		r := row{unit: c.unit}
		if got := r.number(&c.value, c.signed); got != c.want {
			t.Errorf("%v is written %q, want %q", c.value, got, c.want)
		}
	}
}

// TestScales: places follow values, ticks are round and inside.
func TestScales(t *testing.T) {
	s := scale{from: 0, to: 1.6, low: 10, high: 170}
	if s.place(0) != 10 || s.place(.8) != 90 || s.place(9) != 170 || s.place(-1) != 10 {
		t.Error("a linear scale")
	}
	s = scale{from: 1, to: 1000, log: true, low: 0, high: 300}
	if !near(s.place(10), 100, 1e-9) || !near(s.place(100), 200, 1e-9) || len(s.ticks()) != 4 {
		t.Errorf("a scale by powers: %v", s.ticks())
	}
	for x, want := range map[float64]float64{.3: .5, 1: 1, 1.1: 2, 2.1: 5, 7: 10, 140: 200} {
		if got := niceStep(x); !near(got, want, 1e-9) {
			t.Errorf("the step for %v is %v", x, got)
		}
	}
}
