package points

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// faulty is an engine whose inserts go wrong on demand.
type faulty struct {
	store.Engine
	insert func(ctx context.Context, next func(context.Context) []error) []error
}

func (e *faulty) Insert(ctx context.Context, s *store.Schema, campaign string, docs []store.Raw) []error {
	if e.insert == nil {
		return e.Engine.Insert(ctx, s, campaign, docs)
	}
	return e.insert(ctx, func(ctx context.Context) []error { return e.Engine.Insert(ctx, s, campaign, docs) })
}

// unread is an engine that cannot read a collection.
type unread struct {
	store.Engine
	collection string
	off        bool
}

func (e *unread) Get(ctx context.Context, s *store.Schema, campaign string, ids []string) ([]store.Raw, error) {
	if !e.off && s.Name == e.collection {
		return nil, errors.New("connection reset")
	}
	return e.Engine.Get(ctx, s, campaign, ids)
}

// Rules that are known decide on for a while when they cannot be read again; they
// were announced long before they hold.
func TestRulesOutliveAShortOutage(t *testing.T) {
	f := setUp(t)
	engine := &unread{Engine: f.engine, collection: "rule_schedules"}
	f.Service = newService(engine, f.clock)
	batch := func(id string) Batch { return Batch{SentAt: f.clock.Now(), Actions: []Action{f.act(id, "door", 1)}} }
	_, err := f.Record(t.Context(), testCampaign, f.member, batch("a"))
	wantCode(t, err, "ledger_unavailable") // never read: nobody knows what decides
	engine.off = true
	f.record(f.act("a", "door", 1))
	engine.off = false
	f.clock.Advance(bookStale - time.Second)
	f.record(f.act("b", "door", 1))
	f.clock.Advance(time.Second)
	_, err = f.Record(t.Context(), testCampaign, f.member, batch("c"))
	wantCode(t, err, "ledger_unavailable")
	engine.off = true
	f.record(f.act("c", "door", 1))
}

func TestAnInsertThatIsNotAnsweredIsUnknown(t *testing.T) {
	tests := []struct {
		name   string
		insert func(context.Context, func(context.Context) []error) []error
		again  Answer
	}{
		{"it was written and the answer lost", func(ctx context.Context, next func(context.Context) []error) []error {
			next(context.WithoutCancel(ctx)) // however slow this machine is
			return []error{errors.New("connection reset")}
		}, duplicate("a", 20)},
		{"it was written late", func(ctx context.Context, next func(context.Context) []error) []error {
			<-ctx.Done() // insertWithin
			next(context.WithoutCancel(ctx))
			return []error{ctx.Err()}
		}, duplicate("a", 20)},
		{"it was never written", func(ctx context.Context, _ func(context.Context) []error) []error {
			<-ctx.Done()
			return []error{ctx.Err()}
		}, recorded("a", 20)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := setUp(t)
			f.record(f.act("before", "door", 1))
			done := make(chan struct{})
			engine := &faulty{Engine: f.engine, insert: func(ctx context.Context, next func(context.Context) []error) []error {
				defer close(done)
				return tt.insert(ctx, next)
			}}
			f.Service = newService(engine, f.clock)
			f.answerWithin(10 * time.Millisecond)
			batch := Batch{SentAt: wednesday, Actions: []Action{f.act("a", "door", 1)}}
			_, err := f.Record(t.Context(), testCampaign, f.member, batch)
			if errs.CodeOf(err) != "outcome_unknown" || errs.KindOf(err) != errs.Unavailable {
				t.Fatalf("%v, want outcome_unknown", err)
			}
			if _, ok := f.last.Get(testCampaign + "/anna"); ok {
				t.Error("the cache keeps a posting that may be the last but one")
			}
			<-done // the caller may leave before the insert does
			engine.insert = nil
			f.answerWithin(insertWithin)
			wantAnswers(t, f.record(batch.Actions...), tt.again)
		})
	}
}

