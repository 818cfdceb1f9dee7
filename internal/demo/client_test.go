package demo

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

func TestClientObeysRetryAfter(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer server.Close()
	c := newClient(server.URL)
	defer c.close()
	began := time.Now()
	if err := c.call(t.Context(), request{method: http.MethodGet, path: "/"}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < time.Second || calls.Load() != 2 {
		t.Errorf("%d calls in %s", calls.Load(), took)
	}
}

func TestClientTellsRefusals(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/refused":
			refuse(w, http.StatusUnprocessableEntity, "region_ambiguous", []map[string]string{{"region": "it.x", "name": "X"}})
		case "/page":
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte("<html>"))
		case "/no-json":
			_, _ = w.Write([]byte("<html>"))
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	c := newClient(server.URL)
	defer c.close()
	var p *problem
	if err := c.call(t.Context(), request{method: http.MethodGet, path: "/refused"}); !errors.As(err, &p) || p.Code != "region_ambiguous" || len(p.Choices) != 1 || p.Choices[0].Region != "it.x" {
		t.Errorf("%v", err)
	}
	if err := c.call(t.Context(), request{method: http.MethodGet, path: "/page"}); !refusedWith(err, http.StatusBadRequest) {
		t.Errorf("%v", err)
	}
	var into struct{}
	if err := c.call(t.Context(), request{method: http.MethodGet, path: "/no-json", into: &into}); !errors.Is(err, errAnswer) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := c.call(ctx, request{method: http.MethodGet, path: "/broken"}); err == nil {
		t.Error("a server that never answers well ends with the context")
	}
}
