package push_test

import (
	"testing"
	"time"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/push"
)

// One in ten seconds, so that the time the test itself takes gives nothing.
func TestRate(t *testing.T) {
	h := open(t)
	a := push.NewRate(h.client, "p", 6, nil, h.log) // and 20 at once
	b := push.NewRate(h.client, "p", 6, nil, h.log)
	other := push.NewRate(h.client, "another project", 6, nil, h.log)
	expect := func(step string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: granted %d, want %d", step, got, want)
		}
	}
	ctx := t.Context()
	expect("some", a.Take(ctx, briefing.Supporters, 12), 12)
	expect("a tenth is the media's", b.Take(ctx, briefing.Supporters, 12), 6)
	expect("media", b.Take(ctx, briefing.Media, 100), 2)
	expect("empty", a.Take(ctx, briefing.Media, 1), 0)
	expect("another project", other.Take(ctx, briefing.Media, 1), 1)
	h.elapse("p", time.Minute)
	expect("a minute later", a.Take(ctx, briefing.Media, 100), 6)
	h.elapse("p", -time.Hour)
	expect("Redis's clock went back", a.Take(ctx, briefing.Media, 100), 0)
	h.elapse("p", 2*time.Hour)
	expect("full again, and no fuller", a.Take(ctx, briefing.Media, 100), 20)

	h.elapse("p", time.Hour)
	b.Pause(ctx, 10*time.Minute)
	b.Pause(ctx, time.Second) // does not shorten it
	expect("paused", a.Take(ctx, briefing.Media, 1), 0)
	h.elapse("p", 9*time.Minute)
	expect("still paused", a.Take(ctx, briefing.Media, 1), 0)
	h.elapse("p", time.Minute)
	expect("after the pause", a.Take(ctx, briefing.Media, 1), 1)
}

// Without Redis each node takes an eighth of the quota, and keeps its own pause.
func TestRateWithoutRedis(t *testing.T) {
	h := open(t).turning()
	var now time.Duration
	r := push.NewRate(h.client, "p", 480_000, func() time.Duration { return now }, h.log) // an eighth is 1,000 a second
	h.redis.SetError("away")
	ctx := t.Context()
	if got := r.Take(ctx, briefing.Supporters, 5000); got != 900 {
		t.Errorf("granted %d, want 900", got)
	}
	if got := r.Take(ctx, briefing.Media, 5000); got != 100 {
		t.Errorf("granted %d to the media, want 100", got)
	}
	now += 100 * time.Millisecond
	if got := r.Take(ctx, briefing.Media, 5000); got != 100 {
		t.Errorf("granted %d after 100 ms, want 100", got)
	}
	r.Pause(ctx, 10*time.Second)
	now += 10*time.Second - 1
	if got := r.Take(ctx, briefing.Media, 1); got != 0 {
		t.Errorf("granted %d during the pause", got)
	}
	now++
	if got := r.Take(ctx, briefing.Media, 1); got != 1 {
		t.Errorf("granted %d after the pause", got)
	}
}
