package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestBarsTellRateAndTimeLeft(t *testing.T) {
	var out bytes.Buffer
	b := &bars{out: &out}
	b.draw("liguria checkpoints", 0, 4000)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for i := range 26 { // a bar is drawn some times a second, and its rate is of whole seconds
		<-tick.C
		b.draw("liguria checkpoints", int64(50*(i+1)), 4000)
	}
	b.draw("liguria postings", 0, 0)
	b.finish()
	if text := out.String(); !regexp.MustCompile(`liguria checkpoints +\d+% .*\(\d+/4000, \d+ it/s\) \[\d+s:\d+s\]`).MatchString(text) || !strings.Contains(text, "liguria postings") {
		t.Errorf("%q", text)
	}
}

func TestBarsAreForTerminals(t *testing.T) {
	var out bytes.Buffer
	if b := newBars(&environment{streams: streams{err: &out}}); b.progress != nil {
		t.Error("a bar would be drawn into a file")
	}
}
