package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/internal/liguria"
	"github.com/musterhq/muster/leaderboard"
	"github.com/musterhq/muster/store"
)

const (
	// around is the board that is read, and pageRows how many rows of it.
	aroundBoard = "people:all"
	pageRows    = 11
	// sampled is how many members of a board are read in turn, spread over all:
	// so many that no cache of a processor holds what lies around them.
	sampled = 100_000
	// together is how many commands go in one pipeline while a board is prepared.
	together = 1000
)

// bare gives everybody their account for a name: the names of people are the
// work of another room, and count where boards are read over HTTP.
type bare struct{}

// Names implements leaderboard.Namer.
func (bare) Names(_ context.Context, _ string, _ leaderboard.Unit, ids []string) (map[string]string, error) {
	names := make(map[string]string, len(ids))
	for _, id := range ids {
		names[id] = id
	}
	return names, nil
}

// uncounted answers for the ledger's recount, which only a verification asks.
func uncounted(context.Context, *campaign.Campaign) (leaderboard.Recount, error) {
	return nil, errors.New("a benchmark's boards have no ledger")
}

// target is a board that is read, and what its reads must answer.
type target struct {
	campaign, season string
	key              string // the sorted set
	total            int
	readers          []reader
}

// reader is a member around whom the board is read.
type reader struct {
	account    string
	sum        int64
	rank       int   // by the recount
	from, to   int64 // rows of the page, for the raw commands
	scoreAbove string
}

// fill brings members of the crowd to a campaign's boards.
func (p *parts) fill(ctx context.Context, in ask) (answer, error) {
	if err := p.open(ctx, in.Campaign); err != nil {
		return answer{}, err
	}
	homes, err := p.homes(ctx)
	if err != nil {
		return answer{}, err
	}
	season, err := p.season(ctx, in.Campaign)
	if err != nil {
		return answer{}, err
	}
	now := time.Now() //nolint:forbidigo // the server's clock
	return answer{}, p.boards.Apply(ctx, in.Campaign, members(in.From, in.Count, season, homes, now))
}

// homes are the teams of the campaign under test.
func (p *parts) homes(ctx context.Context) ([]points.Home, error) {
	var homes []points.Home
	cursor := ""
	for {
		teams, next, err := p.campaigns.Teams(ctx, p.campaign, liguria.Root, cursor, store.MaxPage)
		if err != nil {
			return nil, err
		}
		for _, t := range teams {
			homes = append(homes, points.Home{Team: t.ID, Region: t.Region})
		}
		if cursor = next; cursor == "" {
			return homes, nil
		}
	}
}

// season is the one that runs.
func (p *parts) season(ctx context.Context, campaignID string) (string, error) {
	page, err := p.boards.Page(ctx, campaignID, leaderboard.PageRequest{Board: aroundBoard, Limit: 1})
	return page.Window, err
}

// target prepares the reads of a board that a crowd of in.Members and people
// with in.Sums stand on, and checks that the boards hold just those: so many,
// and as many points as their teams.
func (p *parts) target(ctx context.Context, in ask) (answer, error) {
	t := &target{campaign: in.Campaign}
	var err error
	if t.season, err = p.season(ctx, in.Campaign); err != nil {
		return answer{}, err
	}
	if t.key, err = p.boards.Key(ctx, in.Campaign, t.season, aroundBoard); err != nil {
		return answer{}, err
	}
	all := newRanking(in.Members, in.Sums)
	t.total = len(all)
	if err := p.whole(ctx, t, all); err != nil {
		return answer{}, err
	}
	n := min(in.Members, sampled)
	for k := range n {
		i := int(int64(k) * int64(in.Members) / int64(n))
		sum := memberPoints(i)
		t.readers = append(t.readers, reader{account: memberAccount(i), sum: sum, rank: all.rank(sum), scoreAbove: fmt.Sprintf("(%d", sum)})
	}
	if err := p.locate(ctx, t); err != nil {
		return answer{}, err
	}
	p.targets.Store(in.Campaign, t)
	return answer{}, nil
}

// whole checks that a board holds as many as there should be, and that their
// points are those of all teams together.
func (p *parts) whole(ctx context.Context, t *target, all ranking) error {
	count, err := p.redis.ZCard(ctx, t.key).Result()
	if err != nil {
		return err
	}
	// Not by pages, which leave out teams of few people.
	key, err := p.boards.Key(ctx, t.campaign, t.season, "teams:all")
	if err != nil {
		return err
	}
	teams, err := p.redis.ZRangeWithScores(ctx, key, 0, -1).Result()
	if err != nil {
		return err
	}
	var sum int64
	for _, team := range teams {
		sum += int64(team.Score)
	}
	if int(count) != len(all) || sum != all.sum() {
		return fmt.Errorf("%s has %d members on its board and %d points in its teams, where %d and %d belong", t.campaign, count, sum, len(all), all.sum())
	}
	return nil
}

