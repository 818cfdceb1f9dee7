package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/store/sqlite"
)

func quiet(options Options) *API {
	return New(Parts{Log: slog.New(slog.DiscardHandler), Clock: clock.System{}}, options)
}

// busy is the API on a socket, with one campaign and a slow call of each
// class: it says that it runs and waits for a step.
type busy struct {
	t       *testing.T
	api     *API
	address string
	entered chan string
	step    chan struct{}
	answers chan reply
	peers   peers
}

type reply struct {
	name, code string
	status     int
	retryAfter string
}

func newBusy(t *testing.T, slots int) *busy {
	t.Helper()
	engine, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	if err := engine.Migrate(t.Context(), campaign.Schemas); err != nil {
		t.Fatal(err)
	}
	campaigns := campaign.New(engine, clock.System{})
	town := campaign.Campaign{Name: "Town", TimeZone: "Europe/Rome"}
	town.ID = "town"
	if _, err := campaigns.Create(t.Context(), town); err != nil {
		t.Fatal(err)
	}
	a := New(Parts{Log: slog.New(slog.DiscardHandler), Clock: clock.System{}, Campaigns: campaigns, Wake: func() {}}, Options{MaxInFlight: slots})
	b := &busy{t: t, api: a, entered: make(chan string), step: make(chan struct{}), answers: make(chan reply, 100)}
	for c := acts; c < classes; c++ {
		add(a, call{method: http.MethodPost, path: "/slow/" + c.String(), id: "slow-" + c.String(), allow: public, class: c, status: http.StatusNoContent}, b.slow)
	}
	add(a, call{method: http.MethodPost, path: "/broken", id: "broken", allow: public, class: acts}, func(context.Context, *Scope) (*empty, error) { panic("broken") })

	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.address, b.peers.Listener = listener.Addr().String(), listener
	served := make(chan error, 1)
	go func() { served <- a.Fiber().Listener(&b.peers) }()
	t.Cleanup(func() {
		if err := errors.Join(a.Fiber().ShutdownWithTimeout(10*time.Second), <-served); err != nil {
			t.Error(err)
		}
	})
	return b
}

type slowInput struct {
	Scope
	Name string `query:"name"`
}

func (b *busy) slow(_ context.Context, in *slowInput) (*empty, error) {
	b.entered <- in.Name
	<-b.step
	return nil, nil
}

// send makes a call whose answer goes to answers.
func (b *busy) send(path, name string) {
	go func() { b.answers <- b.post(path + "?name=" + name) }()
}

func (b *busy) post(path string) reply {
	_, name, _ := strings.Cut(path, "=")
	response, err := http.Post("http://"+b.address+"/v1/campaigns/town"+path, "application/json", http.NoBody)
	if err != nil {
		b.t.Error(err)
		return reply{name: name}
	}
	defer response.Body.Close()
	var problem Problem
	_ = json.NewDecoder(response.Body).Decode(&problem) // 204 has none
	return reply{name, problem.Code, response.StatusCode, response.Header.Get("Retry-After")}
}

// running is the next call that got a slot.
func (b *busy) running() string {
	b.t.Helper()
	select {
	case name := <-b.entered:
		return name
	case <-time.After(10 * time.Second):
		b.t.Fatal("nobody got the slot")
		return ""
	}
}

// waiting waits until so many of a class are in line.
func (b *busy) waiting(c class, n int) {
	b.t.Helper()
	b.until(fmt.Sprintf("%d %s in line", n, c), func() bool { return b.api.admission.load().waiting[c] == n })
}

func (b *busy) until(what string, ok func() bool) {
	b.t.Helper()
	until(b.t, what, ok)
}

// TestOverloadServesActsThenBoardsThenLists through HTTP: the one slot is held,
// the line fills with lists, boards and acts, and what has no place is refused.
func TestOverloadServesActsThenBoardsThenLists(t *testing.T) {
	b := newBusy(t, 2) // and a line of 8
	b.api.admission.patience = time.Minute
	for _, name := range []string{"x1", "x2"} {
		b.send("/slow/lists", name)
		b.running()
	}
	for _, c := range []class{lists, boards, acts} {
		for i := range [classes]int{acts: 3, boards: 3, lists: 2}[c] {
			b.send("/slow/"+c.String(), fmt.Sprintf("%s%d", c, i))
			b.waiting(c, i+1)
		}
	}
	refused := func(name string) {
		t.Helper()
		got := <-b.answers
		seconds, err := strconv.Atoi(got.retryAfter)
		if got.name != name || got.status != http.StatusServiceUnavailable || got.code != "overloaded" || err != nil || seconds < 1 || seconds > maxPause {
			t.Errorf("%+v, want %s refused as overloaded", got, name)
		}
	}
	b.send("/slow/lists", "late")
	refused("late")
	b.send("/slow/acts", "acts3")
	refused("lists1")

	started := time.Now()
	if response, err := http.Get("http://" + b.address + "/healthz"); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("healthz under overload: %v %v", response, err)
	}
	t.Logf("healthz answered after %s", time.Since(started))
	metrics := b.metrics()
	for _, want := range []string{
		"muster_http_slots 2", "muster_http_in_flight 2", `muster_http_waiting{class="acts"} 4`, `muster_http_waiting{class="lists"} 1`,
		`muster_http_refused_total{class="lists",reason="displaced"} 1`, `muster_http_refused_total{class="lists",reason="full"} 1`,
	} {
		if !strings.Contains(metrics, "\n"+want+"\n") {
			t.Errorf("/metrics does not say %s", want)
		}
	}

	var order []string
	for range 8 {
		b.step <- struct{}{}
		order = append(order, b.running())
	}
	if want := []string{"acts0", "acts1", "acts2", "acts3", "boards0", "boards1", "boards2", "lists0"}; !slices.Equal(order, want) {
		t.Errorf("served %v, want %v", order, want)
	}
	close(b.step)
	for range 10 {
		if got := <-b.answers; got.status != http.StatusNoContent {
			t.Errorf("who had a place got %+v", got)
		}
	}
	b.until("every slot is free", func() bool { return b.api.admission.load().inFlight == 0 })
}

