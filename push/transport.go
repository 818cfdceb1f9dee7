package push

import (
	"io"
	"net/http"
	"strings"
)

// maxAnswer bounds how much of an answer is read.
const maxAnswer = 64 << 10

// statusUnknown stands for a request that got no answer: it may or may not have
// arrived.
const statusUnknown = 599

// once makes the SDK send every request once. By itself it repeats a 503 or a
// broken connection at 0, 1, 2 and 4 seconds without jitter, out of sight of
// the queue, the quota and the lease. A wait longer than it is ready for makes
// it give up at once, and it does not repeat other codes.
type once struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (o once) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := o.next.RoundTrip(request)
	if err != nil {
		return &http.Response{ //nolint:nilerr // as a response, so that the SDK does not send again by itself
			Status: "599 No Answer", StatusCode: statusUnknown, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: request,
		}, nil
	}
	if response.StatusCode == http.StatusServiceUnavailable {
		response.Header.Set(savedRetryAfter, response.Header.Get("Retry-After"))
		response.Header.Set("Retry-After", "100000")
	}
	response.Body = limited{io.LimitReader(response.Body, maxAnswer), response.Body}
	return response, nil
}

type limited struct {
	io.Reader
	io.Closer
}
