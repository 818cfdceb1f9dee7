// Package redistest gives tests their Redis. Which one is decided here and
// nowhere else: the Redis inside the process, or, in a build with the tag
// "servers", real ones. A package whose TestMain calls Main then runs all its
// tests twice: on the server of MUSTER_REDIS_URL, and on the Cluster of
// MUSTER_REDIS_CLUSTER_URL.
//
// The real servers are shared, and never flushed: a test keeps to keys of its
// own, and removes them. A fault that breaks a server is tested on one that the
// test starts itself, see Start.
package redistest

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/internal/redisclient"
)

// silence keeps the client from writing about servers that tests took away.
type silence struct{}

// Printf implements the client's logger.
func (silence) Printf(context.Context, string, ...any) {}

// InProcess gives a test a Redis inside the process, in every build: for tests
// that turn its clock, or switch it off and on.
func InProcess(t testing.TB) (*miniredis.Miniredis, redis.UniversalClient) {
	t.Helper()
	server := miniredis.RunT(t)
	// As internal/embedded opens it.
	return server, closing(t, redis.NewClient(&redis.Options{
		Addr: server.Addr(), MaxRetries: -1, ContextTimeoutEnabled: true, DisableIdentity: true, Protocol: 2, DialerRetries: 1,
	}))
}

// Dial gives a test a client of an address, opened as a process opens it; but a
// machine that is busy is no fault of what is tested, and so answers may take a
// minute, unless the address says otherwise.
func Dial(t testing.TB, address string) redis.UniversalClient {
	t.Helper()
	if !strings.Contains(address, "read_timeout=") {
		mark := "?"
		if strings.Contains(address, "?") {
			mark = "&"
		}
		address += mark + "read_timeout=60s"
	}
	client, err := redisclient.Open(t.Context(), address, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return closing(t, client)
}

func closing(t testing.TB, client redis.UniversalClient) redis.UniversalClient {
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Keys lists the keys that begin with a prefix. A prefix with a hash tag asks
// the one server that has it.
func Keys(t testing.TB, client redis.UniversalClient, prefix string) []string {
	t.Helper()
	ctx := context.Background()
	var mu sync.Mutex
	var found []string
	list := func(ctx context.Context, server *redis.Client) error {
		keys, err := server.Keys(ctx, prefix+"*").Result()
		mu.Lock()
		defer mu.Unlock()
		found = append(found, keys...)
		return err
	}
	var err error
	switch c := client.(type) {
	case *redis.Client:
		err = list(ctx, c)
	case *redis.ClusterClient:
		open, shut := strings.Index(prefix, "{"), strings.Index(prefix, "}")
		if open < 0 || shut < open {
			err = c.ForEachMaster(ctx, list)
			break
		}
		var master *redis.Client
		if master, err = c.MasterForKey(ctx, prefix); err == nil {
			err = list(ctx, master)
		}
	default:
		t.Fatalf("a client of type %T", client)
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Wipe removes the keys that begin with a prefix.
func Wipe(t testing.TB, client redis.UniversalClient, prefix string) {
	t.Helper()
	ctx := context.Background()
	_, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, key := range Keys(t, client, prefix) {
			pipe.Unlink(ctx, key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
