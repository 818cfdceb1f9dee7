package push

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/domain/people"
)

// Waits before a send is repeated: from the first, doubling, with jitter.
const (
	firstWait = 10 * time.Second
	longWait  = 5 * time.Minute
	haltWait  = time.Minute
	// noticeLife is how long a phone that is off is still told afterwards.
	noticeLife = 24 * time.Hour
	// finalTimeout bounds recording what is known when a pass is cut short.
	finalTimeout = 5 * time.Second
)

// pass is one worker's time with one parcel.
type pass struct {
	w     *Worker
	taken *briefing.Taken // its Parcel changes with each record: not for the senders
	begun time.Duration   // monotonic, before the taking
	batch Batch
	stop  context.CancelFunc // ends the dispatching, not what is in flight
	done  chan briefing.Result

	credit int // messages that may be sent and are not yet

	mu      sync.Mutex
	failure error // a sender that panicked
	halted  bool  // the sender said that our message is wrong
}

// now is the time of the taking plus what a clock that never steps says has
// passed since.
func (p *pass) now() time.Time { return p.taken.At.Add(p.w.options.Monotonic() - p.begun) }

// leased says whether a send may still begin.
func (p *pass) leased() bool {
	return p.w.options.Monotonic()-p.begun < briefing.Lease-leaseMargin
}

func (p *pass) deadline() time.Time { return p.taken.Tier.CountFrom.Add(p.taken.Tier.Deadline) }

// deliver sends what is due of a parcel and records what became of it. It says
// whether it got anything done. An error leaves the parcel to its lease.
func (p *pass) deliver(ctx context.Context) (bool, error) {
	if p.taken.Expired {
		return true, p.record(ctx, p.expired())
	}
	send, known, err := p.clear(ctx)
	if err != nil {
		return false, errors.Join(err, p.release(ctx))
	}
	dispatching, stop := context.WithCancel(ctx)
	defer stop()
	p.stop, p.done = stop, make(chan briefing.Result, len(send))
	go p.dispatch(dispatching, send)
	progress, err := p.collect(ctx, known)
	if errors.Is(err, briefing.ErrFenced) {
		return progress, p.failure // somebody else has it, or it was recalled
	}
	if err != nil {
		return progress, err
	}
	if p.halted {
		err = p.record(ctx, p.held())
	}
	return progress, errors.Join(err, p.release(ctx))
}

// release gives the parcel back, also when ctx has ended: others need not wait
// for the lease.
func (p *pass) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalTimeout)
	defer cancel()
	return p.w.briefings.Release(ctx, p.taken)
}

// held lets what was not tried wait: it would be refused as well.
func (p *pass) held() (results []briefing.Result) {
	for i, d := range p.taken.Parcel.Deliveries {
		if d.Due(p.taken.At) {
			out := outgoing{index: i, tries: d.Tries}
			results = append(results, p.result(out, Answer{Halt: true}))
		}
	}
	return results
}

func (p *pass) expired() (results []briefing.Result) {
	for i, d := range p.taken.Parcel.Deliveries {
		if d.Outcome == "" {
			results = append(results, briefing.Result{Index: i, Outcome: briefing.Expired, At: p.taken.At})
		}
	}
	return results
}

func (p *pass) record(ctx context.Context, results []briefing.Result) error {
	err := p.w.briefings.Record(ctx, p.taken, results)
	if errors.Is(err, briefing.ErrFenced) {
		return nil
	}
	return err
}

// outgoing is one delivery that may go out.
type outgoing struct {
	index int
	tries int
	to    people.Cleared
}

// clear asks the gate about everybody who is due, in one call, and prepares the
// sender: who may be sent to, and what is known already of the others.
func (p *pass) clear(ctx context.Context) (send []outgoing, known []briefing.Result, err error) {
	var asked []string
	index := map[string]int{}
	for i, d := range p.taken.Parcel.Deliveries {
		if d.Due(p.taken.At) {
			asked = append(asked, d.Person)
			index[d.Person] = i
		}
	}
	if len(asked) == 0 {
		return nil, nil, nil
	}
	cleared, refused, err := p.w.gate.Clear(ctx, p.taken.Parcel.Campaign, p.w.options.Purpose, p.w.options.Channel, asked)
	if err != nil {
		return nil, nil, err
	}
	if p.batch, err = p.w.sender.Prepare(ctx, p.taken.Parcel.Campaign, cleared); err != nil {
		return nil, nil, err
	}
	at := p.now()
	for _, r := range refused {
		known = append(known, briefing.Result{Index: index[r.Person], Outcome: briefing.Refused, At: at})
	}
	for _, c := range cleared {
		i := index[c.Person()]
		if p.batch.Messages(c.Person()) == 0 {
			known = append(known, briefing.Result{Index: i, Outcome: briefing.Gone, At: at})
			continue
		}
		send = append(send, outgoing{index: i, tries: p.taken.Parcel.Deliveries[i].Tries, to: c})
	}
	return send, known, nil
}