// locate finds the rows that the page around each reader has, which the raw
// commands are told beforehand.
func (p *parts) locate(ctx context.Context, t *target) error {
	for at := 0; at < len(t.readers); at += together {
		part := t.readers[at:min(at+together, len(t.readers))]
		places := make([]*redis.IntCmd, len(part))
		_, err := p.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i := range part {
				places[i] = pipe.ZRevRank(ctx, t.key, part[i].account)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i := range part {
			from := max(0, min(places[i].Val()-(pageRows-1)/2, int64(t.total-pageRows)))
			part[i].from, part[i].to = from, from+pageRows-1
		}
	}
	return nil
}

// around reads pages around members through the leaderboard, as many callers
// at once as are asked for, and checks each answer.
func (p *parts) around(ctx context.Context, in ask) (answer, error) {
	return p.read(ctx, in, func(ctx context.Context, t *target, r *reader) error {
		page, err := p.plain.Page(ctx, t.campaign, leaderboard.PageRequest{Board: aroundBoard, Around: r.account, Limit: pageRows})
		if err != nil {
			return err
		}
		return t.check(r, &page)
	})
}

// check says what is wrong with a page around a member.
func (t *target) check(r *reader, page *leaderboard.Page) error {
	switch {
	case page.Window != t.season:
		return fmt.Errorf("season %s ended during the run: run it again", t.season)
	case page.Stale:
		return errors.New("the board is stale")
	case page.Total != t.total || len(page.Rows) != min(pageRows, t.total):
		return fmt.Errorf("%d rows of %d, where there are %d", len(page.Rows), page.Total, t.total)
	}
	for i := range page.Rows {
		if row := &page.Rows[i]; row.ID == r.account {
			if row.Rank != r.rank || row.Sum != r.sum {
				return fmt.Errorf("%s is told rank %d with %d points, and has rank %d with %d", r.account, row.Rank, row.Sum, r.rank, r.sum)
			}
			return nil
		}
	}
	return fmt.Errorf("%s is not on the page around them", r.account)
}

// raw sends Redis the four commands that such a page is made of, in one
// pipeline on the same client, as who knows score and place beforehand can; and
// checks each answer.
func (p *parts) raw(ctx context.Context, in ask) (answer, error) {
	return p.read(ctx, in, func(ctx context.Context, t *target, r *reader) error {
		var (
			score *redis.FloatCmd
			above *redis.IntCmd
			place *redis.IntCmd
			rows  *redis.ZSliceCmd
		)
		_, err := p.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			score = pipe.ZScore(ctx, t.key, r.account)
			above = pipe.ZCount(ctx, t.key, r.scoreAbove, "+inf")
			place = pipe.ZRevRank(ctx, t.key, r.account)
			rows = pipe.ZRevRangeWithScores(ctx, t.key, r.from, r.to)
			return nil
		})
		if err != nil {
			return err
		}
		if int64(score.Val()) != r.sum || int(above.Val())+1 != r.rank || place.Val() < r.from || place.Val() > r.to || len(rows.Val()) != min(pageRows, t.total) {
			return fmt.Errorf("%s has %v points, %d above and place %d in Redis, and by the recount rank %d with %d", r.account, score.Val(), above.Val(), place.Val(), r.rank, r.sum)
		}
		return nil
	})
}

// read has callers read around the members of a board in turn, one after the
// other each, until the time is up.
func (p *parts) read(ctx context.Context, in ask, once func(context.Context, *target, *reader) error) (answer, error) {
	found, ok := p.targets.Load(in.Campaign)
	if !ok {
		return answer{}, fmt.Errorf("the board of %s has not been prepared", in.Campaign)
	}
	t := found.(*target)
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		all   answer
		fail  error
	)
	start, before := time.Now(), cpu() //nolint:forbidigo // durations on the monotonic clock
	length := time.Duration(in.Seconds * float64(time.Second))
	for caller := range in.Together {
		group.Go(func() {
			calls := 0
			// Callers begin apart and step widely, so that no two read around the
			// same members at about the same time.
			at, step := caller*len(t.readers)/in.Together, stepThrough(len(t.readers))
			var err error
			for err == nil && time.Since(start) < length {
				err = once(ctx, t, &t.readers[at])
				at = (at + step) % len(t.readers)
				calls++
			}
			mu.Lock()
			defer mu.Unlock()
			all.Calls += calls
			fail = errors.Join(fail, err)
		})
	}
	group.Wait()
	all.Rate = float64(all.Calls) / time.Since(start).Seconds()
	all.CPU = (cpu() - before).Seconds() / float64(max(all.Calls, 1))
	return all, fail
}

// stepThrough is a stride that visits all of n before it comes back: about
// 0.618 of it, and prime to it.
func stepThrough(n int) int {
	step := n*618/1000 + 1
	for gcd(step, n) != 1 {
		step++
	}
	return step
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// neighbours makes people of accounts that have none, as those are that signed
// up, so that the names on a page are found in the store.
func (p *parts) neighbours(ctx context.Context, in ask) (answer, error) {
	var schema store.Schema
	for _, s := range people.Schemas {
		if s.Name == "people" {
			schema = s
		}
	}
	found := store.NewCollection[people.Person](p.store, schema)
	page, err := found.Find(ctx, p.campaign, store.Query{Index: "created", Desc: true, Limit: 1})
	if err != nil || len(page.Items) == 0 {
		return answer{}, errors.Join(err, errors.New("nobody has signed up"))
	}
	docs := make([]*people.Person, len(in.Accounts))
	for i, account := range in.Accounts {
		doc := *page.Items[0]
		doc.Meta = store.Meta{ID: store.NewID()}
		doc.Effects = store.Effects{}
		doc.Account = account
		doc.EmailAddresses = []people.EmailAddress{{Address: account + "@example.org", Primary: true}}
		docs[i] = &doc
	}
	return answer{}, errors.Join(found.Insert(ctx, p.campaign, docs...)...)
}
