package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/app"
	"github.com/musterhq/muster/internal/clock"
)

// house is a running Muster with the real store, Redis and sockets, and one
// small campaign: it.liguria with two provinces.
type house struct {
	t   *testing.T
	app *app.App
	url string
}

const (
	home  = "town-2026"
	other = "rival-2026"
	admin = "admin@example.org"
)

// postcodes has one place of its own postcode and two that share one.
const postcodes = `country,postcode,kind,place,admin1,admin1_code,admin2,admin2_code,admin3,admin3_code,lat,lon
IT,16121,,Genova,Liguria,08,Genova,GE,,,44.40,8.93
IT,19100,,La Spezia,Liguria,08,La Spezia,SP,,,44.10,9.82
IT,18030,,Airole,Liguria,08,Imperia,IM,,,43.87,7.56
IT,18030,,Triora,Liguria,08,Imperia,IM,,,43.99,7.76
`

func start(t *testing.T) *house {
	t.Helper()
	return startBy(t, clock.System{})
}

// startBy starts a house by another clock, which must be near the machine's.
func startBy(t *testing.T, c clock.Clock) *house {
	t.Helper()
	ctx := context.Background()
	a, err := app.Open(ctx, app.Options{Data: t.TempDir(), Log: slog.New(slog.DiscardHandler), Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{home, other} {
		wanted := campaign.Campaign{Name: id, TimeZone: "Europe/Rome"}
		wanted.ID = id
		if err := a.CreateCampaign(ctx, wanted, admin); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Campaigns.Import(ctx, id, campaign.ImportOptions{Country: "IT", Within: "it.liguria"}, strings.NewReader(postcodes)); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- a.Serve(serving, listener, app.ServeOptions{}) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	h := &house{t: t, app: a, url: "http://" + listener.Addr().String()}
	h.eventually("the server is ready", func() bool { return h.do(call{method: "GET", path: "/readyz"}).status == http.StatusOK })
	return h
}

// call is one request. A path that begins with "@" is of the campaign home.
type call struct {
	method, path, token string
	body                any // marshalled; a string or []byte goes as it is
	headers             map[string]string
}

type answer struct {
	status  int
	headers http.Header
	raw     []byte
	body    map[string]any
}

func (a answer) code() string { code, _ := a.body["code"].(string); return code }

func (h *house) do(c call) answer {
	h.t.Helper()
	var body io.Reader
	switch b := c.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	case []byte:
		body = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			h.t.Fatal(err)
		}
		body = bytes.NewReader(raw)
	}
	path := c.path
	if rest, ok := strings.CutPrefix(path, "@"); ok {
		path = "/v1/campaigns/" + home + rest
	}
	request, err := http.NewRequestWithContext(h.t.Context(), c.method, h.url+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, value := range c.headers {
		if name == "Host" {
			request.Host = value
		}
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	out := answer{status: response.StatusCode, headers: response.Header, raw: raw}
	_ = json.Unmarshal(raw, &out.body) // not every answer is an object
	return out
}

// want makes a call that must answer with this status.
func (h *house) want(status int, c call) map[string]any {
	h.t.Helper()
	got := h.do(c)
	if got.status != status {
		h.t.Fatalf("%s %s: status %d, want %d: %s", c.method, c.path, got.status, status, got.raw)
	}
	return got.body
}

// refused makes a call that must be refused with this status and code.
func (h *house) refused(status int, code string, c call) answer {
	h.t.Helper()
	got := h.do(c)
	if got.status != status || got.code() != code {
		h.t.Errorf("%s %s: %d %s, want %d %s: %s", c.method, c.path, got.status, got.code(), status, code, got.raw)
	}
	if got.status >= 400 && got.headers.Get("Content-Type") != "application/problem+json" {
		h.t.Errorf("%s %s: a refusal of type %q", c.method, c.path, got.headers.Get("Content-Type"))
	}
	return got
}

// eventually waits until ok holds.
func (h *house) eventually(what string, ok func() bool) {
	h.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			h.t.Fatalf("not within 20 s: %s", what)
		}
		<-tick.C
	}
}

// code is the newest code that was mailed for a request.
func (h *house) code(email, request string) string {
	h.t.Helper()
	code := ""
	h.eventually("a code is mailed", func() bool {
		messages, _ := h.want(http.StatusOK, call{method: "GET", path: "/inbox.json?to=" + email})["messages"].([]any)
		for _, m := range messages {
			message := m.(map[string]any)
			if message["request"] == request {
				code, _ = message["code"].(string)
			}
		}
		return code != ""
	})
	return code
}

// volunteer signs somebody up and in; it gives the token and the person's id.
func (h *house) volunteer(email string) (token, id string) {
	h.t.Helper()
	signUp := h.want(http.StatusCreated, call{method: "POST", path: "@/sign-ups", body: map[string]any{"email": email, "postcode": "16121"}})
	return h.signIn(email, signUp["id"].(string))
}

func (h *house) signIn(email, request string) (token, id string) {
	h.t.Helper()
	session := h.want(http.StatusOK, call{method: "POST", path: "@/sessions", body: map[string]any{"request": request, "code": h.code(email, request)}})
	return session["access_token"].(string), session["person"].(map[string]any)["id"].(string)
}

// admin signs the first admin in.
func (h *house) admin() string {
	h.t.Helper()
	request := h.want(http.StatusAccepted, call{method: "POST", path: "@/sessions/codes", body: map[string]any{"email": admin}})
	token, _ := h.signIn(admin, request["id"].(string))
	return token
}

// action is one action of a batch.
func action(id, kind string, quantity int) map[string]any {
	return map[string]any{"id": id, "kind": kind, "quantity": quantity, "occurred_at": time.Now().UTC().Format(time.RFC3339Nano)}
}

func batch(actions ...map[string]any) map[string]any {
	if actions == nil {
		actions = []map[string]any{}
	}
	return map[string]any{"sent_at": time.Now().UTC().Format(time.RFC3339Nano), "actions": actions}
}

func many(n int) []map[string]any {
	all := make([]map[string]any, n)
	for i := range all {
		all[i] = action(fmt.Sprintf("many-%d", i), "door", 1)
	}
	return all
}
