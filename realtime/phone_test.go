package realtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// phone is a client that speaks frame by frame.
type phone struct {
	t  *testing.T
	ws *websocket.Conn
	id int
}

// answer is a decoded frame of the server.
type answer struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *replyError     `json:"error"`
	Feed   string          `json:"feed"`
	Window string          `json:"window"`
	Epoch  string          `json:"epoch"`
	Offset uint64          `json:"offset"`
	Type   string          `json:"type"`
	Event  string          `json:"event"`
	Missed bool            `json:"missed"`
	Data   json.RawMessage `json:"data"`
}

func dial(t *testing.T, url string) *phone {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	return &phone{t: t, ws: ws}
}

// connect opens a connection and says who it is.
func (s *server) connect(token string) *phone {
	s.t.Helper()
	p := dial(s.t, s.url())
	if reply := p.ask("connect", fmt.Sprintf(`{"token":%q,"version":1}`, token)); reply.Error != nil {
		s.t.Fatalf("connect: %v", *reply.Error)
	}
	return p
}

func (p *phone) send(frame string) {
	p.t.Helper()
	if err := p.ws.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		p.t.Fatal(err)
	}
}

// ask sends a request and reads the next frame, which must be its reply.
func (p *phone) ask(method, params string) answer {
	p.t.Helper()
	p.id++
	p.send(fmt.Sprintf(`{"id":%d,"method":%q,"params":%s}`, p.id, method, params))
	reply := p.next()
	if reply.ID != p.id {
		p.t.Fatalf("asked %d, got %+v", p.id, reply)
	}
	return reply
}

func (p *phone) subscribe(feed string) subscribeResult {
	p.t.Helper()
	return p.subscribeWith(fmt.Sprintf(`{"feed":%q}`, feed))
}

func (p *phone) resume(feed, epoch string, offset uint64) subscribeResult {
	p.t.Helper()
	return p.subscribeWith(fmt.Sprintf(`{"feed":%q,"epoch":%q,"offset":%d}`, feed, epoch, offset))
}

func (p *phone) subscribeWith(params string) subscribeResult {
	p.t.Helper()
	reply := p.ask("subscribe", params)
	if reply.Error != nil {
		p.t.Fatalf("subscribe %s: %v", params, *reply.Error)
	}
	var result subscribeResult
	if err := json.Unmarshal(reply.Result, &result); err != nil {
		p.t.Fatal(err)
	}
	return result
}

func (p *phone) next() answer {
	p.t.Helper()
	_ = p.ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, raw, err := p.ws.ReadMessage()
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		p.t.Fatalf("%s: %v", raw, err)
	}
	return a
}

// closed reads until the connection ends and gives the code and reason.
func (p *phone) closed() (int, string) {
	p.t.Helper()
	_ = p.ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		if _, _, err := p.ws.ReadMessage(); err != nil {
			closed, ok := errors.AsType[*websocket.CloseError](err)
			if !ok {
				p.t.Fatalf("the connection ended without a close frame: %v", err)
			}
			return closed.Code, closed.Text
		}
	}
}

func (p *phone) expectClose(code CloseCode) {
	p.t.Helper()
	got, reason := p.closed()
	if got != int(code) || !strings.Contains(reason, code.String()) {
		p.t.Fatalf("closed with %d %s, want %d %s", got, reason, code, code)
	}
}
