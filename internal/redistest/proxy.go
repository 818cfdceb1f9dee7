//go:build servers || fault

package redistest

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy stands between clients and a server: it can lead them to another one,
// be slow, and lose answers.
type Proxy struct {
	Addr string

	mu      sync.Mutex
	target  string
	delay   time.Duration
	losses  float64
	random  *rand.Rand
	lost    int
	conns   map[net.Conn]bool
	closing bool
	dialer  net.Dialer
	ctx     context.Context // ends with the test
	running sync.WaitGroup
}

// NewProxy starts a proxy to a server; it ends with the test.
func NewProxy(t testing.TB, target *Server) *Proxy {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: listener.Addr().String(), target: target.Addr, random: rand.New(rand.NewPCG(1, 2)), conns: map[net.Conn]bool{}, ctx: t.Context()}
	p.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		p.mu.Lock()
		p.closing = true
		p.mu.Unlock()
		p.Cut()
		p.running.Wait()
	})
	return p
}

// URL is the address that clients open.
func (p *Proxy) URL() string { return "redis://" + p.Addr + "/0" }

// Lead sends new connections to another server and cuts those there are.
func (p *Proxy) Lead(to *Server) {
	p.mu.Lock()
	p.target = to.Addr
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
	if !p.hold(client) {
		return
	}
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
		delay, lose := p.delay, p.random.Float64() < p.losses
		if lose {
			p.lost++
		}
		p.mu.Unlock()
		if lose {
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
