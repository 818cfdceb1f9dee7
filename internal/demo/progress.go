package demo

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// How often progress is shown on a terminal, and elsewhere.
const (
	liveProgress  = 250 * time.Millisecond
	plainProgress = 5 * time.Second
)

// showProgress shows how it goes until ctx ends.
func (r *run) showProgress(ctx context.Context) error {
	if r.o.Progress == nil {
		return nil
	}
	file, ok := r.o.Progress.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		for sleep(ctx, plainProgress) {
			if _, err := fmt.Fprintln(r.o.Progress, r.line()); err != nil {
				return err
			}
		}
		return nil
	}
	steps := int64(-1) // no end: a spinner
	if r.o.For > 0 {
		steps = r.o.For.Milliseconds()
	}
	bar := progressbar.NewOptions64(steps, progressbar.OptionSetWriter(file), progressbar.OptionSetWidth(20),
		progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true))
	for sleep(ctx, liveProgress) {
		bar.Describe(r.line())
		elapsed := r.o.Clock.Now().Sub(r.start).Milliseconds()
		if steps > 0 {
			elapsed = min(elapsed, steps-1) // who is late may still be acting
		}
		if err := bar.Set64(elapsed); err != nil {
			return err
		}
	}
	return bar.Clear()
}

// line says in one line how it goes.
func (r *run) line() string {
	people, claims, actions := r.tally.now()
	text := fmt.Sprintf("%d of %d people, %d actions recorded, %d met again, %d tasks taken", people, r.o.Volunteers, actions.Recorded, actions.Duplicates, claims)
	if first, changes := r.lead.now(); first.ID != "" {
		text += fmt.Sprintf(", %s leads (%d changes)", first.Name, changes)
	}
	return text
}
