package briefing_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/briefing"
)

var (
	waiting, opened, settled = briefing.Waiting, briefing.Open, briefing.Settled
	both                     = []briefing.Plan{{Name: briefing.Media}, {Name: briefing.Supporters}}
)

func (h *house) expect(id string, states ...briefing.TierState) {
	h.t.Helper()
	if got := h.states(id); !cmp.Equal(got, states) {
		h.t.Fatalf("tiers are %v, want %v", got, states)
	}
}

func TestMediaBeforeSupporters(t *testing.T) {
	h := open(t, briefing.Options{})
	id := h.schedule(both...)
	h.expect(id, waiting, waiting)
	h.advance()
	h.expect(id, opened, waiting)
	h.advance()
	h.expect(id, opened, waiting) // nothing delivered yet
	if feeds := effects(t, h); len(feeds) != 0 {
		t.Fatalf("feeds %v", feeds)
	}
	h.clock.Advance(time.Second)
	h.other.Advance(time.Second)
	served := h.deliver(briefing.Accepted)
	if len(served[briefing.Media]) != 3 || len(served[briefing.Supporters]) != 0 {
		t.Fatalf("served %d media, %d supporters", len(served[briefing.Media]), len(served[briefing.Supporters]))
	}
	h.advance()
	h.expect(id, settled, opened)
	if feeds := effects(t, h); !cmp.Equal(feeds, []string{"briefings briefing_opened"}) {
		t.Fatalf("feeds %v", feeds)
	}
	served = h.deliver(briefing.Accepted)
	list := served[briefing.Supporters]
	slices.Sort(list)
	if want := names("s", 450); len(list) != 450 || len(slices.Compact(list)) != len(want) || slices.Contains(list, "m0") {
		t.Fatalf("%d supporters served; m0 among them: %v", len(list), slices.Contains(list, "m0"))
	}
	h.advance()
	h.expect(id, settled, settled)
	b := h.get(id)
	if b.State != briefing.Sent || b.SentAt == nil || b.ActiveAt != nil {
		t.Fatalf("%+v", b)
	}
	reports, err := h.Delivery(t.Context(), camp, id)
	if err != nil {
		t.Fatal(err)
	}
	m, s := reports[0], reports[1]
	if m.Recipients != 3 || m.Accepted != 3 || m.Failed+m.Pending+m.Refused != 0 || m.P50 != time.Second || m.P95 != time.Second || s.Accepted != 450 {
		t.Fatalf("media %+v, supporters %+v", m.Outcomes, s.Outcomes)
	}
	if s.FirstAcceptedAt.Before(*m.LastAcceptedAt) || s.OpenedAt.Before(*m.SettledAt) {
		t.Fatal("supporters before the media had it")
	}
}

// The earlier clock decides, whichever leads, and a missing one opens nothing.
func TestClocks(t *testing.T) {
	h := open(t, briefing.Options{})
	id := h.schedule(briefing.Plan{Name: briefing.Media, At: start.Add(time.Hour)})
	for name, step := range map[string]func(time.Duration){"own": h.clock.Advance, "second": h.other.Advance} {
		step(10 * time.Hour)
		h.advance()
		h.expect(id, waiting)
		step(-10 * time.Hour)
		_ = name
	}
	h.clock.Advance(time.Hour)
	h.other.Advance(time.Hour - time.Millisecond)
	h.advance()
	h.expect(id, waiting)
	h.other.Advance(time.Millisecond)
	h.advance()
	h.expect(id, opened)
	h.pass(-2 * time.Hour)
	h.advance()
	h.expect(id, opened) // never back
}

func TestWaitLimit(t *testing.T) {
	h := open(t, briefing.Options{})
	id := h.schedule(briefing.Plan{Name: briefing.Media, WaitLimit: 10 * time.Minute}, briefing.Plan{Name: briefing.Supporters})
	patient := h.schedule(both...)
	h.advance()
	h.clock.Advance(time.Hour) // one clock alone does not end the wait
	h.advance()
	h.expect(id, opened, waiting)
	h.other.Advance(10*time.Minute - time.Millisecond)
	h.advance()
	h.expect(id, opened, waiting)
	h.other.Advance(time.Millisecond)
	h.advance()
	h.expect(id, opened, opened)
	h.expect(patient, opened, waiting)
	h.deliver(briefing.Accepted)
	h.advance()
	h.expect(id, settled, settled)
}

