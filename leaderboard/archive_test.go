package leaderboard

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/internal/redistest"
)

// closed lets the season 2026-w47 close and be archived.
func (w *world) closed() {
	w.t.Helper()
	w.clock.Advance(monday.Add(9 * 24 * time.Hour).Sub(w.clock.Now()))
	for range 2 {
		w.clock.Advance(2 * margin)
		w.round()
	}
	p, err := w.boards.readProgress(w.ctx, w.id)
	if err != nil || !p.closed("2026-w47") {
		w.t.Fatalf("the season is not closed: %+v %v", p, err)
	}
}

func TestAClosedSeasonIsReadFromTheArchive(t *testing.T) {
	w := newWorldOn(t, redistest.Open(t), newSQLite(t))
	t.Cleanup(func() { wipe(t, w.redis, w.id) })
	for i := range 1203 {
		p := w.record(act{account: fmt.Sprintf("a%04d", i), home: genova, points: int64(2000 - i/2)})
		w.apply(p)
	}
	w.act("s", sarzana, 3)
	requests := []PageRequest{
		{Board: "people:all", Limit: 3},
		{Board: "people:all", Limit: 200, Cursor: nextCursor(399, 1, 500)},
		{Board: "people:all", Around: "a0500", Limit: 5},
		{Board: "people:all", Around: "s", Limit: 5},
		{Board: "people:it.l.ge", Limit: 3},
		{Board: "people:team-sarzana"},
		{Board: "teams:all"},
		{Board: "teams:it.l.sp"},
		{Board: "regions:it.l"},
		{Board: "regions:it.l.ge"},
	}
	w.clock.Advance(monday.Add(7 * 24 * time.Hour).Sub(w.clock.Now())) // the season is over, not closed
	w.round()
	var live []Page
	for _, r := range requests {
		r.Window = "2026-w47"
		live = append(live, w.page(r))
	}
	w.closed()
	for _, redisIs := range []string{"there", "empty"} {
		if redisIs == "empty" {
			wipe(t, w.redis, w.id)
		}
		for i, r := range requests {
			r.Window = "2026-w47"
			want, have := live[i], w.page(r)
			if !have.Closed || have.Stale {
				t.Fatalf("%+v: closed %v, stale %v", r, have.Closed, have.Stale)
			}
			want.Version, have.Closed = Version{}, false
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("Redis is %s, %+v: %s", redisIs, r, diff)
			}
		}
	}
	w.round()
	if err := w.boards.Settle(w.ctx, w.id); err != nil {
		t.Fatal(err)
	}
	w.equal()
	if page := w.page(PageRequest{Board: "people:it.l.sp.sarzana", Window: "2026-w46"}); !page.Closed || page.Total != 0 || len(page.Rows) != 0 {
		t.Errorf("a season without anybody: %+v", page)
	}
}

func TestAClosedSeasonsKeysEndAndItsLinesAreRefused(t *testing.T) {
	w := newWorld(t)
	p := w.act("p", genova, 5)
	w.closed()
	gen := w.generation()
	for _, rest := range []string{"contrib:2026-w47", "2026-w47/people:all", "2026-w47/regions:it.l"} {
		if ttl := w.redis.TTL(w.ctx, genKey(w.id, gen, rest)).Val(); ttl <= 0 || ttl > closedLife {
			t.Errorf("%s ends in %v", rest, ttl)
		}
	}
	for rest := range snapshotOf(t, w.redis, w.id).generation(w.id) {
		if window, _ := splitBoard(rest); window == "2026-w47" || rest == "contrib:2026-w47" {
			w.redis.Del(w.ctx, genKey(w.id, gen, rest)) // as if the hour were over
		}
	}
	for field := range w.redis.HGetAll(w.ctx, genKey(w.id, gen, restChanges)).Val() {
		if window, _ := splitBoard(field); window == "2026-w47" {
			t.Errorf("%s is still listed", field)
		}
	}
	w.apply(p)
	for rest := range snapshotOf(t, w.redis, w.id).generation(w.id) {
		if window, _ := splitBoard(rest); window == "2026-w47" || rest == "contrib:2026-w47" {
			t.Errorf("%s came back", rest)
		}
	}
	// Redis went back to when the season was open: it is closed again.
	w.redis.Del(w.ctx, closedKey(w.id))
	w.apply(p)
	w.round()
	if ttl := w.redis.TTL(w.ctx, genKey(w.id, gen, "2026-w47/people:all")).Val(); ttl > closedLife {
		t.Errorf("the keys stay: %v", ttl)
	}
	if known := w.redis.SMembers(w.ctx, closedKey(w.id)).Val(); !slices.Contains(known, "2026-w47") || !slices.Contains(known, retired("2026-w47")) {
		t.Errorf("closed are %v", known)
	}
	w.act("p", genova, 2) // all-time goes on
	w.equal()
}

