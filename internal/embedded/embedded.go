// Package embedded is the Redis inside the process: the default where no Redis
// is configured. It holds nothing that cannot be built anew from the store, and
// it is for towns: it sorts a whole board for every rank it is asked (0.5 ms at
// 2,000 people, 5 ms at 20,000), so up to MaxActive active people.
package embedded

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// MaxActive is how many active people the embedded Redis is for.
const MaxActive = 5000

// beat is how often keys are aged; miniredis does not do it by itself.
const beat = time.Second

// Server is a running in-process Redis.
type Server struct {
	redis  *miniredis.Miniredis
	client *redis.Client
}

// Start starts a server on a free port of the loopback address, under a
// password that nobody else on the machine is told.
func Start(password string) (*Server, error) {
	server := miniredis.NewMiniRedis()
	server.RequireAuth(password)
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("embedded redis: %w", err)
	}
	return &Server{redis: server, client: redis.NewClient(&redis.Options{
		Addr: server.Addr(), Password: password, MaxRetries: -1, ContextTimeoutEnabled: true, DisableIdentity: true,
		PoolSize: 64, Protocol: 2,
	})}, nil
}

// Client is connected to the server and ends with it. It repeats no command by
// itself and keeps to the deadline of a call's context.
func (s *Server) Client() *redis.Client { return s.client }

// Run ages keys until ctx ends: without it nothing ever expires.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	s.age(ctx, tick.C, time.Now()) //nolint:forbidigo // how much time passed, not what time it is
	return nil
}

// age ages keys at each tick by what has passed since the one before. Go's
// instants hold the monotonic clock, so a step of the wall clock ages nothing.
func (s *Server) age(ctx context.Context, ticks <-chan time.Time, last time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticks:
			s.redis.FastForward(now.Sub(last))
			last = now
		}
	}
}

// Close ends the client and the server.
func (s *Server) Close() error {
	err := s.client.Close()
	s.redis.Close()
	return err
}
