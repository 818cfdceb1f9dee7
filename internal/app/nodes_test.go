package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gorilla/websocket"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
)

// nodes are two nodes of one installation in this process: they share the store
// and a Redis, and nothing else.
type nodes struct {
	t      *testing.T
	redis  *miniredis.Miniredis
	data   string
	first  *App
	second *App
	urls   map[*App]string
}

const town = "town-2026"

func startNodes(t *testing.T) *nodes {
	t.Helper()
	ctx := context.Background()
	n := &nodes{t: t, redis: miniredis.RunT(t), data: t.TempDir(), urls: map[*App]string{}}
	first, err := Open(ctx, Options{Data: n.data, RedisURL: "redis://" + n.redis.Addr(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := first.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	wanted := campaign.Campaign{Name: "Town", TimeZone: "Europe/Rome"}
	wanted.ID = town
	if err := first.CreateCampaign(ctx, wanted, "admin@example.org"); err != nil {
		t.Fatal(err)
	}
	places := "country,postcode,kind,place,admin1,admin1_code,admin2,admin2_code,admin3,admin3_code,lat,lon\n" +
		"IT,16121,,Genova,Liguria,08,Genova,GE,,,44.40,8.93\nIT,19100,,La Spezia,Liguria,08,La Spezia,SP,,,44.10,9.82\n"
	if _, err := first.Campaigns.Import(ctx, town, campaign.ImportOptions{Country: "IT", Within: "it.liguria"}, strings.NewReader(places)); err != nil {
		t.Fatal(err)
	}
	keys, err := loadKeys(n.data)
	if err != nil {
		t.Fatal(err)
	}
	second := &App{options: first.options, clock: first.clock, log: first.log, store: first.store, redis: first.redis}
	second.plug(keys)
	n.first, n.second = first, second
	n.serve(first)
	n.serve(second)
	return n
}

func (n *nodes) serve(a *App) {
	n.t.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	n.urls[a] = listener.Addr().String() + "/v1/campaigns/" + town
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx, listener, ServeOptions{}) }()
	n.t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			n.t.Errorf("serve: %v", err)
		}
	})
	n.soon("the node is ready", func() bool {
		response, err := http.Get("http://" + listener.Addr().String() + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// soon waits until ok holds; what takes two seconds at most is given twenty.
func (n *nodes) soon(what string, ok func() bool) {
	n.t.Helper()
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late.C:
			n.t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// enter signs a person of Genova up and in, on the first node.
func (n *nodes) enter(email string) (people.Tokens, *people.Person) {
	n.t.Helper()
	return n.enterAs(people.SignUpRequest{Email: email, Postcode: "16121"})
}

// enterAs signs somebody up where their postcode says, and in.
func (n *nodes) enterAs(r people.SignUpRequest) (people.Tokens, *people.Person) {
	n.t.Helper()
	ctx := context.Background()
	placed, err := n.first.Campaigns.Lookup(ctx, town, r.Postcode, "")
	if err != nil {
		n.t.Fatal(err)
	}
	r.Region, r.Team = placed.Region.ID, placed.Team.ID
	request, err := n.first.People.SignUp(ctx, town, r)
	if err != nil {
		n.t.Fatal(err)
	}
	mail, _, err := n.first.People.Gate().Code(ctx, town, request)
	if err != nil {
		n.t.Fatal(err)
	}
	tokens, p, err := n.first.People.SignIn(ctx, town, people.SignInRequest{Request: request, Code: mail.Code})
	if err != nil {
		n.t.Fatal(err)
	}
	return tokens, p
}

// do makes a call and gives status and code of the answer.
func (n *nodes) do(a *App, method, path, token string, body any) (int, string) {
	n.t.Helper()
	status, raw := n.raw(a, method, path, token, body)
	var answer struct{ Code string }
	_ = json.Unmarshal(raw, &answer) // not every answer is an object
	return status, answer.Code
}

// raw makes a call and gives the answer as it came.
func (n *nodes) raw(a *App, method, path, token string, body any) (int, []byte) {
	n.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		n.t.Fatal(err)
	}
	request, err := http.NewRequest(method, "http://"+n.urls[a]+path, strings.NewReader(string(raw)))
	if err != nil {
		n.t.Fatal(err)
	}
	if body == nil {
		request.Body = http.NoBody
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	if raw, err = io.ReadAll(response.Body); err != nil {
		n.t.Fatal(err)
	}
	return response.StatusCode, raw
}

// must makes a call that must succeed.
func (n *nodes) must(a *App, method, path, token string, body any) {
	n.t.Helper()
	if status, code := n.do(a, method, path, token, body); status >= 300 {
		n.t.Fatalf("%s %s: %d %s", method, path, status, code)
	}
}

// socket is one live connection; frames and the end arrive on channels.
type socket struct {
	n      *nodes
	ws     *websocket.Conn
	frames chan frame
	ended  chan int // the close code, once
}

type frame struct {
	ID     int
	Feed   string
	Type   string
	Event  string
	Result json.RawMessage
	Data   json.RawMessage
}

// connect opens a live connection on a node.
func (n *nodes) connect(a *App, token string) *socket {
	n.t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial("ws://"+n.urls[a]+"/live", nil)
	if err != nil {
		n.t.Fatal(err)
	}
	s := &socket{n: n, ws: ws, frames: make(chan frame, 16), ended: make(chan int, 1)}
	n.t.Cleanup(func() { ws.Close() })
	go s.read()
	s.ask(`{"id":1,"method":"connect","params":{"version":1,"token":"` + token + `"}}`)
	return s
}

func (s *socket) read() {
	for {
		_, raw, err := s.ws.ReadMessage()
		if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
			s.ended <- closed.Code
		}
		if err != nil {
			return
		}
		var f frame
		if json.Unmarshal(raw, &f) == nil {
			s.frames <- f
		}
	}
}

// ask sends a request, which must be answered with a result.
func (s *socket) ask(request string) {
	s.n.t.Helper()
	if err := s.ws.WriteMessage(websocket.TextMessage, []byte(request)); err != nil {
		s.n.t.Fatal(err)
	}
	for {
		f := s.next()
		if f.ID != 0 {
			if f.Result == nil {
				s.n.t.Fatalf("%s was refused", request)
			}
			return
		}
	}
}

func (s *socket) next() frame {
	s.n.t.Helper()
	select {
	case f := <-s.frames:
		return f
	case code := <-s.ended:
		s.n.t.Fatalf("closed with %d", code)
	case <-time.After(20 * time.Second):
		s.n.t.Fatal("nothing came within 20 s")
	}
	return frame{}
}

// wantClosed waits until the server closes with bad_token.
func (s *socket) wantClosed(whose string) {
	s.n.t.Helper()
	select {
	case code := <-s.ended:
		if code != 4500 {
			s.n.t.Errorf("%s was closed with %d", whose, code)
		}
	case <-time.After(20 * time.Second):
		s.n.t.Fatalf("%s was not closed within 20 s", whose)
	}
}
