package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// instant is how times are sent: UTC with six decimals.
const instant = "2006-01-02T15:04:05.000000Z"

type actionBody struct {
	ID         string `json:"id"`
	Kind       string `json:"kind"`
	Quantity   int    `json:"quantity"`
	OccurredAt string `json:"occurred_at"`
	Task       string `json:"task,omitempty"`
}

type actionsBody struct {
	SentAt  string       `json:"sent_at"`
	Actions []actionBody `json:"actions"`
}

type actionsAnswer struct {
	Actions []struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	} `json:"actions"`
}

// live is one volunteer from sign-up to the end.
func (r *run) live(v *volunteer) error {
	s, err := r.enter(r.stopped, v)
	r.entering.leave()
	if err != nil {
		return err
	}
	r.tally.signedIn()
	signedIn := r.o.Clock.Now()
	work := &work{run: r, volunteer: v, session: s}
	// The first thing anybody does is look what there is to do.
	r.told(work.take(r.stopped, 0))
	number := 0
	for b := range v.batches() {
		acted := number > 0
		if !r.wait(signedIn.Add(b.at), acted) {
			return nil
		}
		body := r.encodeBatch(v, b, work.task, &number)
		if err := r.send(v, s, body, len(b.deeds), acted); err != nil {
			return err
		}
		if b.resend {
			if err := r.send(v, s, body, len(b.deeds), acted); err != nil {
				return err
			}
		}
		r.told(work.afterBatch(r.stopped, b))
	}
	return nil
}

// wait waits for an instant. It answers false when the volunteer's day is over
// first: at the end of the run or, for who has not acted yet, only when the run
// is broken off.
func (r *run) wait(until time.Time, acted bool) bool {
	ctx := r.stopped
	if acted {
		ctx = r.over
	}
	return sleep(ctx, until.Sub(r.o.Clock.Now()))
}

// encodeBatch makes the body of a batch. Times are real: a deed happened as
// long before this instant as the plan has it before the batch.
func (r *run) encodeBatch(v *volunteer, b batch, task string, number *int) []byte {
	now := r.o.Clock.Now().UTC()
	body := actionsBody{SentAt: now.Format(instant)}
	for _, d := range b.deeds {
		*number++
		body.Actions = append(body.Actions, actionBody{
			ID: fmt.Sprintf("%s-%d-%d", r.nonce, v.index, *number), Kind: d.kind, Quantity: d.quantity,
			OccurredAt: now.Add(d.at - b.at).Format(instant), Task: task,
		})
	}
	return encode(body)
}

// send sends a batch until it is answered, and returns once the answer is in
// the journal. What stays unanswered is counted so.
func (r *run) send(v *volunteer, s *session, body []byte, size int, acted bool) error {
	ctx := r.broken
	if acted {
		ctx = r.drained
	}
	r.tally.sent(size)
	var answer actionsAnswer
	err := r.as(ctx, v, s, request{method: http.MethodPost, path: r.path("actions"), body: body, into: &answer})
	if p, ok := errors.AsType[*problem](err); ok && p.Status < 500 && p.Status != http.StatusTooManyRequests && p.Status != http.StatusUnauthorized {
		r.tally.refused(size)
		return fmt.Errorf("act: %w", err)
	}
	if err != nil {
		r.tally.unanswered(size)
		return endOr(ctx, fmt.Errorf("act: %w", err))
	}
	if len(answer.Actions) != size {
		r.tally.unanswered(size)
		return fmt.Errorf("%w: %d actions answered of %d", errAnswer, len(answer.Actions), size)
	}
	lines := make([]JournalLine, size)
	for i, a := range answer.Actions {
		lines[i] = JournalLine{ID: a.ID, Answer: a.Status}
	}
	if err := r.journal.add(lines); err != nil {
		r.fail(err)
		return err
	}
	r.tally.answered(lines)
	return nil
}

// endOr passes over an error that only says that the run has ended.
func endOr(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}
