// Package app is the composition root: it opens what a process needs, plugs the
// rooms together, runs them and closes them in the opposite order. Nothing else
// knows all rooms.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/musterhq/muster/domain/badge"
	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/goal"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/review"
	"github.com/musterhq/muster/domain/task"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/embedded"
	"github.com/musterhq/muster/internal/fault"
	"github.com/musterhq/muster/internal/limits"
	"github.com/musterhq/muster/internal/redisclient"
	"github.com/musterhq/muster/leaderboard"
	"github.com/musterhq/muster/push"
	"github.com/musterhq/muster/realtime"
	"github.com/musterhq/muster/store"
	"github.com/redis/go-redis/v9"
)

// ErrBadRedisURL is the answer to an address that is none.
var ErrBadRedisURL = redisclient.ErrBadURL

// Options decide what a process opens. The zero value of a field means what its
// comment says.
type Options struct {
	Data     string       // data folder; required. With MongoDB it holds the keys alone
	MongoURL string       // mongodb:// address of the documents; empty: SQLite in the data folder
	RedisURL string       // see redisclient.Open; empty: in this process
	Version  string       // shown in the OpenAPI document
	Log      *slog.Logger // required
	Clock    clock.Clock  // nil: the machine's
}

// App is an opened Muster: storage, Redis and every room, not yet running.
type App struct {
	Campaigns *campaign.Service
	People    *people.Service
	Points    *points.Service
	Goals     *goal.Service
	Badges    *badge.Service
	Tasks     *task.Service
	Reviews   *review.Service
	Boards    *leaderboard.Boards
	Inbox     *push.Inbox

	store     store.Engine
	redis     redis.UniversalClient
	reached   atomic.Bool // Redis has answered Ready before
	readiness readiness
	feeds     *realtime.Feeds
	effects   *effects
	options   Options
	clock     clock.Clock
	log       *slog.Logger

	// joinNodes checks, before this node serves, what it must agree on with the
	// other nodes of a shared store; nil where the store is its own.
	joinNodes func(context.Context) error

	runners []runner
	closers []closer
}

// runner is a loop that Run starts; closer undoes one step of Open.
type (
	runner struct {
		name string
		run  func(context.Context) error
	}
	closer struct {
		name  string
		close func() error
	}
)

// Open opens the store and wires the rooms. It answers ErrInUse when another
// process has the data folder, ErrNotMigrated and ErrOtherKeys for a MongoDB that
// this node cannot serve yet, ErrEmulator in an environment that is not to be
// served in. What it opened before it failed is closed.
func Open(ctx context.Context, options Options) (*App, error) {
	if err := CheckEnvironment(); err != nil {
		return nil, err
	}
	a := &App{options: options, clock: options.Clock, log: options.Log}
	if a.clock == nil {
		a.clock = clock.System{}
	}
	a.clock = fault.Clock(a.clock)
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context) error {
	open := a.openFolder
	if a.options.MongoURL != "" {
		open = a.openMongo
	}
	keys, err := open(ctx)
	if err != nil {
		return err
	}
	if err := a.openRedis(ctx); err != nil {
		return err
	}
	a.plug(keys)
	return nil
}

// openFolder takes the data folder and opens the store in it.
func (a *App) openFolder(ctx context.Context) (people.Keys, error) {
	folder, err := openFolder(a.options.Data)
	if err != nil {
		return people.Keys{}, err
	}
	a.onClose("data folder", folder.close)
	keys, err := keysOf(folder.path)
	if err != nil {
		return keys, fmt.Errorf("keys: %w", err)
	}
	db, err := folder.openStore(ctx)
	if err != nil {
		return keys, err
	}
	a.onClose("store", db.Close)
	a.onRun("store", db.Run)
	a.store = fault.Engine(db)
	if err := a.store.Migrate(ctx, schemas()); err != nil {
		return keys, fmt.Errorf("store: %w", err)
	}
	return keys, nil
}

func schemas() []store.Schema {
	var all []store.Schema
	for _, room := range [][]store.Schema{campaign.Schemas, people.Schemas, points.Schemas, goal.Schemas, badge.Schemas, review.Schemas, task.Schemas, briefing.Schemas, leaderboard.Schemas, push.Schemas} {
		all = append(all, room...)
	}
	return all
}

