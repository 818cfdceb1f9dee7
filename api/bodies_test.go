package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

// bodyServer answers with the length of what it was sent, behind a bodies of
// the given memory.
func bodyServer(t *testing.T, memory int64, readTimeout time.Duration) (b *bodies, address string) {
	t.Helper()
	b = newBodies(memory)
	app := fiber.New(fiber.Config{StreamRequestBody: true, DisablePreParseMultipartForm: true, BodyLimit: readLimit, ReadTimeout: readTimeout, IdleTimeout: 5 * time.Second, ErrorHandler: fiberProblem, DisableStartupMessage: true})
	app.Use(b.take)
	app.Post("/", func(c *fiber.Ctx) error {
		n := int64(0)
		if stream := c.Request().BodyStream(); stream != nil {
			n, _ = io.Copy(io.Discard, stream)
		}
		return c.SendString(fmt.Sprint(n))
	})
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()
	t.Cleanup(func() {
		if err := app.ShutdownWithTimeout(10 * time.Second); err != nil {
			t.Error(err)
		}
		<-served
	})
	return b, listener.Addr().String()
}

// caller is one connection, used for one request after the other.
type caller struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, address string) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &caller{t, conn, bufio.NewReader(conn)}
}

func (c *caller) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads one answer: its status and its body.
func (c *caller) answer() (status int, body string) {
	c.t.Helper()
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") == "" {
		c.t.Errorf("a refusal for now without Retry-After: %s", raw)
	}
	return response.StatusCode, string(raw)
}

func sized(n int) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", n, strings.Repeat("b", n))
}

func chunked(n int) string {
	var s strings.Builder
	s.WriteString("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	for n > 0 {
		part := min(n, 100_000)
		fmt.Fprintf(&s, "%x\r\n%s\r\n", part, strings.Repeat("c", part))
		n -= part
	}
	s.WriteString("0\r\n\r\n")
	return s.String()
}

// TestBodiesArriveWholeOrAreRefused, all on one connection: after each answer
// the next request is understood, so nothing of a body is left on it.
func TestBodiesArriveWholeOrAreRefused(t *testing.T) {
	b, address := bodyServer(t, 2*bodyLimit, readTimeout)
	c := dial(t, address)
	for _, try := range []struct {
		text, want string
		status     int
	}{
		{sized(0), "0", 200},
		{sized(1), "1", 200},
		{sized(freeBody), "8192", 200},
		{sized(freeBody + 1), "8193", 200},
		{sized(bodyLimit), "262144", 200},
		{sized(bodyLimit + 1), "body_too_large", 413},
		{sized(readLimit), "body_too_large", 413},
		{chunked(1), "1", 200},
		{chunked(bodyLimit), "262144", 200},
		{chunked(bodyLimit + 1), "body_too_large", 413},
		{chunked(1 << 20), "body_too_large", 413},
		{sized(20_000) + sized(30_000), "20000", 200}, // pipelined
		{"", "30000", 200},
		{"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", "", 100},
		{"", "5", 200},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=z\r\nContent-Length: 9\r\n\r\nno form\r\n", "9", 200},
		{"GET /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "route_unknown", 404},
		{sized(2), "2", 200},
	} {
		c.send(try.text)
		if status, body := c.answer(); status != try.status || !strings.Contains(body, try.want) {
			t.Errorf("%.70q: %d %.200s, want %d %s", try.text, status, body, try.status, try.want)
		}
	}
	if !b.memory.TryAcquire(2 * bodyLimit) {
		t.Error("memory of bodies was not given back")
	}
}

// TestBodiesHaveOneMemory: what does not fit beside the bodies of others is
// refused as overloaded, a small one is not, and a sender that leaves gives
// its part back.
func TestBodiesHaveOneMemory(t *testing.T) {
	b, address := bodyServer(t, bodyLimit, readTimeout)
	slow := dial(t, address)
	slow.send(sized(bodyLimit)[:bodyLimit/2])
	until(t, "the slow sender's memory is taken", func() bool {
		if free := b.memory.TryAcquire(bodyLimit); free {
			b.memory.Release(bodyLimit)
			return false
		}
		return true
	})
	other := dial(t, address)
	for range 2 {
		other.send(sized(100_000))
		if status, body := other.answer(); status != 503 || !strings.Contains(body, `"overloaded"`) {
			t.Errorf("a body without room: %d %s", status, body)
		}
		other.send(chunked(100))
		if status, body := other.answer(); status != 503 || !strings.Contains(body, `"overloaded"`) {
			t.Errorf("a chunked body without room: %d %s", status, body)
		}
		other.send(sized(freeBody))
		if status, body := other.answer(); status != 200 {
			t.Errorf("a small body: %d %s", status, body)
		}
	}
	slow.conn.Close()
	until(t, "its memory is back", func() bool { return b.memory.TryAcquire(bodyLimit) })
}

// TestTooMuchEndsTheConnection: what is over readLimit is not read to the end,
// so nothing after it can pass for a request.
func TestTooMuchEndsTheConnection(t *testing.T) {
	_, address := bodyServer(t, bodyLimit, readTimeout)
	for _, text := range []string{sized(readLimit + 100), chunked(readLimit + 100_001)} {
		c := dial(t, address)
		go func() { _, _ = io.Copy(c.conn, bytes.NewBufferString(text)) }() // it may be cut
		if status, body := c.answer(); status != 413 || !strings.Contains(body, "body_too_large") {
			t.Errorf("%.60q: %d %s", text, status, body)
		}
		if rest, err := io.ReadAll(c.in); len(rest) > 0 {
			t.Errorf("%.60q: after the refusal came %q %v", text, rest, err)
		}
	}
}

// TestStalledBodiesEnd: who stops in the middle is told so at the read timeout,
// and holds no memory afterwards.
func TestStalledBodiesEnd(t *testing.T) {
	b, address := bodyServer(t, bodyLimit, 200*time.Millisecond)
	c := dial(t, address)
	c.send(sized(bodyLimit)[:bodyLimit/2])
	if status, body := c.answer(); status != 408 || !strings.Contains(body, "timed_out") {
		t.Errorf("a stalled body: %d %s", status, body)
	}
	_, _ = io.WriteString(c.conn, sized(1)) // must not pass for a request
	if rest, _ := io.ReadAll(c.in); len(rest) > 0 {
		t.Errorf("the connection stays open: %q", rest)
	}
	until(t, "its memory is back", func() bool { return b.memory.TryAcquire(bodyLimit) })
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}
