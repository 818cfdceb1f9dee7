//go:build browser

package browser

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// patience is how long a condition may take before the test calls it false: ten
// times what is promised, on a machine with other things to do.
const patience = 60 * time.Second

// tab is one page in a headless Chromium of its own, with what it complained
// about and where it sent requests.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	errors []string
	hosts  map[string]bool
}

// newTab opens an empty tab; it ends with the test.
func newTab(t *testing.T) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:len(chromedp.DefaultExecAllocatorOptions):len(chromedp.DefaultExecAllocatorOptions)],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true), chromedp.Flag("font-render-hinting", "none"))
	if path := chromium(); path != "" {
		options = append(options, chromedp.ExecPath(path))
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	tb := &tab{t: t, ctx: ctx, hosts: map[string]bool{}}
	if err := chromedp.Listen(ctx, tb.listen); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	read := make(chan struct{})
	messages := chromedp.Console(ctx)
	go func() {
		defer close(read)
		tb.readConsole(messages)
	}()
	t.Cleanup(func() {
		cancel()
		<-read
		end()
	})
	tb.do(command(network.Enable, network.EnableParams{}))
	return tb
}

// command makes an action of a protocol command whose answer does not matter.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// chromium is the program to run; "" leaves it to chromedp to look for one.
func chromium() string {
	for _, path := range []string{os.Getenv("CHROMIUM"), "/usr/bin/chromium"} {
		if _, err := os.Stat(path); path != "" && err == nil {
			return path
		}
	}
	return ""
}

func (tb *tab) listen(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		tb.sawHost(e.Request.URL)
	case *network.EventWebSocketCreated:
		tb.sawHost(e.URL)
	}
}

func (tb *tab) sawHost(address string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		tb.hosts[u.Host] = true
	}
}

func (tb *tab) readConsole(messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	for m, err := range messages {
		if err != nil {
			return
		}
		switch m.Type {
		case chromedp.ConsoleWarning, chromedp.ConsoleError, chromedp.ConsoleException:
			tb.mu.Lock()
			tb.errors = append(tb.errors, fmt.Sprintf("%s: %s (%s:%d)", m.Type, m.Text, m.URL, m.Line))
			tb.mu.Unlock()
		}
	}
}

// do runs actions and ends the test if one fails.
func (tb *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		tb.t.Fatalf("browser: %v", err)
	}
}

// run gives what an action answers.
func run[T any](tb *tab, action chromedp.Action[T]) T {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		tb.t.Fatalf("browser: %v", err)
	}
	return value
}

// open loads an address.
func (tb *tab) open(address string) {
	tb.t.Helper()
	tb.do(chromedp.Navigate(address))
}

// size sets the viewport.
func (tb *tab) size(width, height int64) {
	tb.t.Helper()
	tb.do(chromedp.EmulateViewport(width, height))
}

// media sets features of the reader's system: "prefers-color-scheme", "dark".
func (tb *tab) media(pairs ...string) {
	tb.t.Helper()
	features := []*emulation.MediaFeature{}
	for i := 0; i+1 < len(pairs); i += 2 {
		features = append(features, &emulation.MediaFeature{Name: pairs[i], Value: pairs[i+1]})
	}
	tb.do(command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}))
}

// eval gives the value of an expression; promises are awaited.
func eval[T any](tb *tab, expression string) T {
	tb.t.Helper()
	return run(tb, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// script makes an action of a script whose value does not matter.
func script(source string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](source + "; undefined")
}

// until waits for an expression to be true. One that throws, or that a
// navigation interrupts, is not true yet.
func (tb *tab) until(what, expression string) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	poll := chromedp.Poll[bool]("(() => { try { return Boolean("+expression+"); } catch { return false; } })()", chromedp.WithPollingTimeout(0), chromedp.WithPollingInterval(50*time.Millisecond))
	for {
		_, err := chromedp.Run(ctx, poll)
		switch {
		case err == nil:
			return
		case ctx.Err() != nil:
			tb.t.Fatalf("%s: it did not come to that: %v\nthe page: %s\ncomplaints: %q", what, err, tb.text("body"), tb.complaints())
		}
	}
}

func (tb *tab) complaints() []string {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	return slices.Clone(tb.errors)
}

// text is what is written in the first element that matches.
func (tb *tab) text(selector string) string {
	tb.t.Helper()
	return eval[string](tb, fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, selector))
}

// shoot writes a picture of the viewport, or of the whole page, if pictures are
// wanted.
func (tb *tab) shoot(name string, whole bool) {
	tb.t.Helper()
	folder := os.Getenv("MUSTER_SCREENSHOTS")
	if folder == "" {
		return
	}
	action := chromedp.CaptureScreenshot()
	if whole {
		action = chromedp.FullScreenshot(100)
	}
	picture := run(tb, action)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		tb.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
		tb.t.Fatal(err)
	}
}

// clean fails the test for every complaint of the page, save those allowed, and
// for every host other than the given one.
func (tb *tab) clean(host string, allowed ...string) {
	tb.t.Helper()
	tb.mu.Lock()
	defer tb.mu.Unlock()
complaints:
	for _, complaint := range tb.errors {
		for _, a := range allowed {
			if strings.Contains(complaint, a) {
				continue complaints
			}
		}
		tb.t.Errorf("the page complained: %s", complaint)
	}
	for h := range tb.hosts {
		if h != host {
			tb.t.Errorf("the page sent a request to %s", h)
		}
	}
}