// Who joins or leaves between scheduling and opening.
func TestLateChanges(t *testing.T) {
	h := open(t, briefing.Options{})
	id := h.schedule(briefing.Plan{Name: briefing.Media, At: start.Add(time.Hour)}, briefing.Plan{Name: briefing.Supporters, At: start.Add(2 * time.Hour)})
	h.advance()
	// s1 becomes media, m1 loses the role, m9 is new, s2 leaves; m0 was both.
	h.audience.set(briefing.Media, "m0", "m2", "m9", "s1")
	h.pass(time.Hour)
	h.advance()
	served := h.deliver(briefing.Accepted)[briefing.Media]
	slices.Sort(served)
	if want := []string{"m0", "m2", "m9", "s1"}; !cmp.Equal(served, want) {
		t.Fatal(cmp.Diff(want, served))
	}
	h.audience.set(briefing.Supporters, append(names("s", 450)[3:], "s0", "s1", "m0", "m1", "new")...)
	h.advance()
	h.pass(time.Hour)
	h.advance()
	served = h.deliver(briefing.Accepted)[briefing.Supporters]
	slices.Sort(served)
	want := append(names("s", 450)[3:], "s0", "m1", "new")
	slices.Sort(want)
	if !cmp.Equal(served, want) {
		t.Fatal(cmp.Diff(want, served))
	}
	h.advance()
	reports, err := h.Delivery(t.Context(), camp, id)
	if err != nil || reports[0].Recipients != 4 || reports[1].Recipients != 450 {
		t.Fatalf("%+v, %v", reports, err)
	}
}

func TestEmptyTierSettles(t *testing.T) {
	h := open(t, briefing.Options{})
	h.audience.set(briefing.Media)
	id := h.schedule(both...)
	h.advance()
	h.expect(id, settled, opened)
}

// A cut that failed or was left half made is never sent, and the next try works.
func TestCutFails(t *testing.T) {
	h := open(t, briefing.Options{})
	id := h.schedule(both...)
	h.audience.err = errors.New("people are away")
	if err := h.Advance(t.Context()); err == nil {
		t.Fatal("no error")
	}
	h.expect(id, waiting, waiting)
	h.audience.err = nil
	h.advance()
	h.expect(id, opened, waiting)
	if served := h.deliver(briefing.Accepted); len(served[briefing.Media]) != 3 {
		t.Fatalf("served %v", served)
	}
	h.audience.err = errors.New("people are away")
	if err := h.Advance(t.Context()); err == nil {
		t.Fatal("no error")
	}
	h.expect(id, settled, waiting)
	h.audience.err = nil
	h.advance()
	h.expect(id, settled, opened)
	if served := h.deliver(briefing.Accepted); len(served[briefing.Supporters]) != 450 {
		t.Fatalf("served %d", len(served[briefing.Supporters]))
	}
}

