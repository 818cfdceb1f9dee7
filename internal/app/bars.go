package app

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bars draws how far a long task has come, a bar a stage: what is done, of how
// many, how many a second, and for how long still. On anything but a terminal it
// draws nothing.
type bars struct {
	out   io.Writer
	name  string
	stage string
	begun int // done when the stage was first heard of: by who was there before
	bar   *progressbar.ProgressBar
}

func newBars(out io.Writer, name string) *bars {
	if file, ok := out.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		out = io.Discard
	}
	return &bars{out: out, name: name}
}

// show draws a step. A total of 0 is one that is not known: then there is no
// time left either.
func (b *bars) show(stage string, done, total int) {
	most := int64(-1)
	if b.bar == nil || stage != b.stage {
		b.end()
		b.stage, b.begun = stage, done
		b.bar = progressbar.NewOptions64(most, progressbar.OptionSetWriter(b.out), progressbar.OptionSetDescription(b.name+" "+stage),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(200*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetSpinnerChangeInterval(0)) // or a goroutine draws by itself, and goes on after Exit
	}
	if total > b.begun {
		most = int64(total - b.begun)
	}
	if b.bar.GetMax64() != most {
		b.bar.ChangeMax64(most)
	}
	_ = b.bar.Set(done - b.begun) // a bar that cannot be drawn stops nothing
}

// end takes the last bar away.
func (b *bars) end() {
	if b.bar != nil {
		_ = b.bar.Exit()
		b.bar = nil
	}
}
