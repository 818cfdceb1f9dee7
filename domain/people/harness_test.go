package people_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/internal/limits"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

const (
	liguria = "liguria-2024"
	genova  = "it.liguria.ge.genova"
	savona  = "it.liguria.sv.savona"
)

var saturday = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// house is one store, one Redis and one clock, with as many nodes as a test
// starts.
type house struct {
	t      testing.TB
	engine *watched
	redis  *miniredis.Miniredis
	clock  *clock.Manual
	keys   people.Keys
	*people.Service
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, clock: clock.NewManual(saturday), keys: people.NewKeys()}
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "muster.db"), sqlite.WithClock(h.clock))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Migrate(context.Background(), people.Schemas); err != nil {
		t.Fatal(err)
	}
	h.engine = &watched{Engine: db}
	h.redis = miniredis.RunT(t)
	h.redis.SetTime(saturday)
	h.Service = h.node()
	return h
}

// node starts one more node on the same store and Redis.
func (h *house) node() *people.Service { return h.loggingNode(slog.New(slog.DiscardHandler)) }

func (h *house) loggingNode(log *slog.Logger) *people.Service {
	client := redis.NewClient(&redis.Options{Addr: h.redis.Addr(), MaxRetries: -1, DisableIdentity: true})
	h.t.Cleanup(func() { client.Close() })
	return people.New(h.engine, people.Options{
		Keys: h.keys, Limiter: limits.New(client), Campaigns: campaigns{}, Clock: h.clock, Log: log,
	})
}

// signing is the key that signs now, which the room shows to nobody: it is read
// from the document that the keys are kept in.
func (h *house) signing() (id string, key ed25519.PrivateKey) {
	h.t.Helper()
	raw, err := h.keys.Encode()
	if err != nil {
		h.t.Fatal(err)
	}
	var document struct {
		Signing []struct {
			ID   string
			Seed []byte
		}
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		h.t.Fatal(err)
	}
	for _, info := range h.keys.List(h.clock.Now()) {
		for _, stored := range document.Signing {
			if info.State == people.KeySigns && stored.ID == info.ID {
				return info.ID, ed25519.NewKeyFromSeed(stored.Seed)
			}
		}
	}
	h.t.Fatal("no key signs")
	return "", nil
}

func (h *house) advance(d time.Duration) {
	h.clock.Advance(d)
	h.redis.SetTime(h.clock.Now())
}

// campaigns are those of the tests: "grown-ups" has a minimum age of 16.
type campaigns struct{}

func (campaigns) Get(_ context.Context, id string) (*campaign.Campaign, error) {
	c := &campaign.Campaign{Meta: store.Meta{ID: id}, Root: "it.liguria", TimeZone: "Europe/Rome"}
	switch id {
	case liguria, "other":
		return c, nil
	case "grown-ups":
		c.MinimumAge = 16
		return c, nil
	}
	return nil, errs.New(errs.NotFound, "campaign_unknown", "There is no such campaign.")
}

func signUp(email string) people.SignUpRequest {
	return people.SignUpRequest{
		Email: email, Postcode: "16121", Region: genova, Team: "team-ge",
		Consents: []people.Consent{{Purpose: "news", Channel: people.Email, Wording: "v1"}},
	}
}

// ask signs up and gives the request and its code as mailed.
func (h *house) ask(in people.SignUpRequest) (request, code string) {
	h.t.Helper()
	request, err := h.SignUp(context.Background(), liguria, in)
	if err != nil {
		h.t.Fatalf("sign up: %v", err)
	}
	return request, h.code(request)
}

func (h *house) code(request string) string {
	h.t.Helper()
	mail, send, err := h.Gate().Code(context.Background(), liguria, request)
	if err != nil || !send {
		h.t.Fatalf("the code of %s: send=%v err=%v", request, send, err)
	}
	return mail.Code
}

// enter signs up and in.
func (h *house) enter(in people.SignUpRequest) (people.Tokens, *people.Person) {
	h.t.Helper()
	request, code := h.ask(in)
	tokens, p, err := h.SignIn(context.Background(), liguria, people.SignInRequest{Request: request, Code: code, Address: "192.0.2.1"})
	if err != nil {
		h.t.Fatalf("sign in: %v", err)
	}
	return tokens, p
}

// person signs somebody up, and gives them exactly these roles besides
// supporter.
func (h *house) person(email string, grants ...campaign.Grant) people.Identity {
	h.t.Helper()
	tokens, p := h.enter(signUp(email))
	if grants != nil {
		root := people.Identity{Campaign: liguria, Grants: []campaign.Grant{{Role: campaign.Admin}}}
		if _, err := h.PutRoles(context.Background(), liguria, root, p.ID, grants); err != nil {
			h.t.Fatal(err)
		}
	}
	by, err := h.Authenticate(context.Background(), tokens.Access)
	if err != nil {
		h.t.Fatal(err)
	}
	return by
}

