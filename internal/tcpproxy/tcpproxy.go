// Package tcpproxy gives tests a network that fails: a proxy between a client and
// any server over TCP, Redis or MongoDB alike, that leads elsewhere, is slow, loses
// answers, refuses, or falls silent.
package tcpproxy

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy stands between clients and a server. It is safe for concurrent use.
type Proxy struct {
	Addr string // host and port that clients open

	t        testing.TB
	listener net.Listener  // nil while Down
	accepted chan struct{} // closed when the listener's loop has ended
	mu       sync.Mutex
	target   string
	delay    time.Duration
	losses   float64
	silent   bool
	random   *rand.Rand
	lost     int
	conns    map[net.Conn]bool
	closing  bool
	dialer   net.Dialer
	ctx      context.Context // ends with the test
	running  sync.WaitGroup
}

// New starts a proxy to a server's host and port; it ends with the test.
func New(t testing.TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{Addr: "127.0.0.1:0", t: t, target: target, random: rand.New(rand.NewPCG(1, 2)), conns: map[net.Conn]bool{}, ctx: t.Context()}
	p.Up()
	p.Addr = p.listener.Addr().String()
	t.Cleanup(func() {
		p.mu.Lock()
		p.closing = true
		p.mu.Unlock()
		p.Down()
		p.running.Wait()
	})
	return p
}

// Up takes connections again after Down, on the same port. Only the test's own
// goroutine may call Up and Down.
func (p *Proxy) Up() {
	p.t.Helper()
	listener, err := new(net.ListenConfig).Listen(p.ctx, "tcp", p.Addr)
	if err != nil {
		p.t.Fatal(err)
	}
	accepted := make(chan struct{})
	p.listener, p.accepted = listener, accepted
	p.running.Go(func() {
		defer close(accepted)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			if p.hold(client) {
				p.running.Go(func() { p.serve(client) })
			}
		}
	})
}

// Down is what a killed server looks like: every connection breaks, and new ones
// are refused.
func (p *Proxy) Down() {
	if p.listener != nil {
		p.listener.Close()
		<-p.accepted // or a connection that was just taken would stand
		p.listener = nil
	}
	p.Cut()
}

// Silence is what a broken network looks like: connections stand, new ones are
// taken, and nothing comes back. Ending it cuts them all; what was answered
// meanwhile never arrives.
func (p *Proxy) Silence(on bool) {
	p.mu.Lock()
	p.silent = on
	p.mu.Unlock()
	if !on {
		p.Cut()
	}
}

// Lead sends new connections to another server's host and port and cuts those
// there are.
func (p *Proxy) Lead(to string) {
	p.mu.Lock()
	p.target = to
	p.mu.Unlock()
	p.Cut()
}

// Delay makes every answer take longer.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Lose makes a share of the answers, from 0 to 1, vanish: the server has carried
// out what was asked, and the connection breaks instead.
func (p *Proxy) Lose(share float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.losses = share
}

// Lost counts the answers that have vanished.
func (p *Proxy) Lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// Cut breaks every connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// hold remembers a connection; false when the proxy ends.
func (p *Proxy) hold(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		_ = conn.Close()
		return false
	}
	p.conns[conn] = true
	return true
}

func (p *Proxy) release(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	_ = conn.Close()
}

func (p *Proxy) serve(client net.Conn) {
	defer p.release(client)
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := p.dialer.DialContext(p.ctx, "tcp", target)
	if err != nil || !p.hold(server) {
		return
	}
	defer p.release(server)
	var asking sync.WaitGroup
	asking.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	p.answer(client, server)
	_ = client.Close()
	asking.Wait()
}

// answer carries what the server says.
func (p *Proxy) answer(client, server net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		delay, silent, lose := p.delay, p.silent, p.random.Float64() < p.losses
		if lose {
			p.lost++
		}
		p.mu.Unlock()
		switch {
		case silent:
			continue
		case lose:
			return
		}
		if delay > 0 {
			time.Sleep(delay) // the fault itself
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
