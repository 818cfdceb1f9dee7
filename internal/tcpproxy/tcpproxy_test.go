package tcpproxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/tcpproxy"
)

// echo is a server that answers each line with its name and that line.
func echo(t *testing.T, name string) (addr string, heard *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	heard = &atomic.Int64{}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for in := bufio.NewReader(conn); ; {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					heard.Add(1)
					fmt.Fprint(conn, name, " ", line)
				}
			}()
		}
	}()
	return listener.Addr().String(), heard
}

// ask sends a line on a connection and gives the answer.
func ask(t *testing.T, conn net.Conn, within time.Duration) (string, error) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(conn, "hello"); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

const soon = 10 * time.Second

func TestProxy(t *testing.T) {
	one, heard := echo(t, "one")
	two, _ := echo(t, "two")
	p := tcpproxy.New(t, one)
	wants := func(conn net.Conn, answer string) {
		t.Helper()
		if got, err := ask(t, conn, soon); got != answer+" hello\n" {
			t.Fatalf("%q, %v; want %s", got, err, answer)
		}
	}
	breaks := func(conn net.Conn) {
		t.Helper()
		got, err := ask(t, conn, soon)
		if timeout, ok := errors.AsType[net.Error](err); err == nil || ok && timeout.Timeout() {
			t.Fatalf("%q, %v; want a broken connection", got, err)
		}
	}
	conn := dial(t, p.Addr)
	wants(conn, "one")

	p.Lead(two)
	breaks(conn)
	conn = dial(t, p.Addr)
	wants(conn, "two")
	p.Lead(one)

	conn = dial(t, p.Addr)
	p.Delay(50 * time.Millisecond)
	began := time.Now()
	wants(conn, "one")
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
	p.Delay(0)

	p.Lose(1)
	before := heard.Load()
	breaks(conn)
	if heard.Load() != before+1 || p.Lost() != 1 {
		t.Errorf("the server heard %d lines and %d answers were lost", heard.Load()-before, p.Lost())
	}
	p.Lose(0)

	conn = dial(t, p.Addr)
	p.Down()
	breaks(conn)
	if conn, err := net.Dial("tcp", p.Addr); err == nil {
		conn.Close()
		t.Error("connected while down")
	}
	p.Up()
	conn = dial(t, p.Addr)
	wants(conn, "one")

	p.Silence(true)
	before = heard.Load()
	got, err := ask(t, conn, 100*time.Millisecond)
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() || got != "" {
		t.Errorf("silent: %q, %v", got, err)
	}
	if heard.Load() != before+1 {
		t.Error("the server was not asked while its answers are kept")
	}
	p.Silence(false)
	breaks(conn)
	wants(dial(t, p.Addr), "one")
}
