package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/store"
)

// populate lets 30 people act over some minutes, checkpoints and all.
func populate(w *world) {
	for i := range 90 {
		w.act(fmt.Sprintf("a%02d", i%30), []points.Home{genova, camogli, sarzana}[i%3], int64(i%7))
		if i%10 == 9 {
			w.clock.Advance(45 * time.Second)
			w.round()
		}
	}
}

func TestRebuildReadsPeopleNotActions(t *testing.T) {
	w := newWorld(t)
	populate(w)
	w.clock.Advance(3 * time.Minute)
	w.round()
	want := snapshotOf(t, w.redis, w.id).generation(w.id)
	page, err := w.boards.checkpoints.Find(w.ctx, w.id, store.Query{Index: "account"})
	if err != nil || len(page.Items) != 30 {
		t.Fatalf("%d checkpoints, %v", len(page.Items), err)
	}
	wipe(t, w.redis, w.id)
	w.book.entries = nil // a rebuild that reads old postings would see none
	if err := w.boards.Open(w.ctx, w.id); err != nil {
		t.Fatal(err)
	}
	have := snapshotOf(t, w.redis, w.id).generation(w.id)
	delete(want, restChanges)
	delete(have, restChanges)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
}

// TestRebuildGoesOnWhereItStopped ends the process at every command in turn.
func TestRebuildGoesOnWhereItStopped(t *testing.T) {
	client, hook := faultyRedis(t)
	for _, kind := range []fault{dropped, unheard} {
		for at := range 200 {
			h := newHistory(t, client, hook, 1, mutant{})
			hook.quiet = true
			h.boards, h.keeper = h.nodes[0], h.keepers[0]
			h.redis.Del(h.ctx, leaseKey(h.id))
			populate(h.world)
			old := h.generation()
			h.keeper.lease.release(h.ctx)
			hook.quiet = false
			hook.arm(kind, at, false)
			err := h.nodes[1].Rebuild(h.ctx, h.id, RebuildOptions{})
			ended := hook.ended
			hook.calm()
			hook.quiet = true
			h.redis.Del(h.ctx, leaseKey(h.id))
			h.act("a00", genova, 3)
			h.world.round() // ends what was begun
			if err := h.boards.Settle(h.ctx, h.id); err != nil {
				t.Fatal(err)
			}
			h.equal()
			m, metaErr := h.boards.readMeta(h.ctx, h.id)
			if metaErr != nil || m.next != "" || m.fields[fieldDrop] != "" || len(m.fields) != 2 {
				t.Fatalf("ended at %d (%v): meta is %v, %v", at, err, m.fields, metaErr)
			}
			for key := range snapshotOf(t, client, h.id) {
				if strings.Contains(key, old) && m.gen != old {
					t.Fatalf("ended at %d: %s is left of the old generation", at, key)
				}
			}
			if !ended {
				if err != nil || m.gen == old || at < 8 {
					t.Fatalf("a rebuild of %d commands: %v", at, err)
				}
				break
			}
			wipe(t, client, h.id)
		}
	}
}

