package push_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/push"
)

// script is a Sender that answers as told and remembers who was sent to.
type script struct {
	answer func(n push.Notice, time int) push.Answer // nil accepts; time counts the sends to the person from 1

	mu   sync.Mutex
	sent map[string]int
}

func (s *script) Prepare(context.Context, string, []people.Cleared) (push.Batch, error) {
	return s, nil
}

func (s *script) Messages(string) int { return 1 }

func (s *script) Send(_ context.Context, n push.Notice) push.Answer {
	s.mu.Lock()
	if s.sent == nil {
		s.sent = map[string]int{}
	}
	s.sent[n.To.Person()]++
	times := s.sent[n.To.Person()]
	s.mu.Unlock()
	if s.answer == nil {
		return push.Answer{Outcome: briefing.Accepted}
	}
	return s.answer(n, times)
}

func (s *script) times(person string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[person]
}

func work(t *testing.T, w *push.Worker) {
	t.Helper()
	for {
		worked, err := w.Work(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !worked {
			return
		}
	}
}

func advance(t *testing.T, b *briefing.Service) {
	t.Helper()
	if err := b.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// one is a house with one open media tier of these people.
func one(t *testing.T, h *house, members ...string) (*briefing.Service, string) {
	t.Helper()
	h.audience.members[briefing.Media] = members
	b := h.briefings(briefing.Options{})
	id := schedule(t.Context(), t, b, briefing.Plan{Name: briefing.Media})
	advance(t, b)
	return b, id
}

func TestInboxIsASender(t *testing.T) {
	h := open(t)
	agreed := h.person("anna@example.org", news(people.Email))
	only := h.person("bea@example.org", news(people.Push))
	withdrawn := h.person("carla@example.org", news(people.Email))
	b, id := one(t, h, agreed, only, withdrawn)
	// The gate is asked at sending, not at scheduling.
	if _, err := h.people.PutConsents(t.Context(), camp, withdrawn, []people.Consent{{Purpose: "news", Channel: people.Email, Source: "settings"}}); err != nil {
		t.Fatal(err)
	}
	inbox := push.NewInbox(h.db, h.clock)
	w := push.New(push.Parts{Briefings: b, Gate: h.people.Gate(), Sender: push.NewInboxSender(inbox), Rate: h.rate(), Log: h.log},
		push.Options{Channel: people.Email})
	work(t, w)
	advance(t, b)
	got := h.outcomes(id)
	for person, want := range map[string]briefing.Outcome{agreed: briefing.Accepted, only: briefing.Refused, withdrawn: briefing.Refused} {
		if got[person].Outcome != want {
			t.Errorf("%s: %q, want %q", person, got[person].Outcome, want)
		}
	}
	all, err := inbox.Latest(t.Context(), "", 10)
	if err != nil || len(all) != 1 {
		t.Fatalf("inbox %v, %v", all, err)
	}
	m := all[0]
	if m.To != "anna@example.org" || m.Kind != "briefing" || m.Briefing != id || m.Tier != "media" || m.Subject != words.Notice || m.Text == words.Text {
		t.Fatalf("%+v", m)
	}
	if mine, err := inbox.Latest(t.Context(), " Anna@Example.org", 10); err != nil || len(mine) != 1 {
		t.Fatalf("%v, %v", mine, err)
	}
	if hers, err := inbox.Latest(t.Context(), "bea@example.org", 10); err != nil || len(hers) != 0 {
		t.Fatalf("%v, %v", hers, err)
	}
	reports, err := b.Delivery(t.Context(), camp, id)
	if err != nil || reports[0].Accepted != 1 || reports[0].Refused != 2 || reports[0].State != briefing.Settled {
		t.Fatalf("%+v, %v", reports, err)
	}
}

// What is to be tried again is, no sooner than it may be, and until the
// deadline.
func TestRetryAndDeadline(t *testing.T) {
	h := open(t)
	crowd := h.crowd("p", 3)
	flaky, never, fine := crowd[0], crowd[1], crowd[2]
	b, id := one(t, h, crowd...)
	sender := &script{answer: func(n push.Notice, times int) push.Answer {
		switch {
		case n.To.Person() == never, n.To.Person() == flaky && times < 3:
			return push.Answer{Err: errors.New("503")}
		}
		return push.Answer{Outcome: briefing.Accepted}
	}}
	w := h.worker(b, sender)
	work(t, w)
	if sender.times(flaky) != 1 || sender.times(fine) != 1 {
		t.Fatalf("sent %v", sender.sent)
	}
	h.pass(10*time.Second - time.Millisecond)
	work(t, w)
	if sender.times(flaky) != 1 {
		t.Fatal("tried again within ten seconds")
	}
	for range 180 {
		h.pass(20 * time.Second)
		work(t, w)
		advance(t, b)
	}
	got := h.outcomes(id)
	if got[flaky].Outcome != briefing.Accepted || got[never].Outcome != briefing.Expired || got[fine].Outcome != briefing.Accepted {
		t.Fatalf("%+v", got)
	}
	if sender.times(fine) != 1 || sender.times(flaky) != 3 || sender.times(never) < 8 || sender.times(never) > 20 {
		t.Fatalf("sent %v", sender.sent)
	}
	reports, err := b.Delivery(t.Context(), camp, id)
	if err != nil || reports[0].State != briefing.Settled || reports[0].Accepted != 2 || reports[0].Failed != 1 {
		t.Fatalf("%+v, %v", reports, err)
	}
}

// A wrong message stops the parcel: nobody else is asked for a minute.
func TestHalt(t *testing.T) {
	h := open(t)
	crowd := h.crowd("p", 30)
	b, _ := one(t, h, crowd...)
	sender := &script{answer: func(push.Notice, int) push.Answer {
		return push.Answer{Outcome: briefing.Failed, Halt: true}
	}}
	w := push.New(push.Parts{Briefings: b, Gate: h.people.Gate(), Sender: sender, Rate: h.rate(), Log: h.log},
		push.Options{InFlight: 1, Monotonic: h.monotonic})
	work(t, w)
	if n := len(sender.sent); n > 2 {
		t.Fatalf("%d were sent a message known to be wrong", n)
	}
	h.pass(59 * time.Second)
	work(t, w)
	if n := len(sender.sent); n > 2 {
		t.Fatalf("%d within the minute", n)
	}
	h.pass(2 * time.Minute)
	sender.answer = nil
	work(t, w)
	if n := len(sender.sent); n != 30 {
		t.Fatalf("%d of 30 after the mend", n)
	}
}

// A pause holds every worker back until it has passed on Redis's clock.
func TestPause(t *testing.T) {
	h := open(t).turning()
	crowd := h.crowd("p", 5)
	b, _ := one(t, h, crowd...)
	var limited sync.Once
	sender := &script{answer: func(push.Notice, int) push.Answer {
		a := push.Answer{Outcome: briefing.Accepted}
		limited.Do(func() { a = push.Answer{Pause: 30 * time.Second} })
		return a
	}}
	w := push.New(push.Parts{Briefings: b, Gate: h.people.Gate(), Sender: sender, Rate: h.rate(), Log: h.log},
		push.Options{InFlight: 1, Monotonic: h.monotonic})
	other := h.worker(b, sender)
	work(t, w)
	before := len(sender.sent)
	if before > 2 {
		t.Fatalf("%d sent after a 429", before)
	}
	h.pass(time.Minute + 30*time.Second) // leases and retries are over; Redis's clock stands
	work(t, w)
	work(t, other)
	if len(sender.sent) != before {
		t.Fatal("sent during the pause")
	}
	h.redis.SetTime(start.Add(30*time.Second + time.Millisecond))
	work(t, other)
	if len(sender.sent) != 5 {
		t.Fatalf("%d of 5 after the pause", len(sender.sent))
	}
}

// No send begins once the lease is nearly over by the monotonic clock, whatever
// other clocks say, and the rest is somebody else's.
func TestLeaseIsCheckedBeforeEachSend(t *testing.T) {
	h := open(t)
	crowd := h.crowd("p", 20)
	b, id := one(t, h, crowd...)
	var mu sync.Mutex
	now := time.Duration(0)
	slow := &script{answer: func(push.Notice, int) push.Answer {
		mu.Lock()
		now += 10 * time.Second
		mu.Unlock()
		return push.Answer{Outcome: briefing.Accepted}
	}}
	w := push.New(push.Parts{Briefings: b, Gate: h.people.Gate(), Sender: slow, Rate: h.rate(), Log: h.log}, push.Options{
		InFlight: 1, Monotonic: func() time.Duration { mu.Lock(); defer mu.Unlock(); return now },
	})
	if _, err := w.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(slow.sent); n < 4 || n > 6 {
		t.Fatalf("%d sends of ten seconds in a lease of a minute", n)
	}
	quick := &script{}
	work(t, h.worker(b, quick))
	if len(quick.sent)+len(slow.sent) != 20 {
		t.Fatalf("%d and %d of 20", len(slow.sent), len(quick.sent))
	}
	for person := range slow.sent {
		if quick.times(person) != 0 {
			t.Errorf("%s was recorded and sent again", person)
		}
	}
	for person, d := range h.outcomes(id) {
		if d.Outcome != briefing.Accepted {
			t.Errorf("%s: %q", person, d.Outcome)
		}
	}
}

// A sender that panics loses its own answer and nobody else's.
func TestPanic(t *testing.T) {
	h := open(t)
	crowd := h.crowd("p", 10)
	b, id := one(t, h, crowd...)
	sender := &script{answer: func(n push.Notice, times int) push.Answer {
		if n.To.Person() == crowd[4] && times == 1 {
			panic(fmt.Sprint("a bug, and ", n.To.Address()))
		}
		return push.Answer{Outcome: briefing.Accepted}
	}}
	w := h.worker(b, sender)
	if _, err := w.Work(t.Context()); err == nil {
		t.Fatal("the panic was swallowed")
	}
	h.pass(briefing.Lease)
	work(t, w)
	for _, person := range crowd {
		want := 1
		if person == crowd[4] {
			want = 2
		}
		if sender.times(person) != want || h.outcomes(id)[person].Outcome != briefing.Accepted {
			t.Errorf("%s: sent %d times, %q", person, sender.times(person), h.outcomes(id)[person].Outcome)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	h := open(t)
	b, _ := one(t, h, h.crowd("p", 5)...)
	const peer = "github.com/alicebob/miniredis/v2/server.(*Server).servePeer"
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction(peer), goleak.IgnoreAnyFunction(peer+".func2"))
	ctx, cancel := context.WithCancel(t.Context())
	sender := &script{answer: func(push.Notice, int) push.Answer {
		cancel() // what is in flight is still recorded
		return push.Answer{Outcome: briefing.Accepted}
	}}
	if err := h.worker(b, sender).Run(ctx); err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for _, id := range ids(t, b) {
		for person, d := range h.outcomes(id) {
			if d.Outcome == briefing.Accepted {
				accepted++
			}
			if (d.Outcome == briefing.Accepted) != (sender.times(person) == 1) {
				t.Errorf("%s: sent %d times, %q", person, sender.times(person), d.Outcome)
			}
		}
	}
	if accepted == 0 {
		t.Fatal("nothing recorded")
	}
}

func ids(t *testing.T, b *briefing.Service) (list []string) {
	t.Helper()
	page, err := b.List(t.Context(), camp, briefing.ListRequest{Viewer: staff{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range page.Briefings {
		list = append(list, b.ID)
	}
	return list
}
