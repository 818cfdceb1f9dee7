package leaderboard

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2"
	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Campaigns knows the campaigns. What Get answers for an unknown id is passed
// on to the caller as it is.
type Campaigns interface {
	Get(ctx context.Context, id string) (*campaign.Campaign, error)
	All(ctx context.Context) ([]*campaign.Campaign, error)
	// Tree gives the regions of a campaign that has a Root.
	Tree(ctx context.Context, id string) (*campaign.Tree, error)
}

// Namer gives the names that units are shown under. An account that may not be
// shown (hidden, erased) is left out of the answer, and its row then is not
// given to anybody.
type Namer interface {
	Names(ctx context.Context, campaign string, unit Unit, ids []string) (map[string]string, error)
}

// Rules gives a campaign's Recount, as its rules and calendar are now.
type Rules func(ctx context.Context, c *campaign.Campaign) (Recount, error)

// Recount works out from the actions and the rules alone what these postings,
// an account's first up to any, come to: points.Recount. An error says what
// cannot be in a ledger.
type Recount func(postings []*points.Posting) (points.Recounted, error)

// Parts is what Boards is made of. Every field but Ledger is required.
type Parts struct {
	// Redis should be opened with MaxRetries -1 and ContextTimeoutEnabled. Every
	// call made here may be repeated without harm.
	Redis     redis.UniversalClient
	Store     store.Engine
	Ledger    Ledger // nil: NewLedger(Store)
	Campaigns Campaigns
	Names     Namer
	Rules     Rules
	Clock     clock.Clock
	Log       *slog.Logger
}

// Times of the scheme.
const (
	// margin is what the sweep leaves alone: an insert ends within 10 s or is
	// unknown, and clocks differ by at most 5 s.
	margin = 60 * time.Second
	// staleAfter is how far W may be behind a posting.
	staleAfter = 90 * time.Second
	// again is the age from which a posting is applied a second time.
	again = 15 * time.Second
	// beat is the pause between two rounds of Run over a campaign.
	beat = 5 * time.Second
	// maxSkew is how far a node's clock may be off before it is not ready.
	maxSkew = 5 * time.Second
	// duelBeat is the pause between two looks at the duels of a campaign.
	duelBeat = 2 * time.Second
	// leaseLife is how long a process that went away keeps a campaign.
	leaseLife = 20 * time.Second
	// campaignLife is how long what a campaign is made of is kept in memory.
	campaignLife = 5 * time.Second
)

// maxRebuilds bounds how many campaigns Run rebuilds at a time, should Redis
// forget them all at once.
const maxRebuilds = 4

// maxLines bounds one call of the script, and with it how long Redis is busy.
const maxLines = 200

//go:embed apply.lua
var applySource string

//go:embed page.lua
var pageSource string

//go:embed standing.lua
var standingSource string

//go:embed lease.lua
var leaseSource string

// Boards is the leaderboard of all campaigns. Make it with New.
type Boards struct {
	redis       redis.UniversalClient
	ledger      Ledger
	campaigns   Campaigns
	names       Namer
	rules       Rules
	clock       clock.Clock
	log         *slog.Logger
	checkpoints *store.Collection[checkpoint]
	progress    *store.Collection[progress]
	archive     *store.Collection[archivePage]
	starts      *store.Collection[seasonStart]
	courses     *store.Collection[duelCourse]

	apply, page, standing, lease *redis.Script

	margin time.Duration // the constant, but for the test that takes it away
	// least is season.MinMembers, the people of a unit that is shown, but for
	// tests of what is counted.
	least int64

	applies   *store.Group[[]*points.Posting] // see Apply
	standings *store.Group[*standingQuery]    // see Standing
	pages     *store.Group[*pageRead]         // see readCurrent

	ahead       atomic.Pointer[ahead] // see storeNow
	rebuilds    chan struct{}         // a place for each rebuild that Run does at a time
	generations sync.Map              // campaign -> generations, as last heard
	wakeups     sync.Map              // campaign -> chan struct{}, see wake
	reading     sync.Map              // campaign -> *atomic.Bool, while somebody reads a page alone
	tenants     *lru.Cache[string, tenant]
	fairs       *lru.Cache[fairKey, *fairTable]
	leagued     *lru.Cache[fairKey, leagues] // those that are final; without a generation
	censuses    *lru.Cache[fairKey, *census] // without a board
	began       *lru.Cache[string, homes]    // see startOf, by campaign and season; never changed
	lags        *lru.Cache[string, lag]
	seasons     *lru.Cache[string, closedSeasons]
}

