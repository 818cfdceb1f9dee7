package app

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestBarsTellRateAndTimeLeft, of a stage that somebody else began.
func TestBarsTellRateAndTimeLeft(t *testing.T) {
	var out bytes.Buffer
	b := &bars{out: &out, name: "liguria"}
	b.show("checkpoints", 1000, 5000)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for i := range 26 { // a bar is drawn five times a second, and its rate is of whole seconds
		<-tick.C
		b.show("checkpoints", 1000+50*(i+1), 5000)
	}
	b.show("postings", 200, 0)
	b.end()
	if text := out.String(); !regexp.MustCompile(`liguria checkpoints +\d+% .*\(\d+/4000, \d+ it/s\) \[\d+s:\d+s\]`).MatchString(text) || !strings.Contains(text, "liguria postings") {
		t.Errorf("%q", text)
	}
}

func TestBarsAreForTerminals(t *testing.T) {
	var out bytes.Buffer
	b := newBars(&out, "liguria")
	b.show("checkpoints", 1, 2)
	b.end()
	if out.Len() > 0 {
		t.Errorf("%q", out.String())
	}
}
