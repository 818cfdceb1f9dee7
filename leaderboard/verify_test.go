package leaderboard

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/internal/errs"
)

// TestVerifyFinds tampers with one thing at a time.
func TestVerifyFinds(t *testing.T) {
	season := "2026-w47"
	for _, c := range []struct {
		name   string
		tamper func(w *world, key func(rest string) string)
		want   Difference // one that must be among those found
	}{
		{"a sum on a board of people", func(w *world, key func(string) string) {
			w.redis.ZIncrBy(w.ctx, key("2026-w47/people:it.l"), 1, "p")
		}, Difference{AgainstLedger, season, "people:it.l", "p", "5", "6"}},
		{"the same, against the contributions", func(w *world, key func(string) string) {
			w.redis.ZIncrBy(w.ctx, key("2026-w47/people:it.l"), 1, "p")
		}, Difference{AgainstContributions, season, "people:it.l", "p", "5", "6"}},
		{"a sum of a region", func(w *world, key func(string) string) {
			w.redis.ZIncrBy(w.ctx, key("all/regions:it.l"), -2, "it.l.ge")
		}, Difference{AgainstLedger, AllTime, "regions:it.l", "it.l.ge", "9", "7"}},
		{"a contribution's points", func(w *world, key func(string) string) {
			w.redis.HSet(w.ctx, key("contrib:2026-w47"), "p", "1|0|6")
		}, Difference{AgainstLedger, season, "contrib", "p", "1|0|5", "1|0|6"}},
		{"a contribution's number", func(w *world, key func(string) string) {
			w.redis.HSet(w.ctx, key("contrib:2026-w47"), "p", "7|0|5")
		}, Difference{AgainstLedger, season, "contrib", "p", "", "7|0|5"}},
		{"a contribution that is no such", func(w *world, key func(string) string) {
			w.redis.HSet(w.ctx, key("contrib:2026-w47"), "p", "many")
		}, Difference{AgainstLedger, season, "contrib", "p", "", "many"}},
		{"a contribution and its boards, alike", func(w *world, key func(string) string) {
			w.redis.HSet(w.ctx, key("contrib:2026-w47"), "p", "1|0|6")
			for _, board := range []string{"people:all", "people:it.l", "people:it.l.ge", "people:it.l.ge.genova", "people:team-genova"} {
				w.redis.ZIncrBy(w.ctx, key("2026-w47/"+board), 1, "p")
			}
		}, Difference{AgainstLedger, season, "people:all", "p", "5", "6"}},
		{"a missing person", func(w *world, key func(string) string) {
			w.redis.ZRem(w.ctx, key("2026-w47/people:all"), "q")
		}, Difference{AgainstLedger, season, "people:all", "q", "4", ""}},
		{"a missing contribution", func(w *world, key func(string) string) {
			w.redis.HDel(w.ctx, key("contrib:all"), "q")
		}, Difference{AgainstLedger, AllTime, "contrib", "q", fmt.Sprintf("1|0|4|%d|team-genova it.l.ge.genova", hourOf(monday)+60), ""}},
		{"an extra person on a board", func(w *world, key func(string) string) {
			w.redis.ZAdd(w.ctx, key("2026-w47/people:team-genova"), redis.Z{Score: 9, Member: "ghost"})
		}, Difference{AgainstLedger, season, "people:team-genova", "ghost", "", "9"}},
		{"an extra contribution", func(w *world, key func(string) string) {
			w.redis.HSet(w.ctx, key("contrib:2026-w47"), "ghost", "1|0|9")
		}, Difference{AgainstLedger, season, "contrib", "ghost", "", "1|0|9"}},
		{"a hidden person shown", func(w *world, key func(string) string) {
			w.redis.ZAdd(w.ctx, key("all/people:all"), redis.Z{Score: 3, Member: "h"})
		}, Difference{AgainstLedger, AllTime, "people:all", "h", "", "3"}},
		{"a whole board missing", func(w *world, key func(string) string) {
			w.redis.Del(w.ctx, key("2026-w47/regions:it.l"))
		}, Difference{AgainstLedger, season, "regions:it.l", "it.l.ge", "9", ""}},
		{"a board that is not listed", func(w *world, key func(string) string) {
			w.redis.HDel(w.ctx, key(restChanges), "2026-w47/people:all")
			w.redis.ZIncrBy(w.ctx, key("2026-w47/people:all"), 1, "p")
		}, Difference{AgainstLedger, season, "people:all", "p", "5", "6"}},
		{"a count of members", func(w *world, key func(string) string) {
			w.redis.HIncrBy(w.ctx, key("members"), homeOf(genova), 1)
		}, Difference{AgainstLedger, AllTime, "members", homeOf(genova), "2", "3"}},
		{"a posting that never arrived", func(w *world, key func(string) string) {
			w.record(act{account: "p", home: genova, points: 2})
		}, Difference{AgainstLedger, season, "contrib", "p", "2|0|7", "1|0|5"}},
		{"a ledger whose states lie", func(w *world, key func(string) string) {
			w.book.states["p"].State.Seasons[0].Points = 50
		}, Difference{AgainstLedger, AllTime, "posting", "p", "", "the share of season 2026-w47 is {2026-w47 {{team-genova it.l.ge.genova} 50}}, recounted &{2026-w47 {{team-genova it.l.ge.genova} 5}}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.act("p", genova, 5)
			w.act("q", genova, 4)
			w.apply(w.record(act{account: "h", home: sarzana, points: 3, hidden: true}))
			w.equal()
			gen := w.generation()
			c.tamper(w, func(rest string) string { return genKey(w.id, gen, rest) })
			r := w.verify()
			if r.Equal || r.Found == 0 || !slices.Contains(r.Differences, c.want) {
				t.Errorf("%d differences, without %+v:\n%+v", r.Found, c.want, r.Differences)
			}
		})
	}
}

