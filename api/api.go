package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/musterhq/muster/domain/badge"
	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/goal"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/review"
	"github.com/musterhq/muster/domain/task"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/leaderboard"
	"github.com/musterhq/muster/realtime"
)

// Limits of a request. A batch of actions is the largest thing a phone sends.
const (
	bodyLimit = 256 << 10
	// readLimit is what is read at all: a body between the two is read, kept
	// nowhere and refused, so that the refusal reaches the sender instead of a
	// reset.
	readLimit    = 4 << 20
	smallBody    = 64 << 10
	headerLimit  = 16 << 10
	readTimeout  = 10 * time.Second
	writeTimeout = 15 * time.Second
	idleTimeout  = 60 * time.Second
	// callTimeout bounds one handler: longer than the 10 s after which a write
	// is unknown, shorter than writeTimeout.
	callTimeout = 12 * time.Second
)

// Parts are the services behind the surface; all are required.
type Parts struct {
	Campaigns *campaign.Service
	People    *people.Service
	Points    *points.Service
	Goals     *goal.Service
	Badges    *badge.Service
	Tasks     *task.Service
	Reviews   *review.Service
	Boards    *leaderboard.Boards
	Briefings *briefing.Service
	Live      *realtime.Hub
	Feeds     *realtime.Feeds
	Clock     clock.Clock
	Log       *slog.Logger
	// Ready answers /readyz: nil when every part can serve.
	Ready func(context.Context) error
	// Inbox is the embedded stand-in for mail and push; nil where real ones
	// are configured or the listener is not loopback.
	Inbox Inbox
	// Wake is called after every request that may have left effects behind.
	Wake func()
}

// Options are what the operator decides about the surface.
type Options struct {
	// TrustedProxies are addresses or networks whose X-Forwarded-For is
	// believed. Empty means none.
	TrustedProxies []string
	// PublicURL is where people reach the server, without a slash at its end; what
	// is signed names it. Empty: nothing is signed.
	PublicURL string
	// Version is what the OpenAPI document calls the server.
	Version string
	// MaxInFlight is how many calls are answered at once; four times as many
	// wait for their turn. Zero value means 256.
	MaxInFlight int
}

// API is the HTTP surface. Make it with New; Fiber serves it.
type API struct {
	parts     Parts
	fiber     *fiber.App
	huma      huma.API
	meters    *meters
	admission *admission
	public    string // Options.PublicURL
	calls     []call // what the contract describes
}

// New builds the routes. It starts nothing.
func New(parts Parts, options Options) *API {
	app := fiber.New(fiber.Config{
		AppName:               "muster",
		Immutable:             true, // handlers keep strings: fasthttp would reuse their memory
		UnescapePath:          true, // clients encode the colon of people:all
		BodyLimit:             readLimit,
		StreamRequestBody:     true, // bodies reads them
		Concurrency:           maxConnections,
		ReadBufferSize:        headerLimit,
		ReadTimeout:           readTimeout,
		WriteTimeout:          writeTimeout,
		IdleTimeout:           idleTimeout,
		DisableStartupMessage: true,
		// A form would be read before any handler, into files: no call takes one.
		DisablePreParseMultipartForm: true,
		EnableTrustedProxyCheck:      true,
		TrustedProxies:               options.TrustedProxies,
		EnableIPValidation:           true,
		ProxyHeader:                  fiber.HeaderXForwardedFor,
		ErrorHandler:                 fiberProblem,
		JSONEncoder:                  json.Marshal,
	})
	slots := options.MaxInFlight
	if slots <= 0 {
		slots = defaultInFlight
	}
	line := newAdmission(slots, waitingPerSlot*slots, patience)
	a := &API{parts: parts, fiber: app, meters: newMeters(line), admission: line, public: options.PublicURL}
	app.Use(a.observe)
	app.Use(recover.New(recover.Config{EnableStackTrace: true, StackTraceHandler: a.panicked}))
	app.Use(headers)
	app.Use(newBodies(bodyMemory).take)
	app.Use(bounded)

	// huma's hook for its own errors is a package variable; every API of this
	// process wants the same one.
	huma.NewErrorWithContext = schemaProblem
	config := huma.DefaultConfig("Muster", options.Version)
	config.CreateHooks = nil // no $schema links
	config.DocsPath = ""     // the stock page loads from a CDN; docs.go serves an embedded one
	config.OpenAPIPath = ""
	config.SchemasPath = ""
	config.Formats = map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat}
	config.Info.Description = "The backend of a campaign's mobile app."
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
	}
	a.huma = humafiber.New(app, config)

	a.routes()
	a.operations()
	return a
}