// The caller gives up while the account's turn is somebody else's, or while
// two processes keep meeting.
func TestWhoGivesUpHasWrittenNothing(t *testing.T) {
	f := setUp(t)
	leave, err := f.queue.Enter(t.Context(), testCampaign+"/anna")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = f.Join(ctx, testCampaign, f.member)
	leave()
	if errs.CodeOf(err) != "ledger_busy" || !errors.Is(err, context.Canceled) {
		t.Errorf("in the queue: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	tries := 0
	f.Service = newService(&faulty{Engine: f.engine, insert: func(context.Context, func(context.Context) []error) []error {
		tries++
		return []error{store.ErrDuplicate}
	}}, impatient{f.clock, func() {
		if tries == 3 {
			cancel()
		}
	}})
	_, err = f.Record(ctx, testCampaign, f.member, Batch{SentAt: wednesday, Actions: []Action{f.act("a", "door", 1)}})
	if errs.CodeOf(err) != "ledger_busy" || tries != 3 {
		t.Errorf("after %d tries: %v", tries, err)
	}
	if len(f.postings()) != 0 {
		t.Error("something was written")
	}
}

// impatient is a clock that calls somebody whenever it is read.
type impatient struct {
	clock.Clock
	read func()
}

func (c impatient) Now() time.Time {
	c.read()
	return c.Clock.Now()
}

// Several processes and many phones of one person at once, all sending the
// same ids: each action is recorded once, by one of them, and all are told the
// same.
func TestProcessesRaceOnOneAccount(t *testing.T) {
	f := setUp(t)
	const processes, phones, batches, size = 3, 4, 6, 5
	type told struct {
		id     string
		points int64
		status Status
	}
	var (
		mu   sync.Mutex
		all  []told
		wait sync.WaitGroup
	)
	for range processes {
		s := newService(f.engine, f.clock)
		for range phones {
			wait.Go(func() {
				for b := range batches {
					var actions []Action
					for i := range size {
						actions = append(actions, f.act(fmt.Sprintf("%d-%d", b, i), "door", 7))
					}
					r, err := s.Record(t.Context(), testCampaign, f.member, Batch{SentAt: wednesday, Actions: actions})
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, a := range r.Actions {
						points := a.Points
						if a.First != nil {
							points = a.First.Points
						}
						all = append(all, told{a.ID, points, a.Status})
					}
					mu.Unlock()
				}
			})
		}
	}
	wait.Wait()
	f.verify()
	stored := map[string]int64{}
	for _, p := range f.postings() {
		for _, e := range p.Actions {
			stored[e.ID] = e.Points
		}
	}
	times := map[string]int{}
	for _, x := range all {
		if points, ok := stored[x.id]; !ok || points != x.points || x.status == Rejected {
			t.Errorf("told %+v, stored %d", x, points)
		}
		if x.status == Recorded {
			times[x.id]++
		}
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("%s was recorded %d times", id, n)
		}
	}
	if len(times) != batches*size || len(stored) != batches*size || len(all) != processes*phones*batches*size {
		t.Errorf("%d recorded, %d stored, %d told", len(times), len(stored), len(all))
	}
}

// A node whose clock is behind must not reopen what its neighbour closed.
func TestTimeNeverGoesBackWithinAnAccount(t *testing.T) {
	f := setUp(t)
	f.clock.Advance(calendar.Of(wednesday).Closes.Sub(wednesday))
	first := f.record(f.act("a", "door", 1))
	f.clock.Advance(-4 * time.Second)
	late := f.act("b", "door", 1)
	late.OccurredAt = wednesday
	r := f.record(late)
	if !r.Posting.RecordedAt.Equal(first.Posting.RecordedAt) || r.Posting.Actions[0].Season != "" {
		t.Errorf("recorded at %v in %q", r.Posting.RecordedAt, r.Posting.Actions[0].Season)
	}
}

// What arrives while an insert is under way goes together into the next.
func TestManyAccountsShareAnInsert(t *testing.T) {
	f := setUp(t)
	var (
		mu    sync.Mutex
		calls []int // documents in each insert
	)
	first, pass := make(chan struct{}), make(chan struct{})
	engine := &counting{Engine: f.engine, insert: func(docs int) {
		mu.Lock()
		calls = append(calls, docs)
		alone := len(calls) == 1
		mu.Unlock()
		if alone {
			close(first)
			<-pass
		}
	}}
	s := newService(engine, f.clock)
	join := func(account string) error {
		m := f.member
		m.Account = account
		_, err := s.Join(t.Context(), testCampaign, m)
		return err
	}
	const others = 50
	answers := make(chan error, others+1)
	go func() { answers <- join("first") }()
	<-first
	for i := range others {
		go func() { answers <- join(fmt.Sprint("other", i)) }()
	}
	for s.inserts.Waiting(testCampaign) < others {
		runtime.Gosched()
	}
	close(pass)
	for range others + 1 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(calls, []int{1, others}) {
		t.Errorf("inserts of %v documents, want one of 1 and one of %d", calls, others)
	}
	if n, err := s.postings.Count(t.Context(), testCampaign, store.Query{Index: "recorded"}, 1000); n != others+1 || err != nil {
		t.Errorf("%d postings, %v; want %d", n, err, others+1)
	}
}

// counting is an engine that says how many documents an insert has.
type counting struct {
	store.Engine
	insert func(docs int)
}

func (e *counting) Insert(ctx context.Context, s *store.Schema, campaign string, docs []store.Raw) []error {
	e.insert(len(docs))
	return e.Engine.Insert(ctx, s, campaign, docs)
}

// A queue that is full refuses, and says that nothing was written.
func TestALedgerThatIsBehindRefuses(t *testing.T) {
	f := setUp(t)
	f.inserts = store.NewGroup(store.GroupLimits{Together: 1, Waiting: 0, Within: time.Second}, func(context.Context, string, []*Posting) []error {
		t.Error("something was inserted")
		return []error{nil}
	})
	_, err := f.Join(t.Context(), testCampaign, f.member)
	if errs.CodeOf(err) != "ledger_busy" || !errors.Is(err, store.ErrFull) {
		t.Errorf("%v, want ledger_busy", err)
	}
}
