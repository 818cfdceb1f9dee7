package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/musterhq/muster/internal/errs"
)

func TestALogFeedIsFollowed(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	p := s.connect("ann")
	at := p.subscribe("tasks:it.liguria")
	if at.Resumed || at.Epoch == "" || *at.Offset != 0 {
		t.Fatalf("a new feed stands at %+v", at)
	}
	for _, id := range []string{"a", "b", "b", "c"} {
		s.publish("tasks:it.liguria", id)
	}
	for i, id := range []string{"a", "b", "c"} {
		p.expectEvent("tasks:it.liguria", at.Epoch, uint64(i+1), id)
	}
	// Others see what is theirs: a feed of another region, and another campaign.
	s.publish("tasks:it.piemonte", "x")
	s.publish("tasks:it.liguria", "d")
	p.expectEvent("tasks:it.liguria", at.Epoch, 4, "d")
}

func (p *phone) expectEvent(feed, epoch string, offset uint64, id string) {
	p.t.Helper()
	got := p.next()
	if got.Feed != feed || got.Epoch != epoch || got.Offset != offset || got.Type != "event" || got.Event != "happened" || string(got.Data) != `{"id":"`+id+`"}` {
		p.t.Fatalf("got %+v with %s, want event %s at %s %d of %s", got, got.Data, id, epoch, offset, feed)
	}
}

// TestAnotherCampaignsFeedIsNotThere: the same feed name in two campaigns are
// two feeds.
func TestAnotherCampaignsFeedIsNotThere(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	p := s.connect("ann")
	at := p.subscribe("briefings")
	if _, err := s.feeds.Publish(t.Context(), "other-campaign", Feed{Kind: Briefings}, event("secret")); err != nil {
		t.Fatal(err)
	}
	s.publish("briefings", "ours")
	p.expectEvent("briefings", at.Epoch, 1, "ours")
}

func TestConnectIsRefused(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	s.auth.AuthenticateFn = func(_ context.Context, campaign, token string) (Session, error) {
		switch {
		case campaign != testCampaign:
			return Session{}, errs.New(errs.NotFound, "campaign_unknown", "There is no such campaign.")
		case token == "old":
			return Session{}, errs.New(errs.Unauthentic, "token_expired", "Get a fresh one.")
		case token == "over":
			return Session{Subject: "x", Expires: time.Now().Add(-time.Second)}, nil
		case token == "broken":
			return Session{}, errors.New("the store is away: host 10.0.0.7")
		case token == "good":
			return testSession("ann"), nil
		}
		return Session{}, errs.New(errs.Unauthentic, "token_unknown", "Secret reason.")
	}
	connect := func(token string) string {
		return fmt.Sprintf(`{"id":1,"method":"connect","params":{"token":%q,"version":1}}`, token)
	}
	for name, try := range map[string]struct {
		frame string
		reply string // code of the error reply, "" for none
		close CloseCode
	}{
		"bad token":         {connect("nonsense"), "bad_token", CloseBadToken},
		"no token":          {`{"id":1,"method":"connect","params":{"version":1}}`, "bad_token", CloseBadToken},
		"expired":           {connect("old"), "token_expired", CloseExpired},
		"expires now":       {connect("over"), "token_expired", CloseExpired},
		"nobody can say":    {connect("broken"), "unavailable", CloseUnavailable},
		"version 2":         {`{"id":1,"method":"connect","params":{"token":"good","version":2}}`, "version_unsupported", CloseVersion},
		"params of a sort":  {`{"id":1,"method":"connect","params":{"token":7}}`, "bad_params", CloseProtocol},
		"something before":  {`{"id":1,"method":"subscribe","params":{"feed":"duels"}}`, "", CloseProtocol},
		"not a request":     {`{"method":"connect"}`, "", CloseProtocol},
		"not JSON":          {`connect`, "", CloseProtocol},
		"a large request":   {`{"id":1,"method":"connect","params":{"token":"` + strings.Repeat("x", 5000) + `"}}`, "", CloseTooLarge},
		"a very large one":  {strings.Repeat("x", 300_000), "", CloseTooLarge},
		"broken UTF-8":      {"{\"id\":1,\"method\":\"connect\xff\"}", "", CloseProtocol},
		"id that is no int": {`{"id":1.5,"method":"connect"}`, "", CloseProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			p := dial(t, s.url())
			p.send(try.frame)
			if try.reply != "" {
				reply := p.next()
				if reply.Error == nil || reply.Error.Code != try.reply || reply.ID != 1 {
					t.Fatalf("got %+v, want %s", reply, try.reply)
				}
				if strings.Contains(reply.Error.Message, "ecret") || strings.Contains(reply.Error.Message, "10.0.0.7") {
					t.Errorf("the reply shows a cause: %s", reply.Error.Message)
				}
			}
			p.expectClose(try.close)
		})
	}
	t.Run("another campaign", func(t *testing.T) {
		p := dial(t, strings.Replace(s.url(), testCampaign, "other-campaign", 1))
		p.send(connect("good"))
		p.expectClose(CloseBadToken)
	})
	t.Run("binary", func(t *testing.T) {
		p := dial(t, s.url())
		if err := p.ws.WriteMessage(websocket.BinaryMessage, []byte(connect("good"))); err != nil {
			t.Fatal(err)
		}
		p.expectClose(CloseProtocol)
	})
	t.Run("twice", func(t *testing.T) {
		p := s.connect("good")
		p.send(connect("good"))
		p.expectClose(CloseProtocol)
	})
}

