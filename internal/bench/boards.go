package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// BoardsOptions say what to measure. All fields are required but Profile.
type BoardsOptions struct {
	Members int // of the crowd on the big board
	Small   int // of the one on the small board, in a campaign of its own
	// People are signed up and have handed in an action each: they stand among
	// the crowd and read over HTTP.
	People      int
	Connections int // of those who read over HTTP
	Callers     int // who read at once in the process, beside one by itself
	Seconds     float64
	// Profile is where CPU profiles of the server go; "" for none.
	Profile string
	// Step is told what happens now, Progress how far the filling is.
	Step     func(text string)
	Progress func(step string, done, total int64)
}

// The aims of the boards.
const (
	// aimAround is the part of the rate of its raw commands that a page around
	// somebody reaches.
	aimAround = .7
	// aimGrowth allows a read among a million half as much again as among ten
	// thousand.
	aimGrowth = 1 / 1.5
)

// fillPage is how many of a crowd are made and applied in one call: less than a
// second's work, in a few megabytes.
const fillPage = 10_000

// turns is into how many parts each measurement in the process is cut, taken in
// turn, so that what else the machine does meets all of them.
const turns = 10

// near is how few people keep reading for their names, and those around them,
// to be remembered: each then reads many times within the second that a name
// is kept.
const near = 64

// Boards measures reading the page around a member of a big board, in the
// process beside the raw commands it is made of and beside a small board, and
// over HTTP.
//
// The crowd on the boards comes through the leaderboard's Apply, as if each had
// recorded one posting, in the teams of the campaign's real tree; no ledger
// stands behind it. Among it stand real people with points of their own, spread
// over the board, who read over HTTP; those next to them get documents of
// people too, so that every name on a page is found in the store. Every answer
// in the process is checked against a recount that knows nothing of Redis, and
// one in sixteen over HTTP.
func Boards(ctx context.Context, at Addresses, campaignID string, r *Redis, embeddedStore bool, o BoardsOptions) ([]Row, error) {
	m := &boards{run: newRun(at, campaignID, r, o.Seconds, o.Profile), BoardsOptions: o, embeddedStore: embeddedStore}
	for _, step := range []func(context.Context) error{m.signUp, m.fill, m.prepare, m.inProcess, m.overHTTP} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return m.rows, nil
}

type boards struct {
	run
	BoardsOptions
	embeddedStore bool
	tokens        []string
	sums          []int64 // of the people, by number
	all           ranking
}

// signUp has people sign up, and hand in an action each.
func (m *boards) signUp(ctx context.Context) (err error) {
	m.Step(fmt.Sprintf("%d people sign up", m.People))
	if m.tokens, err = m.host.tokens(ctx, m.People, func() {}); err != nil {
		return err
	}
	m.sums = make([]int64, m.People)
	var group errgroup.Group
	group.SetLimit(signUps)
	for i := range m.People {
		group.Go(func() error {
			now := time.Now().UTC() //nolint:forbidigo // a phone's clock
			// 1 to 80 doors, 20 points each.
			action := map[string]any{"id": fmt.Sprintf("place-%d", i), "kind": "door", "quantity": 1 + i*7%80, "occurred_at": now}
			var got struct{ Total int64 }
			err := m.host.callAs(m.tokens[i], "POST", m.host.path("actions"), map[string]any{"sent_at": now, "actions": []any{action}}, &got)
			if err == nil && got.Total == 0 {
				err = errors.New("an action brought no points")
			}
			m.sums[i] = got.Total
			return err
		})
	}
	return group.Wait()
}

