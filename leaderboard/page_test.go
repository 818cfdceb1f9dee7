package leaderboard

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/internal/errs"
)

func TestPageRanksAndOrdersEqualsByName(t *testing.T) {
	w := newWorld(t)
	w.act("d", genova, 5)
	w.act("c", sarzana, 7)
	w.act("b", camogli, 7)
	w.act("a", genova, 9)
	for board, want := range map[string][]string{
		"people:all":            {"1 a 9", "2 b 7", "2 c 7", "4 d 5"},
		"people:it.l":           {"1 a 9", "2 b 7", "2 c 7", "4 d 5"},
		"people:it.l.ge":        {"1 a 9", "2 b 7", "3 d 5"},
		"people:it.l.sp":        {"1 c 7"},
		"people:it.l.ge.genova": {"1 a 9", "2 d 5"},
		"people:team-genova":    {"1 a 9", "2 d 5"},
		"people:team-sarzana":   {"1 c 7"},
		"teams:all":             {"1 team-genova 14", "2 team-camogli 7", "2 team-sarzana 7"},
		"teams:it.l.ge":         {"1 team-genova 14", "2 team-camogli 7"},
		"regions:it.l":          {"1 it.l.ge 21", "2 it.l.sp 7"},
		"regions:it.l.ge":       {"1 it.l.ge.genova 14", "2 it.l.ge.camogli 7"},
		"regions:it.l.sp":       {"1 it.l.sp.sarzana 7"},
	} {
		page := w.page(PageRequest{Board: board})
		if diff := cmp.Diff(want, show(page.Rows)); diff != "" {
			t.Errorf("%s: %s", board, diff)
		}
		if page.Stale || page.Total != len(want) || page.Window != "2026-w47" || page.Board != board || page.Next != "" {
			t.Errorf("%s: %+v", board, page)
		}
	}
	w.equal()
}

// TestEqualsOnTwoPagesShareTheirRank: what comes before the page counts.
func TestEqualsOnTwoPagesShareTheirRank(t *testing.T) {
	w := newWorld(t)
	for i := range 9 {
		w.act(fmt.Sprintf("a%d", i), genova, int64(10-i/4)) // 10 x4, 9 x4, 8
	}
	var pages [][]string
	r := PageRequest{Board: "people:all", Limit: 3}
	for {
		page := w.page(r)
		pages = append(pages, show(page.Rows))
		if r.Cursor = page.Next; r.Cursor == "" {
			break
		}
	}
	// Redis orders equals by member downwards, the page by name upwards.
	want := [][]string{{"1 a1 10", "1 a2 10", "1 a3 10"}, {"1 a0 10", "5 a6 9", "5 a7 9"}, {"5 a4 9", "5 a5 9", "9 a8 8"}}
	if diff := cmp.Diff(want, pages); diff != "" {
		t.Error(diff)
	}
}

func TestPageAround(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.act(fmt.Sprintf("a%02d", i), genova, int64(100-i))
	}
	for _, c := range []struct {
		around string
		limit  int
		first  string
		last   string
	}{
		{"a10", 5, "9 a08 92", "13 a12 88"},
		{"a10", 4, "10 a09 91", "13 a12 88"},
		{"a00", 5, "1 a00 100", "5 a04 96"},
		{"a01", 5, "1 a00 100", "5 a04 96"},
		{"a19", 5, "16 a15 85", "20 a19 81"},
		{"nobody", 5, "1 a00 100", "5 a04 96"},
		{"a19", 50, "1 a00 100", "20 a19 81"},
	} {
		rows := show(w.page(PageRequest{Board: "people:all", Around: c.around, Limit: c.limit}).Rows)
		if rows[0] != c.first || rows[len(rows)-1] != c.last {
			t.Errorf("around %s, %d: %v", c.around, c.limit, rows)
		}
	}
	if page := w.page(PageRequest{Board: "people:all", Around: "a10", Limit: 5}); page.Next == "" {
		t.Error("a page in the middle has no next")
	} else if rows := show(w.page(PageRequest{Board: "people:all", Cursor: page.Next, Limit: 1}).Rows); rows[0] != "14 a13 87" {
		t.Errorf("after the page around: %v", rows)
	}
}