func TestRequestsAreRefused(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	s.may.MayFn = func(_ Session, feed Feed) error {
		switch feed.Arg {
		case "it.forbidden":
			return errs.New(errs.Forbidden, "lead_only", "Only leads see this.")
		case "it.nowhere":
			return errs.New(errs.NotFound, "region_unknown", "There is no such region.")
		case "it.away":
			return errors.New("the store is away")
		}
		return nil
	}
	s.auth.AuthenticateFn = func(context.Context, string, string) (Session, error) {
		return Session{Subject: "screen", Expires: time.Now().Add(time.Hour)}, nil
	}
	p := s.connect("display")
	p.subscribe("duels")
	for _, try := range []struct{ method, params, code string }{
		{"dance", "{}", "unknown_method"},
		{"subscribe", "[1]", "bad_params"},
		{"subscribe", `{"feed":"dogs"}`, "unknown_feed"},
		{"subscribe", `{"feed":"duels"}`, "already_subscribed"},
		{"subscribe", `{"feed":"tasks:it.forbidden"}`, "forbidden"},
		{"subscribe", `{"feed":"tasks:it.nowhere"}`, "unknown_feed"},
		{"subscribe", `{"feed":"tasks:it.away"}`, "unavailable"},
		{"subscribe", `{"feed":"me"}`, "unknown_feed"}, // no person, no state of one
		{"unsubscribe", `{"feed":"tasks:it"}`, "not_subscribed"},
		{"unsubscribe", `{"feed":""}`, "unknown_feed"},
		{"unsubscribe", `{"feed":"duels","window":"all"}`, "bad_params"},
	} {
		reply := p.ask(try.method, try.params)
		if reply.Error == nil || reply.Error.Code != try.code || reply.Error.Message == "" {
			t.Errorf("%s %s: %+v, want %s", try.method, try.params, reply, try.code)
		}
	}
	if reply := p.ask("ping", "null"); string(reply.Result) != "{}" {
		t.Errorf("ping was answered with %s", reply.Result)
	}
	if reply := p.ask("unsubscribe", `{"feed":"duels"}`); string(reply.Result) != "{}" {
		t.Errorf("unsubscribe was answered with %s, %+v", reply.Result, reply.Error)
	}
	s.publish("duels", "x")
	p.ask("ping", "{}") // the next frame is the reply, not an event
}

