//go:build servers || fault

package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is a redis-server that belongs to one test, which may do anything to
// it. It listens on a free port of the loopback address and ends with the test.
type Server struct {
	Addr   string // host and port
	port   string
	folder string
	args   []string
	t      testing.TB

	process *os.Process
	exited  chan struct{}
}

// life bounds a server, should the test never end.
const life = 10 * time.Minute

// Start starts a server with further arguments, such as "--maxmemory", "4mb".
// It keeps nothing on disk by itself; Save does.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := newServer(t)
	s.args = slices.Concat([]string{"--save", "", "--appendonly", "no"}, args)
	s.Restart()
	return s
}

func newServer(t testing.TB) *Server {
	t.Helper()
	s := &Server{port: strconv.Itoa(freePort(t)), folder: t.TempDir(), t: t}
	s.Addr = net.JoinHostPort("127.0.0.1", s.port)
	t.Cleanup(s.Kill)
	return s
}

func freePort(t testing.TB) int {
	t.Helper()
	for {
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := listener.Addr().(*net.TCPAddr).Port
		listener.Close()
		if port < 55000 { // a Cluster's nodes talk on a port 10,000 above
			return port
		}
	}
}

// URL is the address of the server's database.
func (s *Server) URL() string { return "redis://" + s.Addr + "/0" }

// Client is a client of the server past any proxy.
func (s *Server) Client() *redis.Client {
	s.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1, ReadTimeout: time.Minute})
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

// Restart starts the server, which must not run, on the same port, with the
// data that Save kept, if any.
func (s *Server) Restart() {
	s.t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatal("redis-server is not installed (Debian: apt-get install redis-server)")
	}
	ctx, cancel := context.WithTimeout(context.Background(), life)
	cmd := exec.CommandContext(ctx, binary, slices.Concat(s.args, []string{"--bind", "127.0.0.1", "--port", s.port, "--dir", s.folder})...) //nolint:gosec // a server of the test's own
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, exited := make(chan error), make(chan struct{})
	go func() {
		// The signal is sent when the thread ends that started the process.
		runtime.LockOSThread()
		defer cancel()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		s.t.Fatal(err)
	}
	s.process, s.exited = cmd.Process, exited
	client := s.Client()
	s.Await("a server that answers", func() bool {
		select {
		case <-exited:
			s.t.Fatalf("redis-server on %s ended at once", s.Addr)
		default:
		}
		return client.Ping(context.Background()).Err() == nil
	})
}

// Kill ends the server as a crash does.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	s.signal(syscall.SIGKILL)
	<-s.exited
}

// Stop halts the server in the middle of whatever it does; Continue lets it go on.
func (s *Server) Stop() { s.signal(syscall.SIGSTOP) }

// Continue lets a halted server go on.
func (s *Server) Continue() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) { _ = s.process.Signal(signal) }

// Save writes the data to disk, for the next Restart.
func (s *Server) Save() {
	s.t.Helper()
	if err := s.Client().Save(context.Background()).Err(); err != nil {
		s.t.Fatal(err)
	}
}

// Forget removes what Save wrote.
func (s *Server) Forget() {
	s.t.Helper()
	if err := os.Remove(filepath.Join(s.folder, "dump.rdb")); err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
}

