package api

import (
	"net"
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// onLoopback lets a request pass only if it was made on this machine, to this
// machine, by no intermediary. Otherwise the page does not exist. The Host is
// held to loopback too: a web page that has rebound its name to 127.0.0.1 comes
// from a loopback peer but names itself.
func onLoopback(c *fiber.Ctx) error {
	if !loopbackPeer(c.Context().RemoteAddr()) || !loopbackHost(string(c.Request().Host())) || forwarded(c) {
		return fiber.ErrNotFound
	}
	return c.Next()
}

func loopbackPeer(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

func forwarded(c *fiber.Ctx) bool {
	for _, name := range []string{fiber.HeaderForwarded, fiber.HeaderXForwardedFor, fiber.HeaderXForwardedHost, fiber.HeaderXForwardedProto, "X-Real-Ip", fiber.HeaderVia} {
		if c.Get(name) != "" {
			return true
		}
	}
	return false
}
