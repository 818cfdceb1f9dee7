package api

import (
	"path"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/etag"
)

// boardPolicy is stricter than pagePolicy: this page holds tokens, so it may
// talk to the server that sent it and to nobody else.
const boardPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// boardPage serves the live board and the rules, which are one page that shows
// the one or the other. It is everybody's and empty: what it shows it asks the API
// for, with the reader's own token, and without one it asks to sign in. So it
// answers 200 whoever asks.
func (a *API) boardPage() {
	for _, path := range []string{"/board", "/leagues", "/duel", "/me", "/rules"} {
		a.fiber.Get(path, guardedPage(page("board/index.html")))
	}
	a.fiber.Get("/board/:file", etag.New(), guardedPage(assets("board")))
}

// guardedPage sends what serve sends, under boardPolicy. Fonts have their
// version in their name and are kept; the rest is asked for again and answered
// 304 while it is the same.
func guardedPage(serve fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if err := serve(c); err != nil {
			return err
		}
		c.Set(fiber.HeaderContentSecurityPolicy, boardPolicy)
		if path.Ext(c.Path()) == ".woff2" {
			c.Set(fiber.HeaderContentType, "font/woff2") // not in every system's table
			c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
		}
		return nil
	}
}
