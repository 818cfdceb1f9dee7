package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// maxEntering bounds how many volunteers sign up at once.
	maxEntering = 128
	// healthWait is how long the server may take to answer at all.
	healthWait = time.Minute
	// drain is how long batches in flight may take once the acting is over,
	// and closing how long that and all that follows may: boards, ledger,
	// recount.
	drain   = 8 * time.Second
	closing = 20 * time.Second
	// maxToldFailures is how many volunteers' failures are logged one by one.
	maxToldFailures = 5
)

// run is one run of the demo.
type run struct {
	o         Options
	system    System
	http      *client
	plan      *plan
	journal   *journal
	tally     *tally
	lead      lead
	listeners *listeners
	news      *newsroom
	nonce     string
	start     time.Time

	// stopped ends when the run is broken off, over when its time is up, too;
	// broken and drained end the drain after each.
	stopped, over, broken, drained context.Context
	breakOff                       context.CancelCauseFunc
	entering                       gate

	mu       sync.Mutex
	failures int
}

// gate lets so many in at once.
type gate chan struct{}

func (g gate) enter(ctx context.Context) bool {
	select {
	case g <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g gate) leave() { <-g }

// Run runs the demo until its time is up or ctx ends, drains, verifies, and
// says what it found. That is also how a run that is broken off by ctx ends; an
// error means that no summary could be made: wrong options, a server that does
// not answer, a journal that cannot be written, a ledger that cannot be read.
func Run(ctx context.Context, o Options, system System) (_ *Summary, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &run{o: o, system: system, tally: newTally(), nonce: o.Nonce, entering: make(gate, maxEntering)}
	if r.nonce == "" {
		var random [6]byte
		_, _ = rand.Read(random[:]) // never fails
		r.nonce = hex.EncodeToString(random[:])
	}
	if r.plan, err = newPlan(&o); err != nil {
		return nil, err
	}
	if o.Journal != "" {
		if r.journal, err = openJournal(o.Journal); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, r.journal.close()) }()
	}
	r.http = newClient(o.BaseURL)
	defer r.http.close()
	if err := system.PrepareCampaign(ctx); err != nil {
		return nil, fmt.Errorf("demo: prepare the campaign: %w", err)
	}
	if err := r.awaitHealth(ctx); err != nil {
		return nil, err
	}
	if err := r.act(ctx); err != nil {
		return nil, err
	}
	return r.summarise(ctx)
}

func (r *run) awaitHealth(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	for {
		err := r.http.once(ctx, request{method: http.MethodGet, path: "/healthz"})
		if err == nil {
			r.start = r.o.Clock.Now()
			return nil
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return fmt.Errorf("demo: the server at %s does not answer: %w", r.o.BaseURL, err)
		}
	}
}

// act runs everybody until the time is up and what was sent is answered.
func (r *run) act(ctx context.Context) error {
	r.stopped, r.breakOff = context.WithCancelCause(ctx)
	defer r.breakOff(nil)
	var over context.CancelFunc
	r.over, over = context.WithCancel(r.stopped)
	defer over()
	if r.o.For > 0 {
		timer := time.AfterFunc(r.start.Add(r.o.For).Sub(r.o.Clock.Now()), over)
		defer timer.Stop()
	}
	var endBroken, endDrained func()
	r.broken, endBroken = after(r.stopped, drain)
	defer endBroken()
	r.drained, endDrained = after(r.over, drain)
	defer endDrained()

	side, endSide := context.WithCancel(r.stopped)
	var watchers, people sync.WaitGroup
	headquarters := &hq{run: r}
	r.listeners, r.news = newListeners(r), &newsroom{run: r}
	for name, work := range map[string]func(context.Context) error{
		"tasks": headquarters.postTasks, "lead": headquarters.watchLead, "progress": r.showProgress, "live feeds": r.listeners.watch, "briefing": r.news.work,
	} {
		watchers.Go(func() {
			if err := work(side); err != nil && side.Err() == nil {
				r.o.Log.Warn("the demo goes on without a part of it", "part", name, "error", err)
			}
		})
	}
	for i := range r.o.Volunteers {
		v := r.plan.volunteer(i)
		if !sleep(r.stopped, r.start.Add(v.signUpAt).Sub(r.o.Clock.Now())) || !r.entering.enter(r.stopped) {
			break
		}
		people.Go(func() { r.told(endOr(r.stopped, r.live(v))) })
	}
	people.Wait()
	if r.o.For > 0 {
		<-r.over.Done() // who runs for a time shows the boards for all of it
	}
	endSide()
	watchers.Wait()
	if cause := context.Cause(r.stopped); cause != nil && ctx.Err() == nil {
		return cause
	}
	return nil
}

// after is a context that ends so long after another has.
func after(ctx context.Context, d time.Duration) (context.Context, func()) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		sleep(later, d)
		cancel()
	})
	return later, func() {
		stop()
		cancel()
	}
}

// fail breaks the run off.
func (r *run) fail(err error) { r.breakOff(err) }

// told logs that something failed for one volunteer; the others go on.
func (r *run) told(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	r.failures++
	n := r.failures
	r.mu.Unlock()
	if n <= maxToldFailures {
		r.o.Log.Warn("a volunteer could not go on", "error", err)
	}
}

// summarise reads the boards and holds ledger and boards to what was
// acknowledged. It has its own time, for ctx has often ended.
func (r *run) summarise(ctx context.Context) (*Summary, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	if r.failures > maxToldFailures {
		r.o.Log.Warn("more volunteers could not go on", "times", r.failures)
	}
	s := &Summary{Seed: r.o.Seed}
	s.People, _, s.Actions = r.tally.now()
	_, s.LeadChanges = r.lead.now()
	s.Feed = r.listeners.found()
	var err error
	if s.Boards, err = (&hq{run: r}).boards(ctx); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	if s.Briefings, err = r.news.found(ctx); err != nil {
		return nil, fmt.Errorf("demo: read the delivery: %w", err)
	}
	if s.Ledger, err = r.tally.check(ctx, r.system); err != nil {
		return nil, fmt.Errorf("demo: read the ledger: %w", err)
	}
	found, err := r.system.Verify(ctx)
	if err != nil {
		return nil, fmt.Errorf("demo: verify: %w", err)
	}
	s.BoardsEqualLedger, s.BoardsCompared = found.Equal, found.Compared
	return s, nil
}
