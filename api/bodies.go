package api

import (
	"bytes"
	"errors"
	"io"
	"net"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/sync/semaphore"
)

const (
	// bodyMemory is what all bodies that are read or wait for their turn may
	// take together. A full batch of actions is some 30 KiB: a full house of
	// them (256 served, 1,024 in line) is 40 MiB.
	bodyMemory = 64 << 20
	// freeBody is what fasthttp has read before a handler runs: each connection
	// has that much for itself, which is all that most calls need.
	freeBody = 8 << 10
	// maxConnections bounds what connections take beside that, some 30 KiB
	// each; live ones do not count, and have a limit of their own. Above it
	// fasthttp answers 503 and closes.
	maxConnections = 16 << 10
)

// bodies reads what callers send before they stand in line: a slow sender holds
// memory, which is bounded here, and never a slot.
type bodies struct{ memory *semaphore.Weighted }

func newBodies(limit int64) *bodies { return &bodies{semaphore.NewWeighted(limit)} }

// take reads the body; the handlers behind it find it in memory. What it
// refuses it reads to the end, up to readLimit, because who still sends does
// not see an answer.
func (b *bodies) take(c *fiber.Ctx) error {
	request := c.Request()
	stream, size := request.BodyStream(), int64(request.Header.ContentLength())
	if stream == nil || size >= 0 && size <= freeBody {
		return c.Next()
	}
	if size > bodyLimit {
		return b.refuse(c, stream, fiber.ErrRequestEntityTooLarge)
	}
	held := size
	if size < 0 { // chunked: known at the end
		held = bodyLimit
	}
	if !b.memory.TryAcquire(held) {
		return b.refuse(c, stream, overloaded())
	}
	defer b.memory.Release(held)
	body := bytes.NewBuffer(make([]byte, 0, held+bytes.MinRead)) // grows no more
	n, err := body.ReadFrom(io.LimitReader(stream, bodyLimit+1))
	switch {
	case err != nil, size >= 0 && n < size:
		return broken(c, err)
	case n > bodyLimit:
		return b.refuse(c, stream, fiber.ErrRequestEntityTooLarge)
	}
	request.SetBodyStream(body, body.Len())
	return c.Next()
}

// refuse answers err once the rest of the body is gone.
func (b *bodies) refuse(c *fiber.Ctx, stream io.Reader, err error) error {
	if n, failed := io.Copy(io.Discard, io.LimitReader(stream, readLimit+1)); failed != nil {
		return broken(c, failed)
	} else if n > readLimit {
		c.Context().SetConnectionClose() // what is left is no request
	}
	return err
}

// broken ends a connection whose body did not arrive whole.
func broken(c *fiber.Ctx, err error) error {
	c.Context().SetConnectionClose()
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return fiber.ErrRequestTimeout
	}
	return fiber.ErrBadRequest
}