func TestPageRefuses(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 1)
	for _, c := range []struct {
		r    PageRequest
		code string
		kind errs.Kind
	}{
		{PageRequest{Board: "people"}, "board_invalid", errs.Invalid},
		{PageRequest{Board: "teams:team-genova"}, "board_invalid", errs.Invalid},
		{PageRequest{Board: "regions:all"}, "board_invalid", errs.Invalid},
		{PageRequest{Board: "people:IT"}, "board_invalid", errs.Invalid},
		{PageRequest{Board: "people:all", Window: "2026-w54"}, "window_invalid", errs.Invalid},
		{PageRequest{Board: "people:all", Window: "ever"}, "window_invalid", errs.Invalid},
		{PageRequest{Board: "people:all", Window: "0001-w01"}, "window_invalid", errs.Invalid},
		{PageRequest{Board: "people:all", Window: "2026-w44"}, "window_invalid", errs.Invalid}, // two before the first
		{PageRequest{Board: "people:all", Window: "2026-w48"}, "window_invalid", errs.Invalid}, // not begun
		{PageRequest{Board: "people:all", Window: "9998-w52"}, "window_invalid", errs.Invalid},
		{PageRequest{Board: "people:all", Limit: MaxLimit + 1}, "limit_invalid", errs.Invalid},
		{PageRequest{Board: "people:all", Limit: -1}, "limit_invalid", errs.Invalid},
		{PageRequest{Board: "people:all", Cursor: "x"}, "cursor_invalid", errs.Invalid},
		{PageRequest{Board: "people:all", Cursor: nextCursor(0, 1, 2), Around: "p"}, "cursor_invalid", errs.Invalid},
		{PageRequest{Board: "people:it.l.ge", Window: "all"}, "board_unknown", errs.NotFound},
		{PageRequest{Board: "people:fr"}, "board_unknown", errs.NotFound},
		{PageRequest{Board: "people:it.l.nowhere"}, "board_unknown", errs.NotFound},
		{PageRequest{Board: "people:team-nobody"}, "board_unknown", errs.NotFound},
	} {
		_, err := w.boards.Page(w.ctx, w.id, c.r)
		if errs.CodeOf(err) != c.code || errs.KindOf(err) != c.kind {
			t.Errorf("%+v: %v", c.r, err)
		}
	}
	if _, err := w.boards.Page(w.ctx, "another", PageRequest{Board: "people:all"}); errs.CodeOf(err) != "campaign_unknown" {
		t.Errorf("another campaign: %v", err)
	}
}

func TestPageLeavesOutWhomTheNamerLeavesOut(t *testing.T) {
	w := newWorld(t)
	for i, account := range []string{"a", "b", "c"} {
		w.act(account, genova, int64(9-i))
	}
	w.names.gone = []string{"b", "team-genova"}
	if rows := show(w.page(PageRequest{Board: "people:all"}).Rows); !slices.Equal(rows, []string{"1 a 9", "3 c 7"}) {
		t.Errorf("people: %v", rows)
	}
	// A team without a name is no secret.
	if page := w.page(PageRequest{Board: "teams:all"}); page.Rows[0].Name != "team-genova" {
		t.Errorf("teams: %+v", page.Rows)
	}
}

func TestFairIndexOnPages(t *testing.T) {
	w := newWorld(t)
	for i := range 40 { // 30 in Genova who make 10 each, 10 in Sarzana who make 40
		home, n := genova, int64(10)
		if i >= 30 {
			home, n = sarzana, 40
		}
		w.act(fmt.Sprintf("a%02d", i), home, n)
	}
	page := w.page(PageRequest{Board: "teams:all"})
	have := map[string]season.Standing{}
	for _, row := range page.Rows {
		if row.Fair == nil {
			t.Fatalf("%+v", page.Rows)
		}
		have[row.ID] = row.Fair.Standing
	}
	// Thirty members and ten are not of a size: each is in a league of its own.
	big, small := season.Fair([]season.Unit{{Sum: 300, Members: 30}})[0], season.Fair([]season.Unit{{Sum: 400, Members: 10}})[0]
	want := map[string]season.Standing{
		"team-genova":  {Estimate: *big, Place: season.Place{League: 1, Division: 1, Divisions: 1, Rank: 1, Equals: 1, Of: 1}, Band: 1},
		"team-sarzana": {Estimate: *small, Place: season.Place{League: 2, Division: 1, Divisions: 1, Rank: 1, Equals: 1, Of: 1}, Band: 1},
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 0.001 })
	if diff := cmp.Diff(want, have, near); diff != "" {
		t.Error(diff)
	}
	if page := w.page(PageRequest{Board: "people:all", Limit: 1}); page.Rows[0].Fair != nil {
		t.Error("a person has a fair index")
	}
}

