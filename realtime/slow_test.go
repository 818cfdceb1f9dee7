package realtime

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// connectNarrow is a connection whose kernel takes little before it must be
// read.
func (s *server) connectNarrow(token string) *phone {
	s.t.Helper()
	dialer := websocket.Dialer{NetDial: func(network, addr string) (net.Conn, error) {
		conn, err := net.Dial(network, addr)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(32 << 10)
		}
		return conn, err
	}}
	ws, _, err := dialer.Dial(s.url(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = ws.Close() })
	p := &phone{t: s.t, ws: ws}
	if reply := p.ask("connect", fmt.Sprintf(`{"token":%q,"version":1}`, token)); reply.Error != nil {
		s.t.Fatal(reply.Error)
	}
	server := s.hub.conns.of(subjectKey{testCampaign, token})[0].raw.(*net.TCPConn)
	if err := server.SetWriteBuffer(32 << 10); err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *server) publishLarge(feed Feed, id string) {
	s.t.Helper()
	_, err := s.feeds.Publish(s.t.Context(), testCampaign, feed, Event{ID: id, Name: "happened", Data: json.RawMessage(`"` + strings.Repeat("x", 15<<10) + `"`)})
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestASlowClientIsClosedAndCostsNobody: one client stops reading while 16 KiB
// events flow; the others get every event meanwhile, and the slow one is told
// its number as soon as it reads again.
func TestASlowClientIsClosedAndCostsNobody(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb, func(h *Hub) { h.limits.slowAfter = 100 * time.Millisecond })
	feed := Feed{Kind: Duels}
	slow := s.connectNarrow("slow")
	at := slow.subscribe("duels")
	quick := s.connect("quick")
	quick.subscribe("duels")
	events := uint64(0)
	waitFor(t, "the slow client to be judged", func() bool {
		for range 20 {
			events++
			s.publishLarge(feed, fmt.Sprint("e", events))
			began := time.Now()
			if got := quick.next(); got.Offset != events || got.Epoch != at.Epoch {
				t.Fatalf("the quick client got %d, want %d", got.Offset, events)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Fatalf("the quick client waited %v", took)
			}
		}
		return s.hub.Counters().SlowCloses == 1
	})
	// What the slow one got before is whole and in order.
	last := uint64(0)
	_ = slow.ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		_, raw, err := slow.ws.ReadMessage()
		if err != nil {
			if !websocket.IsCloseError(err, int(CloseSlow)) {
				t.Fatalf("the slow client ended with %v", err)
			}
			break
		}
		var got answer
		if err := json.Unmarshal(raw, &got); err != nil || got.Offset != last+1 {
			t.Fatalf("after %d the slow client got %d (%v)", last, got.Offset, err)
		}
		last = got.Offset
	}
	if last >= events {
		t.Fatalf("the slow client got all %d events", last)
	}
	// It comes back and goes on where it was.
	back := s.connect("slow")
	if result := back.resume("duels", at.Epoch, last); !result.Resumed {
		t.Fatalf("resumed to %+v after %d of %d", result, last, events)
	}
	for last < events {
		got := back.next()
		if got.Offset != last+1 || got.Type != "event" {
			t.Fatalf("after %d came %+v", last, got.Offset)
		}
		last++
	}
}

// TestADeadClientIsDropped: a client that never reads again is gone after the
// write deadline, without anybody waiting for it.
func TestADeadClientIsDropped(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb, func(h *Hub) { h.limits.write = 300 * time.Millisecond; h.limits.slowAfter = time.Hour })
	slow := s.connectNarrow("slow")
	slow.subscribe("duels")
	n := 0
	waitFor(t, "the dead client to be dropped", func() bool {
		for range 20 {
			n++
			s.publishLarge(Feed{Kind: Duels}, fmt.Sprint("e", n))
		}
		return s.hub.Counters().Connections == 0
	})
	if c := s.hub.Counters(); c.SlowCloses != 1 || c.Subscriptions != 0 {
		t.Errorf("counted %+v", c)
	}
}

// TestAClientThatOnlyAsksIsSlow: answers that are not taken are bounded too.
func TestAClientThatOnlyAsksIsSlow(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	p := s.connect("ann")
	c := s.hub.conns.of(subjectKey{testCampaign, "ann"})[0]
	c.mu.Lock()
	c.writing = true // a writer that does not get on
	for range 64 {
		c.sendLocked(pingFrame)
	}
	if c.closing != nil {
		t.Error("closed too early")
	}
	c.sendLocked(pingFrame)
	if c.closing == nil {
		t.Error("not closed")
	}
	c.writing = false
	c.wake()
	c.mu.Unlock()
	p.expectClose(CloseSlow)
}

// TestABurstIsDelivered: far more than the queue's limits at once is no reason
// to close a client that reads.
func TestABurstIsDelivered(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	const clients, events = 50, 600
	phones := make([]*phone, clients)
	var epoch string
	for i := range phones {
		phones[i] = s.connect(fmt.Sprint("p", i))
		epoch = phones[i].subscribe("duels").Epoch
	}
	key := logKey(testCampaign, Feed{Kind: Duels})
	pipe := rdb.TxPipeline()
	for i := range events {
		pipe.XAdd(t.Context(), xadd(key, i+1, fmt.Sprint("e", i)))
	}
	pipe.HSet(t.Context(), key.meta(), "o", events)
	pipe.Publish(t.Context(), key.channel(), "")
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range phones {
		for i := range events {
			p.expectEvent("duels", epoch, uint64(i+1), fmt.Sprint("e", i))
		}
	}
	if n := s.hub.Counters().SlowCloses; n != 0 {
		t.Errorf("%d clients were called slow", n)
	}
}