// Replica starts a replica of the server, of a Cluster's node one in the
// Cluster, and waits until it has the data.
func (s *Server) Replica() *Server {
	s.t.Helper()
	ctx := context.Background()
	r := Start(s.t, s.args...)
	client := r.Client()
	var err error
	if s.clustered() {
		if err = client.ClusterMeet(ctx, "127.0.0.1", s.port).Err(); err == nil {
			id := s.Client().ClusterMyID(ctx).Val()
			s.Await("the replica to know the Cluster", func() bool { return client.ClusterReplicate(ctx, id).Err() == nil })
		}
	} else {
		err = client.ReplicaOf(ctx, "127.0.0.1", s.port).Err()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.Await("the replica to be in step", func() bool {
		// It says so once its first copy is complete.
		role, _ := client.Do(ctx, "ROLE").Slice()
		return len(role) == 5 && role[3] == "connected"
	})
	return r
}

func (s *Server) clustered() bool { return slices.Contains(s.args, "--cluster-enabled") }

// FallBehind cuts a replica off its primary: it keeps what it has, and gets no
// more.
func (s *Server) FallBehind() {
	s.t.Helper()
	ctx, client := context.Background(), s.Client()
	err := client.ConfigSet(ctx, "masterauth", "wrong").Err() // it cannot come back
	if err == nil {
		err = client.Do(ctx, "CLIENT", "KILL", "TYPE", "MASTER").Err()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// Promote makes a replica a primary, whatever it has missed.
func (s *Server) Promote() {
	s.t.Helper()
	ctx, client := context.Background(), s.Client()
	var err error
	if s.clustered() {
		err = client.Do(ctx, "CLUSTER", "FAILOVER", "TAKEOVER").Err()
	} else {
		err = client.ReplicaOf(ctx, "NO", "ONE").Err()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.Await("the replica to be a primary", func() bool {
		role, _ := client.Do(ctx, "ROLE").Slice()
		return len(role) > 0 && role[0] == "master"
	})
}

// Await waits until something holds, within reason.
func (s *Server) Await(what string, holds func() bool) { s.t.Helper(); await(s.t, what, holds) }

func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

// onCluster says that the Redis that this run is on is a Cluster.
var onCluster bool

// StartLike starts servers of the test's own, of the kind that this run is on: one,
// or a Cluster of three masters. It gives their address too.
func StartLike(t testing.TB) ([]*Server, string) {
	t.Helper()
	if onCluster {
		return StartCluster(t)
	}
	s := Start(t)
	return []*Server{s}, s.URL()
}

// Of finds the server that has a key.
func Of(t testing.TB, servers []*Server, client redis.UniversalClient, key string) *Server {
	t.Helper()
	c, ok := client.(*redis.ClusterClient)
	if !ok {
		return servers[0]
	}
	master, err := c.MasterForKey(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(servers, func(s *Server) bool { return s.Addr == master.Options().Addr })
	if i < 0 {
		t.Fatalf("%s is none of the servers", master.Options().Addr)
	}
	return servers[i]
}

// masters is how many a Cluster of the tests has.
const masters = 3

// StartCluster starts a Cluster of three masters, and gives them and their
// address.
func StartCluster(t testing.TB) ([]*Server, string) {
	t.Helper()
	ctx := context.Background()
	nodes, address := make([]*Server, masters), ""
	const slots = 16384
	for i := range nodes {
		nodes[i] = Start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no")
		client := nodes[i].Client()
		err := client.ClusterAddSlotsRange(ctx, slots*i/masters, slots*(i+1)/masters-1).Err()
		if err == nil && i > 0 {
			err = client.ClusterMeet(ctx, "127.0.0.1", nodes[0].port).Err()
		}
		if err != nil {
			t.Fatal(err)
		}
		switch i {
		case 0:
			address = "redis://" + nodes[i].Addr
		case 1:
			address += "?addr=" + nodes[i].Addr
		default:
			address += "&addr=" + nodes[i].Addr
		}
	}
	for _, node := range nodes {
		client := node.Client()
		await(t, "the Cluster to form", func() bool {
			found, err := client.ClusterShards(ctx).Result()
			return err == nil && len(found) == masters && strings.Contains(client.ClusterInfo(ctx).Val(), "cluster_state:ok")
		})
	}
	return nodes, address
}

// Sentinel starts a Sentinel that watches a primary under a name, and gives the
// address to open.
func Sentinel(t testing.TB, primary *Server, name string) string {
	t.Helper()
	s := newServer(t)
	config := filepath.Join(s.folder, "sentinel.conf") // Sentinel writes to it
	lines := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]s 1\nsentinel down-after-milliseconds %[1]s 500\nsentinel failover-timeout %[1]s 5000\n", name, primary.port)
	if err := os.WriteFile(config, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = []string{config, "--sentinel"}
	s.Restart()
	return s.URL() + "?master_name=" + name
}
