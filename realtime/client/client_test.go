package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a server that plays one function a connection, the last one again
// and again.
func script(t *testing.T, plays ...func(c *peer)) string {
	t.Helper()
	var n atomic.Int64
	upgrader := websocket.Upgrader{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		play := plays[min(int(n.Add(1)), len(plays))-1]
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.Close()
		play(&peer{t, ws})
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// peer is the server's end of a scripted connection.
type peer struct {
	t  *testing.T
	ws *websocket.Conn
}

func (p *peer) send(format string, args ...any) {
	if err := p.ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...)); err != nil {
		p.t.Error(err)
	}
}

// expect reads a request and answers it.
func (p *peer) expect(method, params, result string) {
	var r struct {
		ID     int64           `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
	}
	if err := p.ws.ReadJSON(&r); err != nil || r.Method != method || params != "" && string(r.Params) != params {
		p.t.Errorf("got %s %s (%v), want %s %s", r.Method, r.Params, err, method, params)
		return
	}
	if result != "" {
		p.send(`{"id":%d,%s}`, r.ID, result)
	}
}

func (p *peer) connect() {
	p.expect("connect", `{"token":"secret","version":1}`, `"result":{"version":1}`)
}

// stay reads until the client goes.
func (p *peer) stay() {
	for {
		if _, _, err := p.ws.ReadMessage(); err != nil {
			return
		}
	}
}

func (p *peer) close(code int, reason string) {
	_ = p.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second))
	p.stay()
}

func options(url string) Options {
	return Options{URL: url, Token: func(context.Context) (string, error) { return "secret", nil }, Wait: time.Millisecond, MaxWait: 5 * time.Millisecond}
}

// run runs a client until it ends by itself or the test does.
func run(t *testing.T, c *Client) (wait func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	var running sync.WaitGroup
	running.Go(func() { err = c.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return func() error { running.Wait(); return err }
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("waited for %s", what)
		}
	}
}

func TestAPositionIsCarriedOver(t *testing.T) {
	url := script(t,
		func(p *peer) {
			p.connect()
			p.expect("subscribe", `{"feed":"duels"}`, `"result":{"feed":"duels","epoch":"e1","offset":4,"resumed":false}`)
			p.send(`{"feed":"duels","epoch":"e1","offset":5,"type":"event","event":"x","data":5}`)
			p.send(`{"feed":"duels","epoch":"e1","offset":6,"type":"event","event":"x","data":6}`)
			p.send(`{"feed":"duels","epoch":"e1","offset":6,"type":"event","event":"x","data":6}`) // a server that repeats itself
		},
		func(p *peer) {
			p.connect()
			p.expect("subscribe", `{"feed":"duels","epoch":"e1","offset":6}`, `"result":{"feed":"duels","epoch":"e1","offset":6,"resumed":true}`)
			p.send(`{"feed":"duels","epoch":"e1","offset":8,"type":"event","event":"x","data":8}`) // and skips
			p.close(4008, `{"code":"slow_client"}`)
		},
		func(p *peer) {
			p.connect()
			p.expect("subscribe", `{"feed":"duels","epoch":"e1","offset":8}`, `"result":{"feed":"duels","epoch":"e2","offset":2,"resumed":false}`)
			p.send(`{"feed":"duels","epoch":"e2","offset":2,"type":"reload","data":{"reason":"new_epoch"}}`)
			p.send(`{"feed":"duels","epoch":"e2","offset":3,"type":"event","event":"x","data":3}`)
			p.stay()
		})
	var mu sync.Mutex
	var got []string
	c := New(options(url))
	c.Subscribe(Subscription{Feed: "duels", OnPush: func(p Push) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprint(p.Epoch, p.Offset, p.Type))
	}})
	run(t, c)
	waitFor(t, "the last event", func() bool { at, _ := c.Position("duels", ""); return at == Position{"e2", 3} })
	mu.Lock()
	defer mu.Unlock()
	if want := "[e15event e16event e18event e22reload e23event]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	n := c.Counters()
	if n.Gaps != 1 || n.Doubled != 1 || n.Reloads != 1 || n.Resumes != 2 || n.Connects != 3 || n.Frames != 6 || n.Closes < 2 {
		t.Errorf("counted %+v", n)
	}
}

func TestStateFeedsAreJudged(t *testing.T) {
	url := script(t, func(p *peer) {
		p.connect()
		p.expect("subscribe", `{"feed":"board:teams:it"}`, `"result":{"feed":"board:teams:it","window":"season","resumed":false}`)
		push := func(epoch string, offset int, rest string) {
			p.send(`{"feed":"board:teams:it","window":"season","epoch":%q,"offset":%d,%s}`, epoch, offset, rest)
		}
		push("e1", 3, `"type":"snapshot","data":{"rows":[{"rank":1,"id":"a","name":"A","sum":2,"fair":null}]}`)
		push("e1", 4, `"type":"delta","data":{"rows":[{"rank":1,"id":"b","name":"B","sum":3,"fair":null}],"removed":["a"],"total":1}`)
		push("e1", 9, `"type":"snapshot","missed":true,"data":{"rows":[]}`)
		push("e2", 1, `"type":"snapshot","missed":true,"data":{"rows":[]}`)
		push("e2", 3, `"type":"delta","data":{}`)
		push("e3", 3, `"type":"snapshot","data":{}`)
		p.expect("unsubscribe", `{"feed":"board:teams:it"}`, `"result":{}`)
		push("e3", 4, `"type":"delta","data":{}`)
		p.stay()
	})
	var board Board
	seen := make(chan Push, 10)
	c := New(options(url))
	c.Subscribe(Subscription{Feed: "board:teams:it", OnPush: func(p Push) {
		if err := board.Apply(p); err != nil {
			t.Error(err)
		}
		if p.Offset == 4 && (len(board.Rows) != 1 || board.Rows[0].ID != "b") {
			t.Errorf("the board is %+v", board)
		}
		seen <- p
	}})
	run(t, c)
	for range 6 {
		<-seen
	}
	c.Unsubscribe("board:teams:it", "")
	waitFor(t, "the push that comes too late", func() bool { return c.Counters().Frames == 7 })
	if n := c.Counters(); n.Gaps != 2 || n.Missed != 2 || n.Doubled != 0 || len(seen) != 0 {
		t.Errorf("counted %+v", n)
	}
	if _, ok := c.Position("board:teams:it", "season"); ok {
		t.Error("the feed still has a position")
	}
}

func TestTerminalEnds(t *testing.T) {
	for code, reason := range map[int]string{4500: "bad_token", 4503: "replaced", 1009: "frame_too_large"} {
		url := script(t, func(p *peer) {
			p.expect("connect", "", `"error":{"code":"x","message":"y"}`)
			p.close(code, `{"code":"`+reason+`"}`)
		})
		closed, ok := errors.AsType[*CloseError](run(t, New(options(url)))())
		if !ok || closed.Code != code || closed.Reason != reason {
			t.Errorf("%d %s ended with %v", code, reason, closed)
		}
	}
	refusing := httptest.NewServer(http.NotFoundHandler())
	defer refusing.Close()
	err := run(t, New(options("ws"+strings.TrimPrefix(refusing.URL, "http"))))()
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Status != http.StatusNotFound {
		t.Errorf("a refusal ended with %v", err)
	}
}

func TestARefusedFeedIsTold(t *testing.T) {
	url := script(t, func(p *peer) {
		p.connect()
		p.expect("subscribe", "", `"error":{"code":"forbidden","message":"No."}`)
		p.expect("subscribe", `{"feed":"hq:it"}`, `"result":{"feed":"hq:it","epoch":"e","offset":0,"resumed":false}`)
		p.send(`{"feed":"hq:it","type":"unsubscribed","data":{"code":"forbidden","message":"No more."}}`)
		p.stay()
	})
	told := make(chan *ReplyError, 2)
	c := New(options(url))
	c.Subscribe(Subscription{Feed: "tasks:it", OnError: func(e *ReplyError) { told <- e }})
	run(t, c)
	if e := <-told; e.Code != "forbidden" || e.Message != "No." {
		t.Errorf("told %v", e)
	}
	c.Subscribe(Subscription{Feed: "hq:it", OnError: func(e *ReplyError) { told <- e }})
	c.Subscribe(Subscription{Feed: "hq:it"}) // again is nothing
	if e := <-told; e.Message != "No more." {
		t.Errorf("told %v", e)
	}
}

func TestHintsAndWaits(t *testing.T) {
	hint := int64(7)
	c := New(options("ws://x"))
	if wait, err := c.ended(&websocket.CloseError{Code: 4001, Text: `{"code":"draining","reconnect_in_ms":7}`}); wait != time.Duration(hint)*time.Millisecond || errors.As(err, new(*CloseError)) {
		t.Errorf("4001 gave %v, %v", wait, err)
	}
	response := &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"9"}}, Body: http.NoBody}
	if wait, _ := refusal(response, errors.New("refused")); wait != 9*time.Second {
		t.Errorf("503 gave %v", wait)
	}
	c = New(Options{URL: "ws://x"})
	for failures, most := range map[int]time.Duration{0: time.Second, 3: 8 * time.Second, 6: time.Minute, 400: time.Minute} {
		var longest time.Duration
		for range 2000 {
			wait := c.backOff(failures)
			if wait < 0 || wait > most {
				t.Fatalf("after %d failures: %v", failures, wait)
			}
			longest = max(longest, wait)
		}
		if longest < most*3/4 {
			t.Errorf("after %d failures at most %v, want up to %v", failures, longest, most)
		}
	}
}

func TestSilenceIsAnEnd(t *testing.T) {
	url := script(t, func(p *peer) { p.connect(); p.stay() })
	opts := options(url)
	opts.Silence = 50 * time.Millisecond
	codes := make(chan int, 100)
	opts.OnClose = func(code int) {
		select {
		case codes <- code:
		default:
		}
	}
	run(t, New(opts))
	if code := <-codes; code != websocket.CloseAbnormalClosure {
		t.Errorf("silence ended with %d", code)
	}
}
