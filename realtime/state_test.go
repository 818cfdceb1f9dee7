package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/realtime/client"
)

var teamsRef = BoardRef{Board: "teams:it", Window: "season"}

func teams(sums ...int64) Board {
	b := Board{Window: "2026-w47", Total: len(sums), UpdatedAt: Instant{time.Now()}}
	for i, sum := range sums {
		b.Rows = append(b.Rows, Row{Rank: ptr(i + 1), ID: fmt.Sprint("team-", i), Name: fmt.Sprint("Team ", i), Sum: sum})
	}
	return b
}

// follow applies a push to a board, as a client would.
func (p *phone) follow(b *client.Board, a answer) {
	p.t.Helper()
	if err := b.Apply(client.Push{Type: a.Type, Data: a.Data}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *phone) expectState(kind string, missed bool) answer {
	p.t.Helper()
	got := p.next()
	if got.Type != kind || got.Missed != missed || got.Epoch == "" || got.Offset == 0 {
		p.t.Fatalf("got %+v with %s, want a %s, missed %v", got, got.Data, kind, missed)
	}
	return got
}

func TestABoardIsSnapshotThenDeltas(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	s.boards.set(teamsRef, teams(30, 20, 10))
	p := s.connect("ann")
	if result := p.subscribe("board:teams:it"); result.Resumed || result.Window != "season" {
		t.Fatalf("subscribed to %+v", result)
	}
	first := p.expectState("snapshot", false)
	if first.Feed != "board:teams:it" || first.Window != "season" || first.Offset != 1 {
		t.Fatalf("got %+v", first)
	}
	var board client.Board
	p.follow(&board, first)
	if board.Board != "teams:it" || board.Unit != "teams" || board.Scope != "it" || board.Window != "2026-w47" || len(board.Rows) != 3 {
		t.Fatalf("the snapshot is %s", first.Data)
	}
	s.boards.set(teamsRef, teams(30, 25))
	second := p.expectState("delta", false)
	if second.Offset != 2 || second.Epoch != first.Epoch {
		t.Fatalf("got %+v after %+v", second, first)
	}
	var d delta
	if err := json.Unmarshal(second.Data, &d); err != nil || len(d.Rows) != 1 || d.Rows[0].ID != "team-1" || len(d.Removed) != 1 || d.Removed[0] != "team-2" || d.Total != 2 {
		t.Fatalf("the delta is %s", second.Data)
	}
	p.follow(&board, second)
	// A second subscriber starts with the state as it is, at the same version.
	q := s.connect("bob")
	q.subscribe("board:teams:it")
	third := q.expectState("snapshot", false)
	var other client.Board
	q.follow(&other, third)
	if third.Offset != 2 || fmt.Sprint(rowsOf(other)) != fmt.Sprint(rowsOf(board)) {
		t.Fatalf("two clients hold %v and %v", rowsOf(other), rowsOf(board))
	}
	// Both windows of one board are two feeds of the connection.
	all := BoardRef{Board: "teams:it", Window: "all"}
	s.boards.set(all, teams(7))
	q.subscribeWith(`{"feed":"board:teams:it","window":"all"}`)
	if got := q.expectState("snapshot", false); got.Window != "all" {
		t.Fatalf("got %+v", got)
	}
	// A version that says nothing new is not published.
	s.boards.set(teamsRef, teams(30, 25))
	s.boards.set(all, teams(8))
	q.expectState("delta", false)
	if reply := q.ask("unsubscribe", `{"feed":"board:teams:it","window":"all"}`); reply.Error != nil {
		t.Fatal(reply.Error)
	}
	// The next season is a snapshot, though nothing was missed.
	next := teams(0, 0)
	next.Window = "2026-w48"
	s.boards.set(teamsRef, next)
	if got := q.expectState("snapshot", false); got.Offset != 3 || got.Epoch != first.Epoch {
		t.Fatalf("got %+v", got)
	}
}

func rowsOf(b client.Board) []string {
	rows := make([]string, len(b.Rows))
	for i, row := range b.Rows {
		rows[i] = fmt.Sprint(*row.Rank, row.ID, row.Sum)
	}
	return rows
}

func TestAStateIsResumed(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	s.boards.set(teamsRef, teams(30, 20))
	p := s.connect("ann")
	p.subscribe("board:teams:it")
	first := p.expectState("snapshot", false)
	s.boards.set(teamsRef, teams(31, 20))
	second := p.expectState("delta", false)
	_ = p.ws.Close()

	p = s.connect("ann") // missed nothing
	if result := p.resume("board:teams:it", first.Epoch, second.Offset); !result.Resumed {
		t.Fatal("not resumed")
	}
	s.boards.set(teamsRef, teams(32, 20))
	if got := p.expectState("delta", false); got.Offset != 3 {
		t.Fatalf("got %+v", got)
	}
	p.ask("unsubscribe", `{"feed":"board:teams:it"}`)
	if result := p.resume("board:teams:it", first.Epoch, 1); !result.Resumed { // the deltas are still here
		t.Fatal("not resumed")
	}
	p.expectState("delta", false)
	p.expectState("delta", false)
	p.ask("unsubscribe", `{"feed":"board:teams:it"}`)
	if result := p.resume("board:teams:it", "another", 3); result.Resumed {
		t.Fatal("resumed in an epoch that never was")
	}
	if got := p.expectState("snapshot", true); got.Offset != 3 {
		t.Fatalf("got %+v", got)
	}
}

// TestLostBoardsAreASnapshot: Redis wiped, or the publisher's versions gone.
func TestLostBoardsAreASnapshot(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	s.boards.set(teamsRef, teams(30, 20))
	p := s.connect("ann")
	p.subscribe("board:teams:it")
	first := p.expectState("snapshot", false)
	wipe(t, rdb)
	s.boards.set(teamsRef, teams(31, 20))
	second := p.expectState("snapshot", true)
	if second.Epoch == first.Epoch {
		t.Fatal("the epoch is the same after a wipe")
	}
	// An older state of Redis that still has the lease: the version is refused
	// and a new epoch begins.
	key := boardKey(testCampaign, Feed{Boards, "teams:it"}, "season")
	s.boards.set(teamsRef, teams(32, 20))
	p.expectState("delta", false)
	rdb.HSet(t.Context(), key.meta(), "o", 1)
	s.boards.set(teamsRef, teams(33, 20))
	third := p.next()
	for third.Epoch == second.Epoch && third.Missed { // the older state itself may be seen first
		third = p.next()
	}
	var board client.Board
	p.follow(&board, third)
	if third.Epoch == second.Epoch || !third.Missed || board.Rows[0].Sum != 33 {
		t.Fatalf("got %+v with %s", third, third.Data)
	}
}

func TestABoardThatIsNoneEndsTheSubscription(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	p := s.connect("ann")
	p.subscribe("board:regions:nowhere")
	got := p.next()
	if got.Type != "unsubscribed" || got.Feed != "board:regions:nowhere" || got.Window != "season" || got.Epoch != "" {
		t.Fatalf("got %+v", got)
	}
	if reply := p.ask("unsubscribe", `{"feed":"board:regions:nowhere"}`); reply.Error == nil {
		t.Fatal("the subscription is still there")
	}
}

// strictBoards refuses a whole batch for one board that is none, as a source may.
type strictBoards struct{ *boardsFake }

func (b strictBoards) Versions(ctx context.Context, campaign string, refs []BoardRef) ([]int64, error) {
	b.mu.Lock()
	for _, ref := range refs {
		if _, ok := b.boards[ref]; !ok {
			b.mu.Unlock()
			return nil, errs.New(errs.Invalid, "board_invalid", "There is no such board.")
		}
	}
	b.mu.Unlock()
	return b.boardsFake.Versions(ctx, campaign, refs)
}

// TestABoardThatIsNoneStopsNoOther.
func TestABoardThatIsNoneStopsNoOther(t *testing.T) {
	rdb := openRedis(t)
	boards := newBoardsFake()
	s := startServer(t, rdb, func(h *Hub) { h.opts.Boards = strictBoards{boards} })
	boards.set(teamsRef, teams(30, 20))
	bad := s.connect("bad")
	bad.subscribe("board:regions:nowhere")
	p := s.connect("ann")
	p.subscribe("board:teams:it")
	p.expectState("snapshot", false)
	got := bad.next()
	if got.Type != "unsubscribed" || string(got.Data) != `{"code":"unknown_feed","message":"There is no such board."}` {
		t.Fatalf("got %+v with %s", got, got.Data)
	}
	boards.set(teamsRef, teams(31, 20))
	p.expectState("delta", false)
}

// TestABoardWaitsForItsSource: while the source fails nothing is shown, and
// everything once it works.
func TestABoardWaitsForItsSource(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	s.boards.set(teamsRef, teams(30, 20))
	s.boards.setFail(errors.New("redis: away"))
	p := s.connect("ann")
	p.subscribe("board:teams:it")
	waitFor(t, "a claim", s.stream(boardKey(testCampaign, Feed{Boards, "teams:it"}, "season")).claimed.Load)
	p.ask("ping", "{}")
	s.boards.setFail(nil)
	p.expectState("snapshot", false)
}

// TestWhatNobodyKeepsIsNotShown: a board that was published, and that its publisher
// then left, is not given to anybody as it was: who was on it may have hidden since.
func TestWhatNobodyKeepsIsNotShown(t *testing.T) {
	rdb := openRedis(t)
	boards := newBoardsFake()
	boards.set(teamsRef, teams(30, 20))
	share := func(h *Hub) { h.opts.Boards = boards }
	first := startServer(t, rdb, share)
	p := first.connect("ann")
	p.subscribe("board:teams:it")
	p.expectState("snapshot", false)
	first.stop()

	boards.set(teamsRef, teams(30))
	boards.setFail(errors.New("redis: away"))
	second := startServer(t, rdb, share)
	p = second.connect("bob")
	p.subscribe("board:teams:it")
	waitFor(t, "a claim", second.stream(boardKey(testCampaign, Feed{Boards, "teams:it"}, "season")).claimed.Load)
	boards.setFail(nil)
	var board client.Board
	if p.follow(&board, p.expectState("snapshot", false)); len(board.Rows) != 1 {
		t.Errorf("what was left by a publisher is shown: %+v", board.Rows)
	}
}

// TestBoardsAreCoalesced: however often a board changes, it is published once a
// tick, and what is published last is the board.
func TestBoardsAreCoalesced(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb, func(h *Hub) { h.limits.boardTick = 100 * time.Millisecond })
	s.boards.set(teamsRef, teams(0, 0))
	p := s.connect("ann")
	p.subscribe("board:teams:it")
	var board client.Board
	p.follow(&board, p.expectState("snapshot", false))
	began := time.Now()
	for i := range 5000 {
		s.boards.set(teamsRef, teams(int64(i+1), 0))
	}
	frames := 0
	for board.Rows[0].Sum != 5000 {
		p.follow(&board, p.expectState("delta", false))
		frames++
	}
	if most := int(time.Since(began)/(100*time.Millisecond)) + 2; frames > most {
		t.Errorf("%d deltas, want at most %d", frames, most)
	}
}

