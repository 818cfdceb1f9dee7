package redisclient

import (
	"context"
	"errors"
	"net"

	"github.com/redis/go-redis/v9"
)

// once keeps a Cluster's client from sending a command again whose answer was
// lost. Being sent on by the answer MOVED or ASK is no repeat, nor is a call
// that a node refused, or that never left: those the client still tries
// elsewhere. It has no option for that; MaxRedirects counts all of them.
type once struct{}

// lostAnswer is a failure behind which the command may have been carried out.
// It does not unwrap: the client would look inside and try again.
type lostAnswer struct{ cause error }

func (e *lostAnswer) Error() string { return "redis: the answer was lost: " + e.cause.Error() }

// lost marks what must not be sent again.
func lost(err error) error {
	var answer redis.Error
	var network *net.OpError
	switch {
	case err == nil,
		errors.As(err, &answer),
		errors.As(err, &network) && network.Op == "dial",
		errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrClosed),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return &lostAnswer{err}
}

func (once) DialHook(next redis.DialHook) redis.DialHook { return next }

func (once) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { return lost(next(ctx, cmd)) }
}

// ProcessPipelineHook leaves pipelines alone: the client repeats those from
// within, and nothing in one is harmed by it.
func (once) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
