package leaderboard

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/points"
)

func (w *world) w() Mark {
	w.t.Helper()
	m, err := w.boards.readMeta(w.ctx, w.id)
	if err != nil {
		w.t.Fatal(err)
	}
	mark, ok := m.mark(m.gen)
	if !ok {
		w.t.Fatal("there is no W")
	}
	return mark
}

func TestSweepMovesWWithWhatItApplies(t *testing.T) {
	w := newWorld(t)
	began := w.clock.Now()
	var last *points.Posting
	for i := range 450 {
		last = w.record(act{account: fmt.Sprintf("a%d", i%50), home: genova, points: 1})
		w.clock.Advance(time.Millisecond)
	}
	w.clock.Advance(59 * time.Second)
	w.round() // nothing is old enough
	if at := w.w(); at.At.After(began) {
		t.Errorf("W = %v has passed postings younger than the margin", at)
	}
	w.clock.Advance(800 * time.Millisecond)
	tenant := tenantOf(t, w)
	more, err := w.boards.sweepOnce(w.ctx, tenant, w.generation(), w.w())
	if err != nil || !more || w.w().ID == "" {
		t.Fatalf("after a full page W = %v, more %v, %v", w.w(), more, err)
	}
	w.clock.Advance(5 * time.Second)
	w.round()
	if at := w.w(); at.Compare(markOf(last)) < 0 || !at.At.Equal(w.clock.Now().Add(-margin)) {
		t.Errorf("W = %v, not the margin's instant", at)
	}
	w.equal()
}

func TestSweepIsRefusedWhereWIsNotWhatItRead(t *testing.T) {
	w := newWorld(t)
	old := w.w()
	w.clock.Advance(time.Minute)
	w.round()
	now := w.w()
	w.record(act{account: "p", home: genova, points: 1})
	w.clock.Advance(2 * time.Minute)
	_, err := w.boards.sweepOnce(w.ctx, tenantOf(t, w), w.generation(), old)
	if !errors.Is(err, errMoved) || w.w() != now {
		t.Errorf("%v, W = %v", err, w.w())
	}
	if page := w.page(PageRequest{Board: "people:all"}); page.Total != 0 {
		t.Error("the lines of a refused sweep were applied")
	}
}

func TestWhatACrashLeftIsAppliedWithinSeconds(t *testing.T) {
	w := newWorld(t)
	w.record(act{account: "p", home: genova, points: 1}) // and its process ends here
	for range 3 {                                        // at 5, 10 and 15 s
		w.clock.Advance(beat)
		w.round()
		if page := w.page(PageRequest{Board: "people:all"}); page.Total != 0 {
			t.Fatalf("applied after %v", w.clock.Now().Sub(monday.Add(60*time.Hour)))
		}
	}
	w.clock.Advance(beat)
	w.round()
	if page := w.page(PageRequest{Board: "people:all"}); page.Total != 1 || page.Stale {
		t.Errorf("20 s after: %+v", page)
	}
	// A process that starts applies all that W has not passed, whatever its age.
	w.record(act{account: "q", home: genova, points: 1})
	w.keeper = newKeeper(w.node(), w.id)
	w.redis.Del(w.ctx, leaseKey(w.id))
	w.round()
	if page := w.page(PageRequest{Board: "people:all"}); page.Total != 2 {
		t.Errorf("after a start: %+v", page)
	}
}

func TestStaleOnlyWhilePostingsAreMissing(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 1)
	stale := func() bool { return w.page(PageRequest{Board: "people:all"}).Stale }
	w.clock.Advance(30 * time.Second)
	if stale() {
		t.Error("stale after 30 s")
	}
	// Nobody sweeps for an hour. One posting lies beyond W.
	w.clock.Advance(time.Hour)
	page := w.page(PageRequest{Board: "people:all"})
	if !page.Stale || page.Rows[0].Rank != 0 {
		t.Errorf("after an hour without a sweep: %+v", page)
	}
	if s, err := w.boards.Standing(w.ctx, w.id, StandingRequest{Account: "p", Team: genova.Team}); err != nil || !s.Stale || s.Person.Rank != 0 || s.Units[0].Rank != 0 {
		t.Errorf("%+v %v", s, err)
	}
	w.round()
	if stale() {
		t.Error("stale after the sweep")
	}
	// A day without a posting and without a sweep is no reason.
	w.clock.Advance(24 * time.Hour)
	if stale() {
		t.Error("an idle campaign is stale")
	}
	w.clock.Advance(time.Second)
	w.act("q", genova, 1)
	w.clock.Advance(89 * time.Second)
	if stale() {
		t.Error("stale within the time")
	}
	w.clock.Advance(3 * time.Second)
	if !stale() {
		t.Error("not stale, a posting is 92 s old and beyond W")
	}
	w.redis.HDel(w.ctx, metaKey(w.id), fieldMark(w.generation()))
	if !stale() {
		t.Error("not stale without W")
	}
	w.round()
	w.equal()
}

func TestRedisWentBack(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 1)
	w.clock.Advance(2 * time.Minute)
	w.round()
	older := snapshotOf(t, w.redis, w.id)
	for range 3 {
		w.act("p", genova, 5)
		w.act("q", sarzana, 2)
		w.clock.Advance(2 * time.Minute)
		w.round()
	}
	older.restore(t, w.redis, w.id)
	w.round()
	w.equal()
}

func TestOneProcessSweeps(t *testing.T) {
	w := newWorld(t)
	other := newKeeper(w.node(), w.id)
	w.clock.Advance(2 * time.Minute)
	at := w.w()
	if err := other.round(w.ctx); err != nil || w.w() != at || other.w != nil {
		t.Errorf("a second process did a round: %v", err)
	}
	w.keeper.lease.release(w.ctx)
	if err := other.round(w.ctx); err != nil || w.w() == at {
		t.Errorf("the second process does not take over: %v", err)
	}
	// The first gives back only what is its own.
	w.keeper.lease.release(w.ctx)
	if err := w.keeper.lease.hold(w.ctx); !errors.Is(err, errLease) {
		t.Errorf("the lease of another was given back: %v", err)
	}
	if ttl := w.redis.PTTL(w.ctx, leaseKey(w.id)).Val(); ttl <= 0 || ttl > leaseLife {
		t.Errorf("the lease ends in %v", ttl)
	}
}
