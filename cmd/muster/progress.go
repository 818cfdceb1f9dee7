package main

import (
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/musterhq/muster/internal/app"
)

// bars draws one bar a step of a long work, with rate and time left, on a
// terminal only.
type bars struct {
	out      io.Writer
	progress app.Progress // nil where nobody looks

	mu   sync.Mutex
	step string
	bar  *progressbar.ProgressBar
}

func newBars(env *environment) *bars {
	b := &bars{out: env.err}
	if file, ok := env.err.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		b.progress = b.draw
	}
	return b
}

// byteSteps are the steps that count bytes; the others count what they name.
var byteSteps = []string{"copy", "check", "pack", "unpack"}

// draw shows how far a step has come. A total of 0 is one that is not known:
// then there is no time left either.
func (b *bars) draw(step string, done, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if total == 0 {
		total = -1 // a bar without an end
	}
	if b.bar == nil || step != b.step {
		b.clear()
		b.step = step
		b.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(b.out), progressbar.OptionSetDescription(step),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionShowBytes(slices.Contains(byteSteps, step)), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetSpinnerChangeInterval(0)) // or a goroutine draws by itself, and goes on after Exit
	}
	if b.bar.GetMax64() != total {
		b.bar.ChangeMax64(total)
	}
	_ = b.bar.Set64(done) // a bar that cannot be drawn stops nothing
}

// finish leaves the terminal as it was.
func (b *bars) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear()
}

func (b *bars) clear() {
	if b.bar != nil {
		_ = b.bar.Exit()
		b.bar = nil
	}
}