// fill brings the crowds to both boards.
func (m *boards) fill(ctx context.Context) error {
	for _, crowd := range []struct {
		campaign string
		size     int
	}{{SpareCampaign, m.Small}, {m.host.campaign, m.Members}} {
		step := fmt.Sprintf("a board of %d", crowd.size)
		m.Step("fill " + step)
		before, err := m.redis.Commands(ctx)
		if err != nil {
			return err
		}
		held, err := m.redis.Memory(ctx)
		if err != nil {
			return err
		}
		start := time.Now() //nolint:forbidigo // durations on the monotonic clock
		for from := 0; from < crowd.size; from += fillPage {
			in := ask{Campaign: crowd.campaign, From: from, Count: min(fillPage, crowd.size-from)}
			if err := errors.Join(m.parts.call("POST", "/fill", in, &answer{}), ctx.Err()); err != nil {
				return fmt.Errorf("fill %s: %w", step, err)
			}
			m.Progress("members of "+step, int64(from+in.Count), int64(crowd.size))
		}
		took := time.Since(start).Seconds()
		after, err := m.redis.Commands(ctx)
		if err != nil {
			return err
		}
		inside := after["evalsha"].since(before["evalsha"])
		m.row(Row{Name: "fill: " + step + " through Apply, 200 a call", Value: float64(crowd.size) / took, Unit: "postings/s"})
		m.row(Row{Name: "fill: " + step + ", time inside Redis", Value: inside.microseconds / float64(crowd.size), Unit: "us/posting"})
		if err := m.memory(ctx, crowd.campaign, crowd.size, held); err != nil {
			return err
		}
	}
	return nil
}

// memory says what a person takes of Redis: on one board, and in all, which is a
// place on each of their boards and what they contribute to the season and to
// all-time.
func (m *boards) memory(ctx context.Context, campaign string, size int, before float64) error {
	now, err := m.redis.Memory(ctx)
	if err != nil || now == 0 {
		return err
	}
	board, boards, err := m.redis.MemoryOf(ctx, "muster:{"+campaign+"}:boards:*/people:all")
	if err != nil {
		return err
	}
	if boards == 0 {
		return fmt.Errorf("memory: %s has no board of people", campaign)
	}
	name := fmt.Sprintf("memory: of %d, a person ", size)
	m.row(Row{Name: name + "on one board", Value: board / float64(boards*size), Unit: "bytes"})
	m.row(Row{Name: name + "on all their boards", Value: (now - before) / float64(size), Unit: "bytes"})
	return nil
}

// prepare works out what every read must answer, and gives everybody whom a
// page over HTTP shows a document.
func (m *boards) prepare(ctx context.Context) error {
	m.Step("recount the boards")
	m.all = newRanking(m.Members, m.sums)
	for _, in := range []ask{{Campaign: SpareCampaign, Members: m.Small}, {Campaign: m.host.campaign, Members: m.Members, Sums: m.sums}} {
		if err := m.parts.call("POST", "/target", in, &answer{}); err != nil {
			return fmt.Errorf("recount: %w", err)
		}
	}
	people, shown := map[string]bool{}, map[string]bool{}
	for i := range m.tokens {
		page, err := m.page(i)
		if err != nil {
			return err
		}
		for _, row := range page.Rows {
			shown[row.ID] = true
			people[row.ID] = people[row.ID] || row.Me
		}
	}
	var missing []string
	for account := range shown {
		// People stand next to each other too.
		if !people[account] {
			missing = append(missing, account)
		}
	}
	for len(missing) > 0 {
		n := min(len(missing), 500)
		if err := m.parts.call("POST", "/neighbours", ask{Accounts: missing[:n]}, &answer{}); err != nil {
			return fmt.Errorf("people around people: %w", err)
		}
		missing = missing[n:]
	}
	return ctx.Err()
}

// boardPage is the answer to a page over HTTP.
type boardPage struct {
	Stale bool
	Total int
	Rows  []struct {
		Rank int
		ID   string
		Sum  int64
		Me   bool
	}
}

// page reads the page around a person over HTTP, and checks it.
func (m *boards) page(person int) (*boardPage, error) {
	var page boardPage
	path := fmt.Sprintf("boards/%s?around=me&limit=%d", aroundBoard, pageRows)
	if err := m.host.callAs(m.tokens[person], "GET", m.host.path(path), nil, &page); err != nil {
		return nil, fmt.Errorf("read around a person: %w", err)
	}
	return &page, m.right(person, &page)
}

