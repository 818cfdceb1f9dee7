//go:build servers

package redisclient_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/internal/redisclient"
	"github.com/musterhq/muster/internal/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.Main(m)) }

func open(t *testing.T, address string) redis.UniversalClient {
	t.Helper()
	client, err := redisclient.Open(t.Context(), address, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// TestOneNodeOfAClusterIsEnough: it says itself what it is.
func TestOneNodeOfAClusterIsEnough(t *testing.T) {
	nodes, address := redistest.StartCluster(t)
	for _, form := range []string{address, nodes[2].URL()} {
		client := open(t, form)
		if _, ok := client.(*redis.ClusterClient); !ok {
			t.Errorf("%s gives a %T", form, client)
		}
		for _, key := range []string{"a", "b", "c", "d", "e"} { // of several nodes
			if err := client.Set(t.Context(), key, "x", 0).Err(); err != nil {
				t.Errorf("%s: %v", form, err)
			}
		}
		if times, err := redisclient.Times(t.Context(), client); err != nil || len(times) != 3 {
			t.Errorf("%s: clocks %v, %v", form, times, err)
		}
	}
	if _, err := redisclient.Open(t.Context(), strings.TrimSuffix(nodes[0].URL(), "/0")+"/3", slog.New(slog.DiscardHandler)); !errors.Is(err, redisclient.ErrClusterDatabase) {
		t.Errorf("database 3 of a Cluster: %v", err)
	}
}

func TestServersThatAreNone(t *testing.T) {
	a, b := redistest.Start(t), redistest.Start(t)
	log := slog.New(slog.DiscardHandler)
	if _, err := redisclient.Open(t.Context(), "redis://"+a.Addr+"?addr="+b.Addr, log); !errors.Is(err, redisclient.ErrNotCluster) {
		t.Errorf("two servers that are no Cluster: %v", err)
	}
	locked := redistest.Start(t, "--protected-mode", "no")
	if err := locked.Client().ConfigSet(t.Context(), "requirepass", "secret").Err(); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"", ":wrong@", "nobody:secret@"} {
		if _, err := redisclient.Open(t.Context(), "redis://"+user+locked.Addr, log); !errors.Is(err, redisclient.ErrRefused) {
			t.Errorf("as %q: %v", user, err)
		}
	}
	open(t, "redis://:secret@"+locked.Addr)
	full := redistest.Start(t, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")
	if _, err := redisclient.Open(t.Context(), full.URL(), log); !errors.Is(err, redisclient.ErrEvicts) {
		t.Errorf("a server that evicts: %v", err)
	}
}

// TestSentinelLeadsToTheNewPrimary.
func TestSentinelLeadsToTheNewPrimary(t *testing.T) {
	primary := redistest.Start(t)
	primary.Replica()
	address := redistest.Sentinel(t, primary, "muster")
	client := open(t, address)
	ctx := context.Background()
	if err := client.Set(ctx, "k", "before", 0).Err(); err != nil {
		t.Fatal(err)
	}
	sentinel := redis.NewSentinelClient(&redis.Options{Addr: strings.TrimSuffix(strings.TrimPrefix(address, "redis://"), "/0?master_name=muster")})
	defer sentinel.Close()
	primary.Await("Sentinel to know the replica", func() bool {
		replicas, err := sentinel.Replicas(ctx, "muster").Result()
		return err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok"
	})
	primary.Kill()
	killed := time.Now()
	primary.Await("the new primary", func() bool { return client.Set(ctx, "k", "after", 0).Err() == nil })
	t.Logf("writes were taken again after %v", time.Since(killed))
}