// Fiber is the application to listen with or to test.
func (a *API) Fiber() *fiber.App { return a.fiber }

func (a *API) routes() {
	a.enter()
	a.me()
	a.motivation()
	a.actions()
	a.tasks()
	a.regions()
	a.boards()
	a.rules()
	a.reviews()
	a.goals()
	a.badges()
	a.briefings()
	a.headquarters()
	a.live()
}

// call is one operation of the contract.
type call struct {
	method, path, id, tag, summary, description string
	allow                                       access
	class                                       class
	status                                      int   // 0: 200
	body                                        int64 // largest body; 0: smallBody
	// ledger: all it writes is postings, which leave no effects, so there is
	// nothing to wake a worker for.
	ledger bool
}

const base = "/v1/campaigns/{campaign}"

// add registers a call: it waits for its turn, its access is checked before its
// body is read, its error mapped in one place. A method value of I embeds Scope.
func add[I, O any](a *API, c call, handle func(context.Context, *I) (*O, error)) {
	if !c.allow.public && len(c.allow.roles) == 0 {
		panic("api: " + c.id + " says nothing about who may call it")
	}
	if c.class == unclassed {
		panic("api: " + c.id + " does not say how soon it is served under overload")
	}
	c.path = base + c.path
	op := huma.Operation{
		OperationID: c.id, Method: c.method, Path: c.path, Summary: c.summary, Description: c.description,
		Tags: []string{c.tag}, DefaultStatus: c.status, MaxBodyBytes: c.body,
		Middlewares: huma.Middlewares{a.inTurn(c.class), a.guard(c.allow)},
		Errors:      []int{},
		Responses:   map[string]*huma.Response{"default": a.problemResponse()},
	}
	if c.body == 0 {
		op.MaxBodyBytes = smallBody
	}
	if !c.allow.public {
		op.Security = []map[string][]string{{"token": {}}}
	}
	a.calls = append(a.calls, c)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if c.method != http.MethodGet && !c.ledger {
			a.parts.Wake()
		}
		if err != nil {
			return nil, a.report(ctx, err)
		}
		return out, nil
	})
}

// problemResponse describes the body of every error.
func (a *API) problemResponse() *huma.Response {
	registry := a.huma.OpenAPI().Components.Schemas
	schema := huma.SchemaFromType(registry, reflect.TypeFor[Problem]())
	return &huma.Response{Description: "A problem document (RFC 9457).", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}}}
}

// report maps an error and logs what was nobody's mistake but ours.
func (a *API) report(ctx context.Context, err error) *Problem {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		a.parts.Log.ErrorContext(ctx, "request failed", "error", err)
	}
	return p
}

func (a *API) refuse(ctx huma.Context, err error) {
	_ = writeProblem(humafiber.Unwrap(ctx), a.report(ctx.Context(), err)) // the peer is gone
}

// bounded gives every request a context of its own: Fiber's ends when the
// server begins to shut down and not when it should.
func bounded(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	c.SetUserContext(context.WithValue(ctx, addressKey{}, c.IP()))
	return c.Next()
}

type addressKey struct{}

// addressOf is the caller's network address, as far as trusted proxies tell.
func addressOf(ctx context.Context) string {
	address, _ := ctx.Value(addressKey{}).(string)
	return address
}

// headers are the ones every answer carries. Pages set their own policy.
func headers(c *fiber.Ctx) error {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Next()
}

func (a *API) panicked(c *fiber.Ctx, reason any) {
	a.parts.Log.Error("handler panicked", "route", c.Route().Path, "method", c.Method(), "reason", reason)
}

// Scope is the head of every input: the campaign in the path. Like the other heads it
// is exported because huma fills no field of an unexported one.
type Scope struct {
	Campaign string `path:"campaign" doc:"The campaign's id." example:"liguria-2024"`
}

// Created is the head of every input that creates.
type Created struct {
	Scope
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"Optional: the same key again finds what the first request made."`
}

// Paging is the head of every list.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50"`
	Cursor string `query:"cursor" maxLength:"1024" doc:"next_cursor of the page before."`
}

// body wraps an answer.
type body[T any] struct{ Body T }

// empty is the answer without a body (204).
type empty struct{}