func TestASeasonStaysOpenWhileWIsBehind(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 5)
	tenant := tenantOf(t, w)
	closes := monday.Add(9 * 24 * time.Hour)
	for _, c := range []struct {
		w    time.Time
		want int
	}{
		{closes.Add(margin - time.Millisecond), 1}, // the season before alone
		{closes.Add(margin), 2},
		{closes.Add(7*24*time.Hour + margin), 3},
	} {
		if ended := w.boards.ended(tenant, Mark{At: c.w}); len(ended) != c.want+1 { // and the one before the campaign
			t.Errorf("W = %v: %d seasons", c.w, len(ended))
		}
	}
}

func TestWhoHidesLaterIsHiddenInTheArchive(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 5)
	w.act("q", genova, 4)
	w.closed()
	w.apply(w.record(act{account: "p", home: genova, hidden: true}))
	want := []string{"2 q 4"}
	for _, redisIs := range []string{"there", "empty"} {
		if redisIs == "empty" {
			w.clock.Advance(3 * margin)
			w.round() // the checkpoint knows
			wipe(t, w.redis, w.id)
		}
		page := w.page(PageRequest{Board: "people:all", Window: "2026-w47"})
		if diff := cmp.Diff(want, show(page.Rows)); diff != "" || page.Total != 2 {
			t.Errorf("Redis is %s: %s", redisIs, diff)
		}
	}
	if rows := show(w.page(PageRequest{Board: "teams:all", Window: "2026-w47"}).Rows); !slices.Equal(rows, []string{"1 team-genova 9"}) {
		t.Errorf("teams: %v", rows)
	}
	w.round()
	w.equal()
}

// TestArchiveIsNotWrittenFromAnOlderState: a state in which W has not passed the
// season may lack postings of it.
func TestArchiveIsNotWrittenFromAnOlderState(t *testing.T) {
	client, hook := faultyRedis(t)
	for _, kind := range []fault{failover, wiped} {
		at := 0
		for archiveUnder(t, client, hook, kind, at) {
			wipe(t, client, hook.h.id)
			if at++; at > 60 {
				t.Fatal("archiving takes more commands than this test looks at")
			}
		}
		if at < 5 {
			t.Errorf("archiving took %d commands: the test looks at the wrong thing", at)
		}
	}
}

// archiveUnder archives a season while a fault hits the command at a place, and
// says whether there was such a command.
func archiveUnder(t *testing.T, client redis.UniversalClient, hook *faults, kind fault, at int) bool {
	h := newHistory(t, client, hook, 1, mutant{})
	hook.quiet = true
	h.boards, h.keeper = h.nodes[0], h.keepers[0]
	h.redis.Del(h.ctx, leaseKey(h.id))
	h.clock.Advance(monday.Add(60 * time.Hour).Sub(h.clock.Now()))
	h.act("p", genova, 5)
	h.older = []state{snapshotOf(t, client, h.id)}
	h.act("q", sarzana, 4)
	h.clock.Advance(monday.Add(9*24*time.Hour + 2*margin).Sub(h.clock.Now()))
	if err := h.boards.sweep(h.ctx, tenantOf(t, h.world), h.generation(), h.keeper.lease.hold); err != nil {
		t.Fatal(err)
	}
	hook.quiet = false
	hook.arm(kind, at, false)
	err := h.boards.archived(h.ctx, tenantOf(t, h.world))
	hit := hook.armed == none
	hook.calm()
	hook.quiet = true
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		h.advance(2 * margin)
		h.world.round()
	}
	h.equal()
	page := h.page(PageRequest{Board: "people:all", Window: "2026-w47"})
	if diff := cmp.Diff([]string{"1 p 5", "2 q 4"}, show(page.Rows)); diff != "" || !page.Closed {
		t.Fatalf("fault %d at command %d: %s", kind, at, diff)
	}
	return hit
}