// right says what is wrong with the page around a person.
func (m *boards) right(person int, page *boardPage) error {
	switch {
	case page.Stale:
		return errors.New("the board is stale")
	case page.Total != len(m.all) || len(page.Rows) != min(pageRows, len(m.all)):
		return fmt.Errorf("%d rows of %d, where there are %d; a season that ended meanwhile leaves none: run it again", len(page.Rows), page.Total, len(m.all))
	}
	sum := m.sums[person]
	for _, row := range page.Rows {
		if row.Me {
			if row.Sum != sum || row.Rank != m.all.rank(sum) {
				return fmt.Errorf("a person is told rank %d with %d points, and has rank %d with %d", row.Rank, row.Sum, m.all.rank(sum), sum)
			}
			return nil
		}
	}
	return errors.New("a person is not on the page around them")
}

// kind is one way of reading in the process.
type kind struct {
	part     string // of the server under test
	campaign string
	callers  int
}

// reading is what was seen of a kind, summed over its turns.
type reading struct {
	rate, cpu float64 // a second; seconds a read
	calls     int
	redis     float64 // microseconds of Redis, by commands, for all calls
	ranks     commandStat
}

// rawCommands are those of a raw read, as Redis counts them.
var rawCommands = []string{"zscore", "zcount", "zrevrank", "zrevrange"}

// inProcess measures the leaderboard's read beside the raw commands, on the big
// board and on the small one, by one caller and by many.
func (m *boards) inProcess(ctx context.Context) error {
	big, small := m.host.campaign, SpareCampaign
	var kinds []kind
	for _, callers := range []int{1, m.Callers} {
		for _, part := range []string{"around", "raw"} {
			kinds = append(kinds, kind{part, big, callers}, kind{part, small, callers})
		}
	}
	m.Step("read around members, in turn: the leaderboard and the raw commands, both boards")
	for _, k := range kinds { // a first connection, a first script
		if _, err := m.take(ctx, k, .1); err != nil {
			return err
		}
	}
	found := map[kind]*reading{}
	for turn := range turns {
		for _, k := range kinds {
			if found[k] == nil {
				found[k] = &reading{}
			}
			got, err := m.take(ctx, k, m.seconds/turns)
			if err != nil {
				return err
			}
			found[k].add(got)
		}
		m.Progress("rounds of reads", int64(turn+1), turns)
	}
	for _, callers := range []int{1, m.Callers} {
		m.aroundRows(callers, found[kind{"around", big, callers}], found[kind{"raw", big, callers}])
	}
	for _, callers := range []int{1, m.Callers} {
		m.growthRow(fmt.Sprintf("around me in the leaderboard, %d at once", callers), found[kind{"around", big, callers}], found[kind{"around", small, callers}])
		m.growthRow(fmt.Sprintf("its raw commands, %d at once", callers), found[kind{"raw", big, callers}], found[kind{"raw", small, callers}])
	}
	one, other := found[kind{"raw", big, 1}].ranks, found[kind{"raw", small, 1}].ranks
	m.row(Row{Name: "ZREVRANK inside Redis, beside the small board", Value: one.each(), Unit: "us", Limit: other.each(), Cost: true})
	if m.Profile == "" {
		return nil
	}
	profiled := m.profile("around-in-process")
	_, err := m.take(ctx, kind{"around", big, m.Callers}, m.seconds)
	return errors.Join(err, profiled())
}

// take measures a kind for a while.
func (m *boards) take(ctx context.Context, k kind, seconds float64) (*reading, error) {
	before, err := m.redis.Commands(ctx)
	if err != nil {
		return nil, err
	}
	var got answer
	if err := m.parts.call("POST", "/"+k.part, ask{Campaign: k.campaign, Seconds: seconds, Together: k.callers}, &got); err != nil {
		return nil, fmt.Errorf("read around members: %w", err)
	}
	after, err := m.redis.Commands(ctx)
	if err != nil {
		return nil, err
	}
	names := rawCommands
	if k.part == "around" {
		names = []string{"evalsha_ro"}
	}
	r := &reading{rate: got.Rate, cpu: got.CPU, calls: got.Calls}
	for _, name := range names {
		r.redis += after[name].microseconds - before[name].microseconds
	}
	r.ranks = after["zrevrank"].since(before["zrevrank"])
	return r, nil
}

