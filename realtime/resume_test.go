package realtime

import (
	"fmt"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/redistest"
)

func (p *phone) expectReload(feed, reason string) answer {
	p.t.Helper()
	got := p.next()
	if got.Feed != feed || got.Type != "reload" || string(got.Data) != `{"reason":"`+reason+`"}` {
		p.t.Fatalf("got %+v with %s, want a reload of %s: %s", got, got.Data, feed, reason)
	}
	return got
}

// TestResumeGivesExactlyWhatWasMissed on a node that has the events in memory,
// and on one that must read them.
func TestResumeGivesExactlyWhatWasMissed(t *testing.T) {
	rdb := openRedis(t)
	for name, keep := range map[string]int64{"from memory": 1000, "from history": 5} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, rdb, func(h *Hub) { h.limits.keepFrames = keep })
			feed := "tasks:it." + name[len(name)-6:]
			first := s.connect("ann")
			at := first.subscribe(feed)
			const events = 300
			for i := range events {
				s.publish(feed, fmt.Sprint("e", i))
			}
			for i := range 17 {
				first.expectEvent(feed, at.Epoch, uint64(i+1), fmt.Sprint("e", i))
			}
			_ = first.ws.Close()
			second := s.connect("ann")
			back := second.resume(feed, at.Epoch, 17)
			if !back.Resumed || *back.Offset != 17 || back.Epoch != at.Epoch {
				t.Fatalf("resumed to %+v", back)
			}
			s.publish(feed, "live") // while the rest is replayed
			for i := 17; i < events; i++ {
				second.expectEvent(feed, at.Epoch, uint64(i+1), fmt.Sprint("e", i))
			}
			second.expectEvent(feed, at.Epoch, events+1, "live")
			third := s.connect("ann")
			if back := third.resume(feed, at.Epoch, events+1); !back.Resumed {
				t.Fatal("a client that missed nothing was not resumed")
			}
			s.publish(feed, "last")
			third.expectEvent(feed, at.Epoch, events+2, "last")
		})
	}
}

func TestResumeBeyondHistoryIsAReload(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb, func(h *Hub) { h.limits.keepFrames = 5 })
	s.feeds.opts.History = 50
	p := s.connect("ann")
	at := p.subscribe("duels")
	for i := range 200 {
		s.publish("duels", fmt.Sprint("e", i))
	}
	// The node that followed still believes in the old history.
	q := s.connect("bob")
	back := q.resume("duels", at.Epoch, 3)
	if got := q.expectReload("duels", tooOld); got.Epoch != at.Epoch || got.Offset < 100 {
		t.Fatalf("reload to %s %d after %+v", got.Epoch, got.Offset, back)
	}
	// A node that begins now knows it from the start.
	other := startServer(t, rdb)
	q = other.connect("bob")
	if back := q.resume("duels", at.Epoch, 3); back.Resumed {
		t.Error("said to be resumed beyond history")
	}
	if got := q.expectReload("duels", tooOld); got.Offset != 200 {
		t.Fatalf("reload to %d", got.Offset)
	}
	s.publish("duels", "next")
	q.expectEvent("duels", at.Epoch, 201, "next")
	// Positions nobody gave out.
	q.ask("unsubscribe", `{"feed":"duels"}`)
	q.resume("duels", at.Epoch, 9999)
	q.expectReload("duels", tooOld)
	q.ask("unsubscribe", `{"feed":"duels"}`)
	q.resume("duels", "invented", 3)
	q.expectReload("duels", epochIsNew)
}

// TestAWipedRedisIsAReload: for who is connected, and for who comes back.
func TestAWipedRedisIsAReload(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	p := s.connect("ann")
	at := p.subscribe("duels")
	s.publish("duels", "a")
	p.expectEvent("duels", at.Epoch, 1, "a")
	wipe(t, rdb)
	s.publish("duels", "b")
	got := p.expectReload("duels", epochIsNew)
	if got.Epoch == at.Epoch || got.Offset > 1 {
		t.Fatalf("reload to %s %d", got.Epoch, got.Offset)
	}
	if got.Offset == 0 { // the wipe was noticed before the event came
		p.expectEvent("duels", got.Epoch, 1, "b")
	}
	s.publish("duels", "c")
	p.expectEvent("duels", got.Epoch, 2, "c")
	q := s.connect("bob")
	if back := q.resume("duels", at.Epoch, 1); back.Resumed || back.Epoch != got.Epoch || *back.Offset != 2 {
		t.Fatalf("resumed over a wipe: %+v", back)
	}
	q.expectReload("duels", epochIsNew)
	// Wiped with nothing published since: the periodic read notices.
	wipe(t, rdb)
	p.expectReload("duels", epochIsNew)
}

