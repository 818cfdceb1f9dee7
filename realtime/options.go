package realtime

import (
	"errors"
	"log/slog"
	"time"

	"github.com/musterhq/muster/internal/clock"
)

// Options is what a hub is made of. Feeds, Authenticator, Authorizer, Clock and
// Log must be given.
type Options struct {
	Feeds         *Feeds
	Authenticator Authenticator
	Authorizer    Authorizer
	// Boards serves board feeds. Zero value means that there are none.
	Boards BoardSource
	// Me serves people's own feeds. Zero value means that there are none.
	Me    MeSource
	Clock clock.Clock
	Log   *slog.Logger
	// Origins are the origins of pages that may connect from a browser, besides
	// those of the very host they connect to: "https://example.org". Zero value
	// means none.
	Origins []string
	// MaxConnections is the most connections of this node. Zero value means
	// 20,000.
	MaxConnections int
	// BoardRows is how many rows of a board a feed shows. Zero value means 100.
	BoardRows int
	// DrainWindow is how long Drain spreads the closing of connections over.
	// Zero value means 5 s.
	DrainWindow time.Duration
	// ReconnectSpread is the longest time a drained client is asked to wait.
	// Zero value means 30 s.
	ReconnectSpread time.Duration
}

func (o *Options) settle() error {
	switch {
	case o.Feeds == nil, o.Authenticator == nil, o.Authorizer == nil, o.Clock == nil, o.Log == nil:
		return errors.New("realtime: Options needs Feeds, Authenticator, Authorizer, Clock and Log")
	}
	o.MaxConnections = orDefault(o.MaxConnections, 20_000)
	o.BoardRows = orDefault(o.BoardRows, 100)
	o.DrainWindow = orDefault(o.DrainWindow, 5*time.Second)
	o.ReconnectSpread = orDefault(o.ReconnectSpread, 30*time.Second)
	return nil
}

// limits are the numbers of docs/realtime.md. They are fields so that tests
// need not wait for them.
type limits struct {
	connectWait    time.Duration // until the first request
	idle           time.Duration // read deadline
	ping           time.Duration
	write          time.Duration // write deadline
	linger         time.Duration // for the peer's close frame
	ask            time.Duration // one call of an interface or of Redis
	tick           time.Duration // pings, expiry, idle streams
	check          time.Duration // reading a stream without a wake-up
	meCheck        time.Duration // the same for Me
	keepStream     time.Duration // a stream that nobody wants any more
	boardTick      time.Duration // publications of one board
	boardCheck     time.Duration // reading a board whose version is the same
	lease          time.Duration // of a board's publisher
	claimEvery     time.Duration // trying to become one
	slowAfter      time.Duration // a blocked write that may be held against a client
	requestBytes   int
	requestRate    float64
	requestBurst   int
	subscriptions  int
	perSubject     int
	queueFrames    int64 // waiting in one subscription
	queueBytes     int64
	replies        int // waiting
	writeBytes     int // gathered for one write
	keepFrames     int64
	keepBytes      int64
	readEntries    int // of a stream in one read
	historyEntries int // for one connection in one read
	boardChanges   int // kept in a board's stream
	catchUps       int // at once
}

func defaultLimits() limits {
	return limits{
		connectWait: 5 * time.Second, idle: 60 * time.Second, ping: 25 * time.Second, write: 5 * time.Second,
		linger: time.Second, ask: 3 * time.Second, tick: time.Second, check: 5 * time.Second, meCheck: time.Minute,
		keepStream: 30 * time.Second, boardTick: 250 * time.Millisecond, boardCheck: 5 * time.Second, lease: 6 * time.Second,
		claimEvery: time.Second, slowAfter: time.Second,
		requestBytes: 4 << 10, requestRate: 10, requestBurst: 20, subscriptions: 64, perSubject: 5,
		queueFrames: 64, queueBytes: 256 << 10, replies: 64, writeBytes: 32 << 10,
		keepFrames: 256, keepBytes: 256 << 10, readEntries: 128, historyEntries: 64, boardChanges: 64, catchUps: 16,
	}
}

// boardKept is how long a board that nobody publishes stays in Redis.
const boardKept = 10 * time.Minute
