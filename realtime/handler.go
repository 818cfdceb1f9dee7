package realtime

import (
	"encoding/base64"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
)

// CampaignParam is the name of the route's parameter that holds the campaign.
const CampaignParam = "campaign"

// Handler lets live connections in. Mount it on a GET route with the parameter
// CampaignParam, behind no middleware that needs the response. What it refuses
// it returns as an error for the one error mapper: fiber.ErrUpgradeRequired, or
// an *errs.Error with the codes of docs/realtime.md.
func Handler(h *Hub) fiber.Handler {
	return func(c *fiber.Ctx) error {
		request, id, err := h.admit(c)
		if err != nil {
			h.counters.refused.Add(1)
			return err
		}
		c.Context().HijackSetNoResponse(true)
		c.Context().Hijack(func(conn net.Conn) { h.serve(conn, request, id) })
		return nil
	}
}

// admit decides everything that can still be answered in HTTP. What it gives
// holds no memory of the request, which fasthttp uses again.
func (h *Hub) admit(c *fiber.Ctx) (*http.Request, string, error) {
	if !hasToken(c.Get(fiber.HeaderConnection), "upgrade") || !hasToken(c.Get(fiber.HeaderUpgrade), "websocket") {
		c.Set(fiber.HeaderUpgrade, "websocket")
		c.Set(fiber.HeaderConnection, "Upgrade")
		return nil, "", fiber.ErrUpgradeRequired
	}
	key := c.Get("Sec-WebSocket-Key")
	nonce, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(nonce) != 16 || c.Get("Sec-WebSocket-Version") != "13" || c.Method() != fiber.MethodGet {
		c.Set("Sec-WebSocket-Version", "13")
		return nil, "", errs.New(errs.Invalid, "bad_handshake", "This is not a WebSocket handshake of version 13.")
	}
	id := strings.Clone(c.Params(CampaignParam))
	if !campaign.ValidID(id) {
		return nil, "", errs.New(errs.NotFound, "campaign_unknown", "There is no such campaign.")
	}
	if !h.originAllowed(c.Get(fiber.HeaderOrigin), string(c.Context().Host())) {
		return nil, "", errs.New(errs.Forbidden, "origin_forbidden", "Pages of this origin may not connect here.")
	}
	if err := h.hasRoom(); err != nil {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(err.RetryAfter.Seconds())))
		return nil, "", err
	}
	return &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/"}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
			"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {strings.Clone(key)},
		},
	}, id, nil
}

func (h *Hub) hasRoom() *errs.Error {
	wait := time.Duration(1+rand.IntN(15)) * time.Second //nolint:gosec // jitter
	switch {
	case !h.running.Load(), h.draining.Load():
		return errs.New(errs.Unavailable, "draining", "This server is stopping. Connect again in some seconds.").WithRetryAfter(wait)
	case h.counters.connections.Load() >= int64(h.opts.MaxConnections):
		return errs.New(errs.Unavailable, "too_many_connections", "This server is full. Connect again in some seconds.").WithRetryAfter(wait)
	}
	return nil
}

// hasToken says whether a comma-separated header names a token.
func hasToken(header, token string) bool {
	for part := range strings.SplitSeq(header, ",") {
		if strings.EqualFold(strings.TrimSpace(part), token) {
			return true
		}
	}
	return false
}

// originAllowed says whether a page of this origin may connect. Apps send none
// and are let in: the token in the first frame decides, and no browser leaves
// the header out.
func (h *Hub) originAllowed(origin, host string) bool {
	if origin == "" {
		return true
	}
	parsed, err := url.Parse(origin)
	if err != nil || parsed.Host == "" || parsed.Path != "" || parsed.RawQuery != "" || parsed.User != nil {
		return false
	}
	return strings.EqualFold(parsed.Host, host) || h.origins[originKey(origin)]
}

// originKey brings an origin to the one form that is compared.
func originKey(origin string) string { return strings.ToLower(strings.TrimSuffix(origin, "/")) }