// CheckRedisURL says whether an address can be one, without connecting:
// ErrBadRedisURL. Empty stands for the Redis inside the process.
func CheckRedisURL(address string) error {
	if address == "" {
		return nil
	}
	return redisclient.Check(address)
}

func (a *App) openRedis(ctx context.Context) error {
	if a.options.RedisURL == "" {
		server, err := embedded.Start(store.NewID())
		if err != nil {
			return err
		}
		a.onClose("embedded redis", server.Close)
		a.onRun("embedded redis", server.Run)
		a.redis = server.Client()
		return nil
	}
	client, err := redisclient.Open(ctx, a.options.RedisURL, a.log)
	if err != nil {
		return err
	}
	a.redis = client
	a.onClose("redis", client.Close)
	return nil
}

// Store is the opened store, for what works below the rooms: benchmarks,
// exports.
func (a *App) Store() store.Engine { return a.store }

// Redis is the opened Redis, for benchmarks.
func (a *App) Redis() redis.UniversalClient { return a.redis }

// plug makes the rooms and gives each what it declared it needs.
func (a *App) plug(keys people.Keys) {
	fault.Redis(a.redis)
	a.Campaigns = campaign.New(a.store, a.clock)
	a.People = people.New(a.store, people.Options{
		Keys: keys, Limiter: limits.New(a.redis), Campaigns: a.Campaigns, Clock: a.clock, Log: a.log,
	})
	a.Points = points.New(points.Config{Engine: a.store, Clock: a.clock, Calendar: a.calendar})
	a.Goals = goal.New(a.store, deeds{a}, a.clock)
	a.onRun("goals", func(ctx context.Context) error { return a.Goals.Run(ctx, a.log) })
	a.Badges = badge.New(badge.Config{
		Engine: a.store, Campaigns: a.Campaigns, Ledger: merits{a}, Clock: a.clock, Log: a.log, Key: keys.CredentialKey(),
	})
	a.onRun("badges", a.Badges.Run)
	a.Tasks = task.New(a.store, regions{a.Campaigns}, a.clock, task.Options{})
	a.Boards = leaderboard.New(leaderboard.Parts{
		Redis: a.redis, Store: a.store, Campaigns: a.Campaigns, Names: names{a.Campaigns, a.People},
		Rules: a.rules, Clock: a.clock, Log: a.log,
	})
	a.onRun("boards", a.Boards.Run)
	a.Inbox = push.NewInbox(a.store, a.clock)
	a.feeds = realtime.NewFeeds(a.redis, a.clock, realtime.FeedsOptions{})
	a.plugReviews(keys)
	a.plugEffects()
}

// plugEffects says who has effects and who carries out which.
func (a *App) plugEffects() {
	a.effects = newEffects(a.clock, a.log)
	a.effects.add("people", a.People)
	a.effects.add("tasks", a.Tasks)
	a.effects.add("rules", a.Points)
	a.effects.add("duels", a.Boards)
	a.effects.add("reviews", a.Reviews)
	a.effects.kinds[people.EffectJoin] = a.join
	a.effects.kinds[people.EffectHide] = a.hide
	a.effects.kinds["feed"] = a.publish
	a.effects.kinds[review.EffectRule] = a.rule
	a.effects.kinds[review.EffectRollBack] = a.rollBack
	a.effects.add("goals", a.Goals)
	a.effects.add("badges", a.Badges)
	a.effects.kinds[people.EffectPraise] = a.praise
	a.effects.kinds[badge.EffectPraise] = a.praise
	a.effects.kinds[badge.EffectBestOfTeams] = a.bestOfTeams
	a.effects.kinds[goal.EffectRegionFeed] = a.publishBelow
	a.onRun("effects", a.effects.Run)
}

func (a *App) onRun(name string, run func(context.Context) error) {
	a.runners = append(a.runners, runner{name, run})
}

func (a *App) onClose(name string, close func() error) {
	a.closers = append(a.closers, closer{name, close})
}

// Close undoes Open, last opened first. It may be called once.
func (a *App) Close() error {
	var failures []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		if err := a.closers[i].close(); err != nil {
			failures = append(failures, fmt.Errorf("close %s: %w", a.closers[i].name, err))
		}
	}
	a.closers = nil
	return errors.Join(failures...)
}
