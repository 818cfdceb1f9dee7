package redisclient

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// facts are what a server's INFO says, by name.
type facts map[string]string

func parseInfo(text string) facts {
	found := facts{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			found[name] = value
		}
	}
	return found
}

func (f facts) cluster() bool { return f["cluster_enabled"] == "1" }

// check refuses a server that Muster cannot stand on. What a server does not
// say of itself is not held against it.
func (f facts) check() error {
	if strings.HasPrefix(f["maxmemory_policy"], "allkeys-") && f["maxmemory"] != "0" {
		return ErrEvicts
	}
	major, _, _ := strings.Cut(f["redis_version"], ".")
	if n, err := strconv.Atoi(major); err == nil && n < 7 {
		return ErrTooOld
	}
	return nil
}

// ask asks what a server is; of a Cluster's masters the first that would be
// refused speaks for all. ErrNotCluster, ErrClusterDatabase and ErrRefused are
// what only another address mends.
func ask(ctx context.Context, client redis.UniversalClient) (facts, error) {
	var mu sync.Mutex
	var found facts
	err := eachMaster(ctx, client, func(ctx context.Context, server *redis.Client) error {
		text, err := server.Info(ctx).Result()
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if now := parseInfo(text); found == nil || now.check() != nil {
			found = now
		}
		return nil
	})
	return found, mistaken(err)
}

// mistaken tells by a server's words an address that is wrong from a server that
// cannot answer now.
func mistaken(err error) error {
	if err == nil {
		return nil
	}
	for words, what := range map[string]error{
		"cluster support disabled":             ErrNotCluster,
		"SELECT is not allowed in cluster":     ErrClusterDatabase,
		"WRONGPASS":                            ErrRefused,
		"NOAUTH":                               ErrRefused,
		"called without any password configur": ErrRefused,
	} {
		if strings.Contains(err.Error(), words) {
			return what
		}
	}
	return err
}

func eachMaster(ctx context.Context, client redis.UniversalClient, do func(context.Context, *redis.Client) error) error {
	switch c := client.(type) {
	case *redis.ClusterClient:
		return c.ForEachMaster(ctx, do)
	case *redis.Client:
		return do(ctx, c)
	}
	return errors.New("redis: a client of another kind")
}

// Times reads the clock of every server that takes writes: of a Cluster each
// master has its own.
func Times(ctx context.Context, client redis.UniversalClient) ([]time.Time, error) {
	var mu sync.Mutex
	var times []time.Time
	err := eachMaster(ctx, client, func(ctx context.Context, server *redis.Client) error {
		now, err := server.Time(ctx).Result()
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		times = append(times, now)
		return nil
	})
	return times, err
}
