package demo

import (
	"context"
	"net/http"
)

// work is the task that a volunteer holds.
type work struct {
	run       *run
	volunteer *volunteer
	session   *session
	task      string // id; "" for none
}

// Chances after a batch.
const (
	completes = .45
	givesBack = .05
	takes     = .30 // of who holds none
)

type taskView struct {
	ID    string `json:"id"`
	Free  int    `json:"free"`
	Claim *struct {
		State string `json:"state"`
	} `json:"claim"`
}

// take looks at the open tasks and claims one; pick, 0 to 1, says where in the
// list to begin. That all slots are taken is no error.
func (w *work) take(ctx context.Context, pick float64) error {
	var list struct {
		Tasks []taskView `json:"tasks"`
	}
	if err := w.call(ctx, http.MethodGet, "tasks", &list); err != nil {
		return endOr(ctx, err)
	}
	const tries = 3
	free := make([]taskView, 0, len(list.Tasks))
	for _, t := range list.Tasks {
		if t.Claim != nil && t.Claim.State == "held" {
			w.task = t.ID // held since an earlier run
			return nil
		}
		if t.Free > 0 && t.Claim == nil {
			free = append(free, t)
		}
	}
	for i := range min(tries, len(free)) {
		t := free[(int(pick*float64(len(free)))+i)%len(free)]
		err := w.call(ctx, http.MethodPost, "tasks/"+t.ID+"/claim", nil)
		if err == nil {
			w.task = t.ID
			w.run.tally.claimed()
			return nil
		}
		if !taskGone(err) {
			return endOr(ctx, err)
		}
	}
	return nil
}

// afterBatch does what the plan's dice say about tasks.
func (w *work) afterBatch(ctx context.Context, b batch) error {
	if w.task == "" {
		if b.taskDice < takes {
			return w.take(ctx, b.pickDice)
		}
		return nil
	}
	var act string
	switch {
	case b.taskDice < completes:
		act = "/complete"
	case b.taskDice < completes+givesBack:
		act = "/give-back"
	default:
		return nil
	}
	id := w.task
	w.task = ""
	if err := w.call(ctx, http.MethodPost, "tasks/"+id+act, nil); err != nil && !taskGone(err) {
		return endOr(ctx, err)
	}
	return nil
}

// taskGone says that somebody was faster, or that the task or the lease has
// ended: what happens between people and is no fault.
func taskGone(err error) bool {
	return refusedWith(err, http.StatusConflict) || refusedWith(err, http.StatusGone) || refusedWith(err, http.StatusNotFound)
}

func (w *work) call(ctx context.Context, method, path string, into any) error {
	return w.run.as(ctx, w.volunteer, w.session, request{method: method, path: w.run.path(path), into: into})
}
