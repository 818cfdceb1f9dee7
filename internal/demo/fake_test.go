package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// machine is the real clock, as internal/app hands it in.
type machine struct{}

func (machine) Now() time.Time { return time.Now() }

// server is a small faithful Muster: sign-ups that ask for the region, codes
// that come late, tokens that end, a ledger that takes an id once. It also
// fails as a network does.
type server struct {
	t    *testing.T
	http *httptest.Server

	mu       sync.Mutex
	requests int
	signUps  map[string]*signUp  // by id
	keys     map[string]string   // Idempotency-Key to sign-up id
	accounts map[string]*account // by e-mail
	tokens   map[string]token
	refresh  map[string]string // unused refresh tokens, to e-mail
	ledger   []LedgerAction
	order    []string // bodies of action batches, as they came
	tasks    []*fakeTask
	next     int
	changed  chan struct{} // closed and replaced whenever an action is recorded

	tokenLife time.Duration
	// faulty says, for the n-th request (1 is the first), whether it fails: ""
	// not, "lost" the answer is lost after the work, "busy" 503, "limited" 429,
	// "revoked" every access token has ended.
	faulty func(n int, r *http.Request) string
}

type signUp struct {
	email, region string
	used          bool
	looks         int // at the inbox: the code is there at the second
}

type account struct {
	email, id, region string
	answers           map[string]string
}

type token struct {
	email string
	until time.Time
}

type fakeTask struct {
	ID, Region string
	Free       int
	holders    map[string]bool
}

const staffToken = "staff"

func newServer(t *testing.T) *server {
	s := &server{
		t: t, signUps: map[string]*signUp{}, keys: map[string]string{}, accounts: map[string]*account{}, tokens: map[string]token{},
		refresh: map[string]string{}, changed: make(chan struct{}), tokenLife: 15 * time.Minute,
	}
	mux := http.NewServeMux()
	const c = "/v1/campaigns/liguria-2024/"
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /inbox.json", s.inbox)
	mux.HandleFunc("POST "+c+"sign-ups", s.signUp)
	mux.HandleFunc("POST "+c+"sessions", s.signIn)
	mux.HandleFunc("POST "+c+"sessions/refresh", s.renew)
	mux.HandleFunc("GET "+c+"tasks", s.as(s.listTasks))
	mux.HandleFunc("POST "+c+"tasks", s.postTask)
	mux.HandleFunc("POST "+c+"tasks/{id}/{act}", s.as(s.actOnTask))
	mux.HandleFunc("POST "+c+"actions", s.as(s.act))
	mux.HandleFunc("GET "+c+"boards/{board}", s.board)
	s.http = httptest.NewServer(s.fail(mux))
	t.Cleanup(s.http.Close)
	return s
}

// fail stands between network and server.
func (s *server) fail(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests++
		n, faulty := s.requests, s.faulty
		s.mu.Unlock()
		fault := ""
		if faulty != nil && r.URL.Path != "/healthz" {
			fault = faulty(n, r)
		}
		switch fault {
		case "busy":
			refuse(w, http.StatusServiceUnavailable, "busy", nil)
		case "limited":
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusTooManyRequests, "limited", nil)
		case "revoked":
			s.mu.Lock()
			clear(s.tokens)
			s.mu.Unlock()
			next.ServeHTTP(w, r)
		case "lost":
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func refuse(w http.ResponseWriter, status int, code string, choices any) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "code": code, "choices": choices})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (s *server) id(prefix string) string {
	s.next++
	return fmt.Sprintf("%s%d", prefix, s.next)
}

func read[T any](s *server, r *http.Request) T {
	var v T
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		s.t.Errorf("%s: %v", r.URL.Path, err)
	}
	return v
}

