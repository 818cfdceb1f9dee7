package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/internal/redistest"
)

var tasksFeed = Feed{Tasks, "it.liguria"}

func event(id string) Event {
	return Event{ID: id, Name: "task_opened", Data: json.RawMessage(`{"id": "` + id + `"}`)}
}

func TestPublishIsOnceByID(t *testing.T) {
	rdb := openRedis(t)
	feeds := NewFeeds(rdb, clock.System{}, FeedsOptions{})
	ctx := t.Context()
	first, err := feeds.Publish(ctx, testCampaign, tasksFeed, event("a"))
	if err != nil || first.Offset != 1 || first.Epoch == "" {
		t.Fatalf("first: %+v, %v", first, err)
	}
	// Many workers repeat the same events at once.
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			for i := range 40 {
				if _, err := feeds.Publish(ctx, testCampaign, tasksFeed, event(fmt.Sprint("e", (i+w*7)%40))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	got, err := feeds.read(ctx, logKey(testCampaign, tasksFeed), "", 0, 100)
	if err != nil || got.epoch != first.Epoch || got.offset != 41 || len(got.entries) != 41 {
		t.Fatalf("read: epoch %s offset %d, %d entries, %v", got.epoch, got.offset, len(got.entries), err)
	}
	seen := map[string]bool{}
	for i, e := range got.entries {
		if e.offset != uint64(i+1) || seen[e.id] || e.kind != "task_opened" || e.data != `{"id":"`+e.id+`"}` {
			t.Fatalf("entry %d is %+v", i, e)
		}
		seen[e.id] = true
	}
	again, err := feeds.Publish(ctx, testCampaign, tasksFeed, event("a"))
	if err != nil || again != first {
		t.Fatalf("again: %+v, %v; want %+v", again, err, first)
	}
}

func TestHistoryIsBoundedByCountAndAge(t *testing.T) {
	rdb := openRedis(t)
	now := clock.NewManual(time.Now())
	feeds := NewFeeds(rdb, now, FeedsOptions{History: 200, HistoryAge: time.Hour})
	ctx, key := t.Context(), logKey(testCampaign, tasksFeed)
	publish := func(from, to int) {
		for i := from; i < to; i++ {
			if _, err := feeds.Publish(ctx, testCampaign, tasksFeed, event(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	publish(0, 500)
	if n := rdb.XLen(ctx, key.log()).Val(); n < 200 || n > 320 {
		t.Errorf("%d events are kept, want about 200", n)
	}
	now.Advance(2 * time.Hour)
	publish(500, 540) // takes 40 times up to 16 out
	got, err := feeds.read(ctx, key, "", 0, 1000)
	if err != nil || got.offset != 540 || len(got.entries) != 40 || got.entries[0].offset != 501 {
		t.Fatalf("after the age %d events are kept, from %d", len(got.entries), got.entries[0].offset)
	}
}

func TestALostMetaBeginsANewEpoch(t *testing.T) {
	rdb := openRedis(t)
	feeds := NewFeeds(rdb, clock.System{}, FeedsOptions{})
	ctx, key := t.Context(), logKey(testCampaign, tasksFeed)
	first, err := feeds.Publish(ctx, testCampaign, tasksFeed, event("a"))
	if err != nil {
		t.Fatal(err)
	}
	rdb.Del(ctx, key.meta())
	second, err := feeds.Publish(ctx, testCampaign, tasksFeed, event("b"))
	if err != nil || second.Epoch == first.Epoch || second.Offset != 1 {
		t.Fatalf("%+v after %+v, %v", second, first, err)
	}
	got, err := feeds.read(ctx, key, "", 0, 10)
	if err != nil || len(got.entries) != 1 || got.entries[0].id != "b" {
		t.Fatalf("the old epoch's events are still there: %+v, %v", got, err)
	}
	// A reader begins an epoch too, so that there is a position to resume from.
	wipe(t, rdb)
	if got, err = feeds.read(ctx, key, "", 0, 10); err != nil || got.epoch != "" {
		t.Fatalf("nothing was asked to begin: %+v, %v", got, err)
	}
	if got, err = feeds.read(ctx, key, "ee", 0, 10); err != nil || got.epoch != "ee" || got.offset != 0 {
		t.Fatalf("read began %+v, %v", got, err)
	}
	if err := feeds.restart(ctx, key, "other"); err != nil {
		t.Fatal(err)
	}
	if got, _ = feeds.read(ctx, key, "", 0, 10); got.epoch != "ee" {
		t.Fatal("restart changed an epoch it did not see")
	}
	if err := feeds.restart(ctx, key, "ee"); err != nil {
		t.Fatal(err)
	}
	if got, _ = feeds.read(ctx, key, "", 0, 10); got.epoch == "ee" || got.epoch == "" {
		t.Fatalf("restart left the epoch %q", got.epoch)
	}
}

func TestPublishRefuses(t *testing.T) {
	rdb := openRedis(t)
	feeds := NewFeeds(rdb, clock.System{}, FeedsOptions{})
	good := event("a")
	for name, try := range map[string]struct {
		campaign string
		feed     Feed
		event    Event
	}{
		"campaign":    {"Bad", tasksFeed, good},
		"state feed":  {testCampaign, Feed{Kind: Me}, good},
		"a board":     {testCampaign, Feed{Boards, "people:all"}, good},
		"hash tag":    {testCampaign, Feed{Tasks, "it}"}, good},
		"no id":       {testCampaign, tasksFeed, Event{Name: "x", Data: good.Data}},
		"id of lines": {testCampaign, tasksFeed, Event{ID: "a\nb", Name: "x", Data: good.Data}},
		"name":        {testCampaign, tasksFeed, Event{ID: "a", Name: `x"`, Data: good.Data}},
		"no JSON":     {testCampaign, tasksFeed, Event{ID: "a", Name: "x", Data: json.RawMessage("{")}},
		"no UTF-8":    {testCampaign, tasksFeed, Event{ID: "a", Name: "x", Data: json.RawMessage("\"\xff\"")}},
		"large":       {testCampaign, tasksFeed, Event{ID: "a", Name: "x", Data: json.RawMessage(`"` + strings.Repeat("x", MaxEventData) + `"`)}},
	} {
		if _, err := feeds.Publish(t.Context(), try.campaign, try.feed, try.event); errs.CodeOf(err) != "bad_event" {
			t.Errorf("%s: %v, want bad_event", name, err)
		}
	}
	for _, campaign := range []string{testCampaign, "Bad"} {
		if keys := redistest.Keys(t, rdb, "live:{"+campaign+"/"); len(keys) > 0 {
			t.Errorf("%v were written", keys)
		}
	}
}

func TestBoardScriptIsFenced(t *testing.T) {
	rdb := openRedis(t)
	ctx, key := t.Context(), boardKey(testCampaign, Feed{Boards, "teams:it"}, "season")
	publish := func(epoch string, version int) bool {
		t.Helper()
		ok, err := boardScript.Run(ctx, rdb, []string{key.lease(), key.meta(), key.log()},
			epoch, version, "delta", "{}", `{"v":`+fmt.Sprint(version+1)+`}`, 60_000, 10, 60_000, key.channel()).Bool()
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	state := func() string {
		values, err := rdb.HMGet(ctx, key.meta(), "e", "o", "s").Result()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%v %v %v", values...)
	}
	lease := func(epoch string) { rdb.Set(ctx, key.lease(), epoch, time.Minute) }
	check := func(what string, got, want bool, wantState string) {
		t.Helper()
		if got != want || state() != wantState {
			t.Fatalf("%s: answered %v, state %s; want %v, %s", what, got, state(), want, wantState)
		}
	}
	if publish("e1", 0) {
		t.Fatal("published without a lease")
	}
	lease("e1")
	check("the first version", publish("e1", 0), true, `e1 1 {"v":1}`)
	check("the first version again", publish("e1", 0), false, `e1 1 {"v":1}`)
	check("a repeated version", publish("e1", 1), true, `e1 2 {"v":2}`)
	check("a version of an older state", publish("e1", 1), false, `e1 2 {"v":2}`)
	check("a version that is ahead", publish("e1", 5), false, `e1 2 {"v":2}`)
	lease("e2")
	check("a lost lease", publish("e1", 2), false, `e1 2 {"v":2}`)
	check("a new publisher that goes on", publish("e2", 2), false, `e1 2 {"v":2}`)
	check("a new publisher", publish("e2", 0), true, `e2 1 {"v":1}`)
	if n := rdb.XLen(ctx, key.log()).Val(); n != 1 {
		t.Fatalf("%d changes are kept of two epochs", n)
	}
	renew := func(epoch string, ms int) bool {
		ok, err := renewScript.Run(ctx, rdb, []string{key.lease(), key.meta(), key.log()}, epoch, ms, 60_000).Bool()
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if renew("e1", 1000) || !renew("e2", 1000) || renew("e1", 0) || !renew("e2", 0) || renew("e2", 1000) {
		t.Fatal("the lease was not the holder's alone")
	}
}

// TestKeysShareASlot: everything a script touches has the feed's hash tag.
func TestKeysShareASlot(t *testing.T) {
	for _, key := range []feedKey{logKey("c1", tasksFeed), boardKey("c1", Feed{Boards, "people:all"}, "season"), meKey("c1", "a1")} {
		tag := strings.TrimPrefix(key.channel(), "live:")
		if !strings.HasPrefix(tag, "{c1/") || !strings.HasSuffix(tag, "}") {
			t.Errorf("%s is no hash tag", tag)
		}
		for _, name := range []string{key.meta(), key.log(), key.lease(), key.event("x{y}z")} {
			if !strings.HasPrefix(name, "live:"+tag) {
				t.Errorf("%s does not carry %s", name, tag)
			}
		}
	}
}

func TestPublishFailsWhenRedisIsGone(t *testing.T) {
	mr, rdb := redistest.InProcess(t)
	mr.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := NewFeeds(rdb, clock.System{}, FeedsOptions{}).Publish(ctx, testCampaign, tasksFeed, event("a")); err == nil {
		t.Fatal("an event was published to nothing")
	}
}
