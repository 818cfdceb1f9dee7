package leaderboard

import (
	"context"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/internal/redistest"
)

// wipe removes all that Redis keeps of a campaign.
func wipe(t testing.TB, client redis.UniversalClient, campaign string) {
	t.Helper()
	redistest.Wipe(t, client, prefix(campaign))
}

// state is all that Redis keeps of a campaign, without the ends of keys.
type state map[string]any // key -> string, map[string]string, []redis.Z, []string

// snapshotOf reads a campaign's state. The lease is left out, for nothing would
// end it once restored.
func snapshotOf(t testing.TB, client redis.UniversalClient, campaign string) state {
	t.Helper()
	ctx := context.Background()
	keys := redistest.Keys(t, client, prefix(campaign))
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
func (s state) restore(t testing.TB, client redis.UniversalClient, campaign string) {
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
