package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// FeedsOptions bounds the history of log feeds.
type FeedsOptions struct {
	// History is how many events a feed keeps, or somewhat more. Zero value
	// means 1,000.
	History int
	// HistoryAge is how long an event is kept. Zero value means 24 hours.
	HistoryAge time.Duration
	// Remember is how long an event's id is known, so that a repeat does
	// nothing. Zero value means 48 hours.
	Remember time.Duration
}

const (
	metaKept = 30 * 24 * time.Hour // of a log feed without publications
	// MaxEventData is the most bytes of JSON an event may carry.
	MaxEventData = 16 << 10
)

// Feeds writes to feeds. It is safe for concurrent use and needs no hub: a
// worker that serves nobody publishes with it.
type Feeds struct {
	rdb     redis.UniversalClient
	clock   clock.Clock
	opts    FeedsOptions
	touches *store.Group[string]
}

// NewFeeds binds feeds to a Redis. It does no I/O.
func NewFeeds(rdb redis.UniversalClient, clock clock.Clock, opts FeedsOptions) *Feeds {
	opts.History = orDefault(opts.History, 1000)
	opts.HistoryAge = orDefault(opts.HistoryAge, 24*time.Hour)
	opts.Remember = orDefault(opts.Remember, 48*time.Hour)
	f := &Feeds{rdb: rdb, clock: clock, opts: opts}
	f.touches = store.NewGroup(touchLimits, f.touch)
	return f
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Event is one entry of a log feed.
type Event struct {
	// ID is unique in the feed: the same id again does nothing.
	ID string
	// Name says what happened: lower-case letters and underscores.
	Name string
	// Data is one JSON value of at most MaxEventData bytes. Everybody who may
	// subscribe the feed sees it, for as long as history lasts: it holds
	// accounts and ids, never a person's name or address.
	Data json.RawMessage
}

// Position is a place in a feed.
type Position struct {
	Epoch  string
	Offset uint64
}

var (
	eventName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	eventID   = regexp.MustCompile(`^[!-~]{1,160}$`)
)

// Publish puts an event into a log feed and answers where it stands. It is
// idempotent by the event's id: effects may repeat it. Errors: errs.Invalid
// "bad_event" when feed or event are not ones that can be published; any other
// means that it may or may not be there, and that the caller repeats.
func (f *Feeds) Publish(ctx context.Context, campaignID string, feed Feed, e Event) (Position, error) {
	data, err := checkEvent(campaignID, feed, e)
	if err != nil {
		return Position{}, err
	}
	key := logKey(campaignID, feed)
	answer, err := publishScript.Run(ctx, f.rdb, []string{key.meta(), key.log(), key.event(e.ID)},
		newEpoch(), e.ID, e.Name, data, f.clock.Now().UnixMilli(), f.opts.History, f.opts.HistoryAge.Milliseconds(),
		f.opts.Remember.Milliseconds(), metaKept.Milliseconds(), key.channel()).Slice()
	if err != nil {
		return Position{}, fmt.Errorf("realtime: publish to %s: %w", feed, err)
	}
	if len(answer) != 3 {
		return Position{}, fmt.Errorf("realtime: publish.lua answered %d values", len(answer))
	}
	epoch, _ := answer[0].(string)
	offset, err := parseOffset(answer[1])
	return Position{Epoch: epoch, Offset: offset}, err
}

func checkEvent(campaignID string, feed Feed, e Event) ([]byte, error) {
	var data bytes.Buffer
	switch parsed, err := ParseFeed(feed.String()); {
	case !campaign.ValidID(campaignID), err != nil, parsed != feed, !feed.IsLog():
		return nil, errs.New(errs.Invalid, "bad_event", "An event goes to a log feed of a campaign, not to %q.", feed.String())
	case !eventName.MatchString(e.Name), !eventID.MatchString(e.ID):
		return nil, errs.New(errs.Invalid, "bad_event", "An event needs an id and a name in lower-case letters.")
	case !utf8.Valid(e.Data), json.Compact(&data, e.Data) != nil, data.Len() > MaxEventData:
		return nil, errs.New(errs.Invalid, "bad_event", "An event's data is one JSON value of at most %d bytes.", MaxEventData)
	}
	return data.Bytes(), nil
}

// touchLimits bound the queue of TouchMe, for each campaign: what comes while
// touches are under way goes together into the next.
var touchLimits = store.GroupLimits{Together: 256, Waiting: 1024, Within: 2 * time.Second}

// TouchMe says that what a person's own feed shows may have changed. It is a
// hint: a lost one is made good within a minute.
func (f *Feeds) TouchMe(ctx context.Context, campaignID, account string) error {
	return f.touches.Do(ctx, campaignID, account)
}

func (f *Feeds) touch(ctx context.Context, campaignID string, accounts []string) []error {
	pipe := f.rdb.Pipeline()
	for _, account := range accounts {
		pipe.Publish(ctx, meKey(campaignID, account).channel(), "")
	}
	commands, err := pipe.Exec(ctx)
	answers := make([]error, len(accounts))
	for i := range answers {
		if answers[i] = err; i < len(commands) {
			answers[i] = commands[i].Err()
		}
	}
	return answers
}

// Recheck makes every node ask again whether the person's connections may stay
// and may see what they subscribed. Call it after roles changed, or the person
// was erased or signed out.
func (f *Feeds) Recheck(ctx context.Context, campaignID, subject string) error {
	return f.rdb.Publish(ctx, recheckChannel, campaignID+" "+subject).Err()
}

// newEpoch is 65 random bits, short because it stands in every push.
func newEpoch() string { return store.NewID()[:13] }

// read reads a feed from an offset on. epoch "" leaves a feed that has none as
// it is.
func (f *Feeds) read(ctx context.Context, key feedKey, epoch string, from uint64, count int) (reading, error) {
	answer, err := readScript.Run(ctx, f.rdb, []string{key.meta(), key.log()}, epoch, from, count, metaKept.Milliseconds()).Slice()
	if err != nil {
		return reading{}, fmt.Errorf("realtime: read %s: %w", key.name, err)
	}
	return parseReading(answer)
}

// restart gives a feed a new epoch, unless somebody else did.
func (f *Feeds) restart(ctx context.Context, key feedKey, seen string) error {
	err := restartScript.Run(ctx, f.rdb, []string{key.meta(), key.log()}, seen, newEpoch(), metaKept.Milliseconds(), key.channel()).Err()
	if err != nil {
		return fmt.Errorf("realtime: restart %s: %w", key.name, err)
	}
	return nil
}

// board reads the state of a board; ok is false when there is none, or nobody keeps
// it: what is left of a publisher that went away may show somebody who has hidden
// since. The next publisher begins an epoch of its own.
func (f *Feeds) board(ctx context.Context, key feedKey) (at Position, state string, ok bool, err error) {
	var lease *redis.StringCmd
	var meta *redis.SliceCmd
	_, _ = f.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error { // each says its own error
		lease = pipe.Get(ctx, key.lease())
		meta = pipe.HMGet(ctx, key.meta(), "e", "o", "s")
		return nil
	})
	values, err := meta.Result()
	if err == nil && !errors.Is(lease.Err(), redis.Nil) {
		err = lease.Err()
	}
	if err != nil {
		return at, "", false, fmt.Errorf("realtime: read %s: %w", key.name, err)
	}
	epoch, _ := values[0].(string)
	state, hasState := values[2].(string)
	if epoch == "" || !hasState || lease.Val() != epoch {
		return at, "", false, nil
	}
	at.Epoch = epoch
	at.Offset, err = parseOffset(values[1])
	return at, state, true, err
}
