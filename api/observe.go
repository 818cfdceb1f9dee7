package api

import (
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// meters count requests by route, never by address or person.
type meters struct {
	registry *prometheus.Registry
	seconds  *prometheus.HistogramVec
}

func newMeters(line *admission) *meters {
	m := &meters{
		registry: prometheus.NewRegistry(),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "muster_http_request_seconds",
			Help:    "Time to answer, by route template, method and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method", "status"}),
	}
	m.registry.MustRegister(m.seconds, lineMeter{line})
	return m
}

// lineMeter tells how full the server is and whom it refused.
type lineMeter struct{ line *admission }

var (
	slotsMeter    = prometheus.NewDesc("muster_http_slots", "Calls that may be answered at once.", nil, nil)
	inFlightMeter = prometheus.NewDesc("muster_http_in_flight", "Calls being answered.", nil, nil)
	waitingMeter  = prometheus.NewDesc("muster_http_waiting", "Calls waiting for their turn, by class.", []string{"class"}, nil)
	refusedMeter  = prometheus.NewDesc("muster_http_refused_total", "Calls refused as overloaded, by class and reason.", []string{"class", "reason"}, nil)
)

// Describe implements prometheus.Collector.
func (m lineMeter) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, to) }

// Collect implements prometheus.Collector.
func (m lineMeter) Collect(to chan<- prometheus.Metric) {
	now := m.line.load()
	to <- prometheus.MustNewConstMetric(slotsMeter, prometheus.GaugeValue, float64(now.slots))
	to <- prometheus.MustNewConstMetric(inFlightMeter, prometheus.GaugeValue, float64(now.inFlight))
	for c := acts; c < classes; c++ {
		to <- prometheus.MustNewConstMetric(waitingMeter, prometheus.GaugeValue, float64(now.waiting[c]), c.String())
		for r := range reason(reasons) {
			to <- prometheus.MustNewConstMetric(refusedMeter, prometheus.CounterValue, float64(now.refused[c][r]), c.String(), r.String())
		}
	}
}

// observe measures and logs a request by its route template: the address
// itself may hold ids.
func (a *API) observe(c *fiber.Ctx) error {
	started := time.Now() //nolint:forbidigo // a duration on the monotonic clock, not a decision
	err := c.Next()
	if err != nil {
		// The status is known only once the error has been answered.
		if err := fiberProblem(c, err); err != nil {
			return err
		}
	}
	status, route := c.Response().StatusCode(), c.Route().Path
	if status == fiber.StatusNotFound && route == "/" {
		route = "unknown"
	}
	taken := time.Since(started)
	a.meters.seconds.WithLabelValues(route, c.Method(), strconv.Itoa(status)).Observe(taken.Seconds())
	a.parts.Log.Debug("request", "method", c.Method(), "route", route, "status", status, "took", taken)
	return nil
}

// operations are the routes for whoever runs the server.
func (a *API) operations() {
	a.fiber.Get("/healthz", func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) })
	a.fiber.Get("/readyz", a.ready)
	a.fiber.Get("/metrics", onLoopback, adaptor.HTTPHandler(promhttp.HandlerFor(a.meters.registry, promhttp.HandlerOpts{})))
	a.fiber.Get("/openapi.json", a.openapi())
	a.keys()
	a.documentation()
	a.boardPage()
	a.inbox()
}

func (a *API) ready(c *fiber.Ctx) error {
	if err := a.parts.Ready(c.UserContext()); err != nil {
		a.parts.Log.Warn("not ready", "error", err)
		p := newProblem(fiber.StatusServiceUnavailable, "not_ready", "The server cannot serve yet. Try again in a few seconds.")
		p.retryAfter = 2 * time.Second
		return writeProblem(c, p)
	}
	return c.JSON(fiber.Map{"status": "ready"})
}

// openapi answers the contract, which is written once: it is large, anybody may
// ask for it, and it does not wait in line.
func (a *API) openapi() fiber.Handler {
	write := sync.OnceValues(a.huma.OpenAPI().MarshalJSON)
	return func(c *fiber.Ctx) error {
		document, err := write()
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, "application/vnd.oai.openapi+json;version=3.1")
		return c.Send(document)
	}
}
