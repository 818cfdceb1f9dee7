package realtime

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/musterhq/muster/realtime/client"
)

// seen is what one client saw of a feed.
type seen struct {
	mu     sync.Mutex
	events []client.Push
}

func (s *seen) add(p client.Push) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, p)
}

func (s *seen) last() client.Push {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) == 0 {
		return client.Push{}
	}
	return s.events[len(s.events)-1]
}

// follower is a client with what it saw.
type follower struct {
	*client.Client
	log   map[string]*seen
	board client.Board
	mu    sync.Mutex
}

func (f *follower) boardNow() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprint(f.board.Total, f.board.Rows == nil, sumsOf(f.board))
}

func sumsOf(b client.Board) []string {
	rows := make([]string, len(b.Rows))
	for i, row := range b.Rows {
		rows[i] = fmt.Sprint(row.ID, "=", row.Sum)
	}
	return rows
}

// follow starts a client of feeds and a board that connects through dial.
func follow(t *testing.T, run *sync.WaitGroup, name string, dial func(ctx context.Context, network, addr string) (net.Conn, error), feeds []string) *follower {
	f := &follower{log: map[string]*seen{}}
	f.Client = client.New(client.Options{
		URL:   "ws://muster.example/v1/campaigns/" + testCampaign + "/live",
		Token: func(context.Context) (string, error) { return name, nil },
		Wait:  20 * time.Millisecond, MaxWait: 200 * time.Millisecond,
		Dialer: &websocket.Dialer{NetDialContext: dial, HandshakeTimeout: 5 * time.Second},
	})
	for _, feed := range feeds {
		s := &seen{}
		f.log[feed] = s
		f.Subscribe(client.Subscription{Feed: feed, OnPush: s.add})
	}
	f.Subscribe(client.Subscription{Feed: "board:teams:it", OnPush: func(p client.Push) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if err := f.board.Apply(p); err != nil {
			t.Error(err)
		}
	}, OnError: func(e *client.ReplyError) { t.Error(e) }})
	run.Go(func() {
		if err := f.Run(t.Context()); err != nil {
			t.Errorf("%s ended: %v", name, err)
		}
	})
	return f
}

// expect compares what a client saw of a feed with what was published: from its
// first event on, everything, once, in order.
func (f *follower) expect(t *testing.T, name, feed string, epoch string, ids []string) {
	t.Helper()
	s := f.log[feed]
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) == 0 {
		t.Errorf("%s saw nothing of %s", name, feed)
		return
	}
	next := s.events[0].Offset
	for _, p := range s.events {
		if p.Type != "event" || p.Epoch != epoch || p.Offset != next || string(p.Data) != `{"id":"`+ids[p.Offset-1]+`"}` {
			t.Errorf("%s saw %s %d %s of %s where %d was due", name, p.Type, p.Offset, p.Data, feed, next)
			return
		}
		next++
	}
	if int(next)-1 != len(ids) {
		t.Errorf("%s saw %s to %d of %d", name, feed, next-1, len(ids))
	}
}

// connects counts how often clients have connected.
func connects(followers []*follower) (n int64) {
	for _, f := range followers {
		n += f.Counters().Connects
	}
	return n
}

// TestDropsLoseNothing: clients on two nodes lose their connections 500 times at
// random while events and boards flow. What each saw is compared with what was
// published.
func TestDropsLoseNothing(t *testing.T) {
	const seed, clients, drops, events = 20261123, 12, 500, 600
	random := rand.New(rand.NewPCG(seed, seed))
	rdb := openAging(t)
	boards := newBoardsFake()
	small := func(h *Hub) {
		h.limits.keepFrames, h.limits.historyEntries = 20, 16
		h.feeds.opts.History, h.opts.Boards = 10_000, boards
	}
	nodes := []*server{startServer(t, rdb, small), startServer(t, rdb, small)}
	boards.set(teamsRef, teams(1, 1, 1, 1, 1))
	feeds := []string{"tasks:it", "duels", "team:team-1"}

	var run sync.WaitGroup
	t.Cleanup(run.Wait)
	var turn atomic.Int64
	anyNode := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, nodes[turn.Add(1)%2].addr)
	}
	followers := make([]*follower, clients)
	for i := range followers {
		followers[i] = follow(t, &run, fmt.Sprint("p", i), anyNode, feeds)
	}
	for _, f := range followers {
		waitFor(t, "every client to stand", func() bool {
			for _, feed := range feeds {
				if _, ok := f.Position(feed, ""); !ok {
					return false
				}
			}
			return true
		})
	}

	ids := map[string][]string{}
	epochs := map[string]string{}
	dropped := 0
	for i := range events {
		feed := feeds[random.IntN(len(feeds))]
		id := fmt.Sprint("e", i)
		epochs[feed] = nodes[i%2].publish(feed, id).Epoch
		ids[feed] = append(ids[feed], id)
		if random.IntN(4) == 0 {
			nodes[i%2].publish(feed, id) // an effect that is repeated
		}
		sums := make([]int64, 1+random.IntN(5))
		for j := range sums {
			sums[j] = random.Int64N(100)
		}
		boards.set(teamsRef, teams(sums...))
		for dropped < drops*(i+1)/events {
			followers[random.IntN(clients)].Cut()
			dropped++
		}
		// One that is cut again before it is back is no drop: events go no
		// faster than that a quarter of them are.
		waitFor(t, "clients to come back", func() bool { return connects(followers) >= int64(dropped/4) })
	}
	boards.set(teamsRef, teams(7, 5, 3))
	want := client.Board{Total: 3}
	for i, sum := range []int64{7, 5, 3} {
		want.Rows = append(want.Rows, client.Row{ID: fmt.Sprint("team-", i), Sum: sum})
	}
	for i, f := range followers {
		name := fmt.Sprint("p", i)
		for _, feed := range feeds {
			waitFor(t, "the last event", func() bool { return int(f.log[feed].last().Offset) == len(ids[feed]) })
			f.expect(t, name, feed, epochs[feed], ids[feed])
		}
		waitFor(t, "the last board", func() bool { return f.boardNow() == fmt.Sprint(3, false, sumsOf(want)) })
		if n := f.Counters(); n.Gaps != 0 || n.Doubled != 0 || n.Reloads != 0 {
			t.Errorf("%s counted %+v", name, n)
		}
	}
	total := client.Counters{}
	for _, f := range followers {
		n := f.Counters()
		total.Connects += n.Connects
		total.Resumes += n.Resumes
		total.Frames += n.Frames
	}
	if total.Connects < drops/4 || total.Resumes == 0 {
		t.Errorf("the drops did not happen: %+v", total)
	}
	t.Logf("%d drops: %d connections, %d resumes, %d frames", dropped, total.Connects, total.Resumes, total.Frames)
}

