package client

import (
	"encoding/json"
	"fmt"
)

// Position is a place in a feed.
type Position struct {
	Epoch  string
	Offset uint64
}

// Push is what the server sent about a feed.
type Push struct {
	Feed   string          `json:"feed"`
	Window string          `json:"window"`
	Epoch  string          `json:"epoch"`
	Offset uint64          `json:"offset"`
	Type   string          `json:"type"` // event, snapshot, delta, reload, unsubscribed
	Event  string          `json:"event"`
	Missed bool            `json:"missed"`
	Data   json.RawMessage `json:"data"`
}

// Position is where the feed stands after the push.
func (p Push) Position() Position { return Position{p.Epoch, p.Offset} }

// frame is anything a server may send: a reply or a push.
type frame struct {
	Push
	ID     int64           `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *ReplyError     `json:"error"`
}

// ReplyError is the server's refusal of a request.
type ReplyError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Error implements error.
func (e *ReplyError) Error() string { return e.Code + ": " + e.Message }

type request struct {
	ID     int64  `json:"id"`
	Method string `json:"method"`
	Params any    `json:"params,omitempty"`
}

type connectParams struct {
	Token   string `json:"token"`
	Version int    `json:"version"`
}

type subscribeParams struct {
	Feed   string  `json:"feed"`
	Window string  `json:"window,omitempty"`
	Epoch  string  `json:"epoch,omitempty"`
	Offset *uint64 `json:"offset,omitempty"`
}

type subscribeResult struct {
	Epoch   string  `json:"epoch"`
	Offset  *uint64 `json:"offset"`
	Resumed bool    `json:"resumed"`
}

// CloseError is the server's word that the client must not come back as it is.
type CloseError struct {
	Code   int
	Reason string // "bad_token", "replaced" ...
}

// Error implements error.
func (e *CloseError) Error() string {
	return fmt.Sprintf("live: closed with %d %s", e.Code, e.Reason)
}

// RefusedError is an answer in HTTP that another try would not change.
type RefusedError struct{ Status int }

// Error implements error.
func (e *RefusedError) Error() string { return fmt.Sprintf("live: refused with status %d", e.Status) }

type closeReason struct {
	Code        string `json:"code"`
	ReconnectIn *int64 `json:"reconnect_in_ms"`
}
