package realtime

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

var handshake = "GET /v1/campaigns/" + testCampaign + "/live HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// maskedText is a client's text frame with a mask of zeros.
func maskedText(payload string) []byte {
	frame := wireFrame(opText, []byte(payload))
	head := len(frame) - len(payload)
	masked := append([]byte{}, frame[:head]...)
	masked[1] |= 0x80
	return append(append(masked, 0, 0, 0, 0), payload...)
}

func TestRefusalsBeforeTheUpgrade(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	base := http.Header{
		"Connection": {"keep-alive, Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	live := "/v1/campaigns/" + testCampaign + "/live"
	for name, try := range map[string]struct {
		path   string
		change func(http.Header)
		status int
		body   string
	}{
		"no websocket":   {live, func(h http.Header) { h.Del("Upgrade") }, 426, ""},
		"old version":    {live, func(h http.Header) { h.Set("Sec-WebSocket-Version", "8") }, 422, "bad_handshake"},
		"short key":      {live, func(h http.Header) { h.Set("Sec-WebSocket-Key", "YQ==") }, 422, "bad_handshake"},
		"bad campaign":   {"/v1/campaigns/_system/live", nil, 404, "campaign_unknown"},
		"foreign origin": {live, func(h http.Header) { h.Set("Origin", "https://evil.example") }, 403, "origin_forbidden"},
		"null origin":    {live, func(h http.Header) { h.Set("Origin", "null") }, 403, "origin_forbidden"},
		"look-alike":     {live, func(h http.Header) { h.Set("Origin", "https://app.example.org.evil.example") }, 403, "origin_forbidden"},
		"other scheme":   {live, func(h http.Header) { h.Set("Origin", "http://app.example.org") }, 403, "origin_forbidden"},
	} {
		header := base.Clone()
		if try.change != nil {
			try.change(header)
		}
		response := httpGet(t, "http://"+s.addr+try.path, header)
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != try.status || try.body != "" && string(body) != try.body {
			t.Errorf("%s: %d %s, want %d %s", name, response.StatusCode, body, try.status, try.body)
		}
	}
	for _, origin := range []string{"https://app.example.org", "https://APP.example.org", "http://" + s.addr, "https://" + s.addr} {
		ws, _, err := websocket.DefaultDialer.Dial(s.url(), http.Header{"Origin": {origin}})
		if err != nil {
			t.Errorf("origin %s: %v", origin, err)
			continue
		}
		_ = ws.Close()
	}
	if n := s.hub.Counters().Refused; n != 8 {
		t.Errorf("%d refusals were counted", n)
	}
}

func TestANodeThatIsFullSaysSo(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb, func(h *Hub) { h.opts.MaxConnections = 2 })
	s.connect("a")
	s.connect("b")
	_, response, err := websocket.DefaultDialer.Dial(s.url(), nil)
	if err == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Fatalf("a third connection: %v, %+v", err, response)
	}
}

