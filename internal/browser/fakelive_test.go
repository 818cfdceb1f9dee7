//go:build browser

package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// fakeLive is the WebSocket side of fake: docs/realtime.md, and ways to break
// what it promises.
type fakeLive struct {
	f *fake

	mu        sync.Mutex
	epoch     string
	offsets   map[string]int
	history   map[string][]map[string]any // pushes by feed
	conns     map[*fakeConn]bool
	connected int             // connects that succeeded
	resumed   int             // subscriptions that resumed
	silent    bool            // nothing is answered any more
	closeWith int             // code that answers every connect; 0: none
	forbidden map[string]bool // feeds that are refused
	pinged    chan struct{}   // gets something at a ping
}

type fakeConn struct {
	ws    *websocket.Conn
	mu    sync.Mutex
	feeds map[string]bool
}

func newFakeLive(f *fake) *fakeLive {
	return &fakeLive{f: f, epoch: "e1", offsets: map[string]int{}, history: map[string][]map[string]any{}, conns: map[*fakeConn]bool{}, forbidden: map[string]bool{}, pinged: make(chan struct{}, 1)}
}

func (l *fakeLive) serve(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := &fakeConn{ws: ws, feeds: map[string]bool{}}
	l.mu.Lock()
	l.conns[c] = true
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.conns, c)
		l.mu.Unlock()
		_ = ws.Close()
	}()
	for {
		_, frame, err := ws.ReadMessage()
		if err != nil {
			return
		}
		var q fakeRequest
		if json.Unmarshal(frame, &q) != nil {
			return
		}
		l.mu.Lock()
		silent := l.silent
		l.mu.Unlock()
		if !silent && !l.answer(c, q) {
			return
		}
	}
}

// methodConnect is the protocol's first request; HTTP has a method of that name.
const methodConnect = "connect"

type fakeRequest struct {
	ID     int
	Method string
	Params struct {
		Token  string
		Feed   string
		Epoch  string
		Offset *int
	}
}

func (l *fakeLive) answer(c *fakeConn, q fakeRequest) bool {
	result := func(v any) bool { return c.send(map[string]any{"id": q.ID, "result": v}) }
	refuse := func(code string) bool {
		return c.send(map[string]any{"id": q.ID, "error": map[string]any{"code": code, "message": code}})
	}
	l.mu.Lock()
	code := l.closeWith
	l.mu.Unlock()
	switch q.Method {
	case methodConnect:
		if code != 0 {
			refuse("bad_token")
			c.close(code, "{}")
			return false
		}
		if !l.f.holds(q.Params.Token) {
			refuse("token_expired")
			c.close(4003, `{"code":"token_expired"}`)
			return false
		}
		l.mu.Lock()
		l.connected++
		l.mu.Unlock()
		return result(map[string]any{"version": 1, "ping_ms": 1000, "idle_ms": 2500, "expires_at": time.Now().Add(time.Hour)})
	case "ping":
		select {
		case l.pinged <- struct{}{}:
		default:
		}
		return result(map[string]any{})
	case "subscribe":
		return l.subscribe(c, q, result, refuse)
	case "unsubscribe":
		c.mu.Lock()
		delete(c.feeds, q.Params.Feed)
		c.mu.Unlock()
		return result(map[string]any{})
	}
	return refuse("unknown_method")
}

func (l *fakeLive) subscribe(c *fakeConn, q fakeRequest, result func(any) bool, refuse func(string) bool) bool {
	feed := q.Params.Feed
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.forbidden[feed] {
		return refuse("forbidden")
	}
	c.mu.Lock()
	c.feeds[feed] = true
	c.mu.Unlock()
	resumed := q.Params.Epoch == l.epoch && q.Params.Offset != nil
	answer := map[string]any{"feed": feed, "epoch": l.epoch, "offset": l.offsets[feed], "resumed": resumed}
	board, isBoard := strings.CutPrefix(feed, "board:")
	if isBoard {
		answer["window"] = "season"
	}
	if resumed {
		l.resumed++
		answer["offset"] = *q.Params.Offset
		if !result(answer) {
			return false
		}
		for _, push := range l.history[feed] {
			if push["offset"].(int) > *q.Params.Offset && !c.send(push) {
				return false
			}
		}
		return true
	}
	if !result(answer) {
		return false
	}
	if !isBoard {
		return true
	}
	return c.send(l.push(feed, map[string]any{"type": "snapshot", "data": l.f.board(board), "missed": q.Params.Offset != nil}))
}

// push completes a push with the feed's present position; l.mu is held.
func (l *fakeLive) push(feed string, push map[string]any) map[string]any {
	push["feed"], push["epoch"], push["offset"] = feed, l.epoch, l.offsets[feed]
	if strings.HasPrefix(feed, "board:") {
		push["window"] = "season"
	}
	return push
}

// publish gives a feed its next push.
func (l *fakeLive) publish(feed string, push map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offsets[feed]++
	push = l.push(feed, push)
	l.history[feed] = append(l.history[feed], push)
	for c := range l.conns {
		c.mu.Lock()
		wants := c.feeds[feed]
		c.mu.Unlock()
		if wants {
			c.send(push)
		}
	}
}

func (l *fakeLive) publishBoard(id string, before []fakeRow) {
	board := l.f.board(id)
	changed := []fakeRow{}
	for _, row := range board["rows"].([]fakeRow) {
		same := slices.ContainsFunc(before, func(o fakeRow) bool {
			return o.ID == row.ID && o.Name == row.Name && o.Sum == row.Sum && fmt.Sprint(deref(o.Rank)) == fmt.Sprint(deref(row.Rank))
		})
		if !same {
			changed = append(changed, row)
		}
	}
	if len(changed) == 0 {
		return
	}
	l.publish("board:"+id, map[string]any{"type": "delta", "data": map[string]any{
		"rows": changed, "removed": []string{}, "total": board["total"], "stale": board["stale"], "updated_at": board["updated_at"],
	}})
}

func deref(p *int) int {
	if p == nil {
		return 0
	}
	return *p
}

// event publishes an event of a log feed.
func (l *fakeLive) event(feed, name string, data any) {
	l.publish(feed, map[string]any{"type": "event", "event": name, "data": data})
}

// drop ends every connection without a close frame.
func (l *fakeLive) drop() {
	l.each(func(c *fakeConn) { _ = c.ws.NetConn().Close() })
}

// closeAll ends every connection with a code.
func (l *fakeLive) closeAll(code int, reason string) {
	l.each(func(c *fakeConn) { c.close(code, reason) })
}

func (l *fakeLive) each(act func(*fakeConn)) {
	l.mu.Lock()
	conns := make([]*fakeConn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	for _, c := range conns {
		act(c)
	}
}

// forget loses all positions, as a Redis that lost its memory.
func (l *fakeLive) forget(epoch string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch, l.offsets, l.history = epoch, map[string]int{}, map[string][]map[string]any{}
}

// set changes how the fake behaves.
func (l *fakeLive) set(change func(*fakeLive)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *fakeLive) counts() (connected, resumed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.connected, l.resumed
}

func (c *fakeConn) send(v any) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ws.WriteJSON(v) == nil
}

func (c *fakeConn) close(code int, reason string) {
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second))
	_ = c.ws.Close()
}
