//go:build fault

package faults

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the server promises of connections, and how much later this machine may
// find out.
const (
	readWithin  = 10 * time.Second
	writeWithin = 15 * time.Second
	late        = 15 * time.Second
)

// crowd is connections to the server by clients that behave badly.
type crowd struct {
	w     *world
	conns []net.Conn
}

func (w *world) crowd(n int, each func(net.Conn)) *crowd {
	w.t.Helper()
	c := &crowd{w: w}
	for range n {
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(*w.base.Load(), "http://"), patience)
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { conn.Close() })
		if each != nil {
			each(conn)
		}
		c.conns = append(c.conns, conn)
	}
	return c
}

func (c *crowd) leave() {
	for _, conn := range c.conns {
		conn.Close()
	}
}

// unharmed holds the load to have gone on: nothing refused, nothing unanswered.
func (w *world) unharmed(during func()) {
	w.t.Helper()
	unknown, refused := w.load.unknown.Load(), w.load.refused.Load()
	during()
	w.more("answers to everybody else", &w.load.fresh, 50)
	if u, r := w.load.unknown.Load()-unknown, w.load.refused.Load()-refused; u+r > 0 {
		w.t.Errorf("%d batches of others were not answered, %d refused", u, r)
	}
}

// TestHalfOpen: clients that ask for much and read nothing, and never close. The
// server lets go of them once a write has waited too long.
func TestHalfOpen(t *testing.T) {
	w, _, _ := onRedis(t, "200 clients ask and never read")
	w.begin()
	before := descriptors(t, w.server.cmd.Process.Pid)
	w.unharmed(func() {
		requests := []byte(strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 200))
		began := time.Now()
		w.crowd(200, func(conn net.Conn) {
			_ = conn.(*net.TCPConn).SetReadBuffer(4096)
			_, _ = conn.Write(requests)
		})
		await(t, "most of them to be held up", func() bool { return descriptors(t, w.server.cmd.Process.Pid) > before+150 })
		await(t, "the server to let go of them", func() bool { return descriptors(t, w.server.cmd.Process.Pid) < before+20 })
		if took := time.Since(began); took > 2*writeWithin+late {
			t.Errorf("they were held for %v", took)
		}
	})
	w.end("cut within 45 s (a write may wait 15 s); nobody else notices")
}

// TestSlowloris: clients that send a byte a second, of the head or of the body.
func TestSlowloris(t *testing.T) {
	w, _, _ := onRedis(t, "slowloris: 150 clients drip their head, 150 their body, a byte a second")
	w.begin()
	w.unharmed(func() {
		heads := w.crowd(150, func(conn net.Conn) { _, _ = conn.Write([]byte("POST " + w.v1() + "/actions HTTP/1.1\r\nX: ")) })
		bodies := w.crowd(150, func(conn net.Conn) {
			fmt.Fprintf(conn, "POST %s/actions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: 10000\r\n\r\n{", w.v1(), w.load.people[0].token)
		})
		for what, c := range map[string]*crowd{"head": heads, "body": bodies} {
			c.drip(what)
		}
	})
	w.end("cut within 25 s (a read may take 10 s); nobody else notices")
}

// drip sends a byte a second to each until the server cuts it.
func (c *crowd) drip(what string) {
	c.w.t.Helper()
	var all sync.WaitGroup
	began := time.Now()
	for _, conn := range c.conns {
		all.Go(func() {
			// The reader ends when the server closes, be it after an answer.
			cut := make(chan struct{})
			all.Go(func() {
				defer close(cut)
				for buffer := make([]byte, 4096); ; {
					if _, err := conn.Read(buffer); err != nil {
						return
					}
				}
			})
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for {
				select {
				case <-cut:
					return
				case <-tick.C:
					if time.Since(began) > readWithin+late {
						c.w.t.Errorf("a %s that drips was let go on for %v", what, time.Since(began))
						conn.Close()
						<-cut
						return
					}
					_, _ = conn.Write([]byte("x"))
				}
			}
		})
	}
	all.Wait()
}

// TestNoDescriptors: a server with 256 descriptors meets 400 connections that
// stay. Who is connected already is served on; who comes waits or is cut; and
// when they leave all is as before.
func TestNoDescriptors(t *testing.T) {
	w, _, _ := onRedis(t, "no descriptors left: 256 allowed, 400 connections stay")
	w.prefix = []string{"prlimit", "--nofile=256:256"}
	w.begin()
	w.row.Rounds = 2
	for range w.row.Rounds {
		c := w.crowd(400, nil)
		await(t, "a server without descriptors", func() bool { return w.server.died() || w.server.said("no connection can be accepted") })
		lasting(2 * time.Second)
		if w.server.died() {
			t.Fatalf("the server ended:\n%s", w.server.tail())
		}
		w.more("answers to who is connected", &w.load.ok, 20)
		c.leave()
		await(t, "new connections", func() bool { return status(*w.base.Load(), "/healthz") == 200 })
		w.heals()
	}
	w.end("who is connected is served on; new ones are served when others leave; the process stays")
}
