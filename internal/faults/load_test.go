//go:build fault || servers

package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// The load: so many workers, each for its own people, one request at a time.
const (
	workers   = 8
	perWorker = 2
	pause     = 30 * time.Millisecond // between a worker's requests
	maxBatch  = 20
	resent    = 0.02 // share of batches that are old ones again
)

// person is somebody who acts.
type person struct {
	email, postcode, token string
	sent                   []batch // acknowledged ones
	seed                   int
}

type batch struct {
	ids    []string
	body   []byte
	points []int64
}

// load is people who act, and their journal.
type load struct {
	w       *world
	path    string
	journal *Journal
	people  []*person
	http    *http.Client
	// shift moves the phones' clocks; age is how long ago things were done.
	shift, age time.Duration

	ok, fresh, unknown, refused atomic.Int64
	calls                       atomic.Uint32
	stopped                     chan struct{}
	running                     sync.WaitGroup
}

func newLoad(w *world) *load {
	w.t.Helper()
	l := &load{w: w, path: filepath.Join(w.t.TempDir(), "journal"), stopped: make(chan struct{})}
	var err error
	if l.journal, err = NewJournal(l.path); err != nil {
		w.t.Fatal(err)
	}
	l.http = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	l.newcomers()
	return l
}

// newcomers signs up people who act from now on, in place of those who did.
func (l *load) newcomers() {
	l.w.t.Helper()
	var fresh []*person
	for i := range workers * perWorker {
		seed := len(l.people) + i
		p := &person{email: fmt.Sprintf("p%d@example.org", seed), postcode: postcodes[i%len(postcodes)], seed: seed}
		if err := l.enter(p); err != nil {
			l.w.t.Fatal(err)
		}
		fresh = append(fresh, p)
	}
	l.people = append(fresh, l.people...)
}

// errRefused is an answer that is a problem.
type errRefused struct {
	status int
	code   string
}

func (e errRefused) Error() string { return fmt.Sprintf("%d %s", e.status, e.code) }

// call makes a request of the next of the nodes; a problem is an errRefused.
func (l *load) call(method, path, token string, body []byte, into any) error {
	return l.callOf(l.w.nodes[int(l.calls.Add(1))%len(l.w.nodes)], method, path, token, body, into)
}