// TestWBeginsWhereLoadingBegan: a checkpoint that was loaded early need not hold
// what was written to it since.
func TestWBeginsWhereLoadingBegan(t *testing.T) {
	w := newWorld(t)
	for i := range loadPage + 50 {
		w.apply(w.record(act{account: fmt.Sprintf("a%03d", i), home: genova, points: 1}))
	}
	w.clock.Advance(2 * margin)
	w.round()
	tenant := tenantOf(t, w)
	next, err := w.boards.beginGeneration(w.ctx, tenant, RebuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	if err := w.boards.load(w.ctx, tenant, next, RebuildOptions{Progress: func(RebuildProgress) {}}, func(context.Context) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("loading did not stop after its first page: %v", err)
	}
	w.record(act{account: "a000", home: genova, points: 7}) // among those loaded
	w.clock.Advance(2 * margin)
	if err := w.boards.checkpointedBy(w.ctx, tenant, w.keeper.lease.hold); err != nil {
		t.Fatal(err)
	}
	w.round()
	if gen := w.generation(); gen != next {
		t.Fatalf("%s is read, not %s", gen, next)
	}
	w.equal()
}

func TestRebuildTellsItsProgress(t *testing.T) {
	w := newWorld(t)
	populate(w)
	w.clock.Advance(3 * time.Minute)
	w.round()
	w.keeper.lease.release(w.ctx)
	var stages []string
	err := w.boards.Rebuild(w.ctx, w.id, RebuildOptions{Progress: func(p RebuildProgress) {
		stages = append(stages, fmt.Sprint(p.Stage, " ", p.Done, " of ", p.Total))
	}})
	want := []string{"checkpoints 30 of 30", "postings 0 of 0", "swap 0 of 0", "removal 0 of 0"}
	if diff := cmp.Diff(want, stages); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// TestBoardsAreKeptDuringALongRebuild: those that are read do not become stale.
func TestBoardsAreKeptDuringALongRebuild(t *testing.T) {
	w := newWorld(t)
	for i := range 5 * loadPage {
		w.apply(w.record(act{account: fmt.Sprintf("a%04d", i), home: genova, points: 1}))
	}
	w.clock.Advance(2 * margin)
	w.round()
	w.keeper.lease.release(w.ctx)
	pages := 0
	err := w.boards.Rebuild(w.ctx, w.id, RebuildOptions{Progress: func(p RebuildProgress) {
		if p.Stage != StageCheckpoints {
			return
		}
		pages++
		if page := w.page(PageRequest{Board: "people:all", Window: AllTime}); page.Stale {
			t.Errorf("stale after %d pages", pages)
		}
		w.act("b", genova, 1)
		w.clock.Advance(40 * time.Second)
	}})
	if err != nil || pages != 5 {
		t.Fatalf("%d pages, %v", pages, err)
	}
	w.equal()
}

// TestRebuildWhereAnotherProcessKeepsTheCampaign: that one does it, in its next
// round.
func TestRebuildWhereAnotherProcessKeepsTheCampaign(t *testing.T) {
	w := newWorld(t)
	populate(w)
	w.clock.Advance(3 * time.Minute)
	w.round() // and keeps the lease
	old := w.generation()
	var mu sync.Mutex
	asked := make(chan struct{})
	var once sync.Once
	var stages []RebuildProgress
	done := make(chan error)
	go func() {
		done <- w.node().Rebuild(w.ctx, w.id, RebuildOptions{Progress: func(p RebuildProgress) {
			mu.Lock()
			defer mu.Unlock()
			stages = append(stages, p)
			once.Do(func() { close(asked) })
		}})
	}()
	select {
	case <-asked:
	case err := <-done:
		t.Fatalf("it has not waited: %v", err)
	}
	if gen := w.generation(); gen != old {
		t.Fatal("it did not leave it to the process that has the lease")
	}
	w.round()
	if err := <-done; err != nil || w.generation() == old {
		t.Fatalf("%v, generation %s after %s", err, w.generation(), old)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := (RebuildProgress{Stage: StageCheckpoints, Total: 30}); stages[0] != want {
		t.Errorf("told of %+v first, want %+v", stages[0], want)
	}
	w.equal()
	// Open waits for it too, and does not want the lease for what is there.
	wipe(t, w.redis, w.id)
	w.round()
	if err := w.node().Open(w.ctx, w.id); err != nil {
		t.Error(err)
	}
}

// TestSeasonBetweenCloseAndArchiveSurvivesARebuild: a posting recorded after a
// season's close does not mention it any more, and its checkpoint must.
func TestSeasonBetweenCloseAndArchiveSurvivesARebuild(t *testing.T) {
	w := newWorld(t)
	w.act("p", genova, 5)
	closes := monday.Add(9 * 24 * time.Hour)
	w.clock.Advance(closes.Sub(w.clock.Now()) + 100*time.Millisecond)
	w.act("p", genova, 3)
	w.clock.Advance(margin + 200*time.Millisecond)
	// The checkpoint of the second posting is written; the season is not
	// archived before W has passed its close by the margin.
	if err := w.boards.checkpointedBy(w.ctx, tenantOf(t, w), w.keeper.lease.hold); err != nil {
		t.Fatal(err)
	}
	c, err := w.boards.checkpoints.Get(w.ctx, w.id, "p")
	if err != nil || c.Line.All.N != 2 || len(c.Line.Seasons) != 2 {
		t.Fatalf("%+v %v", c, err)
	}
	wipe(t, w.redis, w.id)
	w.round()
	w.equal()
	w.clock.Advance(3 * margin)
	w.round()
	w.round()
	if page := w.page(PageRequest{Board: "people:all", Window: "2026-w47"}); !page.Closed || len(page.Rows) != 1 || page.Rows[0].Sum != 5 {
		t.Errorf("%+v", page)
	}
	w.equal()
}

func TestCheckpointsNeverGoBack(t *testing.T) {
	w := newWorld(t)
	first, second := w.act("p", genova, 5), w.act("p", genova, 5)
	for _, p := range []*points.Posting{second, first, second} {
		if err := w.boards.writeCheckpoints(w.ctx, w.id, []line{lineOf(p)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	c, err := w.boards.checkpoints.Get(w.ctx, w.id, "p")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lineOf(second), c.Line); diff != "" {
		t.Error(diff)
	}
}
