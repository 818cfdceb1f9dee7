package push

import (
	"context"
	_ "embed"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/domain/briefing"
)

// DefaultRate is FCM's quota: messages a minute and project.
const DefaultRate = 600_000

// reserved is the share of the quota that supporters leave to the media.
const reserved = 0.1

//go:embed take.lua
var takeSource string

//go:embed pause.lua
var pauseSource string

var (
	takeScript  = redis.NewScript(takeSource)
	pauseScript = redis.NewScript(pauseSource)
)

// rateKey holds a project's bucket: a hash of tokens, at and pause.
func rateKey(project string) string { return "push:rate:{" + project + "}" }

// Rate is the quota of one project, shared by all nodes through Redis and kept
// by Redis's clock. While Redis is away each node takes an eighth by itself. It
// is safe for concurrent use.
type Rate struct {
	redis     redis.Scripter
	project   string
	perMinute int
	monotonic func() time.Duration
	log       *slog.Logger
	own       bucket
}

// NewRate shares perMinute messages of a project; 0 means DefaultRate. A nil
// monotonic means the runtime's clock.
func NewRate(client redis.Scripter, project string, perMinute int, monotonic func() time.Duration, log *slog.Logger) *Rate {
	if perMinute == 0 {
		perMinute = DefaultRate
	}
	if monotonic == nil {
		started := time.Now() //nolint:forbidigo // the monotonic clock
		monotonic = func() time.Duration { return time.Since(started) }
	}
	r := &Rate{redis: client, project: project, perMinute: perMinute, monotonic: monotonic, log: log}
	r.own = bucket{perMinute: max(perMinute/8, 1), capacity: capacity(max(perMinute/8, 1))}
	r.own.tokens = r.own.capacity
	return r
}

// capacity is a second's worth, and enough for one person's phones.
func capacity(perMinute int) float64 { return math.Max(float64(perMinute)/60, 20) }

func kept(tier briefing.TierName, capacity float64) float64 {
	if tier == briefing.Media {
		return 0
	}
	return capacity * reserved
}

// Take asks for n messages and gives how many of them may be sent now, 0 to n.
func (r *Rate) Take(ctx context.Context, tier briefing.TierName, n int) int {
	limit := capacity(r.perMinute)
	granted, err := takeScript.Run(ctx, r.redis, []string{rateKey(r.project)},
		r.perMinute, int(limit), n, int(kept(tier, limit))).Int()
	if err == nil {
		return granted
	}
	if ctx.Err() != nil {
		return 0
	}
	r.log.Warn("the rate limit is this node's own: Redis does not answer", "error", err)
	return r.own.take(r.monotonic(), kept(tier, r.own.capacity), n)
}

// Pause gives nothing to anybody for d.
func (r *Rate) Pause(ctx context.Context, d time.Duration) {
	r.own.hold(r.monotonic() + d)
	if err := pauseScript.Run(ctx, r.redis, []string{rateKey(r.project)}, d.Milliseconds()).Err(); err != nil {
		r.log.Warn("the pause is this node's own: Redis does not answer", "error", err)
	}
}

// bucket is the node's own share.
type bucket struct {
	mu        sync.Mutex
	perMinute int
	capacity  float64
	tokens    float64
	at, pause time.Duration
}

func (b *bucket) take(now time.Duration, keep float64, n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now < b.pause {
		return 0
	}
	b.tokens = math.Min(b.capacity, b.tokens+float64(b.perMinute)*(now-b.at).Minutes())
	b.at = now
	granted := int(math.Max(0, math.Min(float64(n), b.tokens-keep)))
	b.tokens -= float64(granted)
	return granted
}

func (b *bucket) hold(until time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pause = max(b.pause, until)
}