func TestLeaseAndFence(t *testing.T) {
	ctx := t.Context()
	h := open(t, briefing.Options{})
	id := h.schedule(briefing.Plan{Name: briefing.Media})
	h.advance()
	refs, err := h.Ready(ctx, 10)
	if err != nil || len(refs) != 1 {
		t.Fatalf("%v, %v", refs, err)
	}
	slow := h.take(refs[0])
	if _, err := h.Take(ctx, refs[0], "other"); !errors.Is(err, briefing.ErrBusy) {
		t.Fatalf("taken twice: %v", err)
	}
	accepted := func(i int) []briefing.Result {
		return []briefing.Result{{Index: i, Outcome: briefing.Accepted, At: h.clock.Now()}}
	}
	if err := h.Record(ctx, slow, accepted(0)); err != nil {
		t.Fatal(err)
	}
	h.pass(briefing.Lease)
	quick := h.take(refs[0])
	if quick.Parcel.Deliveries[0].Outcome != briefing.Accepted {
		t.Fatal("what was recorded is lost")
	}
	if err := h.Record(ctx, slow, accepted(1)); !errors.Is(err, briefing.ErrFenced) {
		t.Fatalf("a worker whose lease ended writes: %v", err)
	}
	retry := h.clock.Now().Add(10 * time.Second)
	if err := h.Record(ctx, quick, []briefing.Result{{Index: 0, Outcome: briefing.Failed, At: retry}, {Index: 1, RetryAt: retry}, {Index: 2, Outcome: briefing.Gone, At: h.clock.Now()}}); err != nil {
		t.Fatal(err)
	}
	if err := h.Release(ctx, quick); err != nil {
		t.Fatal(err)
	}
	if refs, _ := h.Ready(ctx, 10); len(refs) != 0 {
		t.Fatal("ready before its retry")
	}
	h.pass(10 * time.Second)
	last := h.take(refs[0])
	d := last.Parcel.Deliveries
	if d[0].Outcome != briefing.Accepted || !d[1].Due(h.clock.Now()) || d[1].Tries != 1 || d[2].Outcome != briefing.Gone {
		t.Fatalf("%+v", d)
	}
	if err := h.Record(ctx, last, accepted(1)); err != nil {
		t.Fatal(err)
	}
	h.advance()
	h.expect(id, settled)
}

func TestRecallStopsSending(t *testing.T) {
	ctx := t.Context()
	h := open(t, briefing.Options{})
	id := h.schedule(both...)
	h.advance()
	effects(t, h)
	refs, err := h.Ready(ctx, 10)
	if err != nil {
		t.Fatal(err)
	}
	taken := h.take(refs[0])
	for range 2 {
		if b, err := h.Recall(ctx, camp, briefing.Act{ID: id, By: "bruno"}); err != nil || b.State != briefing.Recalled || b.RecalledBy != "bruno" {
			t.Fatalf("%+v, %v", b, err)
		}
	}
	// What was under way is recorded, and the worker told to stop.
	if err := h.Record(ctx, taken, []briefing.Result{{Index: 0, Outcome: briefing.Accepted, At: start}}); !errors.Is(err, briefing.ErrFenced) {
		t.Fatalf("the worker goes on: %v", err)
	}
	h.pass(24 * time.Hour)
	h.advance()
	if refs, _ := h.Ready(ctx, 10); len(refs) != 0 {
		t.Fatal("a recalled briefing is still sent")
	}
	h.expect(id, opened, waiting)
	if feeds := effects(t, h); len(feeds) != 0 {
		t.Fatalf("who could not read it learns that it was recalled: %v", feeds)
	}
	public := h.schedule(briefing.Plan{Name: briefing.Supporters})
	h.advance()
	if _, err := h.Recall(ctx, camp, briefing.Act{ID: public, By: "bruno"}); err != nil {
		t.Fatal(err)
	}
	if feeds := effects(t, h); !cmp.Equal(feeds, []string{"briefings briefing_opened", "briefings briefing_recalled"}) {
		t.Fatalf("feeds %v", feeds)
	}
	reports, err := h.Delivery(ctx, camp, id)
	if err != nil || reports[0].Accepted != 1 || reports[0].Pending != 2 {
		t.Fatalf("%+v, %v", reports, err)
	}
}

func TestReceipts(t *testing.T) {
	ctx := t.Context()
	h := open(t, briefing.Options{})
	id := h.schedule(briefing.Plan{Name: briefing.Media})
	h.advance()
	for i, person := range names("m", 10) {
		h.pass(time.Second)
		for range 2 {
			if err := h.Receive(ctx, camp, id, person, press); err != nil {
				t.Fatal(i, err)
			}
		}
	}
	if n, err := h.Unread(ctx, camp, "m3", press); err != nil || n != 0 {
		t.Fatalf("unread %d, %v", n, err)
	}
	reports, err := h.Delivery(ctx, camp, id)
	if err != nil || reports[0].Received != 10 || reports[0].ReceivedP50 != 5*time.Second || reports[0].ReceivedP95 != 10*time.Second {
		t.Fatalf("%+v, %v", reports, err)
	}
}