// everybody counts the people of the campaign.
func (h *house) everybody() []*people.Person {
	h.t.Helper()
	root := people.Identity{Campaign: liguria, Grants: []campaign.Grant{{Role: campaign.Admin}}}
	page, err := h.List(context.Background(), liguria, root, "", "", 200)
	if err != nil {
		h.t.Fatal(err)
	}
	return page.Items
}

// wantCode fails unless err has this code.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if errs.CodeOf(err) != code {
		t.Fatalf("error is %v, want %s", err, code)
	}
}

var errBroken = errors.New("the disk is on fire")

// watched is the engine with a record of what was asked of it, and with calls
// that fail as a test decides.
type watched struct {
	store.Engine
	mu    sync.Mutex
	calls []string
	// fail is asked before each call: the first error fails it undone, the
	// second lets it happen and loses the answer.
	fail func(call string) (before, after error)
	// onFind and onFound hold up each Find, before and after it is done; onGot
	// each Get, after.
	onFind, onFound, onGot func()
}

func (w *watched) enter(op string, s *store.Schema) (before, after error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	call := op + " " + s.Name
	w.calls = append(w.calls, call)
	if w.fail == nil {
		return nil, nil
	}
	return w.fail(call)
}

// taken gives the calls since it was last asked.
func (w *watched) taken() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

func (w *watched) Insert(ctx context.Context, s *store.Schema, c string, docs []store.Raw) []error {
	before, after := w.enter("insert", s)
	answers := make([]error, len(docs))
	if before == nil {
		answers = w.Engine.Insert(ctx, s, c, docs)
	}
	for i := range answers {
		answers[i] = errors.Join(before, after, answers[i])
	}
	return answers
}

func (w *watched) Get(ctx context.Context, s *store.Schema, c string, ids []string) ([]store.Raw, error) {
	before, after := w.enter("get", s)
	if before != nil || after != nil {
		return nil, errors.Join(before, after)
	}
	docs, err := w.Engine.Get(ctx, s, c, ids)
	if w.onGot != nil {
		w.onGot()
	}
	return docs, err
}

func (w *watched) Find(ctx context.Context, s *store.Schema, c string, q store.Query) (store.RawPage, error) {
	before, after := w.enter("find", s)
	if before != nil || after != nil {
		return store.RawPage{}, errors.Join(before, after)
	}
	if w.onFind != nil {
		w.onFind()
	}
	page, err := w.Engine.Find(ctx, s, c, q)
	if w.onFound != nil {
		w.onFound()
	}
	return page, err
}

func (w *watched) Replace(ctx context.Context, s *store.Schema, c, id string, version int64, body bson.Raw) error {
	before, after := w.enter("replace", s)
	if before != nil {
		return before
	}
	return errors.Join(after, w.Engine.Replace(ctx, s, c, id, version, body))
}

func (w *watched) Delete(ctx context.Context, s *store.Schema, c string, ids []string) (int, error) {
	before, after := w.enter("delete", s)
	if before != nil {
		return 0, before
	}
	n, err := w.Engine.Delete(ctx, s, c, ids)
	return n, errors.Join(after, err)
}

// remove deletes a document behind the service's back.
func (h *house) remove(collection, id string) {
	h.t.Helper()
	for _, s := range people.Schemas {
		if s.Name == collection {
			if n, err := h.engine.Engine.Delete(context.Background(), &s, liguria, []string{id}); n != 1 || err != nil {
				h.t.Fatalf("delete %s %s: n=%d err=%v", collection, id, n, err)
			}
			return
		}
	}
	h.t.Fatalf("no collection %s", collection)
}

// expireFrom counts the sessions that the store keeps until t or longer.
func (h *house) expireFrom(t time.Time) int {
	h.t.Helper()
	for _, s := range people.Schemas {
		if s.Name == "sessions" {
			n, err := h.engine.Engine.Count(context.Background(), &s, liguria, store.Query{Index: "expires", From: t}, 1000)
			if err != nil {
				h.t.Fatal(err)
			}
			return n
		}
	}
	panic("no collection sessions")
}

func (h *house) stored(collection string) int {
	h.t.Helper()
	// Every collection that tests count is counted through its own index.
	index := map[string]string{"sessions": "expires", "people": "created", "code_requests": "purge"}[collection]
	for _, s := range people.Schemas {
		if s.Name == collection {
			n, err := h.engine.Engine.Count(context.Background(), &s, liguria, store.Query{Index: index}, 1000)
			if err != nil {
				h.t.Fatal(err)
			}
			return n
		}
	}
	panic(fmt.Sprintf("no collection %s", collection))
}