func TestVerifyFindsATamperedArchive(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 5)
	w.closed()
	w.equal()
	id := archiveID("2026-w47/people:all", 0)
	if _, err := w.boards.archive.Update(w.ctx, w.id, id, func(p *archivePage) error { p.Rows[0].Sum = 6; return nil }); err != nil {
		t.Fatal(err)
	}
	want := Difference{AgainstLedger, "2026-w47", "people:all", "p", "5", "6"}
	if r := w.verify(); r.Equal || !slices.Contains(r.Differences, want) {
		t.Errorf("%+v", r)
	}
	if err := w.boards.archive.Delete(w.ctx, w.id, id); err != nil {
		t.Fatal(err)
	}
	want.Actual = ""
	if r := w.verify(); r.Equal || !slices.Contains(r.Differences, want) {
		t.Errorf("%+v", r)
	}
}

// TestVerifyWithWriters: what W has not passed may be on the boards or not.
func TestVerifyWithWriters(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 5)
	w.clock.Advance(2 * margin)
	w.round()
	w.act("p", genova, 5)
	w.record(act{account: "q", home: genova, points: 1})
	verify := func(o VerifyOptions) Report {
		t.Helper()
		r, err := w.boards.Verify(w.ctx, w.id, o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := verify(VerifyOptions{}); !r.Equal {
		t.Errorf("with writers: %+v", r)
	}
	if r := verify(VerifyOptions{NoWriters: true}); r.Equal {
		t.Error("a posting that nobody will apply was not missed")
	}
	w.clock.Advance(2 * margin)
	if r := verify(VerifyOptions{}); !r.Equal {
		t.Errorf("W has not passed it: %+v", r)
	}
	w.redis.HSet(w.ctx, metaKey(w.id), fieldMark(w.generation()), Mark{At: w.clock.Now()}.String())
	if r := verify(VerifyOptions{}); r.Equal {
		t.Error("W has passed a posting that is not there")
	}
}

func TestVerifyTellsItsProgress(t *testing.T) {
	w := newWorld(t)
	populate(w)
	w.clock.Advance(3 * time.Minute)
	w.round()
	last := map[string]VerifyProgress{}
	_, err := w.boards.Verify(w.ctx, w.id, VerifyOptions{Progress: func(p VerifyProgress) {
		if p.Done != last[p.Stage].Done+1 {
			t.Errorf("%+v after %+v", p, last[p.Stage])
		}
		last[p.Stage] = p
	}})
	if err != nil {
		t.Fatal(err)
	}
	// People on 10 boards of the season and 4 of all-time; teams on 7 and
	// regions on 3 of both.
	want := map[string]VerifyProgress{
		StageBoards: {StageBoards, 34, 34}, StageAccounts: {StageAccounts, 30, 30},
	}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Error(diff)
	}
}

func TestVerifyWithoutBoards(t *testing.T) {
	w := newWorld(t)
	wipe(t, w.redis, w.id)
	if _, err := w.boards.Verify(w.ctx, w.id, VerifyOptions{}); errs.CodeOf(err) != "boards_stale" {
		t.Errorf("%v", err)
	}
}

// TestVerifyBoundsItsList: the count goes on.
func TestVerifyBoundsItsList(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 5)
	for i := range 3 * MaxDifferences {
		w.redis.ZAdd(w.ctx, genKey(w.id, w.generation(), "all/people:all"), redis.Z{Score: 1, Member: fmt.Sprint("ghost", i)})
	}
	if r := w.verify(); len(r.Differences) != MaxDifferences || r.Found != 6*MaxDifferences {
		t.Errorf("%d listed, %d found", len(r.Differences), r.Found)
	}
}
