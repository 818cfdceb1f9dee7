package main

import (
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/musterhq/muster/internal/app"
)

// bars draws one bar a step of a long work, with rate and time left, on a
// terminal only.
type bars struct {
	env      *environment
	progress app.Progress // nil where nobody looks

	mu   sync.Mutex
	step string
	bar  *progressbar.ProgressBar
}

func newBars(env *environment) *bars {
	b := &bars{env: env}
	if file, ok := env.err.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		b.progress = b.draw
	}
	return b
}

// countsDocuments says which steps count documents; the others count bytes.
func countsDocuments(step string) bool { return step == "export" || step == "import" }

func (b *bars) draw(step string, done, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if total == 0 {
		total = -1 // a bar without an end
	}
	if b.bar == nil || step != b.step {
		b.step = step
		b.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(b.env.err), progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionSetDescription(step),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionShowBytes(!countsDocuments(step)), progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true))
	}
	_ = b.bar.Set64(done) // a bar that cannot be drawn stops nothing
}

// finish leaves the terminal as it was.
func (b *bars) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