// TestReadDeadlinesAreKept: the deadline that is set right after the upgrade
// holds on every connection. An adaptor that clears it later loses nearly all.
func TestReadDeadlinesAreKept(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb, func(h *Hub) { h.limits.connectWait = 2 * time.Second; h.limits.idle = time.Second })
	const connections = 200
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() {
			ws, _, err := websocket.DefaultDialer.Dial(s.url(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer ws.Close()
			want := CloseNoConnect
			if i%2 == 1 { // half say who they are and are silent afterwards
				want = CloseIdle
				ws.SetPingHandler(func(string) error { return nil })
				if err := ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"id":1,"method":"connect","params":{"token":"p%d","version":1}}`, i)); err != nil {
					t.Error(err)
				}
			}
			_ = ws.SetReadDeadline(time.Now().Add(15 * time.Second))
			for {
				if _, _, err = ws.ReadMessage(); err != nil {
					break
				}
			}
			if !websocket.IsCloseError(err, int(want)) {
				t.Errorf("connection %d ended with %v, want %d", i, err, want)
			}
		})
	}
	all.Wait()
	waitFor(t, "the connections to be gone", func() bool { return s.hub.Counters().Connections == 0 })
}

// TestPingsDoNotReplaceConnect: who does not say who they are is gone in time,
// however lively the socket is.
func TestPingsDoNotReplaceConnect(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb, func(h *Hub) { h.limits.connectWait = 200 * time.Millisecond })
	p := dial(t, s.url())
	stop := make(chan struct{})
	var pinging sync.WaitGroup
	pinging.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				_ = p.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
			}
		}
	})
	p.expectClose(CloseNoConnect)
	close(stop)
	pinging.Wait()
}

// TestUpgradeOnAUsedConnection: a keep-alive connection that has served requests
// is upgraded, and the frames that follow are read.
func TestUpgradeOnAUsedConnection(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for range 3 {
		fmt.Fprintf(conn, "GET /hello HTTP/1.1\r\nHost: %s\r\n\r\n", s.addr)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(response.Body); string(body) != "hello" {
			t.Fatalf("got %q", body)
		}
	}
	fmt.Fprintf(conn, handshake, s.addr)
	expectConnected(t, conn, reader, true)
}

// TestAPipelinedFirstFrame: the request that arrives in the same packet as the
// handshake is not lost.
func TestAPipelinedFirstFrame(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	packet := fmt.Appendf(nil, handshake, s.addr)
	packet = append(packet, maskedText(`{"id":1,"method":"connect","params":{"token":"ann","version":1}}`)...)
	packet = append(packet, maskedText(`{"id":2,"method":"ping"}`)...)
	if _, err := conn.Write(packet); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	expectConnected(t, conn, reader, false)
	if got := readText(t, reader); got != `{"id":2,"result":{}}` {
		t.Fatalf("the second frame was answered with %s", got)
	}
}

func expectConnected(t *testing.T, conn net.Conn, reader *bufio.Reader, ask bool) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %v, %+v", err, response)
	}
	if ask {
		if _, err := conn.Write(maskedText(`{"id":1,"method":"connect","params":{"token":"ann","version":1}}`)); err != nil {
			t.Fatal(err)
		}
	}
	if got := readText(t, reader); !strings.HasPrefix(got, `{"id":1,"result":{"version":1`) {
		t.Fatalf("connect was answered with %s", got)
	}
}

func readText(t *testing.T, reader *bufio.Reader) string {
	t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(reader, head); err != nil {
		t.Fatal(err)
	}
	size := int(head[1])
	if size == 126 {
		more := make([]byte, 2)
		if _, err := io.ReadFull(reader, more); err != nil {
			t.Fatal(err)
		}
		size = int(more[0])<<8 | int(more[1])
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(reader, payload); err != nil {
		t.Fatal(err)
	}
	return string(payload)
}

// TestShutdownClosesSockets: neither the app's shutdown nor the hub's end hangs
// on live connections, and each is told to come back.
func TestShutdownClosesSockets(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	phones := make([]*phone, 20)
	for i := range phones {
		phones[i] = s.connect(fmt.Sprint("p", i))
		phones[i].subscribe("tasks:it.liguria")
	}
	dial(t, s.url()) // one that never says who it is
	began := time.Now()
	s.stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	for _, p := range phones {
		p.expectClose(CloseDraining)
	}
	if n := s.hub.Counters(); n.Connections != 0 || n.Subscriptions != 0 {
		t.Errorf("left: %+v", n)
	}
}

// TestAPanicEndsOneConnection: what panics on the goroutine of a hijacked
// connection would end the process if it were not caught.
func TestAPanicEndsOneConnection(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	other := s.connect("bob")
	s.auth.AuthenticateFn = func(context.Context, string, string) (Session, error) { panic("boom") }
	p := dial(t, s.url())
	p.send(`{"id":1,"method":"connect","params":{"token":"x","version":1}}`)
	p.expectClose(CloseUnavailable)
	s.may.MayFn = func(Session, Feed) error { panic("boom") }
	second := s.connectAs(t, "ann")
	second.send(`{"id":2,"method":"subscribe","params":{"feed":"duels"}}`)
	second.expectClose(CloseUnavailable)
	if reply := other.ask("ping", "{}"); reply.Error != nil {
		t.Fatalf("the other connection: %v", reply.Error)
	}
	waitFor(t, "the panicked connections to be gone", func() bool { return s.hub.Counters().Connections == 1 })
}

// connectAs connects with the fake's own answer again.
func (s *server) connectAs(t *testing.T, token string) *phone {
	t.Helper()
	s.auth.AuthenticateFn = nil
	return s.connect(token)
}
