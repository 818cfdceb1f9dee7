package realtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/musterhq/muster/internal/errs"
)

// ProtocolVersion is the version that connect must name.
const ProtocolVersion = 1

// The methods.
const (
	methodConnect     = "connect"
	methodSubscribe   = "subscribe"
	methodUnsubscribe = "unsubscribe"
	methodPing        = "ping"
)

// maxID is the largest id of a request: what every JSON reader keeps exactly.
const maxID = 1<<53 - 1

// request is a frame of a client.
type request struct {
	ID     int64           `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

type connectParams struct {
	Token   string `json:"token"`
	Version int    `json:"version"`
}

type subscribeParams struct {
	Feed   string  `json:"feed"`
	Window string  `json:"window"`
	Epoch  string  `json:"epoch"`
	Offset *uint64 `json:"offset"`
}

type unsubscribeParams struct {
	Feed   string `json:"feed"`
	Window string `json:"window"`
}

var errNotRequest = errors.New("realtime: the frame is not a request")

// parseRequest reads a client's frame. Its error means that the connection is
// to be closed; wrong params are not its business.
func parseRequest(frame []byte) (request, error) {
	var r request
	if !utf8.Valid(frame) || json.Unmarshal(frame, &r) != nil {
		return request{}, errNotRequest
	}
	if r.ID < 1 || r.ID > maxID || r.Method == "" {
		return request{}, errNotRequest
	}
	return r, nil
}

// parseParams reads the params of a request into one of the params types.
func parseParams(raw json.RawMessage, into any) error {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		raw = json.RawMessage("{}")
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return errs.New(errs.Invalid, "bad_params", "The params are not what this method takes. See docs/realtime.md.")
	}
	return nil
}

// parseSubscribe reads and checks the params of subscribe.
func parseSubscribe(raw json.RawMessage) (subscribeParams, Feed, error) {
	var p subscribeParams
	if err := parseParams(raw, &p); err != nil {
		return p, Feed{}, err
	}
	feed, err := ParseFeed(p.Feed)
	if err != nil {
		return p, Feed{}, err
	}
	if p.Window, err = windowOf(feed, p.Window); err != nil {
		return p, Feed{}, err
	}
	if (p.Epoch == "") != (p.Offset == nil) || len(p.Epoch) > 64 {
		return p, Feed{}, errs.New(errs.Invalid, "bad_params", "epoch and offset belong together: give both to resume, or neither.")
	}
	return p, feed, nil
}

// windowOf checks a window and gives the one that is meant.
func windowOf(feed Feed, window string) (string, error) {
	switch {
	case feed.Kind != Boards && window == "":
		return "", nil
	case feed.Kind == Boards && window == "":
		return "season", nil
	case feed.Kind == Boards && windowID.MatchString(window):
		return window, nil
	}
	return "", errs.New(errs.Invalid, "bad_params", "window is season, all or a season's id like 2026-w47, and for boards only.")
}

type connectResult struct {
	Version   int     `json:"version"`
	PingMS    int64   `json:"ping_ms"`
	IdleMS    int64   `json:"idle_ms"`
	ExpiresAt Instant `json:"expires_at"`
}

type subscribeResult struct {
	Feed    string  `json:"feed"`
	Window  string  `json:"window,omitempty"`
	Epoch   string  `json:"epoch,omitempty"`
	Offset  *uint64 `json:"offset,omitempty"`
	Resumed bool    `json:"resumed"`
}

type replyError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// encode marshals what this package builds itself, which cannot fail.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("realtime: encode: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func encodeResult(id int64, result any) []byte {
	return encode(struct {
		ID     int64 `json:"id"`
		Result any   `json:"result"`
	}{id, result})
}

// encodeError is the reply to a request that failed. What is not an error for
// the caller is said to be ours, without its cause.
func encodeError(id int64, err error) []byte {
	return encode(struct {
		ID    int64      `json:"id"`
		Error replyError `json:"error"`
	}{id, replyOf(err)})
}

func replyOf(err error) replyError {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok || e.Kind == errs.Internal {
		return replyError{"unavailable", "This part is not available just now. Try again in some seconds."}
	}
	code := e.Code
	switch e.Kind {
	case errs.Forbidden:
		code = "forbidden"
	case errs.NotFound:
		code = "unknown_feed"
	case errs.Unavailable, errs.Limited:
		code = "unavailable"
	}
	return replyError{code, e.Message}
}

// A push is built by hand: names, windows and epochs are of alphabets that need
// no escape, and the data is JSON already.
type push struct {
	feed, window string
	epoch        string // "" leaves the position out
	offset       uint64
	kind         string // the type
	event        string
	missed       bool
	data         []byte
}

func (p push) encode() []byte {
	b := make([]byte, 0, 128+len(p.data))
	b = append(append(append(b, `{"feed":"`...), p.feed...), '"')
	if p.window != "" {
		b = append(append(append(b, `,"window":"`...), p.window...), '"')
	}
	if p.epoch != "" {
		b = append(append(append(b, `,"epoch":"`...), p.epoch...), `","offset":`...)
		b = strconv.AppendUint(b, p.offset, 10)
	}
	b = append(append(append(b, `,"type":"`...), p.kind...), '"')
	if p.event != "" {
		b = append(append(append(b, `,"event":"`...), p.event...), '"')
	}
	if p.missed {
		b = append(b, `,"missed":true`...)
	}
	b = append(append(b, `,"data":`...), p.data...)
	return append(b, '}')
}
