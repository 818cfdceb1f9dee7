package api

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/musterhq/muster/internal/clock"
)

// TestRoutesAndContractAreOne walks both ways: every route below /v1 stands in
// the OpenAPI document, but for the WebSocket, whose contract is
// docs/realtime.md, and every operation of the document has its route.
func TestRoutesAndContractAreOne(t *testing.T) {
	a := New(Parts{Log: slog.New(slog.DiscardHandler), Clock: clock.System{}}, Options{})
	described := map[string]bool{}
	for path, item := range a.huma.OpenAPI().Paths {
		for method, operation := range map[string]*huma.Operation{
			fiber.MethodGet: item.Get, fiber.MethodPost: item.Post, fiber.MethodPut: item.Put,
			fiber.MethodPatch: item.Patch, fiber.MethodDelete: item.Delete,
		} {
			if operation != nil {
				described[method+" "+path] = true
			}
		}
	}
	routed := map[string]bool{}
	for _, r := range a.fiber.GetRoutes(true) {
		if r.Method == fiber.MethodHead || !strings.HasPrefix(r.Path, "/v1/") || strings.HasSuffix(r.Path, "/live") {
			continue
		}
		parts := strings.Split(r.Path, "/")
		for i, part := range parts {
			if name, ok := strings.CutPrefix(part, ":"); ok {
				parts[i] = "{" + name + "}"
			}
		}
		routed[r.Method+" "+strings.Join(parts, "/")] = true
	}
	if len(routed) < 30 || !maps.Equal(described, routed) {
		t.Errorf("described\n%s\nrouted\n%s", list(described), list(routed))
	}
}

func list(set map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(set)), "\n") }