// Schemas are the collections of the leaderboard.
var Schemas = []store.Schema{checkpointSchema, progressSchema, archiveSchema, startSchema, courseSchema}

// New makes the boards. It does no I/O and starts nothing.
func New(p Parts) *Boards {
	b := &Boards{
		redis: p.Redis, ledger: p.Ledger, campaigns: p.Campaigns, names: p.Names, rules: p.Rules, clock: p.Clock, log: p.Log,
		checkpoints: store.NewCollection[checkpoint](p.Store, checkpointSchema),
		progress:    store.NewCollection[progress](p.Store, progressSchema),
		archive:     store.NewCollection[archivePage](p.Store, archiveSchema),
		starts:      store.NewCollection[seasonStart](p.Store, startSchema),
		courses:     store.NewCollection[duelCourse](p.Store, courseSchema),
		apply:       redis.NewScript(applySource),
		page:        redis.NewScript(pageSource),
		standing:    redis.NewScript(standingSource),
		lease:       redis.NewScript(leaseSource),
		margin:      margin,
		least:       season.MinMembers,
		rebuilds:    make(chan struct{}, maxRebuilds),
		tenants:     newCache[string, tenant](1024),
		fairs:       newCache[fairKey, *fairTable](4096),
		leagued:     newCache[fairKey, leagues](1024),
		censuses:    newCache[fairKey, *census](64),
		began:       newCache[string, homes](64),
		lags:        newCache[string, lag](1024),
		seasons:     newCache[string, closedSeasons](1024),
	}
	b.applies = store.NewGroup(applyLimits, b.applyTogether)
	b.standings = store.NewGroup(standingLimits, b.standTogether)
	b.pages = store.NewGroup(pageLimits, func(ctx context.Context, campaign string, reads []*pageRead) []error {
		answers := make([]error, len(reads))
		if err := b.readTogether(ctx, campaign, reads); err != nil {
			for i := range answers {
				answers[i] = err
			}
		}
		return answers
	})
	if b.ledger == nil {
		b.ledger = NewLedger(p.Store)
	}
	return b
}

func newCache[K comparable, V any](size int) *lru.Cache[K, V] {
	cache, err := lru.New[K, V](size)
	if err != nil {
		panic(err) // only a size that is not positive
	}
	return cache
}

// tenant is a campaign as the boards need it.
type tenant struct {
	*campaign.Campaign
	calendar season.Calendar
	read     time.Time
}

// tenant reads a campaign, at most every few seconds.
func (b *Boards) tenant(ctx context.Context, id string) (tenant, error) {
	now := b.clock.Now()
	if t, ok := b.tenants.Get(id); ok && now.Sub(t.read).Abs() < campaignLife {
		return t, nil
	}
	c, err := b.campaigns.Get(ctx, id)
	if err != nil {
		return tenant{}, err
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return tenant{}, fmt.Errorf("leaderboard: campaign %s: %w", id, err)
	}
	t := tenant{Campaign: c, calendar: season.Calendar{Zone: zone, Weeks: c.SeasonWeeks}, read: now}
	b.tenants.Add(id, t)
	return t, nil
}

const unavailableCode = "boards_unavailable"

// unavailable marks a failure of Redis.
func unavailable(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return errs.Wrap(err, errs.Unavailable, unavailableCode, "The boards cannot be reached just now; try again in a moment.").
		WithRetryAfter(time.Second)
}
