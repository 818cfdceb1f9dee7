package api

import (
	"embed"
	"io/fs"
	"mime"
	"path"

	"github.com/gofiber/fiber/v2"
)

// web holds every page and asset; nothing is loaded from another host.
//
//go:embed web
var web embed.FS

// pagePolicy lets a page run only what this server sent it.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// page serves one embedded file.
func page(name string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		body, err := fs.ReadFile(web, path.Join("web", name))
		if err != nil {
			return fiber.ErrNotFound
		}
		c.Set(fiber.HeaderContentType, mime.TypeByExtension(path.Ext(name)))
		c.Set(fiber.HeaderContentSecurityPolicy, pagePolicy)
		c.Set(fiber.HeaderCacheControl, "no-cache")
		return c.Send(body)
	}
}

// assets serves the embedded files of one folder by name.
func assets(folder string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		name := c.Params("file")
		if path.Base(name) != name || path.Ext(name) == ".html" {
			return fiber.ErrNotFound
		}
		return page(path.Join(folder, name))(c)
	}
}

// documentation is the browsable form of /openapi.json: Swagger UI, embedded.
func (a *API) documentation() {
	a.fiber.Get("/docs", page("docs/index.html"))
	a.fiber.Get("/docs/:file", assets("docs"))
}