func (s *server) signUp(w http.ResponseWriter, r *http.Request) {
	body := read[signUpBody](s, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	var choices []map[string]string
	for _, place := range places {
		for _, postcode := range place.Postcodes {
			if postcode == body.Postcode {
				choices = append(choices, map[string]string{"region": place.Region, "name": place.Name})
			}
		}
	}
	region := body.Region
	if region == "" && len(choices) > 1 {
		refuse(w, http.StatusUnprocessableEntity, "region_ambiguous", choices)
		return
	}
	if region == "" {
		region = choices[0]["region"]
	}
	key := r.Header.Get("Idempotency-Key")
	id, known := s.keys[key]
	if !known {
		id = s.id("sign-up-")
		s.keys[key] = id
		s.signUps[id] = &signUp{email: body.Email, region: region}
	}
	answer(w, http.StatusCreated, map[string]any{"id": id, "first_task": nil})
}

func (s *server) inbox(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	messages := []map[string]string{}
	for id, up := range s.signUps {
		if up.email != r.URL.Query().Get("to") {
			continue
		}
		if up.looks++; up.looks > 1 {
			messages = append(messages, map[string]string{"kind": "code", "request": id, "code": "code-of-" + id})
		}
	}
	answer(w, http.StatusOK, map[string]any{"messages": messages})
}

func (s *server) signIn(w http.ResponseWriter, r *http.Request) {
	body := read[map[string]string](s, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	up := s.signUps[body["request"]]
	if up == nil || body["code"] != "code-of-"+body["request"] {
		refuse(w, http.StatusUnauthorized, "code_wrong", nil)
		return
	}
	if up.used {
		refuse(w, http.StatusGone, "code_used", nil)
		return
	}
	up.used = true
	if s.accounts[up.email] == nil {
		s.accounts[up.email] = &account{email: up.email, id: s.id("account-"), region: up.region, answers: map[string]string{}}
	}
	s.open(w, up.email)
}

func (s *server) open(w http.ResponseWriter, email string) {
	access, refresh := s.id("access-"), s.id("refresh-")
	s.tokens[access] = token{email, time.Now().Add(s.tokenLife)}
	s.refresh[refresh] = email
	answer(w, http.StatusOK, map[string]any{"access_token": access, "refresh_token": refresh, "expires_in": int(s.tokenLife.Seconds())})
}

func (s *server) renew(w http.ResponseWriter, r *http.Request) {
	body := read[map[string]string](s, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	email, ok := s.refresh[body["refresh_token"]]
	if !ok {
		refuse(w, http.StatusUnauthorized, "session_ended", nil)
		return
	}
	delete(s.refresh, body["refresh_token"])
	s.open(w, email)
}

// as authenticates, and holds the lock for the handler.
func (s *server) as(next func(http.ResponseWriter, *http.Request, *account)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		t, ok := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		if !ok || time.Now().After(t.until) {
			refuse(w, http.StatusUnauthorized, "token_ended", nil)
			return
		}
		next(w, r, s.accounts[t.email])
	}
}

func (s *server) act(w http.ResponseWriter, r *http.Request, who *account) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.order = append(s.order, string(text))
	r.Body = io.NopCloser(bytes.NewReader(text))
	body := read[actionsBody](s, r)
	answers := []map[string]string{}
	for _, action := range body.Actions {
		at, err := time.Parse(time.RFC3339, action.OccurredAt)
		if age := time.Since(at); err != nil || age < -time.Second || age > time.Hour {
			s.t.Errorf("occurred_at %q: %v", action.OccurredAt, err)
		}
		status := duplicate
		switch {
		case action.Kind == "share": // this server does not know it
			status = rejected
		case who.answers[action.ID] == "":
			status = recorded
			who.answers[action.ID] = recorded
			s.ledger = append(s.ledger, LedgerAction{who.id, action.ID})
		}
		answers = append(answers, map[string]string{"id": action.ID, "status": status})
	}
	close(s.changed)
	s.changed = make(chan struct{})
	answer(w, http.StatusOK, map[string]any{"actions": answers})
}

func (s *server) listTasks(w http.ResponseWriter, _ *http.Request, who *account) {
	list := []map[string]any{}
	for _, t := range s.tasks {
		if t.Region != who.region {
			continue
		}
		var claim any
		if t.holders[who.id] {
			claim = map[string]string{"state": "held"}
		}
		list = append(list, map[string]any{"id": t.ID, "free": t.Free, "claim": claim})
	}
	answer(w, http.StatusOK, map[string]any{"tasks": list})
}

func (s *server) postTask(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+staffToken {
		refuse(w, http.StatusUnauthorized, "token_required", nil)
		return
	}
	body := read[struct {
		Kind, Title, Region string
		Capacity            int
		EndsAt              time.Time `json:"ends_at"`
	}](s, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if body.Capacity < 1 || body.Title == "" || body.EndsAt.Before(time.Now()) {
		s.t.Errorf("task %+v", body)
	}
	s.tasks = append(s.tasks, &fakeTask{ID: s.id("task-"), Region: body.Region, Free: body.Capacity, holders: map[string]bool{}})
	answer(w, http.StatusCreated, map[string]any{})
}

func (s *server) actOnTask(w http.ResponseWriter, r *http.Request, who *account) {
	for _, t := range s.tasks {
		if t.ID != r.PathValue("id") {
			continue
		}
		switch r.PathValue("act") {
		case "claim":
			if t.Free == 0 {
				refuse(w, http.StatusConflict, "task_full", nil)
				return
			}
			t.Free--
			t.holders[who.id] = true
		case "complete", "give-back":
			delete(t.holders, who.id)
		default:
			s.t.Errorf("task %s", r.PathValue("act"))
		}
		answer(w, http.StatusOK, map[string]any{})
		return
	}
	refuse(w, http.StatusNotFound, "task_unknown", nil)
}

// board ranks regions by actions, with the lead changing by itself.
func (s *server) board(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+staffToken {
		refuse(w, http.StatusUnauthorized, "token_required", nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first := []string{"it.liguria.ge", "it.liguria.sp"}[s.requests/50%2]
	answer(w, http.StatusOK, map[string]any{"stale": false, "rows": []map[string]any{{"rank": 1, "id": first, "name": r.PathValue("board"), "sum": len(s.ledger), "fair": 1.5}}})
}

// system is what the machine beside the server answers.
type system struct {
	*server
	lose, double int // so many acknowledged actions are missing, or there twice
	equal        bool
}

func (s *system) PrepareCampaign(context.Context) error { return nil }

func (s *system) Headquarters() (author, approver string) {
	return "hq-1@example.org", "hq-2@example.org"
}

func (s *system) StaffToken(context.Context) (string, error) { return staffToken, nil }

func (s *system) Ledger(context.Context) iter.Seq2[LedgerAction, error] {
	return func(yield func(LedgerAction, error) bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, action := range s.ledger {
			if i < s.lose {
				continue
			}
			if !yield(action, nil) || i >= len(s.ledger)-s.double && !yield(action, nil) {
				return
			}
		}
	}
}

func (s *system) Verify(context.Context) (VerifyResult, error) {
	return VerifyResult{Equal: s.equal, Compared: 12}, nil
}
