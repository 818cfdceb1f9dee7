package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// ActionsOptions say what to measure. All fields are required.
type ActionsOptions struct {
	Connections int
	Batches     []int // actions in a request, each 1 to 200
	Seconds     float64
	People      int
	// OpenRate is the part of the closed loop's rate that the open loop sends.
	OpenRate float64
	// Profile is where CPU profiles of the server go, one a closed loop, named
	// for what was measured; "" for none.
	Profile string
	// Step is told what happens now; for progress.
	Step func(text string)
}

// What a mature Go game server on PostgreSQL used of the CPU for a durable
// score write and for a read around the owner, on two cores from 32
// connections (measured for this project; docs/performance.md).
const (
	peerWriteCPU = 350e-6
	peerReadCPU  = 600e-6
)

// The aims: parts of the rate that the parts allow, and how many times less
// CPU than the peer.
const (
	aimOne   = .6
	aimMany  = .8
	aimWrite = 3
	aimRead  = 5
)

// Actions measures POST actions against its parts on the server at these
// addresses, and what a write and a read around the caller cost in CPU, server
// and Redis together; a store that is a process of its own is counted where
// the store's CPU can be read, which is nowhere yet, so there the rows are
// left out.
func Actions(ctx context.Context, at Addresses, campaignID string, r *Redis, embeddedStore bool, o ActionsOptions) ([]Row, error) {
	m := &actions{run: newRun(at, campaignID, r, o.Seconds, o.Profile), ActionsOptions: o, embeddedStore: embeddedStore}
	o.Step(fmt.Sprintf("%d people sign up", o.People))
	var err error
	if m.tokens, err = m.host.tokens(ctx, o.People, func() {}); err != nil {
		return nil, err
	}
	if len(m.tokens) < o.Connections {
		return nil, errors.New("fewer people than connections")
	}
	for _, batch := range o.Batches {
		if err := m.batch(ctx, batch); err != nil {
			return nil, err
		}
	}
	return m.rows, m.reads(ctx)
}

type actions struct {
	run
	ActionsOptions
	embeddedStore bool
	tokens        []string
}

// batch measures one size of batch.
func (m *actions) batch(ctx context.Context, size int) error {
	name := fmt.Sprintf("batch %d: ", size)
	m.Step(name + "closed loop")
	sender := newBatches(m, size)
	g := newGenerator(m.at.API, m.Connections)
	closed, cost, err := m.closedLoop(ctx, fmt.Sprintf("batch-%d", size), g, sender)
	if err != nil {
		return err
	}
	m.Step(name + "open loop")
	open := g.run(ctx, closed.rate()*m.OpenRate, m.length(), sender)
	m.Step(name + "its parts")
	limit, err := m.limit(ctx, name, sender)
	if err != nil {
		return err
	}
	aim := aimMany
	if size < 20 {
		aim = aimOne
	}
	m.row(Row{Name: name + "actions, closed loop", Value: closed.rate() * float64(size), Unit: "1/s", Limit: limit.rate * float64(size), Aim: aim})
	m.row(Row{Name: name + "requests, open loop", Value: open.rate(), Unit: "1/s", Limit: closed.rate() * m.OpenRate})
	for _, p := range []float64{50, 99, 99.9} {
		m.row(Row{Name: name + "open loop p" + strconv.FormatFloat(p, 'f', -1, 64), Value: open.percentile(p), Unit: "ms"})
	}
	m.row(Row{Name: name + "requests that failed", Value: float64(closed.failed + open.failed), Unit: "requests"})
	if size == 1 && m.embeddedStore {
		m.row(Row{Name: name + "CPU of server, store and Redis", Value: cost * 1e6, Unit: "us/request", Limit: peerWriteCPU * 1e6, Cost: true, Aim: aimWrite})
		m.row(Row{Name: name + "the same, beside its parts", Value: cost * 1e6, Unit: "us/request", Limit: limit.cpu * 1e6, Cost: true})
	}
	if failure := closed.firstFailure + open.firstFailure; failure != "" {
		m.Step(name + "a request failed: " + failure)
	}
	return nil
}

// alone is what the parts of a request come to, one after the other, each as fast
// and as cheap as it is by itself.
type alone struct {
	rate float64 // requests a second
	cpu  float64 // seconds of server and Redis for each
}

// add takes a part in.
func (a *alone) add(rate, cpu float64) {
	if a.rate == 0 {
		a.rate = rate
	} else {
		a.rate = 1 / (1/a.rate + 1/rate)
	}
	a.cpu += cpu
}

