package points

import (
	"context"
	"errors"
	"time"

	"github.com/musterhq/muster/store"
)

// Result is what became of a batch.
type Result struct {
	// Actions answers each action of the batch, in its order.
	Actions []Answer
	// Posting is the account's last one: the one this batch made, or the one
	// before when nothing was recorded, nil when there is none. It is shared
	// and must not be changed. To apply it to the boards again does nothing.
	Posting *Posting
	// Appended says that Posting is new.
	Appended bool
}

// Record enters a batch into the member's ledger. Each action is judged by
// itself: one that is refused does not stop the others. The batch's accepted
// actions are one posting, whole or absent; a batch of which nothing is
// recorded writes none.
//
// An action whose id is in the ledger is Duplicate whatever it says now, even
// if it would now be refused; so is the second of two in the batch with the
// same id, where the first was recorded.
//
// Errors: Invalid batch_size, sent_at_invalid; Unavailable ledger_busy (nothing
// was written), outcome_unknown, ledger_unavailable: in all three the same
// batch may be sent again.
func (s *Service) Record(ctx context.Context, campaign string, m Member, b Batch) (Result, error) {
	clockError, err := b.clockError(s.clock.Now())
	if err != nil {
		return Result{}, err
	}
	t, err := s.terms(ctx, campaign, m)
	if err != nil {
		return Result{}, err
	}
	r := recording{service: s, campaign: campaign, terms: t, actions: b.Actions, clockError: clockError, known: map[string]*Answer{}}
	last, appended, err := s.append(ctx, campaign, m.Account, func(turn turn) (*Posting, error) { return r.decide(ctx, turn) })
	if err != nil {
		return Result{}, err
	}
	return Result{Actions: r.answers, Posting: last, Appended: appended}, nil
}

// Judge says which actions of a batch Record would not reject now, by position;
// nothing is written. Errors: those of the batch that Record answers, and
// Unavailable as Record.
func (s *Service) Judge(ctx context.Context, campaign string, m Member, b Batch) ([]bool, error) {
	now := s.clock.Now()
	clockError, err := b.clockError(now)
	if err != nil {
		return nil, err
	}
	t, err := s.terms(ctx, campaign, m)
	if err != nil {
		return nil, err
	}
	good := make([]bool, len(b.Actions))
	for i, a := range b.Actions {
		_, _, reason := judge(&t, a, clockError, now)
		good[i] = reason == ""
	}
	return good, nil
}

// recording is one batch on its way into a ledger.
type recording struct {
	service    *Service
	campaign   string
	terms      terms
	actions    []Action
	clockError time.Duration
	// known are the first answers of those ids that were found in the ledger,
	// nil for an id that was looked up and was not there.
	known   map[string]*Answer
	answers []Answer // of the last run of decide
}

// decide makes the next posting, nil when there is nothing to record. An id
// that is in the ledger is not looked up beforehand: the insert refuses it, and
// then decide is told that one was seen. Only what would be rejected has to be
// looked up, for it may have been recorded when it was still acceptable.
func (r *recording) decide(ctx context.Context, t turn) (*Posting, error) {
	if t.last != nil {
		r.learn(t.last) // most repeats are of the last batch
	}
	d := begin(r.terms, t.last, t.now)
	r.answers = d.record(r.actions, r.clockError, r.known)
	if t.last != nil {
		found, err := r.lookUp(ctx, t.seen)
		if err != nil {
			return nil, err
		}
		if found {
			d = begin(r.terms, t.last, t.now)
			r.answers = d.record(r.actions, r.clockError, r.known)
		}
	}
	if len(d.next.Actions) == 0 {
		return nil, nil
	}
	return d.finish(), nil
}

// lookUp asks the ledger for the ids of rejected actions, once, and, when the
// insert met one that was there, for those of all actions it was to hold.
func (r *recording) lookUp(ctx context.Context, seen bool) (found bool, err error) {
	for _, answer := range r.answers {
		first, asked := r.known[answer.ID]
		doubtful := answer.Status == Rejected && answer.Reason != BadID && !asked || answer.Status == Recorded && seen
		if !doubtful || first != nil {
			continue
		}
		p, err := r.service.holding(ctx, r.campaign, r.terms.member.Account, answer.ID)
		if err != nil {
			return false, err
		}
		if p == nil {
			r.known[answer.ID] = nil
			continue
		}
		r.learn(p) // the others of the batch are most likely in the same posting
		found = true
	}
	return found, nil
}

// learn notes the answers of the batch's ids that are in a posting.
func (r *recording) learn(p *Posting) {
	if len(p.Actions) == 0 {
		return
	}
	stored := make(map[string]int64, len(p.Actions))
	for _, e := range p.Actions {
		stored[e.ID] = e.Points
	}
	for _, a := range r.actions {
		// A client may not ask by the id of a void, though it is in there.
		if points, ok := stored[a.ID]; ok && r.known[a.ID] == nil && validID(a.ID) {
			r.known[a.ID] = &Answer{ID: a.ID, Status: Recorded, Points: points}
		}
	}
}

// record answers a batch's actions and enters those that are new.
func (d *draft) record(actions []Action, clockError time.Duration, known map[string]*Answer) []Answer {
	answers := make([]Answer, len(actions))
	entered := make(map[string]*Answer, len(actions))
	for i, a := range actions {
		first := known[a.ID]
		if first == nil {
			first = entered[a.ID]
		}
		if first != nil {
			answers[i] = Answer{ID: a.ID, Status: Duplicate, First: first}
			continue
		}
		answers[i] = d.act(a, clockError)
		if answers[i].Status == Recorded {
			answer := answers[i]
			entered[a.ID] = &answer
		}
	}
	return answers
}

// holding is the posting that an entry is in, nil when there is none.
func (s *Service) holding(ctx context.Context, campaign, account, id string) (*Posting, error) {
	p, err := s.postings.First(ctx, campaign, store.Query{Index: "action", Equal: []any{account, id}})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, unreadable(err)
	}
	return p, nil
}
