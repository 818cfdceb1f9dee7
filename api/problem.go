package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Problem is every error body: an RFC 9457 problem document with a stable code.
// The fields of an error's Detail stand beside these ("choices").
type Problem struct {
	Type   string              `json:"type" doc:"A name for this kind of problem: urn:muster:problem: and the code."`
	Title  string              `json:"title" doc:"The HTTP status in words."`
	Status int                 `json:"status"`
	Code   string              `json:"code" doc:"Stable; clients decide by this."`
	Detail string              `json:"detail" doc:"One sentence for a person, saying what to do."`
	Errors []*huma.ErrorDetail `json:"errors,omitempty" doc:"Where the request departs from the schema."`

	extra      map[string]json.RawMessage
	retryAfter time.Duration
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError: Retry-After where it is known.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set(fiber.HeaderWWWAuthenticate, "Bearer")
	}
	return h
}

// MarshalJSON puts the detail's own fields beside the standard ones.
func (p *Problem) MarshalJSON() ([]byte, error) {
	type plain Problem
	body, err := json.Marshal((*plain)(p))
	if err != nil || len(p.extra) == 0 {
		return body, err
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, err
	}
	maps.Copy(all, p.extra)
	return json.Marshal(all)
}

func newProblem(status int, code, detail string) *Problem {
	return &Problem{
		Type: "urn:muster:problem:" + code, Title: http.StatusText(status),
		Status: status, Code: code, Detail: detail,
	}
}

var statusOf = map[errs.Kind]int{
	errs.Internal:    http.StatusInternalServerError,
	errs.Invalid:     http.StatusUnprocessableEntity,
	errs.Unauthentic: http.StatusUnauthorized,
	errs.Forbidden:   http.StatusForbidden,
	errs.NotFound:    http.StatusNotFound,
	errs.Conflict:    http.StatusConflict,
	errs.Gone:        http.StatusGone,
	errs.Limited:     http.StatusTooManyRequests,
	errs.Unavailable: http.StatusServiceUnavailable,
}

// problemOf is the one mapper from an error to what the client sees. A cause
// never leaves: what nobody classified is "internal" with a fixed sentence.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		p := newProblem(statusOf[e.Kind], e.Code, e.Message)
		p.retryAfter = e.RetryAfter
		if e.Detail != nil {
			if body, err := json.Marshal(e.Detail); err == nil {
				// A detail that is no object has no names to stand under.
				_ = json.Unmarshal(body, &p.extra)
			}
		}
		return p
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		p := newProblem(http.StatusServiceUnavailable, "timed_out", "The server did not finish in time; the outcome is unknown. Repeat the request with the same ids.")
		p.retryAfter = time.Second
		return p
	case errors.Is(err, store.ErrUnavailable):
		p := newProblem(http.StatusServiceUnavailable, "store_unavailable", "The data store did not answer, and whether anything was done is not known. Repeat the request with the same ids.")
		p.retryAfter = time.Second
		return p
	case errors.Is(err, store.ErrQuery):
		return newProblem(http.StatusUnprocessableEntity, "bad_cursor", "This cursor or range is not one the list answers. Start again without a cursor.")
	case errors.Is(err, store.ErrNotFound):
		return newProblem(http.StatusNotFound, "not_found", "There is no such thing here.")
	}
	return newProblem(http.StatusInternalServerError, "internal", "Something failed on our side. Repeat the request; if it fails again, tell the campaign's staff.")
}

// schemaProblem is what huma asks for when a request departs from the schema,
// is no JSON, or is too large.
func schemaProblem(_ huma.Context, status int, message string, details ...error) huma.StatusError {
	if status >= http.StatusInternalServerError && len(details) > 0 {
		return problemOf(errors.Join(details...))
	}
	code := map[int]string{
		http.StatusBadRequest:            "not_json",
		http.StatusRequestTimeout:        "timed_out",
		http.StatusNotAcceptable:         "not_acceptable",
		http.StatusRequestEntityTooLarge: "body_too_large",
		http.StatusUnsupportedMediaType:  "not_json",
		http.StatusUnprocessableEntity:   "invalid_request",
	}[status]
	if code == "" {
		code = "invalid_request"
	}
	p := newProblem(status, code, strings.ToUpper(message[:1])+message[1:]+".")
	for _, d := range details {
		if detailer, ok := d.(huma.ErrorDetailer); ok {
			e := *detailer.ErrorDetail()
			e.Value = nil // what was sent may be personal: it is not sent back
			p.Errors = append(p.Errors, &e)
		} else if d != nil {
			p.Errors = append(p.Errors, &huma.ErrorDetail{Message: d.Error()})
		}
	}
	return p
}

// fiberProblem answers what never reached a handler of ours: unknown routes,
// wrong methods, bodies and headers too large, and panics.
func fiberProblem(c *fiber.Ctx, err error) error {
	p := problemOf(err)
	if fe, ok := errors.AsType[*fiber.Error](err); ok {
		code, detail := "request_refused", "The request cannot be served."
		switch fe.Code {
		case fiber.StatusNotFound:
			code, detail = "route_unknown", "There is no such address. See /openapi.json for the ones there are."
		case fiber.StatusMethodNotAllowed:
			code, detail = "method_not_allowed", "This address does not take this method. See the Allow header."
		case fiber.StatusRequestEntityTooLarge:
			code, detail = "body_too_large", "The body is larger than this server takes. Send it in smaller parts."
		case fiber.StatusRequestHeaderFieldsTooLarge:
			code, detail = "headers_too_large", "The headers are larger than this server takes."
		case fiber.StatusRequestTimeout:
			code, detail = "timed_out", "The request took too long to arrive. Send it again."
		}
		p = newProblem(fe.Code, code, detail)
	}
	return writeProblem(c, p)
}

func writeProblem(c *fiber.Ctx, p *Problem) error {
	for name, values := range p.GetHeaders() {
		c.Set(name, values[0])
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	c.Status(p.Status)
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return c.Send(body)
}