// callOf makes a request of one node. into is nil where nothing is answered.
func (l *load) callOf(n *node, method, path, token string, body []byte, into any) error {
	request, err := http.NewRequest(method, *n.base.Load()+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := l.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		var problem struct{ Code string }
		if json.Unmarshal(text, &problem) != nil || problem.Code == "" {
			l.w.t.Errorf("%d is no problem document: %.200s", answer.StatusCode, text)
		}
		return errRefused{answer.StatusCode, problem.Code}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

// enter signs a person up, or in, by a mailed code.
func (l *load) enter(p *person) error {
	var signUp struct{ ID string }
	body, _ := json.Marshal(map[string]string{"email": p.email, "postcode": p.postcode})
	if err := l.call("POST", l.w.v1()+"/sign-ups", "", body, &signUp); err != nil {
		return fmt.Errorf("sign up: %w", err)
	}
	late := time.Now().Add(patience)
	for {
		var inbox struct {
			Messages []struct{ Request, Code string }
		}
		err := l.call("GET", "/inbox.json?to="+url.QueryEscape(p.email), "", nil, &inbox)
		for _, m := range inbox.Messages {
			if m.Request != signUp.ID || m.Code == "" {
				continue
			}
			var session struct {
				Token string `json:"access_token"`
			}
			body, _ := json.Marshal(map[string]string{"request": signUp.ID, "code": m.Code})
			if err := l.call("POST", l.w.v1()+"/sessions", "", body, &session); err != nil {
				return fmt.Errorf("sign in: %w", err)
			}
			p.token = session.Token
			return nil
		}
		if time.Now().After(late) {
			return fmt.Errorf("no code came: %w", err)
		}
		lasting(20 * time.Millisecond)
	}
}

// begin lets everybody act until end.
func (l *load) begin() {
	for i := range workers {
		mine := l.people[i*perWorker : (i+1)*perWorker]
		l.running.Go(func() { l.work(rand.New(rand.NewPCG(7, uint64(i))), mine) })
	}
}

func (l *load) work(random *rand.Rand, mine []*person) {
	for n := 0; !l.rest(pause); n++ {
		p := mine[n%len(mine)]
		if len(p.sent) > 0 && random.Float64() < resent {
			old := p.sent[random.IntN(len(p.sent))]
			l.send(p, &old)
			continue
		}
		b := l.make(random, p, n)
		if l.send(p, b) {
			p.sent = append(p.sent, *b)
		}
	}
}

// rest waits a while; true when the load ends.
func (l *load) rest(d time.Duration) bool {
	select {
	case <-l.stopped:
		return true
	case <-time.After(d):
		return false
	}
}

var kinds = []string{"door", "call", "text", "share", "data_entry"}

func (l *load) make(random *rand.Rand, p *person, n int) *batch {
	type action struct {
		ID       string    `json:"id"`
		Kind     string    `json:"kind"`
		Quantity int       `json:"quantity"`
		At       time.Time `json:"occurred_at"`
	}
	now := time.Now().Add(l.shift)
	b := &batch{}
	actions := make([]action, 1+random.IntN(maxBatch))
	for i := range actions {
		ago := l.age + time.Duration(random.IntN(48*60))*time.Minute
		actions[i] = action{fmt.Sprintf("p%d-%d-%d", p.seed, n, i), kinds[random.IntN(len(kinds))], 1 + random.IntN(3), now.Add(-ago)}
		b.ids = append(b.ids, actions[i].ID)
	}
	b.body, _ = json.Marshal(map[string]any{"sent_at": now, "actions": actions})
	return b
}

// nothingDone are the codes of answers that promise that nothing was done.
var nothingDone = map[string]bool{"overloaded": true, "ledger_busy": true}

// send sends a batch until it is answered; false when the load ended first.
func (l *load) send(p *person, b *batch) bool {
	for {
		answer, err := l.once(p, b)
		if err == nil {
			if b.points == nil {
				b.points = answer
			}
			return true
		}
		if refused, ok := errors.AsType[errRefused](err); ok && refused.status == http.StatusUnauthorized {
			_ = l.enter(p) // or the next time
		}
		if l.rest(2 * pause) {
			return false
		}
	}
}

// inThrees sends each batch three times at once, one batch after the other: all
// three are told the same total.
func (l *load) inThrees(p *person, batches iter.Seq[*batch]) {
	for b := range batches {
		var three sync.WaitGroup
		for range 3 {
			again := *b
			three.Go(func() {
				if !l.send(p, &again) {
					l.w.t.Error("the load ended too early")
				}
			})
		}
		three.Wait()
	}
}

// answer is what a batch is answered.
type answer struct {
	Actions []result
	Total   int64
	Rank    *int
	Stale   bool
}

type result struct {
	ID, Status string
	Points     int64
	First      *result
}

// once sends a batch one time, with a line in the journal before and after.
func (l *load) once(p *person, b *batch) ([]int64, error) {
	op := l.journal.Begin(p.email, b.ids)
	var got answer
	err := l.call("POST", l.w.v1()+"/actions", p.token, b.body, &got)
	return l.note(op, b, got, err)
}

// note writes what came of an operation into the journal.
func (l *load) note(op int, b *batch, got answer, err error) ([]int64, error) {
	if err != nil {
		refused, ok := errors.AsType[errRefused](err)
		if ok && (nothingDone[refused.code] || refused.status/100 == 4) {
			l.refused.Add(1)
			l.journal.End(Line{Op: op, Word: Fail, Reason: err.Error()})
			return nil, err
		}
		if ok && refused.status != http.StatusServiceUnavailable {
			l.w.t.Errorf("a batch was answered %v", err)
		}
		l.unknown.Add(1)
		l.journal.End(Line{Op: op, Word: Unknown, Reason: err.Error()})
		return nil, err
	}
	points := make([]int64, len(got.Actions))
	for i, a := range got.Actions {
		switch {
		case a.Status == "recorded":
			points[i] = a.Points
		case a.Status == "duplicate" && a.First != nil:
			points[i] = a.First.Points
		default:
			l.w.t.Errorf("%s was answered %s", b.ids[i], a.Status)
		}
	}
	l.journal.End(Line{Op: op, Word: OK, Points: points, Total: got.Total})
	l.ok.Add(1)
	if !got.Stale && got.Rank != nil {
		l.fresh.Add(1)
	}
	return points, nil
}

// pauses lets everybody finish what they are at; begin lets them go on.
func (l *load) pauses() {
	close(l.stopped)
	l.running.Wait()
	l.stopped = make(chan struct{})
}

// end lets everybody finish and closes the journal.
func (l *load) end() {
	l.w.t.Helper()
	l.pauses()
	if err := l.journal.Close(); err != nil {
		l.w.t.Fatalf("the journal: %v", err)
	}
}

// ledgers reads what each person is shown of theirs.
func (l *load) ledgers() map[string][]Entry {
	l.w.t.Helper()
	all := map[string][]Entry{}
	for _, p := range l.people {
		all[p.email] = l.ledger(p)
	}
	return all
}

func (l *load) ledger(p *person) []Entry {
	l.w.t.Helper()
	var all []Entry
	for cursor := ""; ; {
		var page struct {
			Actions []Entry
			Next    string `json:"next_cursor"`
		}
		await(l.w.t, "a page of somebody's ledger", func() bool {
			page.Actions, page.Next = nil, ""
			err := l.call("GET", l.w.v1()+"/me/actions?limit=100&cursor="+url.QueryEscape(cursor), p.token, nil, &page)
			if refused, ok := errors.AsType[errRefused](err); ok && refused.status == http.StatusUnauthorized {
				err = errors.Join(err, l.enter(p))
			}
			return err == nil
		})
		all = append(all, page.Actions...)
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}
