package redisclient

import (
	"context"
	"errors"
	"net"

	"github.com/redis/go-redis/v9"
)

// nodeHook stands before each node of a Cluster and makes good two things that
// its client has no option for.
//
// A command whose answer was lost is not sent again. Being sent on by the answer
// MOVED or ASK is no repeat, nor is a call that a node refused, or that never
// left: those the client still tries elsewhere. (MaxRedirects counts them all.)
//
// A node that cannot be reached makes the client ask who has its slots now. By
// itself it would go on to knock at a dead primary until a whole interval was
// over, though another had long taken its place.
type nodeHook struct{ cluster *redis.ClusterClient }

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

// DialHook makes the client look again when a node cannot be reached.
func (h nodeHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := next(ctx, network, address)
		if err != nil {
			h.cluster.ReloadState(ctx)
		}
		return conn, err
	}
}

// ProcessHook makes a lost answer final.
func (h nodeHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := lost(next(ctx, cmd))
		if _, ok := errors.AsType[*lostAnswer](err); ok {
			h.cluster.ReloadState(ctx)
		}
		return err
	}
}

// ProcessPipelineHook leaves pipelines alone: the client repeats those from
// within, and nothing in one is harmed by it.
func (nodeHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
