package realtime

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"
)

// gorillaBuffers serve the little that gorilla writes itself: refusals of broken
// framing. Everything else is written by a connection's writer.
var gorillaBuffers sync.Pool

// readBuffer is small: requests are, and every idle connection holds one.
const readBuffer = 512

// hijacked lets gorilla upgrade a connection that fasthttp has given up.
type hijacked struct {
	conn   net.Conn
	header http.Header
}

// Header implements http.ResponseWriter.
func (w *hijacked) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *hijacked) WriteHeader(int) {}

// Write implements http.ResponseWriter: a refusal here finds nobody to read it.
func (w *hijacked) Write(p []byte) (int, error) { return len(p), nil }

// Hijack implements http.Hijacker.
func (w *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	// Empty and tiny: what the client sent early stays in fasthttp's own
	// reader, from which conn reads.
	return w.conn, bufio.NewReadWriter(bufio.NewReaderSize(w.conn, 16), bufio.NewWriterSize(w.conn, 16)), nil
}

// serve is the life of a connection, on the goroutine that fasthttp gives to a
// hijacked one. When it returns the socket is closed and fasthttp's wrapper
// around it is used again, so nothing of ours may touch it afterwards.
func (h *Hub) serve(hijackedConn net.Conn, request *http.Request, campaign string) {
	defer h.survive("serving a live connection")
	upgrader := websocket.Upgrader{
		ReadBufferSize: readBuffer, WriteBufferSize: readBuffer, WriteBufferPool: &gorillaBuffers,
		HandshakeTimeout: h.limits.write,
		CheckOrigin:      func(*http.Request) bool { return true }, // checked before the hijack
	}
	ws, err := upgrader.Upgrade(&hijacked{hijackedConn, http.Header{}}, request, nil)
	if err != nil {
		return
	}
	c := h.newConn(hijackedConn, campaign)
	if !h.conns.enter(c) {
		_, _ = c.raw.Write(CloseDraining.frame(h.reconnectIn()))
		return
	}
	h.counters.accepted.Add(1)
	h.counters.connections.Add(1)
	defer func() {
		c.retire()
		h.conns.leave(c, c.subject())
		h.counters.connections.Add(-1)
	}()
	defer func() { // before retire, so that the writer is waited for
		if p := recover(); p != nil {
			h.log.Error("panic", "doing", "serving a live connection", "panic", p, "stack", string(debug.Stack()))
			c.close(CloseUnavailable, -1)
		}
	}()
	c.read(ws)
}

func (h *Hub) newConn(hijackedConn net.Conn, campaign string) *conn {
	c := &conn{hub: h, campaign: campaign, raw: hijackedConn}
	// The wrapper is for reading alone: it may be used again for another
	// connection, and a late write must never end there.
	if wrapper, ok := hijackedConn.(interface{ UnsafeConn() net.Conn }); ok {
		c.raw = wrapper.UnsafeConn()
	}
	c.ctx, c.cancel = context.WithCancel(h.ctx)
	return c
}

// subject is whose connection it is, nil before connect.
func (c *conn) subject() *subjectKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		return nil
	}
	return &subjectKey{c.campaign, c.session.Subject}
}

// read handles requests until the connection ends.
func (c *conn) read(ws *websocket.Conn) {
	l := &c.hub.limits
	// A client that asks faster than this is read slower: nothing is lost, and
	// the network holds it back.
	pace := rate.NewLimiter(rate.Limit(l.requestRate), l.requestBurst)
	ws.SetPingHandler(func(data string) error {
		c.heard()
		c.send(wireFrame(opPong, []byte(data)))
		return pace.Wait(c.ctx)
	})
	ws.SetPongHandler(func(string) error { c.heard(); return nil })
	ws.SetCloseHandler(func(int, string) error { return nil }) // answered by ended
	_ = c.raw.SetReadDeadline(mono().Add(l.connectWait))
	for {
		kind, reader, err := ws.NextReader()
		if err != nil {
			c.ended(err)
			return
		}
		frame, err := io.ReadAll(io.LimitReader(reader, int64(l.requestBytes)+1))
		switch {
		case err != nil:
			c.ended(err)
			return
		case c.isClosing():
			continue // until the peer's close frame, or the linger's end
		case len(frame) > l.requestBytes:
			c.close(CloseTooLarge, -1)
			continue
		case kind != websocket.TextMessage:
			c.close(CloseProtocol, -1)
			continue
		}
		c.hub.counters.framesIn.Add(1)
		if pace.Wait(c.ctx) != nil {
			return
		}
		c.handle(frame)
		c.heard()
	}
}

// ended closes the connection in the way its reader's end asks for.
func (c *conn) ended(err error) {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
		c.close(CloseNormal, -1)
	case isTimeout(err) && c.subject() == nil:
		c.close(CloseNoConnect, -1)
	case isTimeout(err):
		c.close(CloseIdle, -1)
	}
}

// connected makes the connection a session's, who was authenticated when so
// many rechecks had been asked for.
func (c *conn) connected(session Session, token string, rechecks uint64) {
	key := subjectKey{c.campaign, session.Subject}
	c.mu.Lock()
	c.session, c.token = &session, token
	c.subs = map[feedKey]*sub{}
	c.nextPing = mono().Add(rand.N(c.hub.limits.ping)) //nolint:gosec // jitter
	c.mu.Unlock()
	for _, over := range c.hub.conns.bind(c, key, c.hub.limits.perSubject) {
		over.close(CloseReplaced, -1)
	}
	if c.hub.rechecks.count() != rechecks {
		c.hub.rechecks.push(key)
	}
}