// TestMembersByWindow: who counts in a unit's size, and from when.
func TestMembersByWindow(t *testing.T) {
	w := newWorld(t) // the campaign began on Wednesday, 11 November, its first season ends on the 16th
	join := func(at time.Time, n int, home points.Home) {
		for i := range n {
			p := w.book.post(act{account: fmt.Sprintf("%s-%d-%d", home.Team, at.Unix(), i), home: home, at: at})
			w.apply(p)
		}
	}
	w.clock.Advance(-4 * 24 * time.Hour) // Saturday, 14 November, noon
	// The keeper has written who was there on Monday, before anybody was.
	if err := w.boards.starts.Delete(w.ctx, w.id, "2026-w47"); err != nil {
		t.Fatal(err)
	}
	w.boards.began.Purge()
	join(w.clock.Now(), 3, genova)
	second, _ := tenantOf(t, w).window("2026-w47", w.clock.Now())
	first, _ := tenantOf(t, w).window("2026-w46", w.clock.Now())
	all := window{id: AllTime}
	check := func(name string, win window, want int64) {
		t.Helper()
		there, _, err := w.boards.starters(w.ctx, tenantOf(t, w), w.generation(), win)
		if err != nil {
			t.Fatal(err)
		}
		counted, err := w.boards.members(w.ctx, tenantOf(t, w), w.generation(), win, there)
		units := counted.units("it.l")
		regions, teams := units[Board{Regions, "it.l"}], units[Board{Teams, Campaign}]
		if err != nil || regions["it.l.ge"] != want || teams[genova.Team] != want {
			t.Errorf("%s: %v and %v, want %d (%v)", name, regions, teams, want, err)
		}
	}
	check("first season, at once", first, 3)
	check("all-time in the first season, at once", all, 3)
	w.clock.Advance(60 * time.Hour) // Tuesday 00:00, a day into the second
	join(w.clock.Now().Add(-90*time.Minute), 2, genova)
	check("second season, joiners of a moment ago", second, 3)
	check("first season, afterwards", first, 3)
	check("all-time, joiners of a moment ago", all, 3)
	w.clock.Advance(24 * time.Hour)
	check("second season, a day after", second, 5)
	check("all-time, a day after", all, 5)
	w.clock.Advance(6*24*time.Hour + time.Hour) // the third season
	join(w.clock.Now(), 4, genova)
	check("second season, when over", second, 5)
	check("first season, long over", first, 3)
	third, _ := tenantOf(t, w).window("season", w.clock.Now())
	check("third season, its first hour", third, 5)
}

func tenantOf(t *testing.T, w *world) tenant {
	t.Helper()
	tenant, err := w.boards.tenant(w.ctx, w.id)
	if err != nil {
		t.Fatal(err)
	}
	return tenant
}

// TestKeyIsTheBoard: what Key names holds what Page shows, of the generation
// that is read.
func TestKeyIsTheBoard(t *testing.T) {
	w := newWorld(t)
	w.act("ann", genova, 30)
	w.act("ben", camogli, 20)
	w.keeper.lease.release(w.ctx)
	for range 2 {
		key, err := w.boards.Key(w.ctx, w.id, "", "people:it.l.ge")
		if err != nil || !strings.Contains(key, w.generation()) {
			t.Fatalf("%q, %v", key, err)
		}
		if n, err := w.redis.ZCard(w.ctx, key).Result(); err != nil || n != 2 {
			t.Errorf("%d members, %v", n, err)
		}
		if err := w.boards.Rebuild(w.ctx, w.id, RebuildOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.boards.Key(w.ctx, w.id, "", "people:it.nowhere"); errs.CodeOf(err) != "board_unknown" {
		t.Errorf("no such region: %v", err)
	}
	if key, err := w.node().Key(w.ctx, w.id, "", "people:all"); err != nil || key == "" {
		t.Errorf("from another process: %q, %v", key, err)
	}
	wipe(t, w.redis, w.id)
	if _, err := w.boards.Key(w.ctx, w.id, "", "people:all"); errs.CodeOf(err) != "boards_stale" {
		t.Errorf("without boards: %v", err)
	}
}