func TestMeIsSnapshots(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb, func(h *Hub) { h.limits.meCheck = time.Hour })
	s.me.set("acc-1", `{"rank": 9}`)
	p := s.connect("ann/acc-1")
	p.subscribe("me")
	first := p.expectState("snapshot", false)
	if first.Feed != "me" || string(first.Data) != `{"rank":9}` {
		t.Fatalf("got %+v with %s", first, first.Data)
	}
	q := s.connect("ann/acc-1") // a second phone of the same person
	q.subscribe("me")
	q.expectState("snapshot", false)
	touch := func(account string) {
		if err := s.feeds.TouchMe(t.Context(), testCampaign, account); err != nil {
			t.Fatal(err)
		}
	}
	touch("acc-1") // nothing changed: nothing is sent
	s.me.set("acc-1", `{"rank":8}`)
	touch("acc-1")
	for _, phone := range []*phone{p, q} {
		if got := phone.expectState("snapshot", false); got.Offset != 2 || got.Epoch != first.Epoch || string(got.Data) != `{"rank":8}` {
			t.Fatalf("got %+v with %s", got, got.Data)
		}
	}
	_ = p.ws.Close()
	p = s.connect("ann/acc-1")
	if result := p.resume("me", first.Epoch, 2); !result.Resumed {
		t.Fatal("not resumed")
	}
	p.ask("unsubscribe", `{"feed":"me"}`)
	p.resume("me", first.Epoch, 1)
	p.expectState("snapshot", true)
	// Nobody else gets it.
	other := s.connect("bob/acc-2")
	if reply := other.ask("subscribe", `{"feed":"me"}`); reply.Error == nil || reply.Error.Code != "unknown_feed" {
		t.Fatalf("somebody without a state got %+v", reply)
	}
	s.me.mu.Lock()
	delete(s.me.state, "acc-1")
	s.me.mu.Unlock()
	touch("acc-1")
	if got := q.next(); got.Type != "unsubscribed" {
		t.Fatalf("got %+v", got)
	}
}

// TestASlowSourceOfPeopleDelaysNoFeed: people's own states are read apart.
func TestASlowSourceOfPeopleDelaysNoFeed(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	for i := range 10 {
		account := fmt.Sprint("acc-", i)
		s.me.set(account, `{"rank":1}`)
		s.connect(account + "/" + account).subscribe("me")
	}
	p := s.connect("ann")
	at := p.subscribe("duels")
	s.me.mu.Lock()
	defer s.me.mu.Unlock()
	for i := range 10 {
		if err := s.feeds.TouchMe(t.Context(), testCampaign, fmt.Sprint("acc-", i)); err != nil {
			t.Fatal(err)
		}
	}
	s.publish("duels", "a")
	p.expectEvent("duels", at.Epoch, 1, "a")
}
