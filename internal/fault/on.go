//go:build fault

// Package fault lets the fault suite (internal/faults) break a running server
// where nothing outside it could. This is the build that can.
//
// The variable MUSTER_FAULT names a file of lines "key value", which is read
// again and again while the process runs:
//
//	clock 10m      the process's clock is ahead by this, or behind
//	slow 1s        every call of the store takes this much longer
//	die 7          kill -9 after the 7th insert of postings from now on, before
//	               anybody hears of it
//	broken MODE    see the modes; read once, at the start
package fault

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/store"
)

// The ways in which a build can be wrong, for the suite to find out.
const (
	// earlyAnswer: postings are acknowledged before they are written.
	earlyAnswer = "early-answer"
	// noIndex: nothing keeps an action's id from coming twice.
	noIndex = "no-index"
	// increments: boards are added to, whatever they hold already.
	increments = "increments"
)

// ledger is the name of the collection of postings.
const ledger = "postings"

// orders are what the file says now.
type orders struct {
	clock, slow time.Duration
	die         int64
	broken      string
}

var (
	begin  sync.Once
	now    atomic.Pointer[orders]
	broken string
)

// current gives the orders, and has them read from the first call on.
func current() *orders {
	begin.Do(func() {
		path := os.Getenv("MUSTER_FAULT")
		now.Store(read(path))
		broken = now.Load().broken
		if path == "" {
			return
		}
		go func() {
			for range time.Tick(20 * time.Millisecond) {
				now.Store(read(path))
			}
		}()
	})
	return now.Load()
}

// read takes a file that is not there for one that orders nothing.
func read(path string) *orders {
	o := &orders{}
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "clock":
			o.clock, _ = time.ParseDuration(value)
		case "slow":
			o.slow, _ = time.ParseDuration(value)
		case "die":
			o.die, _ = strconv.ParseInt(value, 10, 64)
		case "broken":
			o.broken = value
		}
	}
	return o
}

// Clock is the clock that the process goes by.
func Clock(c clock.Clock) clock.Clock { return skewed{c} }

type skewed struct{ clock.Clock }

// Now implements clock.Clock.
func (s skewed) Now() time.Time { return s.Clock.Now().Add(current().clock) }

// Engine is the store that the rooms write to.
func Engine(e store.Engine) store.Engine { current(); return &engine{Engine: e} }

type engine struct {
	store.Engine
	inserts atomic.Int64
}

// wait is how a slow store answers.
func wait(ctx context.Context) error {
	slow := current().slow
	if slow == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(slow):
		return nil
	}
}

// Migrate implements store.Engine.
func (e *engine) Migrate(ctx context.Context, schemas []store.Schema) error {
	if broken == noIndex {
		for i := range schemas {
			if schemas[i].Name != ledger {
				continue
			}
			indexes := append([]store.Index(nil), schemas[i].Indexes...)
			for j := range indexes {
				if indexes[j].Name == "action" {
					indexes[j].Unique = false
				}
			}
			schemas[i].Indexes = indexes
		}
	}
	return e.Engine.Migrate(ctx, schemas)
}

// Insert implements store.Engine.
func (e *engine) Insert(ctx context.Context, s *store.Schema, campaign string, docs []store.Raw) []error {
	if err := wait(ctx); err != nil {
		answers := make([]error, len(docs))
		for i := range answers {
			answers[i] = err
		}
		return answers
	}
	if s.Name != ledger {
		return e.Engine.Insert(ctx, s, campaign, docs)
	}
	if broken == earlyAnswer {
		time.AfterFunc(300*time.Millisecond, func() {
			e.Engine.Insert(context.WithoutCancel(ctx), s, campaign, docs)
		})
		return make([]error, len(docs))
	}
	answers := e.Engine.Insert(ctx, s, campaign, docs)
	if die := current().die; die > 0 && e.inserts.Add(1) >= die {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}
	return answers
}

// Get implements store.Engine.
func (e *engine) Get(ctx context.Context, s *store.Schema, campaign string, ids []string) ([]store.Raw, error) {
	if err := wait(ctx); err != nil {
		return nil, err
	}
	return e.Engine.Get(ctx, s, campaign, ids)
}

// Find implements store.Engine.
func (e *engine) Find(ctx context.Context, s *store.Schema, campaign string, q store.Query) (store.RawPage, error) {
	if err := wait(ctx); err != nil {
		return store.RawPage{}, err
	}
	return e.Engine.Find(ctx, s, campaign, q)
}

// Redis may change what a client sends.
func Redis(c redis.UniversalClient) {
	if current(); broken == increments {
		c.AddHook(incrementing{})
	}
}

// incrementing sends a script for the boards that forgets what it added before.
// The server then never has the true one, so the client always sends the text.
type incrementing struct{}

// DialHook implements redis.Hook.
func (incrementing) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (incrementing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook implements redis.Hook.
func (incrementing) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	const remembers, forgets = "local p0 = points0[s]", "local p0 = nil"
	return func(ctx context.Context, cmd redis.Cmder) error {
		if args := cmd.Args(); len(args) > 1 && args[0] == "eval" {
			if text, ok := args[1].(string); ok {
				args[1] = strings.Replace(text, remembers, forgets, 1)
			}
		}
		return next(ctx, cmd)
	}
}