// limit measures the parts of a request, each alone.
func (m *actions) limit(ctx context.Context, name string, sender *batches) (alone, error) {
	var all alone
	part := func(what, unit string, do func() (rate float64, done int, err error)) error {
		var rate float64
		cpu, err := m.costing(ctx, func() (done int, err error) {
			rate, done, err = do()
			return done, err
		})
		if err != nil {
			return fmt.Errorf("%s alone: %w", what, err)
		}
		all.add(rate, cpu)
		m.row(Row{Name: name + "part: " + what, Value: rate, Unit: unit})
		m.row(Row{Name: name + "part: " + what + ", CPU", Value: cpu * 1e6, Unit: "us"})
		return nil
	}
	inServer := func(path string) func() (float64, int, error) {
		return func() (float64, int, error) {
			var got answer
			err := m.parts.call("POST", path, ask{Seconds: m.Seconds / 2, Together: m.Connections}, &got)
			return got.Rate, got.Calls, err
		}
	}
	together := ", " + strconv.Itoa(m.Connections) + " together"
	if err := part("insert"+together, "postings/s", inServer("/insert")); err != nil {
		return all, err
	}
	if err := part("script"+together, "lines/s", inServer("/script")); err != nil {
		return all, err
	}
	return all, part("empty handler with token check", "1/s", func() (float64, int, error) {
		empty := newGenerator(m.at.Parts, m.Connections).run(ctx, 0, m.length()/2, &emptyCalls{sender, "http://" + m.at.Parts + "/empty"})
		if empty.failed > 0 {
			return 0, 0, errors.New(empty.firstFailure)
		}
		return empty.rate(), empty.calls, nil
	})
}

// reads measures the page around the caller.
func (m *actions) reads(ctx context.Context) error {
	m.Step("reads around the caller")
	g := newGenerator(m.at.API, m.Connections)
	closed, cost, err := m.closedLoop(ctx, "around-me", g, newAroundCalls(&m.run, m.tokens, m.Connections))
	if err != nil {
		return err
	}
	m.row(Row{Name: fmt.Sprintf("around me over HTTP, %d people", m.People), Value: closed.rate(), Unit: "1/s"})
	m.row(Row{Name: "around me over HTTP p99", Value: closed.percentile(99), Unit: "ms"})
	if m.embeddedStore {
		m.row(Row{Name: "around me: CPU of server, store and Redis", Value: cost * 1e6, Unit: "us/request", Limit: peerReadCPU * 1e6, Cost: true, Aim: aimRead})
	}
	return nil
}

// batches are requests of POST actions.
type batches struct {
	callers
	url   string
	size  int
	nonce string // makes ids of runs differ
}

func newBatches(m *actions, size int) *batches {
	return &batches{
		callers{m.tokens, m.Connections}, "http://" + m.at.API + m.host.path("actions"), size,
		strconv.FormatInt(time.Now().UnixNano(), 36), //nolint:forbidigo // as above
	}
}

var kinds = []string{"door", "call", "text", "data_entry"}

func (b *batches) next(connection, k int, into *fasthttp.Request) {
	into.Header.SetMethod("POST")
	into.Header.SetContentType("application/json")
	b.head(connection, k, into)
	into.SetRequestURI(b.url)
	into.SetBody(b.body(connection, k))
}

func (b *batches) body(connection, k int) []byte {
	now := time.Now().UTC() //nolint:forbidigo // a phone's clock
	body := append(make([]byte, 0, 64+120*b.size), `{"sent_at":"`...)
	body = now.AppendFormat(body, time.RFC3339Nano)
	body = append(body, `","actions":[`...)
	for i := range b.size {
		if i > 0 {
			body = append(body, ',')
		}
		n := k*b.size + i
		body = fmt.Appendf(body, `{"id":"%s-%d-%d","kind":"%s","quantity":%d,"occurred_at":"`, b.nonce, connection, n, kinds[n%len(kinds)], n%5+1)
		body = now.Add(-time.Duration(n%(13*24))*time.Hour).AppendFormat(body, time.RFC3339Nano)
		body = append(body, `"}`...)
	}
	return append(body, `]}`...)
}

// emptyCalls send the same requests to the handler that does nothing.
type emptyCalls struct {
	*batches
	url string
}

func (e *emptyCalls) next(connection, k int, into *fasthttp.Request) {
	e.batches.next(connection, k, into)
	into.SetRequestURI(e.url)
}

// CheckBatches says what is wrong with sizes of batches, nil for nothing.
func CheckBatches(sizes []int) error {
	if len(sizes) == 0 || slices.ContainsFunc(sizes, func(n int) bool { return n < 1 || n > 200 }) {
		return errors.New("batches hold 1 to 200 actions")
	}
	return nil
}
