package redisclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func TestCheck(t *testing.T) {
	for address, good := range map[string]bool{
		"redis://localhost:6379/0":                                        true,
		"rediss://ann:secret@redis.example:6380/2?pool_size=20":           true,
		"redis://10.0.0.1:6379?addr=10.0.0.2:6379&addr=10.0.0.3:6379":     true,
		"redis://10.0.0.1:26379/0?master_name=muster&addr=10.0.0.2:26379": true,
		"localhost:6379":                                 false,
		"http://localhost:6379":                          false,
		"redis://localhost:6379/boards":                  false,
		"redis://localhost:6379?addr=b:1&no_such=option": false,
		"redis://%zz:secret@localhost":                   false,
	} {
		if err := Check(address); (err == nil) != good || (err != nil && !errors.Is(err, ErrBadURL)) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := Check("redis://ann:secret@localhost:6379/boards"); strings.Contains(err.Error(), "secret") {
		t.Errorf("the error tells the password: %v", err)
	}
}

// TestWhatTheAddressSaysIsKept: ours are defaults, but for what the rooms rely on.
func TestWhatTheAddressSaysIsKept(t *testing.T) {
	client, err := newSingle("redis://localhost:6379/0?max_retries=5&pool_size=7&read_timeout=9s")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	o := client.Options()
	// go-redis keeps -1 as 0.
	if o.MaxRetries != 0 || !o.ContextTimeoutEnabled || o.PoolSize != 7 || o.ReadTimeout != 9*time.Second || o.DialTimeout != dialTimeout {
		t.Errorf("%+v", o)
	}
}

func TestServersThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		info string
		want error
	}{
		{"redis_version:7.0.15\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n", nil},
		{"redis_version:7.2.4\r\nvalkey_version:8.0.1\r\nmaxmemory:1048576\r\nmaxmemory_policy:volatile-lru\r\n", nil}, // only what expires anyway
		{"redis_version:7.0.15\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", nil},
		{"redis_version:7.0.15\r\nmaxmemory:1048576\r\nmaxmemory_policy:allkeys-lru\r\n", ErrEvicts},
		{"redis_version:6.2.14\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n", ErrTooOld},
		{"# Clients\r\nconnected_clients:1\r\n", nil},
	} {
		if err := parseInfo(c.info).check(); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.info, err, c.want)
		}
	}
}

func open(t *testing.T, address string) (redis.UniversalClient, string, error) {
	t.Helper()
	var log bytes.Buffer
	client, err := Open(t.Context(), address, slog.New(slog.NewTextHandler(&log, nil)))
	if client != nil {
		t.Cleanup(func() { client.Close() })
	}
	return client, log.String(), err
}

func TestOpenASingleServer(t *testing.T) {
	server := miniredis.RunT(t)
	client, log, err := open(t, "redis://"+server.Addr()+"/0")
	if err != nil || log != "" {
		t.Fatalf("%v, logged %q", err, log)
	}
	if _, ok := client.(*redis.Client); !ok {
		t.Errorf("%T", client)
	}
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	server.SetTime(now)
	if times, err := Times(t.Context(), client); err != nil || len(times) != 1 || !times[0].Equal(now) {
		t.Errorf("%v %v", times, err)
	}
}

// TestOpenWhileRedisIsAway: what must not be lost does not wait for it.
func TestOpenWhileRedisIsAway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	for _, form := range []string{"redis://ann:secret@" + address + "/0", "redis://ann:secret@" + address + "?addr=" + address} {
		client, log, err := open(t, form)
		if err != nil || client == nil || !strings.Contains(log, "Redis does not say") || strings.Contains(log, "secret") {
			t.Errorf("%v, logged %q", err, log)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := Open(ended, "redis://"+address, slog.New(slog.DiscardHandler)); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

// deaf is a connection whose next answer is lost once armed, and which then
// breaks.
type deaf struct {
	net.Conn
	armed *atomic.Bool
}

func (d deaf) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	if err == nil && d.armed.CompareAndSwap(true, false) {
		_ = d.Conn.Close()
		return 0, io.EOF
	}
	return n, err
}

// TestALostAnswerIsNotSentAgain by the client of a Cluster: an increment whose
// answer is lost has happened once, and the caller is told.
func TestALostAnswerIsNotSentAgain(t *testing.T) {
	server := miniredis.RunT(t) // answers CLUSTER SLOTS as its own only master
	var armed atomic.Bool
	client := clusterOf(&redis.ClusterOptions{
		Addrs: []string{server.Addr()}, Protocol: 2, DisableIdentity: true,
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return deaf{conn, &armed}, err
		},
	})
	defer client.Close()
	ctx := t.Context()
	if n, err := client.Incr(ctx, "k").Result(); err != nil || n != 1 {
		t.Fatalf("%d %v", n, err)
	}
	armed.Store(true)
	if err := client.Incr(ctx, "k").Err(); err == nil || !strings.Contains(err.Error(), "the answer was lost") {
		t.Errorf("the caller is told %v", err)
	}
	if n, err := client.Get(ctx, "k").Int(); err != nil || n != 2 {
		t.Errorf("it is %d, %v, after 1 and one more", n, err)
	}
}
