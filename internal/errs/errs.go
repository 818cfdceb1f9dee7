// Package errs is the one error type that crosses rooms: a kind, a stable
// code, a sentence for the person who must act on it, and the cause.
//
// The kind decides the HTTP status and the exit code, in one mapper each. The
// code is documented API (docs/http.md). The message is shown to people, so it
// says what to do. The cause is for logs and errors.Is; it never leaves the
// process.
package errs

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what sort of failure an error is; every kind has one HTTP status.
type Kind uint8

// The kinds, with the HTTP status each one maps to.
const (
	Internal    Kind = iota // 500: ours to mend; the zero value, so an unclassified error is never blamed on the caller
	Invalid                 // 422: the request is understood and cannot be accepted as it is
	Unauthentic             // 401: no identity, or one that no longer holds
	Forbidden               // 403: a known identity without the right
	NotFound                // 404: does not exist, or does not exist for this caller
	Conflict                // 409: another write came first, or the state does not allow it
	Gone                    // 410: existed and has ended (an expired code)
	Limited                 // 429: too often; RetryAfter says when to come back
	Unavailable             // 503: a part is down or busy; RetryAfter says when to come back
)

// Error is a failure with a kind and a stable code. Build one with New or
// Wrap; read one with As, KindOf and CodeOf.
type Error struct {
	Kind    Kind
	Code    string // stable slug in snake_case, for example "region_ambiguous"
	Message string // one plain sentence that says what to do
	// Detail is a value the client needs to go on (the choices of an ambiguous
	// postcode). It is marshalled into the problem document under its own
	// json names; nil means none. It must hold nothing the caller may not see.
	Detail any
	// RetryAfter is how long to wait, with kinds Limited and Unavailable;
	// zero means unknown.
	RetryAfter time.Duration
	Cause      error
}

// Error gives code, message and cause, for logs. Clients get Message alone.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Cause)
	}
	return e.Code + ": " + e.Message
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Cause }

// New makes an error; the message is formatted as fmt.Sprintf does.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an error that keeps its cause.
func Wrap(cause error, kind Kind, code, format string, args ...any) *Error {
	e := New(kind, code, format, args...)
	e.Cause = cause
	return e
}

// WithDetail sets Detail on e and returns e.
func (e *Error) WithDetail(detail any) *Error { e.Detail = detail; return e }

// WithRetryAfter sets RetryAfter on e and returns e.
func (e *Error) WithRetryAfter(d time.Duration) *Error { e.RetryAfter = d; return e }

// KindOf is the kind of the first *Error in err's chain, Internal without one.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// CodeOf is the code of the first *Error in err's chain, "" without one.
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// MessageOf is the sentence of the first *Error in err's chain; without one it
// is err's own text.
func MessageOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Message
	}
	return err.Error()
}