// dispatch begins the sends, as many at once as may be, while the lease lasts
// and tokens are to be had, and closes done when the last one has answered.
func (p *pass) dispatch(ctx context.Context, send []outgoing) {
	defer close(p.done)
	var flying sync.WaitGroup
	defer flying.Wait()
	places := make(chan struct{}, p.w.options.InFlight)
	for i, out := range send {
		need := p.batch.Messages(out.to.Person())
		if p.credit < need {
			want := max(need-p.credit, min(len(send)-i, p.w.options.InFlight))
			p.credit += p.w.rate.Take(ctx, p.taken.Tier.Name, want)
		}
		if p.credit < need {
			return // the rest is due again as soon as the parcel is given back
		}
		p.credit -= need
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if ctx.Err() != nil || !p.leased() {
			return
		}
		flying.Go(func() {
			defer func() { <-places }()
			p.send(ctx, out)
		})
	}
}

// send sends one notice. It runs to its end even when the dispatching stops:
// what has gone out is to be recorded.
func (p *pass) send(ctx context.Context, out outgoing) {
	defer func() {
		if r := recover(); r != nil {
			// What it sent is unknown: nothing is recorded for this one, and the
			// parcel is left to its lease.
			p.fail(fmt.Errorf("push: the sender panicked with a %T", r))
		}
	}()
	single, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	now := p.now()
	answer := p.batch.Send(single, Notice{
		To: out.to, Briefing: p.taken.Briefing.ID, Tier: p.taken.Tier.Name, Title: p.taken.Briefing.Notice,
		Expires: now.Add(noticeLife), TTL: noticeLife,
	})
	if answer.Err != nil {
		p.w.log.Info("a send was refused", "campaign", p.taken.Briefing.Campaign, "briefing", p.taken.Briefing.ID,
			"outcome", string(answer.Outcome), "error", answer.Err)
	}
	if answer.Pause > 0 {
		p.w.rate.Pause(single, answer.Pause)
	}
	if answer.Pause > 0 || answer.Halt {
		p.mu.Lock()
		p.halted = p.halted || answer.Halt
		p.mu.Unlock()
		p.stop()
	}
	p.done <- p.result(out, answer)
}

// result turns an answer into what is recorded.
func (p *pass) result(out outgoing, a Answer) briefing.Result {
	now := p.now()
	r := briefing.Result{Index: out.index, Outcome: a.Outcome, At: now}
	if a.Outcome == "" {
		wait := max(backoff(out.tries), a.Wait, a.Pause)
		if a.Halt {
			wait = max(wait, haltWait)
		}
		r.RetryAt = now.Add(wait)
		if end := p.deadline(); r.RetryAt.After(end) && end.After(now) {
			r.RetryAt = end // it expires then
		}
	}
	return r
}

// backoff is between one and two times the first wait, doubled with each try.
func backoff(tries int) time.Duration {
	wait := min(firstWait<<min(tries, 10), longWait)
	return wait + rand.N(wait)
}

func (p *pass) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failure == nil {
		p.failure = err
	}
	p.stop()
}

// collect records results as they come, at every tick of the flush interval and
// at the end. A refused write stops the dispatching and is returned.
func (p *pass) collect(ctx context.Context, known []briefing.Result) (progress bool, err error) {
	// The end of ctx stops the dispatching; what was sent is still recorded.
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	tick := time.NewTicker(p.w.options.Flush)
	defer tick.Stop()
	flush := func() {
		if len(known) == 0 || err != nil {
			return
		}
		progress = true
		limited, cancel := context.WithTimeout(writing, finalTimeout)
		defer cancel()
		if err = p.w.briefings.Record(limited, p.taken, known); err != nil {
			p.stop()
		}
		known = nil
	}
	for {
		select {
		case r, more := <-p.done:
			if !more {
				flush()
				p.mu.Lock()
				defer p.mu.Unlock()
				return progress, errors.Join(err, p.failure)
			}
			known = append(known, r)
		case <-tick.C:
			flush()
		}
	}
}