func TestLimits(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	p := s.connect("ann")
	for i := range 64 {
		p.subscribe(fmt.Sprint("tasks:r", i))
	}
	if reply := p.ask("subscribe", `{"feed":"tasks:one-more"}`); reply.Error == nil || reply.Error.Code != "too_many_subscriptions" {
		t.Fatalf("the 65th subscription: %+v", reply)
	}
	p.ask("unsubscribe", `{"feed":"tasks:r7"}`)
	p.subscribe("tasks:one-more")
	if n := s.hub.Counters().Subscriptions; n != 64 {
		t.Errorf("%d subscriptions are counted", n)
	}

	// Five connections a person: the oldest goes, others' stay.
	phones := []*phone{p}
	for range 4 {
		phones = append(phones, s.connect("ann"))
	}
	other := s.connect("bob")
	sixth := s.connect("ann")
	phones[0].expectClose(CloseReplaced)
	for _, q := range append(phones[1:], other, sixth) {
		q.ask("ping", "{}")
	}
	waitFor(t, "subscriptions to be given up", func() bool { return s.hub.Counters().Subscriptions == 0 })
}

// TestRequestsAreReadAtAPace: a burst is read at once, what comes faster waits
// and is answered all the same.
func TestRequestsAreReadAtAPace(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb, func(h *Hub) { h.limits.requestRate, h.limits.requestBurst = 50, 20 })
	p := s.connect("ann")
	const requests = 45
	began := time.Now()
	for i := range requests {
		p.send(fmt.Sprintf(`{"id":%d,"method":"ping"}`, i+2))
	}
	for i := range requests {
		if reply := p.next(); reply.ID != i+2 {
			t.Fatalf("reply %d is to %d", i+2, reply.ID)
		}
	}
	// connect and 19 pings are the burst; 26 come at 50 a second.
	if took := time.Since(began); took < 450*time.Millisecond {
		t.Errorf("%d requests were read in %v", requests, took)
	}
}

func TestATokensEndIsTold(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	s.auth.AuthenticateFn = func(context.Context, string, string) (Session, error) {
		session := testSession("ann")
		session.Expires = time.Now().Add(200 * time.Millisecond)
		return session, nil
	}
	p := s.connect("ann")
	p.subscribe("duels")
	p.expectClose(CloseExpired)
}

// TestPingsKeepAlive: the server pings, the client's pongs keep the connection.
func TestPingsKeepAlive(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb, func(h *Hub) { h.limits.ping = 50 * time.Millisecond; h.limits.idle = 250 * time.Millisecond })
	p := s.connect("ann")
	pings := 0
	pong := p.ws.PingHandler()
	p.ws.SetPingHandler(func(data string) error {
		if pings++; pings == 12 {
			p.t.Log("twelve pings")
			_ = p.ws.SetReadDeadline(time.Now())
		}
		return pong(data)
	})
	_ = p.ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, _, err := p.ws.ReadMessage(); !isTimeout(err) || pings < 12 {
		t.Fatalf("after %d pings: %v", pings, err)
	}
	if n := s.hub.Counters().Connections; n != 1 {
		t.Fatalf("%d connections after pings were answered", n)
	}
}

func TestTheClientsCloseIsAnswered(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	p := s.connect("ann")
	_ = p.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(time.Second))
	if code, _ := p.closed(); code != websocket.CloseNormalClosure {
		t.Fatalf("answered with %d", code)
	}
	waitFor(t, "the connection to be gone", func() bool { return s.hub.Counters().Connections == 0 })
}

func TestNewNeedsItsParts(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Fatal("a hub of nothing was made")
	}
}

func TestResultsAreWhatTheDocumentSays(t *testing.T) {
	rdb := openRedis(t)
	s := startServer(t, rdb)
	p := dial(t, s.url())
	reply := p.ask("connect", `{"token":"ann","version":1}`)
	var result map[string]any
	if err := json.Unmarshal(reply.Result, &result); err != nil {
		t.Fatal(err)
	}
	if result["version"] != 1.0 || result["ping_ms"] != 25000.0 || result["idle_ms"] != 60000.0 || result["expires_at"] == nil || len(result) != 4 {
		t.Fatalf("connect gave %v", result)
	}
}