// TestARedisThatWentBackIsNoticed: after a failover offsets are given out a
// second time. Both the shorter and the regrown history are told.
func TestARedisThatWentBackIsNoticed(t *testing.T) {
	for name, regrow := range map[string]int{"shorter": 0, "as long": 2, "longer": 5} {
		t.Run(name, func(t *testing.T) {
			rdb := openRedis(t)
			s := startServer(t, rdb, func(h *Hub) { h.limits.check = time.Hour })
			ctx, key := t.Context(), logKey(testCampaign, Feed{Kind: Duels})
			p := s.connect("ann")
			at := p.subscribe("duels")
			for i := range 5 {
				s.publish("duels", fmt.Sprint("e", i))
				p.expectEvent("duels", at.Epoch, uint64(i+1), fmt.Sprint("e", i))
			}
			// Back to offset 3, and on with other events, unheard by the node.
			f := s.stream(logKey(testCampaign, Feed{Kind: Duels}))
			f.io.Lock()
			rdb.HSet(ctx, key.meta(), "o", 3)
			rdb.XDel(ctx, key.log(), "4-0", "5-0")
			rdb.Del(ctx, key.log())
			for i := range 3 {
				rdb.XAdd(ctx, xadd(key, i+1, fmt.Sprint("e", i)))
			}
			silent := NewFeeds(rdb, clock.System{}, FeedsOptions{})
			for i := range regrow {
				if _, err := silent.Publish(ctx, testCampaign, Feed{Kind: Duels}, event(fmt.Sprint("new", i))); err != nil {
					t.Fatal(err)
				}
			}
			f.io.Unlock()
			s.hub.dirty.push(f)
			got := p.expectReload("duels", epochIsNew)
			if got.Epoch == at.Epoch {
				t.Fatal("the epoch is the same")
			}
			next := s.publish("duels", "after")
			p.expectEvent("duels", got.Epoch, next.Offset, "after")
		})
	}
}

// TestALostWakeUpIsMadeGood: with the link to Redis silent, the periodic read
// finds what was published, once.
func TestALostWakeUpIsMadeGood(t *testing.T) {
	mr, rdb := redistest.InProcess(t)
	s := startServer(t, rdb)
	p := s.connect("ann")
	at := p.subscribe("duels")
	key := logKey(testCampaign, Feed{Kind: Duels})
	// As publish does it, at one instant, without the wake-up: a reader that saw
	// the offset without its event would take it for one that is gone.
	for i := range 3 {
		both := rdb.TxPipeline()
		both.HIncrBy(t.Context(), key.meta(), "o", 1)
		both.XAdd(t.Context(), xadd(key, i+1, fmt.Sprint("e", i)))
		if _, err := both.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		p.expectEvent("duels", at.Epoch, uint64(i+1), fmt.Sprint("e", i))
	}
	// And with the link cut and Redis away for a moment.
	mr.Close()
	if err := mr.Restart(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "an event to be taken", func() bool {
		_, err := s.feeds.Publish(t.Context(), testCampaign, Feed{Kind: Duels}, Event{ID: "back", Name: "happened", Data: []byte(`{"id":"back"}`)})
		return err == nil
	})
	p.expectEvent("duels", at.Epoch, 4, "back")
}

// TestANodeThatIsBehindCatchesUp: a client comes from a node that had read
// further.
func TestANodeThatIsBehindCatchesUp(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb, func(h *Hub) { h.limits.check = time.Hour })
	p := s.connect("ann")
	at := p.subscribe("duels")
	f := s.stream(logKey(testCampaign, Feed{Kind: Duels}))
	f.io.Lock() // the node cannot read
	s.publish("duels", "a")
	last := s.publish("duels", "b")
	q := s.connect("bob")
	go f.io.Unlock()
	if back := q.resume("duels", last.Epoch, last.Offset); !back.Resumed {
		t.Fatalf("a client ahead of the node was answered with %+v", back)
	}
	s.publish("duels", "c")
	q.expectEvent("duels", at.Epoch, 3, "c")
	for i, id := range []string{"a", "b", "c"} {
		p.expectEvent("duels", at.Epoch, uint64(i+1), id)
	}
}
