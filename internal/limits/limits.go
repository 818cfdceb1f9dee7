// Package limits counts how often something is done, in Redis, so that all
// nodes count together. It keeps one small key for each who did something
// lately, which expires by itself. Losing Redis forgets the counts; what must
// never be exceeded is counted elsewhere, in the store.
package limits

import (
	"context"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
)

// Limiter is safe for concurrent use.
type Limiter struct{ rates *redis_rate.Limiter }

// New makes a limiter on the client. It does no I/O.
func New(client redis.UniversalClient) *Limiter {
	return &Limiter{rates: redis_rate.NewLimiter(client)}
}

// Key is the Redis key under which something is counted. The campaign is the
// hash tag; key must not reveal a person: the caller hashes what is personal.
func Key(campaign, key string) string {
	// redis_rate puts "rate:" before it.
	return "muster:{" + campaign + "}:" + key
}

// Allow takes one of the times that key may do something within per, all of
// which may come at once; they come back evenly over per. Where none is left it
// takes nothing, answers false, and says when the next one is there. A reply
// that was lost and asked for again may take two.
func (l *Limiter) Allow(ctx context.Context, campaign, key string, times int, per time.Duration) (ok bool, retryAfter time.Duration, err error) {
	result, err := l.rates.Allow(ctx, Key(campaign, key), limit(times, per))
	if err != nil {
		return false, 0, err
	}
	return result.Allowed > 0, max(result.RetryAfter, 0), nil
}

// Left answers as Allow would, and takes nothing.
func (l *Limiter) Left(ctx context.Context, campaign, key string, times int, per time.Duration) (ok bool, retryAfter time.Duration, err error) {
	// Asked for at most none, the script says whether one would be left.
	result, err := l.rates.AllowAtMost(ctx, Key(campaign, key), limit(times, per), 0)
	if err != nil {
		return false, 0, err
	}
	return result.RetryAfter < 0, max(result.RetryAfter, 0), nil
}

func limit(times int, per time.Duration) redis_rate.Limit {
	return redis_rate.Limit{Rate: times, Burst: times, Period: per}
}
