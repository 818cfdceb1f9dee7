package bench

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/musterhq/muster/leaderboard"
)

// TestAWrongPageIsRefused: every way in which a page around a member can be
// wrong, in the process.
func TestAWrongPageIsRefused(t *testing.T) {
	board := &target{season: "2026-w47", total: 3}
	me := &reader{account: "b", sum: 20, rank: 2}
	right := func() *leaderboard.Page {
		return &leaderboard.Page{Window: "2026-w47", Total: 3, Rows: []leaderboard.Row{
			{Rank: 1, ID: "a", Sum: 30}, {Rank: 2, ID: "b", Sum: 20}, {Rank: 3, ID: "c", Sum: 10},
		}}
	}
	if err := board.check(me, right()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*leaderboard.Page){
		"another rank":   func(p *leaderboard.Page) { p.Rows[1].Rank = 3 },
		"no rank":        func(p *leaderboard.Page) { p.Rows[1].Rank = 0 },
		"another sum":    func(p *leaderboard.Page) { p.Rows[1].Sum++ },
		"somebody else":  func(p *leaderboard.Page) { p.Rows[1].ID = "d" },
		"stale":          func(p *leaderboard.Page) { p.Stale = true },
		"another season": func(p *leaderboard.Page) { p.Window = "2026-w48" },
		"a row less":     func(p *leaderboard.Page) { p.Rows = p.Rows[:2] },
		"another total":  func(p *leaderboard.Page) { p.Total = 4 },
	} {
		page := right()
		spoil(page)
		if board.check(me, page) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestAWrongAnswerIsRefused: the same over HTTP, where one answer in sixteen is
// looked into.
func TestAWrongAnswerIsRefused(t *testing.T) {
	m := &boards{all: ranking{30, 20, 10}, sums: []int64{20}}
	c := &checkedCalls{&aroundCalls{callers: callers{tokens: []string{"t"}, connections: 1}}, m}
	const right = `{"stale":false,"total":3,"rows":[{"rank":1,"id":"a","sum":30},{"rank":2,"id":"b","sum":20,"me":true},{"rank":3,"id":"c","sum":10}]}`
	if err := c.check(0, 16, []byte(right)); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		`"rank":2`: `"rank":1`, `"sum":20`: `"sum":21`, `,"me":true`: ``, `"stale":false`: `"stale":true`, `"total":3`: `"total":4`, `]}`: `]`,
	} {
		wrong := []byte(strings.Replace(right, from, to, 1))
		if c.check(0, 0, wrong) == nil {
			t.Errorf("accepted %s", wrong)
		}
		if err := c.check(0, 1, wrong); err != nil {
			t.Errorf("looked into the second of sixteen: %v", err)
		}
	}
}

func TestEveryConnectionSpeaksForItsOwn(t *testing.T) {
	c := &callers{tokens: make([]string, 7), connections: 3}
	spoken := make([]int, 7)
	for connection := range 3 {
		for k := range 6 {
			who := c.who(connection, k)
			if who%3 != connection {
				t.Errorf("connection %d speaks for %d", connection, who)
			}
			spoken[who]++
		}
	}
	for who, times := range spoken {
		if times < 2 {
			t.Errorf("%d spoke %d times", who, times)
		}
	}
}

func TestInfoCommands(t *testing.T) {
	got := infoCommands("# Commandstats\r\ncmdstat_zrevrank:calls=4,usec=10,usec_per_call=2.50,rejected_calls=0,failed_calls=0\r\n" +
		"cmdstat_config|get:calls=1,usec=5,usec_per_call=5.00,rejected_calls=0,failed_calls=0\r\nnonsense\r\n")
	want := map[string]commandStat{"zrevrank": {4, 10}, "config|get": {1, 5}}
	if fmt.Sprint(got) != fmt.Sprint(want) || got["zrevrank"].each() != 2.5 {
		t.Errorf("%v", got)
	}
	if d := (commandStat{6, 14}).since(got["zrevrank"]); d.each() != 2 {
		t.Errorf("since: %v", d)
	}
}

func TestRatiosOfRows(t *testing.T) {
	for _, c := range []struct {
		row  Row
		want string
	}{
		{Row{Name: "rate", Value: 70, Unit: "1/s", Limit: 100, Aim: .7}, `{"name":"rate","value":70,"unit":"1/s","limit":100,"ratio":0.7,"aim":0.7}`},
		{Row{Name: "cost", Value: 150, Unit: "us", Limit: 100, Cost: true, Aim: aimGrowth}, `{"name":"cost","value":150,"unit":"us","limit":100,"ratio":0.667,"aim":0.667}`},
		{Row{Name: "alone", Value: 1, Unit: "ms", Aim: 1}, `{"name":"alone","value":1,"unit":"ms"}`},
	} {
		raw, err := json.Marshal(c.row)
		if err != nil || string(raw) != c.want {
			t.Errorf("%s, %v; want %s", raw, err, c.want)
		}
	}
}