func (b *busy) metrics() string {
	b.t.Helper()
	response, err := http.Get("http://" + b.address + "/metrics")
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	var text strings.Builder
	if _, err := bufio.NewReader(response.Body).WriteTo(&text); err != nil {
		b.t.Fatal(err)
	}
	return text.String()
}

// TestPanicsAndRefusalsGiveTheSlotBack: what ends a call early loses no slot.
func TestPanicsAndRefusalsGiveTheSlotBack(t *testing.T) {
	b := newBusy(t, 1)
	for range 3 {
		if got := b.post("/broken"); got.status != http.StatusInternalServerError || got.code != "internal" {
			t.Errorf("a panic answers %+v", got)
		}
		response, err := http.Get("http://" + b.address + "/v1/campaigns/town/me") // no token: the guard refuses
		if err != nil || response.StatusCode != http.StatusUnauthorized {
			t.Errorf("without a token: %v %v", response, err)
		}
	}
	if now := b.api.admission.load(); now.inFlight != 0 {
		t.Errorf("%d slots were lost", now.inFlight)
	}
}

// TestWhoHungUpIsNotServed: a caller that went away while in line costs no
// handler.
func TestWhoHungUpIsNotServed(t *testing.T) {
	b := newBusy(t, 1)
	b.api.admission.patience = time.Minute
	b.send("/slow/acts", "x")
	b.running()
	conn, err := net.Dial("tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /v1/campaigns/town/slow/acts?name=ghost HTTP/1.1\r\nHost: town\r\nContent-Length: 0\r\n\r\n")
	b.waiting(acts, 1)
	peer := b.peers.of(conn.LocalAddr())
	if hungUp(peer) {
		t.Error("a caller that waits is said to have hung up")
	}
	conn.Close()
	b.until("the server's kernel knows", func() bool { return hungUp(peer) })
	b.send("/slow/lists", "next")
	b.waiting(lists, 1)
	close(b.step)
	if got := b.running(); got != "next" {
		t.Errorf("%s was served after its caller had gone", got)
	}
	<-b.answers
	<-b.answers
	if now := b.api.admission.load(); now.refused[acts][gone] != 1 {
		t.Errorf("counted %v", now.refused)
	}
}

// peers keeps what was accepted.
type peers struct {
	net.Listener
	mu  sync.Mutex
	all []net.Conn
}

func (p *peers) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.all = append(p.all, conn)
	}
	return conn, err
}

func (p *peers) of(address net.Addr) net.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.all {
		if conn.RemoteAddr().String() == address.String() {
			return conn
		}
	}
	return nil
}

// TestDocumentedClasses walks both ways: docs/http.md puts each call of the
// contract into the class that the code serves it in, and no other call.
func TestDocumentedClasses(t *testing.T) {
	text, err := os.ReadFile("../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		name := strings.Trim(cells[0], "`")
		if len(cells) != 3 || name != acts.String() && name != boards.String() && name != lists.String() {
			continue
		}
		for entry := range strings.SplitSeq(cells[2], ", ") {
			entry = strings.Trim(entry, "`")
			if before, twice := written[entry]; twice {
				t.Errorf("docs/http.md: %s stands under %s and %s", entry, before, name)
			}
			written[entry] = name
		}
	}
	a := quiet(Options{})
	for _, c := range a.calls {
		entry := c.method + " " + strings.TrimPrefix(c.path, base)
		if written[entry] != c.class.String() {
			t.Errorf("docs/http.md: %s is served with %s, written under %q", entry, c.class, written[entry])
		}
		delete(written, entry)
	}
	if len(a.calls) < 40 || len(written) > 0 {
		t.Errorf("%d calls; docs/http.md has besides: %v", len(a.calls), written)
	}
}
