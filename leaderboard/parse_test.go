package leaderboard

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseBoard(t *testing.T) {
	for id, ok := range map[string]bool{
		"people:all": true, "people:it": true, "people:it.liguria.ge": true, "people:team-7f3a": true,
		"teams:all": true, "teams:it.liguria": true, "regions:it": true,
		"": false, "people": false, "people:": false, ":all": false, "teams:team-7f3a": false, "regions:all": false,
		"regions:team-1": false, "clubs:all": false, "people:it..ge": false, "people:.it": false, "people:it.": false,
		"people:it:ge": false, "people:it/ge": false, "people:{it}": false, "people:it\n": false, "People:all": false,
		"people:" + strings.Repeat("a", 300): false,
	} {
		if _, err := ParseBoard(id); (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func FuzzParseBoard(f *testing.F) {
	for _, id := range []string{"people:all", "teams:it.liguria", "regions:it", "people:team-7f3a", "x:y", ":", "people:it..x"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		b, err := ParseBoard(id)
		if err != nil {
			return
		}
		if b.String() != id {
			t.Errorf("%q became %q", id, b)
		}
		if key := genKey("c", "g", restBoard("2026-w47", b)); strings.Count(key, "{") != 1 || strings.ContainsAny(b.Scope, "/{}: \n") {
			t.Errorf("%q makes the key %q", id, key)
		}
	})
}

func FuzzParseCursor(f *testing.F) {
	for _, cursor := range []string{"", "bzUw", "bzA", "bzAx", "not", nextCursor(0, 50, 100), nextCursor(1<<31, 1, 1<<40)} {
		f.Add(cursor)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		offset, err := parseCursor(cursor)
		if err != nil || cursor == "" {
			return
		}
		if offset < 1 || nextCursor(offset-1, 1, offset+1) != cursor {
			t.Errorf("%q is %d", cursor, offset)
		}
	})
}

func FuzzParseContrib(f *testing.F) {
	for _, text := range []string{"1|0|5", "12|1|5,-3|495000|team-a it.l", "1|0||1|h", "0|0|1", "1|2|3", "||", "1|0|1,,2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := parseContrib(text); err == nil && c.n < 1 {
			t.Errorf("%q is %+v", text, c)
		}
	})
}

func TestMarks(t *testing.T) {
	at := monday.Add(1234 * time.Millisecond)
	for _, m := range []Mark{{}, {ID: "a"}, {At: at}, {At: at, ID: "a/0000000001"}, {At: at, ID: "a|b"}} {
		have, err := parseMark(m.String())
		if diff := cmp.Diff(m, have); err != nil || diff != "" {
			t.Errorf("%v: %v %s", m, err, diff)
		}
	}
	for _, text := range []string{"", "x|", "12", "|a"} {
		if _, err := parseMark(text); err == nil {
			t.Errorf("%q is a mark", text)
		}
	}
	if (Mark{At: at}).Compare(Mark{At: at, ID: "a"}) >= 0 || (Mark{}).Compare(Mark{At: at}) >= 0 {
		t.Error("the order of marks is not that of postings")
	}
}

func TestLinesFoldByWindow(t *testing.T) {
	w := newWorld(t)
	first := w.record(act{account: "p", home: genova, points: 1})
	w.clock.Advance(7 * 24 * time.Hour) // the first season is closed
	second := w.record(act{account: "p", home: genova, points: 2})
	want := lineOf(second)
	want.Seasons = append(lineOf(first).Seasons, want.Seasons...)
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		lines := []line{lineOf(first), lineOf(second)}
		l := lines[order[0]]
		l.fold(lines[order[1]])
		if diff := cmp.Diff(want, l); diff != "" {
			t.Error(diff)
		}
		if l.fold(lines[0]) || l.fold(lines[1]) {
			t.Error("a repeat changed the line")
		}
	}
}
