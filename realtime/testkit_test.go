package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/internal/redistest"
)

func TestMain(m *testing.M) {
	code := redistest.Main(m)
	if err := goleak.Find(
		// fasthttp keeps one clock for the process, and a cleaner of each server
		// that notices its end within ten seconds.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// testCampaign is another one in each run: the Redis may be one that others use.
var testCampaign = fmt.Sprint("liguria-", time.Now().UnixNano())

// authFake answers for tokens of the form "subject" or "subject/account".
type authFake struct {
	AuthenticateFn func(ctx context.Context, campaign, token string) (Session, error)
}

func (f *authFake) Authenticate(ctx context.Context, campaign, token string) (Session, error) {
	if f.AuthenticateFn != nil {
		return f.AuthenticateFn(ctx, campaign, token)
	}
	return testSession(token), nil
}

func testSession(token string) Session {
	subject, account, ok := strings.Cut(token, "/")
	if !ok {
		account = subject
	}
	return Session{Subject: subject, Account: account, Expires: time.Now().Add(time.Hour)}
}

type mayFake struct {
	MayFn func(session Session, feed Feed) error
}

func (f *mayFake) May(_ context.Context, _ string, session Session, feed Feed) error {
	if f.MayFn != nil {
		return f.MayFn(session, feed)
	}
	return nil
}

// boardsFake holds boards in memory; their version rises with every set.
type boardsFake struct {
	mu     sync.Mutex
	boards map[BoardRef]Board
	seen   map[BoardRef]int64
	pages  int
	fail   error
}

func newBoardsFake() *boardsFake {
	return &boardsFake{boards: map[BoardRef]Board{}, seen: map[BoardRef]int64{}}
}

func (f *boardsFake) set(ref BoardRef, b Board) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.boards[ref] = b
	f.seen[ref]++
}

func (f *boardsFake) setFail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

func (f *boardsFake) Versions(_ context.Context, _ string, refs []BoardRef) ([]int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	versions := make([]int64, len(refs))
	for i, ref := range refs {
		versions[i] = f.seen[ref]
	}
	return versions, f.fail
}

func (f *boardsFake) Page(_ context.Context, _ string, ref BoardRef, limit int) (Board, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pages++
	b, ok := f.boards[ref]
	if !ok {
		return Board{}, errs.New(errs.NotFound, "board_unknown", "There is no such board.")
	}
	b.Rows = append([]Row(nil), b.Rows[:min(limit, len(b.Rows))]...)
	return b, f.fail
}

type meFake struct {
	mu    sync.Mutex
	state map[string]string
}

func (f *meFake) set(account, state string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state[account] = state
}

func (f *meFake) Me(_ context.Context, _, account string) (json.RawMessage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	state, ok := f.state[account]
	if !ok {
		return nil, errs.New(errs.NotFound, "person_unknown", "There is no such person.")
	}
	return json.RawMessage(state), nil
}

// server is one node under test: a hub behind Fiber on a real socket.
type server struct {
	t      *testing.T
	hub    *Hub
	feeds  *Feeds
	auth   *authFake
	may    *mayFake
	boards *boardsFake
	me     *meFake
	app    *fiber.App
	addr   string
	stop   func() // ends hub and listener; may be called twice
}

// quick makes what takes seconds take less.
func quick(l *limits) {
	l.tick = 20 * time.Millisecond
	l.check = 300 * time.Millisecond
	l.boardTick = 20 * time.Millisecond
	l.claimEvery = 50 * time.Millisecond
	l.lease = time.Second
	l.linger = 300 * time.Millisecond
	l.requestRate, l.requestBurst = 1000, 1000
}

func startServer(t *testing.T, rdb redis.UniversalClient, tune ...func(*Hub)) *server {
	t.Helper()
	s := &server{
		t: t, auth: &authFake{}, may: &mayFake{}, boards: newBoardsFake(), me: &meFake{state: map[string]string{}},
		feeds: NewFeeds(rdb, clock.System{}, FeedsOptions{}),
	}
	hub, err := New(Options{
		Feeds: s.feeds, Authenticator: s.auth, Authorizer: s.may, Boards: s.boards, Me: s.me,
		Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), Origins: []string{"https://app.example.org"},
		DrainWindow: 200 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.hub = hub
	quick(&hub.limits)
	for _, f := range tune {
		f(hub)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- hub.Run(ctx) }()
	waitFor(t, "the hub to run", hub.running.Load)

	s.app = fiber.New(fiber.Config{
		Immutable: true, DisableStartupMessage: true, ReadTimeout: time.Second, IdleTimeout: time.Second,
		ErrorHandler: testErrors,
	})
	s.app.Get("/v1/campaigns/:campaign/live", Handler(hub))
	s.app.Get("/hello", func(c *fiber.Ctx) error { return c.SendString("hello") })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.app.Listener(listener) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("the hub ended with %v", err)
		}
		if err := s.app.ShutdownWithTimeout(3 * time.Second); err != nil {
			t.Errorf("the app did not shut down: %v", err)
		}
		<-served
	})
	t.Cleanup(s.stop)
	return s
}

func testErrors(c *fiber.Ctx, err error) error {
	if e, ok := errors.AsType[*fiber.Error](err); ok {
		return c.SendStatus(e.Code)
	}
	status := map[errs.Kind]int{errs.Invalid: 422, errs.Forbidden: 403, errs.NotFound: 404, errs.Unavailable: 503}[errs.KindOf(err)]
	return c.Status(status).SendString(errs.CodeOf(err))
}

func (s *server) url() string {
	return "ws://" + s.addr + "/v1/campaigns/" + testCampaign + "/live"
}

func (s *server) publish(feed, id string) Position {
	s.t.Helper()
	f, err := ParseFeed(feed)
	if err != nil {
		s.t.Fatal(err)
	}
	at, err := s.feeds.Publish(s.t.Context(), testCampaign, f, Event{ID: id, Name: "happened", Data: json.RawMessage(`{"id":"` + id + `"}`)})
	if err != nil {
		s.t.Fatal(err)
	}
	return at
}

// openRedis is the Redis that this run is on, without what tests left there.
func openRedis(t *testing.T) redis.UniversalClient {
	t.Helper()
	return wiped(t, redistest.Open(t))
}

// openAging is openRedis for tests in which keys must expire.
func openAging(t *testing.T) redis.UniversalClient {
	t.Helper()
	return wiped(t, redistest.OpenAging(t))
}

func wiped(t *testing.T, rdb redis.UniversalClient) redis.UniversalClient {
	wipe(t, rdb)
	t.Cleanup(func() { wipe(t, rdb) })
	return rdb
}

// wipe makes Redis forget all feeds.
func wipe(t *testing.T, rdb redis.UniversalClient) {
	t.Helper()
	redistest.Wipe(t, rdb, "live:{"+testCampaign+"/")
}

// waitFor waits until something holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("waited 20 s for %s", what)
		}
	}
}

func httpGet(t *testing.T, url string, header http.Header) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// xadd is an entry as publish.lua adds it.
func xadd(key feedKey, offset int, id string) *redis.XAddArgs {
	return &redis.XAddArgs{
		Stream: key.log(), ID: fmt.Sprintf("%d-0", offset),
		Values: []string{"i", id, "n", "happened", "d", `{"id":"` + id + `"}`, "t", "1"},
	}
}

// stream is a feed as the node holds it.
func (s *server) stream(key feedKey) *stream {
	s.t.Helper()
	shard := s.hub.streams.shard(key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.held[key] == nil {
		s.t.Fatalf("the node does not hold %s", key.name)
	}
	return shard.held[key]
}