// add takes in another turn, which was as long.
func (r *reading) add(other *reading) {
	r.rate += other.rate / turns
	r.cpu += other.cpu / turns
	r.calls += other.calls
	r.redis += other.redis
	r.ranks.calls += other.ranks.calls
	r.ranks.microseconds += other.ranks.microseconds
}

func (r *reading) redisEach() float64 { return r.redis / float64(max(r.calls, 1)) }

// aroundRows are the leaderboard's read beside the raw commands on the big
// board.
func (m *boards) aroundRows(callers int, around, raw *reading) {
	name := fmt.Sprintf("among %d, %d at once: ", len(m.all), callers)
	m.row(Row{Name: name + "around me in the leaderboard", Value: around.rate, Unit: "1/s", Limit: raw.rate, Aim: aimAround})
	m.row(Row{Name: name + "its raw commands in one pipeline", Value: raw.rate, Unit: "1/s"})
	m.row(Row{Name: name + "CPU of the caller", Value: around.cpu * 1e6, Unit: "us/read", Limit: raw.cpu * 1e6, Cost: true})
	m.row(Row{Name: name + "time inside Redis", Value: around.redisEach(), Unit: "us/read", Limit: raw.redisEach(), Cost: true})
}

// growthRow is what a read takes on the big board, the time for all divided by
// how many they were, beside the same on the small one.
func (m *boards) growthRow(name string, big, small *reading) {
	m.row(Row{Name: fmt.Sprintf("among %d beside %d: %s", len(m.all), m.Small, name), Value: 1e6 / big.rate, Unit: "us/read", Limit: 1e6 / small.rate, Cost: true, Aim: aimGrowth})
}

// overHTTP measures the page around the caller as anybody asks for it.
func (m *boards) overHTTP(ctx context.Context) error {
	for _, who := range []struct {
		name string
		n    int
	}{
		{"all %d people in turn", m.People},
		{"%d people again and again", near},
	} {
		if who.n > m.People {
			break
		}
		name := "over HTTP, " + fmt.Sprintf(who.name, who.n)
		m.Step("read around the caller " + name)
		calls := &checkedCalls{newAroundCalls(&m.run, m.tokens[:who.n], min(m.Connections, who.n)), m}
		closed, cost, err := m.closedLoop(ctx, fmt.Sprintf("around-me-%d", who.n), newGenerator(m.at.API, calls.connections), calls)
		if err != nil {
			return err
		}
		if closed.failed > 0 {
			return fmt.Errorf("%s: %d of %d requests failed: %s", name, closed.failed, closed.calls, closed.firstFailure)
		}
		m.row(Row{Name: name + ": around me", Value: closed.rate(), Unit: "1/s"})
		for _, p := range []float64{50, 99} {
			m.row(Row{Name: fmt.Sprintf("%s: p%g", name, p), Value: closed.percentile(p), Unit: "ms"})
		}
		if m.embeddedStore {
			m.row(Row{Name: name + ": CPU of server, store and Redis", Value: cost * 1e6, Unit: "us/request", Limit: peerReadCPU * 1e6, Cost: true, Aim: aimRead})
		}
	}
	return nil
}

// checkedCalls read the page around the caller and look into one answer in
// sixteen: more would take the CPU that is measured beside them.
type checkedCalls struct {
	*aroundCalls
	m *boards
}

func (c *checkedCalls) check(connection, k int, body []byte) error {
	if k%16 != 0 {
		return nil
	}
	var page boardPage
	if err := json.Unmarshal(body, &page); err != nil {
		return err
	}
	return c.m.right(c.who(connection, k), &page)
}
