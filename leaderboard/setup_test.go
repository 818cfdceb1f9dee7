package leaderboard

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/internal/redistest"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

// monday is the beginning of the season 2026-w47 in UTC.
var monday = time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)

// The tests' tree: it.l > {ge > genova, camogli} and {sp > sarzana}, a team a
// leaf.
var (
	genova  = points.Home{Team: "team-genova", Region: "it.l.ge.genova"}
	camogli = points.Home{Team: "team-camogli", Region: "it.l.ge.camogli"}
	sarzana = points.Home{Team: "team-sarzana", Region: "it.l.sp.sarzana"}
)

// tenants is a Campaigns of one.
type oneCampaign struct{ *campaign.Campaign }

func (c oneCampaign) Get(_ context.Context, id string) (*campaign.Campaign, error) {
	if id != c.ID {
		return nil, errs.New(errs.NotFound, "campaign_unknown", "There is no such campaign.")
	}
	return c.Campaign, nil
}

func (c oneCampaign) All(context.Context) ([]*campaign.Campaign, error) {
	return []*campaign.Campaign{c.Campaign}, nil
}

// Tree is that of the places, with any further leaves of it.
func (c oneCampaign) Tree(context.Context, string) (*campaign.Tree, error) {
	var regions []*campaign.Region
	for _, id := range places {
		if strings.HasPrefix(id, "team-") {
			continue
		}
		r := &campaign.Region{Meta: store.Meta{ID: id}, Name: "Name of " + id}
		if at := strings.LastIndexByte(id, '.'); id != "it.l" {
			r.Parent = id[:at]
		}
		regions = append(regions, r)
	}
	return campaign.NewTree("it.l", regions), nil
}

var places = []string{
	"it.l", "it.l.ge", "it.l.sp", genova.Region, camogli.Region, sarzana.Region, genova.Team, camogli.Team, sarzana.Team,
}

// namer calls everybody by the end of their id, and knows the places above.
type namer struct{ gone []string }

func (n *namer) Names(_ context.Context, _ string, unit Unit, ids []string) (map[string]string, error) {
	names := map[string]string{}
	for _, id := range ids {
		if slices.Contains(n.gone, id) || (unit != People && !slices.Contains(places, id)) {
			continue
		}
		names[id] = "Name of " + id
	}
	return names, nil
}

var campaignNumber atomic.Int64

// world is a campaign with its boards, clock and ledger.
type world struct {
	t      testing.TB
	ctx    context.Context
	id     string
	clock  *clock.Manual
	redis  redis.UniversalClient
	book   *book
	names  *namer
	engine store.Engine
	boards *Boards
	keeper *keeper
	// cells: units of few people are kept from sight, as they are outside of
	// tests of what is counted.
	cells bool
}

// newWorld stands at noon of the Wednesday in the campaign's second season; its
// boards are open and empty.
func newWorld(t testing.TB) *world {
	w := newWorldOn(t, redistest.Open(t), newMemory())
	t.Cleanup(func() { wipe(t, w.redis, w.id) })
	return w
}

// newWorldOn leaves it to the caller to remove what the campaign has in Redis.
func newWorldOn(t testing.TB, client redis.UniversalClient, engine store.Engine) *world {
	w := &world{
		t: t, ctx: context.Background(), id: fmt.Sprintf("c-%d-%d", time.Now().UnixNano(), campaignNumber.Add(1)),
		clock: clock.NewManual(monday.Add(60 * time.Hour)), redis: client, names: &namer{}, engine: engine,
	}
	w.book = newBook(w.clock, time.UTC)
	w.boards = w.node()
	w.keeper = newKeeper(w.boards, w.id)
	w.round()
	return w
}

// newSQLite is the store of the embedded default.
func newSQLite(t testing.TB) store.Engine {
	t.Helper()
	ctx := context.Background()
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Migrate(ctx, append(slices.Clone(points.Schemas), Schemas...)); err != nil {
		t.Fatal(err)
	}
	return db
}

// node is another process on the same campaign.
func (w *world) node() *Boards {
	b := New(Parts{
		Redis: w.redis, Store: w.engine, Ledger: w.book, Names: w.names, Clock: w.clock, Rules: w.book.rules,
		Campaigns: oneCampaign{&campaign.Campaign{
			Meta: store.Meta{ID: w.id}, Root: "it.l", TimeZone: "UTC", CreatedAt: monday.Add(-5 * 24 * time.Hour),
		}},
		Log: slog.New(slog.DiscardHandler),
	})
	if !w.cells {
		b.least = 0
	}
	return b
}

// act records and applies.
func (w *world) act(account string, home points.Home, n int64) *points.Posting {
	w.t.Helper()
	p := w.record(act{account: account, home: home, points: n})
	w.apply(p)
	return p
}

func (w *world) record(a act) *points.Posting {
	w.t.Helper()
	a.at = w.clock.Now()
	p := w.book.post(a)
	if p == nil {
		w.t.Fatalf("%s: the last posting cannot be seen yet", a.account)
	}
	return p
}

func (w *world) apply(postings ...*points.Posting) {
	w.t.Helper()
	if err := w.boards.Apply(w.ctx, w.id, postings); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) round() {
	w.t.Helper()
	if err := w.keeper.round(w.ctx); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) page(r PageRequest) Page {
	w.t.Helper()
	page, err := w.boards.Page(w.ctx, w.id, r)
	if err != nil {
		w.t.Fatal(err)
	}
	return page
}

func (w *world) verify() Report {
	w.t.Helper()
	r, err := w.boards.Verify(w.ctx, w.id, VerifyOptions{NoWriters: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) equal() {
	w.t.Helper()
	if r := w.verify(); !r.Equal || r.Boards == 0 {
		w.t.Fatalf("%d boards, %d differences: %+v", r.Boards, r.Found, r.Differences)
	}
}

// show prints rows as "rank id sum".
func show(rows []Row) []string {
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = fmt.Sprintf("%d %s %d", r.Rank, r.ID, r.Sum)
	}
	return lines
}

// generation is the one that is read.
func (w *world) generation() string {
	w.t.Helper()
	gen, err := w.redis.HGet(w.ctx, metaKey(w.id), fieldGen).Result()
	if err != nil {
		w.t.Fatal(err)
	}
	return gen
}

// zset is what snapshotOf reads of a sorted set with one member.
func zset(member string, score float64) []redis.Z { return []redis.Z{{Score: score, Member: member}} }