// TestANodeThatDies: its clients go on at the other without loss, and its
// boards get another publisher.
func TestANodeThatDies(t *testing.T) {
	rdb := openAging(t)
	boards := newBoardsFake()
	var dead atomic.Bool
	nodes := []*server{
		startServer(t, rdb, func(h *Hub) { h.opts.Boards = dyingBoards{boards, &dead} }),
		startServer(t, rdb, func(h *Hub) { h.opts.Boards = boards }),
	}
	boards.set(teamsRef, teams(1, 1))
	key := boardKey(testCampaign, Feed{Boards, "teams:it"}, "season")

	preferFirst := func(ctx context.Context, network, _ string) (net.Conn, error) {
		if dead.Load() {
			return new(net.Dialer).DialContext(ctx, network, nodes[1].addr)
		}
		return new(net.Dialer).DialContext(ctx, network, nodes[0].addr)
	}
	var run sync.WaitGroup
	t.Cleanup(run.Wait)
	feeds := []string{"duels"}
	followers := make([]*follower, 8)
	for i := range followers {
		followers[i] = follow(t, &run, fmt.Sprint("p", i), preferFirst, feeds)
	}
	for _, f := range followers {
		waitFor(t, "the board", func() bool { return f.boardNow() != fmt.Sprint(0, true, []string{}) })
		waitFor(t, "the feed", func() bool { _, ok := f.Position("duels", ""); return ok })
	}
	waitFor(t, "a publisher", func() bool { return nodes[0].stream(key).claimed.Load() })

	var ids []string
	var epoch string
	for i := range 200 {
		if i == 100 {
			// The node dies: it renews nothing, publishes nothing, and its
			// sockets break.
			dead.Store(true)
			for _, c := range nodes[0].hub.conns.all() {
				c.kill()
			}
		}
		ids = append(ids, fmt.Sprint("e", i))
		epoch = nodes[1].publish("duels", ids[i]).Epoch
	}
	boards.set(teamsRef, teams(40, 2))
	for i, f := range followers {
		waitFor(t, "the last event", func() bool { return f.log["duels"].last().Offset == 200 })
		f.expect(t, fmt.Sprint("p", i), "duels", epoch, ids)
		waitFor(t, "the board of the other publisher", func() bool {
			return f.boardNow() == fmt.Sprint(2, false, []string{"team-0=40", "team-1=2"})
		})
		if n := f.Counters(); n.Gaps != 0 || n.Doubled != 0 || n.Connects < 2 {
			t.Errorf("p%d counted %+v", i, n)
		}
	}
}

// dyingBoards blocks whoever asks once it is dead: a node that hangs.
type dyingBoards struct {
	*boardsFake
	dead *atomic.Bool
}

func (b dyingBoards) Versions(ctx context.Context, campaign string, refs []BoardRef) ([]int64, error) {
	if b.dead.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return b.boardsFake.Versions(ctx, campaign, refs)
}

// TestANodeThatStopsHandsItsBoardsOver at once, not after the lease.
func TestANodeThatStopsHandsItsBoardsOver(t *testing.T) {
	rdb := openRedis(t) // whose keys do not age
	boards := newBoardsFake()
	share := func(h *Hub) { h.opts.Boards = boards }
	nodes := []*server{startServer(t, rdb, share), startServer(t, rdb, share)}
	boards.set(teamsRef, teams(1, 1))
	first := nodes[0].connect("a")
	first.subscribe("board:teams:it")
	first.expectState("snapshot", false)
	second := nodes[1].connect("b")
	second.subscribe("board:teams:it")
	at := second.expectState("snapshot", false)
	boards.set(teamsRef, teams(2, 1))
	if got := second.expectState("delta", false); got.Epoch != at.Epoch || got.Offset != at.Offset+1 {
		t.Fatalf("versions differ between nodes: %+v after %+v", got, at)
	}
	nodes[0].stop()
	boards.set(teamsRef, teams(3, 1))
	var board client.Board
	for len(board.Rows) == 0 || board.Rows[0].Sum != 3 {
		second.follow(&board, second.next())
	}
}
