package leaderboard

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// newRedis is the one place that decides which Redis the tests run against: one
// in this process, or the server that MUSTER_REDIS_URL names, which must be one
// that may be emptied. Tests keep to campaigns of their own, and what they
// leave behind is removed.
func newRedis(t testing.TB) *redis.Client {
	t.Helper()
	options := &redis.Options{}
	if url := os.Getenv("MUSTER_REDIS_URL"); url != "" {
		var err error
		if options, err = redis.ParseURL(url); err != nil {
			t.Fatal(err)
		}
	} else {
		options.Addr = miniredis.RunT(t).Addr()
	}
	options.MaxRetries, options.ContextTimeoutEnabled = -1, true
	options.DisableIdentity, options.Protocol = true, 2
	options.ReadTimeout = time.Minute // a machine that is busy is no fault of the scheme
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

// wipe removes all that Redis keeps of a campaign.
func wipe(t testing.TB, client *redis.Client, campaign string) {
	t.Helper()
	keys, err := client.Keys(context.Background(), prefix(campaign)+"*").Result()
	if err == nil && len(keys) > 0 {
		err = client.Del(context.Background(), keys...).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// state is all that Redis keeps of a campaign, without the ends of keys.
type state map[string]any // key -> string, map[string]string, []redis.Z, []string

// snapshotOf reads a campaign's state. The lease is left out, for nothing would
// end it once restored.
func snapshotOf(t testing.TB, client *redis.Client, campaign string) state {
	t.Helper()
	ctx := context.Background()
	keys, err := client.Keys(ctx, prefix(campaign)+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	types := client.Pipeline()
	for _, key := range keys {
		types.Type(ctx, key)
	}
	kinds, err := types.Exec(ctx)
	if err != nil && len(keys) > 0 {
		t.Fatal(err)
	}
	reads := client.Pipeline()
	for i, key := range keys {
		switch kind := kinds[i].(*redis.StatusCmd).Val(); kind {
		case "string":
			reads.Get(ctx, key)
		case "hash":
			reads.HGetAll(ctx, key)
		case "zset":
			reads.ZRangeWithScores(ctx, key, 0, -1)
		case "set":
			reads.SMembers(ctx, key)
		default:
			t.Fatalf("%s is a %s", key, kind)
		}
	}
	values, err := reads.Exec(ctx)
	if err != nil && len(keys) > 0 {
		t.Fatal(err)
	}
	s := state{}
	for i, key := range keys {
		if key == leaseKey(campaign) {
			continue
		}
		switch value := values[i].(type) {
		case *redis.StringCmd:
			s[key] = value.Val()
		case *redis.MapStringStringCmd:
			s[key] = value.Val()
		case *redis.ZSliceCmd:
			s[key] = value.Val()
		case *redis.StringSliceCmd:
			s[key] = value.Val()
		}
	}
	return s
}

// restore makes Redis keep a state again, and nothing else of the campaign.
func (s state) restore(t testing.TB, client *redis.Client, campaign string) {
	t.Helper()
	wipe(t, client, campaign)
	ctx := context.Background()
	pipe := client.Pipeline()
	for key, value := range s {
		switch value := value.(type) {
		case string:
			pipe.Set(ctx, key, value, 0)
		case map[string]string:
			pipe.HSet(ctx, key, value)
		case []redis.Z:
			pipe.ZAdd(ctx, key, value...)
		case []string:
			pipe.SAdd(ctx, key, value)
		}
	}
	if _, err := pipe.Exec(ctx); err != nil && len(s) > 0 {
		t.Fatal(err)
	}
}

// generation gives the state of the generation that is read: the end of each
// key to its value.
func (s state) generation(campaign string) state {
	meta, _ := s[metaKey(campaign)].(map[string]string)
	of := state{}
	for key, value := range s {
		if rest, ok := strings.CutPrefix(key, genKey(campaign, meta[fieldGen], "")); ok {
			of[rest] = value
		}
	}
	return of
}
