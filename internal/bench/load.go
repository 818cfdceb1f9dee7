package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// load is what a generator saw.
type load struct {
	calls, failed int
	took          time.Duration
	latencies     []time.Duration // of those that succeeded, sorted
	firstFailure  string
}

func (l *load) rate() float64 { return float64(l.calls-l.failed) / l.took.Seconds() }

// percentile is a latency in milliseconds; p is within 0 and 100.
func (l *load) percentile(p float64) float64 {
	if len(l.latencies) == 0 {
		return 0
	}
	at := int(p / 100 * float64(len(l.latencies)))
	return float64(l.latencies[min(at, len(l.latencies)-1)].Microseconds()) / 1000
}

// caller makes the requests of one connection, one after the other.
type caller interface {
	// next fills the request of the connection's k-th call.
	next(connection, k int, into *fasthttp.Request)
}

// checker is a caller that looks into answers, be it into some alone: an answer
// that it refuses has failed.
type checker interface {
	check(connection, k int, body []byte) error
}

// generator sends requests over so many connections.
type generator struct {
	client      *fasthttp.HostClient
	connections int
	// numbers go on over all runs of a connection, so that no id comes twice.
	numbers []int
}

func newGenerator(address string, connections int) *generator {
	return &generator{
		client: &fasthttp.HostClient{
			Addr: address, MaxConns: connections, ReadTimeout: 15 * time.Second, WriteTimeout: 15 * time.Second,
			MaxIdemponentCallAttempts: 1, NoDefaultUserAgentHeader: true,
		},
		connections: connections,
		numbers:     make([]int, connections),
	}
}

// run sends for a while: with a rate of 0 each connection sends its next
// request when the last is answered (closed loop: what the server can do).
// Otherwise requests fall due evenly, that many a second, whether or not
// those before are answered, and a latency counts from when the request was
// due (open loop: what a user sees).
func (g *generator) run(ctx context.Context, rate float64, length time.Duration, c caller) *load {
	var (
		group  sync.WaitGroup
		mu     sync.Mutex
		sum    load
		ticket atomic.Int64
	)
	start := time.Now() //nolint:forbidigo // durations on the monotonic clock
	for connection := range g.connections {
		group.Go(func() {
			mine := g.connection(ctx, connection, start, length, c, func() time.Duration {
				if rate == 0 {
					return 0
				}
				return time.Duration(float64(ticket.Add(1)-1) / rate * float64(time.Second))
			})
			mu.Lock()
			defer mu.Unlock()
			sum.calls += mine.calls
			sum.failed += mine.failed
			sum.latencies = append(sum.latencies, mine.latencies...)
			if sum.firstFailure == "" {
				sum.firstFailure = mine.firstFailure
			}
		})
	}
	group.Wait()
	sum.took = time.Since(start)
	slices.Sort(sum.latencies)
	return &sum
}

// connection is the part of one connection in a run. due says when, after the
// start, its next request falls due; 0 is at once.
func (g *generator) connection(ctx context.Context, connection int, start time.Time, length time.Duration, c caller, due func() time.Duration) *load {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	mine := &load{}
	checks, _ := c.(checker)
	for ctx.Err() == nil && time.Since(start) < length {
		from := start.Add(due())
		if ahead := time.Until(from); ahead > 0 {
			if from.Sub(start) >= length {
				break
			}
			time.Sleep(ahead)
		} else if from.Equal(start) {
			from = time.Now() //nolint:forbidigo // as above
		}
		request.Reset()
		k := g.numbers[connection]
		g.numbers[connection]++
		c.next(connection, k, request)
		mine.calls++
		err := g.client.Do(request, response)
		took := time.Since(from)
		switch {
		case err != nil:
		case response.StatusCode() != fasthttp.StatusOK:
			err = fmt.Errorf("%d %s", response.StatusCode(), response.Body())
		case checks != nil:
			err = checks.check(connection, k, response.Body())
		}
		if err != nil {
			mine.failed++
			mine.firstFailure = err.Error()
			continue
		}
		mine.latencies = append(mine.latencies, took)
	}
	return mine
}
