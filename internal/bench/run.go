package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/valyala/fasthttp"
)

// run is what every benchmark of a server under test has.
type run struct {
	at          Addresses
	redis       *Redis
	host, parts *host
	seconds     float64
	profiles    string // a folder, "" for none
	rows        []Row
}

func newRun(at Addresses, campaignID string, r *Redis, seconds float64, profiles string) run {
	return run{at: at, redis: r, host: newHost(at.API, campaignID), parts: newHost(at.Parts, campaignID), seconds: seconds, profiles: profiles}
}

func (m *run) row(r Row) { m.rows = append(m.rows, r) }

func (m *run) length() time.Duration { return time.Duration(m.seconds * float64(time.Second)) }

// profile takes a CPU profile of the server for as long as a measurement runs;
// the function it gives waits for it and writes it down.
func (m *run) profile(name string) func() error {
	if m.profiles == "" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		_, body, err := m.parts.client.Get(nil, fmt.Sprintf("http://%s/profile?seconds=%g", m.at.Parts, m.seconds*.9))
		if err == nil {
			err = os.WriteFile(filepath.Join(m.profiles, name+".pprof"), body, 0o600)
		}
		done <- err
	}()
	return func() error { return <-done }
}

// spent is the CPU time of the server and of Redis so far.
func (m *run) spent(ctx context.Context) (time.Duration, error) {
	var used answer
	if err := m.parts.call("GET", "/usage", nil, &used); err != nil {
		return 0, fmt.Errorf("the server's CPU: %w", err)
	}
	store, err := m.redis.CPU(ctx)
	if err != nil {
		return 0, fmt.Errorf("the CPU of Redis: %w", err)
	}
	return store + time.Duration(used.CPU*float64(time.Second)), nil
}

// closedLoop has a generator run after a second's warm-up, and says too what a
// request cost in CPU, server and Redis together, in seconds. A warm-up in
// which a request fails is an error.
func (m *run) closedLoop(ctx context.Context, name string, g *generator, c caller) (*load, float64, error) {
	if warm := g.run(ctx, 0, min(time.Second, m.length()), c); warm.failed > 0 {
		return nil, 0, fmt.Errorf("%s, warm-up: %d of %d requests failed: %s", name, warm.failed, warm.calls, warm.firstFailure)
	}
	profiled := m.profile(name)
	var closed *load
	cost, err := m.costing(ctx, func() (int, error) {
		closed = g.run(ctx, 0, m.length(), c)
		return closed.calls - closed.failed, nil
	})
	return closed, cost, errors.Join(err, profiled())
}

// costing says what each of the things that do does costs in CPU, server and
// Redis together, in seconds. What the server does beside them is counted too.
func (m *run) costing(ctx context.Context, do func() (done int, err error)) (float64, error) {
	before, err := m.spent(ctx)
	if err != nil {
		return 0, err
	}
	done, err := do()
	if err != nil {
		return 0, err
	}
	after, err := m.spent(ctx)
	return (after - before).Seconds() / float64(max(done, 1)), err
}

// callers are people who send over connections: each connection speaks for its
// own people, in turn.
type callers struct {
	tokens      []string
	connections int
}

// head names the caller of a connection's k-th request.
func (c *callers) head(connection, k int, into *fasthttp.Request) {
	into.Header.Set("Authorization", "Bearer "+c.tokens[c.who(connection, k)])
}

// who is the number of that person.
func (c *callers) who(connection, k int) int {
	own := (len(c.tokens)-connection-1)/c.connections + 1
	return connection + c.connections*(k%own)
}

// aroundCalls read the page around the caller.
type aroundCalls struct {
	callers
	url string
}

func newAroundCalls(m *run, tokens []string, connections int) *aroundCalls {
	url := fmt.Sprintf("http://%s%s?around=me&limit=%d", m.at.API, m.host.path("boards/"+aroundBoard), pageRows)
	return &aroundCalls{callers{tokens, connections}, url}
}

func (a *aroundCalls) next(connection, k int, into *fasthttp.Request) {
	into.Header.SetMethod("GET")
	a.head(connection, k, into)
	into.SetRequestURI(a.url)
}
