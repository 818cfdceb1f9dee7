package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

const town = "town-2026"

// book is a ledger in memory.
type book struct {
	mu       sync.Mutex
	postings []Posting
	acts     map[string][]Act // by account
	made     int
	fail     error // of the next call of Recent
	read     int   // calls of Recent
}

func (b *book) After(_ context.Context, _ string, after Mark, before time.Time, limit int) ([]Posting, error) {
	var found []Posting
	for _, p := range b.postings {
		later := p.At.After(after.At) || p.At.Equal(after.At) && p.ID > after.ID
		if later && p.At.Before(before) && len(found) < limit {
			found = append(found, p)
		}
	}
	return found, nil
}

func (b *book) Recent(_ context.Context, _, account string, _ time.Time) ([]Act, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.read++
	if err := b.fail; err != nil {
		b.fail = nil
		return nil, err
	}
	return slices.Clone(b.acts[account]), nil
}

type fixture struct {
	*Service
	t     *testing.T
	book  *book
	clock *clock.Manual
	// ruled is what the effects asked for, by account: verdict and action.
	ruled map[string][]string
}

func setUp(t *testing.T) *fixture {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context(), Schemas); err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, book: &book{acts: map[string][]Act{}}, clock: clock.NewManual(noon), ruled: map[string][]string{}}
	f.Service = f.process(db)
	return f
}

// process is another process on the same store.
func (f *fixture) process(engine store.Engine) *Service {
	return New(Parts{
		Engine: earlier{engine, f.clock}, Ledger: f.book, Regions: regions{}, Campaigns: campaigns{}, Key: []byte("a key of the test"),
		Clock: f.clock, Log: slog.New(slog.DiscardHandler), Wake: func() {},
	})
}

// earlier is an engine whose clock is the test's.
type earlier struct {
	store.Engine
	clock clock.Clock
}

func (e earlier) Now(context.Context) (time.Time, error) { return e.clock.Now(), nil }

type regions struct{}

func (regions) Within(_ context.Context, _, account string) ([]string, error) {
	if account == "gone" {
		return nil, nil
	}
	return []string{"it", "it.liguria", "it.liguria.ge"}, nil
}

type campaigns struct{}

func (campaigns) All(context.Context) ([]*campaign.Campaign, error) {
	return []*campaign.Campaign{{Meta: store.Meta{ID: town}}}, nil
}

// does records n doors of an account within n seconds, as one posting.
func (f *fixture) does(account string, n int) {
	for range n {
		k := f.book.made
		f.book.made++
		f.book.acts[account] = append(f.book.acts[account], Act{ID: fmt.Sprintf("%s-%d", account, k), Kind: "door", Quantity: 1, At: f.clock.Now().Add(time.Duration(k%100) * time.Second), Minute: 700})
	}
	f.book.postings = append(f.book.postings, Posting{Mark{f.clock.Now(), fmt.Sprintf("%s/%d", account, len(f.book.postings))}, account})
}

// walk waits until everything can be looked at, and looks.
func (f *fixture) walk() {
	f.t.Helper()
	f.clock.Advance(margin + time.Second)
	if err := f.Walk(f.t.Context(), town); err != nil {
		f.t.Fatal(err)
	}
}

// carry carries out what is due, as the ledger would.
func (f *fixture) carry() {
	f.t.Helper()
	_, err := f.CarryOut(f.t.Context(), f.clock.Now(), func(_ context.Context, _ string, e store.Effect) error {
		account := e.Data["account"]
		if e.Kind == EffectRollBack {
			f.ruled[account] = append(f.ruled[account], "roll_back "+e.Data["from"]+" "+e.Data["to"])
			return nil
		}
		var actions []string
		if err := json.Unmarshal([]byte(e.Data["actions"]), &actions); err != nil {
			return err
		}
		f.book.mu.Lock()
		defer f.book.mu.Unlock()
		for _, id := range actions {
			f.ruled[account] = append(f.ruled[account], e.Data["verdict"]+" "+id)
			for i := range f.book.acts[account] {
				if a := &f.book.acts[account][i]; a.ID == id {
					a.Held = e.Data["verdict"] == "hold"
				}
			}
			if e.Data["verdict"] == "clear" { // the ledger does not give it any more
				f.book.acts[account] = slices.DeleteFunc(f.book.acts[account], func(a Act) bool { return a.ID == id })
			}
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) casesOf(account string) []*Case {
	f.t.Helper()
	page, err := f.Of(f.t.Context(), town, account, "", 50)
	if err != nil {
		f.t.Fatal(err)
	}
	return page.Items
}

// The walk holds what is hard to believe, once, and leaves others alone.
func TestWalkHoldsOnce(t *testing.T) {
	f := setUp(t)
	f.does("anna", 3)
	f.does("mill", 100)
	if err := f.Walk(t.Context(), town); err != nil || f.book.read != 0 {
		t.Fatalf("%d looked at within the margin, %v", f.book.read, err)
	}
	f.walk()
	cases := f.casesOf("mill")
	if len(cases) != 1 || len(cases[0].Actions) != 100 || cases[0].State != Open || cases[0].Findings[0].Check != Pace {
		t.Fatalf("%+v", cases)
	}
	if len(f.casesOf("anna")) != 0 {
		t.Error("three doors are held")
	}
	read := f.book.read
	f.walk()
	if f.book.read != read {
		t.Error("the same was looked at twice")
	}
	f.carry()
	if got := f.ruled["mill"]; len(got) != 100 || !strings.HasPrefix(got[0], "hold mill-") {
		t.Errorf("ruled %v", got)
	}
	// Further doors of the same kind go into the same case while it is open, as far
	// as there is room.
	f.does("mill", 90)
	f.walk()
	if cases = f.casesOf("mill"); len(cases) != 1 || len(cases[0].Actions) != 190 || len(cases[0].Findings) != 1 || len(cases[0].Findings[0].Actions) != 190 {
		t.Fatalf("%d cases, the first with %d: %+v", len(cases), len(cases[0].Actions), cases[0].Findings)
	}
	f.does("mill", 90)
	f.walk()
	if cases = f.casesOf("mill"); len(cases) != 2 || len(cases[0].Actions) != 90 {
		t.Fatalf("%d cases, the newest with %d", len(cases), len(cases[0].Actions))
	}
}

// A walk that ended half-way is done again, and holds nothing twice; one process
// walks at a time, and another takes over.
func TestWalkAfterAKill(t *testing.T) {
	f := setUp(t)
	f.does("mill", 100)
	f.does("other", 100)
	f.clock.Advance(margin + time.Second)
	f.book.fail = errors.New("the store is away")
	if err := f.Walk(t.Context(), town); err == nil {
		t.Fatal("no failure")
	}
	// The mark did not move; one of the two may be held already.
	read := f.book.read
	if err := f.Walk(t.Context(), town); err != nil || f.book.read != read+2 {
		t.Fatalf("%d, %v", f.book.read, err)
	}
	// It ends between the case and the mark.
	_, err := f.walks.Update(t.Context(), town, walkID, func(w *walk) error { w.Mark = Mark{}; return nil })
	if err != nil {
		t.Fatal(err)
	}
	second := f.process(f.Engine)
	if err := second.Walk(t.Context(), town); err != nil || f.book.read != read+2 {
		t.Fatalf("two walk at a time: %d, %v", f.book.read, err)
	}
	f.clock.Advance(leaseLife)
	if err := second.Walk(t.Context(), town); err != nil || f.book.read != read+4 {
		t.Fatalf("nobody took over: %d, %v", f.book.read, err)
	}
	for _, account := range []string{"mill", "other"} {
		if cases := f.casesOf(account); len(cases) != 1 || len(cases[0].Effects.Effects) != 1 {
			t.Errorf("%s: %+v", account, cases)
		}
	}
	if w, err := f.walks.Get(t.Context(), town, walkID); err != nil || w.Mark != f.book.postings[1].Mark {
		t.Errorf("%+v, %v", w, err)
	}
}

// What was cleared counts for less for a while, so the same is not held again.
func TestClearedIsRemembered(t *testing.T) {
	f := setUp(t)
	f.does("mill", 100)
	f.walk()
	f.carry()
	c, err := f.Decide(t.Context(), town, f.casesOf("mill")[0].Ref(), Cleared, "lena", "A tower block; I was there.")
	if err != nil || c.State != Cleared {
		t.Fatalf("%+v, %v", c, err)
	}
	f.carry()
	f.does("mill", 100)
	f.walk()
	if cases := f.casesOf("mill"); len(cases) != 1 {
		t.Errorf("held again: %+v", cases)
	}
	f.clock.Advance(clearedFor)
	f.book.acts["mill"] = nil
	f.does("mill", 100)
	f.walk()
	if cases := f.casesOf("mill"); len(cases) != 2 {
		t.Errorf("cleared for ever: %+v", cases)
	}
}

func TestAppealAndDecision(t *testing.T) {
	f := setUp(t)
	f.does("mill", 100)
	f.walk()
	ctx, action := t.Context(), "mill-7"
	wantCode := func(err error, code string) {
		t.Helper()
		if errs.CodeOf(err) != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
	_, err := f.Answer(ctx, town, "mill", "never", "It was so.")
	wantCode(err, "nothing_withheld")
	_, err = f.Answer(ctx, town, "anna", action, "It was so.")
	wantCode(err, "nothing_withheld")
	_, err = f.Answer(ctx, town, "mill", action, " ")
	wantCode(err, "text_invalid")
	c, err := f.Answer(ctx, town, "mill", action, "Ten floors, nobody at home.")
	if err != nil || c.State != Appealed || c.Appeal.Text != "Ten floors, nobody at home." {
		t.Fatalf("%+v, %v", c, err)
	}
	_, err = f.Decide(ctx, town, c.Ref(), Voided, "mill", "I say so.")
	wantCode(err, "own_review")
	_, err = f.Decide(ctx, town, "never", Voided, "lena", "No.")
	wantCode(err, "review_unknown")
	_, err = f.Decide(ctx, town, c.Ref(), Open, "lena", "No.")
	wantCode(err, "decision_invalid")
	if c, err = f.Decide(ctx, town, c.Ref(), Voided, "lena", "There is no such house."); err != nil || !c.Decided {
		t.Fatal(c, err)
	}
	again, err := f.Decide(ctx, town, c.Ref(), Voided, "lena", "Once more.")
	if err != nil || again.Decision.Reason != "There is no such house." || again.Version != c.Version {
		t.Errorf("%+v, %v", again, err)
	}
	_, err = f.Decide(ctx, town, c.Ref(), Cleared, "lena", "After all.")
	wantCode(err, "review_decided")
	_, err = f.Answer(ctx, town, "mill", action, "But!")
	wantCode(err, "review_decided")
	f.carry()
	if got := f.ruled["mill"]; len(got) != 200 || !strings.HasPrefix(got[0], "hold") || !strings.HasPrefix(got[100], "void") {
		t.Errorf("ruled %v", got)
	}
	for region, want := range map[string]int{"": 1, "it.liguria": 1, "it.liguria.ge": 1, "it.liguria.sp": 0} {
		if page, err := f.List(ctx, town, region, true, "", 10); err != nil || len(page.Items) != want {
			t.Errorf("%s: %d decided, %v", region, len(page.Items), err)
		}
		if page, err := f.List(ctx, town, region, false, "", 10); err != nil || len(page.Items) != 0 {
			t.Errorf("%s: %d wait, %v", region, len(page.Items), err)
		}
	}
	_, err = f.List(ctx, town, "", true, "nonsense", 10)
	wantCode(err, "cursor_invalid")
}

func TestRollBackIsADecidedCase(t *testing.T) {
	f := setUp(t)
	r := RollBackRequest{Account: "mill", Within: []string{"it"}, Span: Span{noon.Add(-time.Hour), noon}, By: "lena", Reason: "A phone that was lost.", Key: "k"}
	first, err := f.RollBack(t.Context(), town, r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.RollBack(t.Context(), town, r)
	if err != nil || again.ID != first.ID || !again.Decided {
		t.Errorf("%+v, %v", again, err)
	}
	for code, change := range map[string]func(*RollBackRequest){
		"key_reused":     func(r *RollBackRequest) { r.To = r.To.Add(time.Hour) },
		"own_review":     func(r *RollBackRequest) { r.By = "mill" },
		"window_invalid": func(r *RollBackRequest) { r.To = r.From },
		"text_invalid":   func(r *RollBackRequest) { r.Reason = strings.Repeat("x", MaxText+1) },
	} {
		other := r
		change(&other)
		if _, err := f.RollBack(t.Context(), town, other); errs.CodeOf(err) != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
	f.carry()
	if diff := cmp.Diff(map[string][]string{"mill": {"roll_back 2026-11-18T11:00:00Z 2026-11-18T12:00:00Z"}}, f.ruled); diff != "" {
		t.Error(diff)
	}
}

// Evidence is kept once, says nothing of the device but that it is the same, and
// goes with its person.
func TestEvidence(t *testing.T) {
	f := setUp(t)
	ctx := t.Context()
	keep := func(account string, st Statement) {
		t.Helper()
		if err := f.Keep(ctx, town, account, []Statement{st}); err != nil {
			t.Fatal(err)
		}
	}
	st := Statement{Action: "a", Kind: "door", Quantity: 1, OccurredAt: noon, Location: genoa, Device: "phone-1", Partner: "bruno", Recruited: "anna"}
	keep("anna", st)
	st.Location = milan
	keep("anna", st)
	keep("carla", Statement{Action: "a", Device: "phone-1", Partner: "carla"})
	e, err := f.evidence.Get(ctx, town, EvidenceID("anna", "a"))
	if err != nil || *e.Location != *genoa || e.Recruited != "" || e.Device == "" || strings.Contains(e.Device, "phone") {
		t.Fatalf("%+v, %v", e, err)
	}
	c, err := f.evidence.Get(ctx, town, EvidenceID("carla", "a"))
	if err != nil || c.Device != e.Device || c.Partner != "" {
		t.Fatalf("%+v, %v", c, err)
	}
	f.book.acts["anna"] = []Act{{ID: "a"}, {ID: "b"}}
	w, err := f.window(ctx, town, "anna")
	if err != nil || w.Acts[0].Evidence == nil || w.Acts[1].Evidence != nil || !maps.Equal(w.Mates, map[string]bool{"carla": true}) || w.Devices[e.Device].Accounts != 2 {
		t.Fatalf("%+v, %v", w, err)
	}

	asked, err := f.Asked(ctx, town, "bruno", "", 10)
	if err != nil || len(asked.Items) != 1 {
		t.Fatalf("%+v, %v", asked, err)
	}
	for account, code := range map[string]string{"dario": "confirmation_unknown", "anna": "confirmation_unknown", "bruno": ""} {
		if err := f.Confirm(ctx, town, account, "anna", "a", true); errs.CodeOf(err) != code {
			t.Errorf("%s: %v", account, err)
		}
	}
	if err := f.Confirm(ctx, town, "bruno", "anna", "a", true); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if err := f.Confirm(ctx, town, "bruno", "anna", "a", false); errs.CodeOf(err) != "confirmation_given" {
		t.Errorf("otherwise: %v", err)
	}
	if asked, err = f.Asked(ctx, town, "bruno", "", 10); err != nil || len(asked.Items) != 0 {
		t.Errorf("%+v, %v", asked, err)
	}

	for range 2 {
		if err := f.Erase(ctx, town, "anna"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.evidence.Get(ctx, town, e.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the evidence is still there: %v", err)
	}
	if w, err = f.window(ctx, town, "carla"); err != nil || len(w.Mates) != 0 {
		t.Errorf("the device still knows them: %+v, %v", w.Mates, err)
	}
}

// What the person said goes with them; that a case was there does not.
func TestEraseTakesTheAppeal(t *testing.T) {
	f := setUp(t)
	f.does("mill", 100)
	f.walk()
	if _, err := f.Answer(t.Context(), town, "mill", "mill-1", "I live there."); err != nil {
		t.Fatal(err)
	}
	if err := f.Erase(t.Context(), town, "mill"); err != nil {
		t.Fatal(err)
	}
	if c := f.casesOf("mill"); len(c) != 1 || c[0].Appeal != nil {
		t.Errorf("%+v", c)
	}
}

// Who recruited whom is followed upward, with the instant by which it was said.
func TestUpline(t *testing.T) {
	f := setUp(t)
	for i, pair := range [][2]string{{"a", "b"}, {"b", "c"}, {"c", "a"}} {
		f.clock.Advance(time.Hour)
		if err := f.Keep(t.Context(), town, pair[0], []Statement{{Action: fmt.Sprint(i), Recruited: pair[1]}}); err != nil {
			t.Fatal(err)
		}
	}
	found := map[string]time.Time{}
	if err := f.upline(t.Context(), town, "c", found); err != nil {
		t.Fatal(err)
	}
	want := map[string]time.Time{"b": noon.Add(2 * time.Hour), "a": noon.Add(2 * time.Hour)}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
	// Only the one who closed the ring is found.
	for account, want := range map[string]int{"a": 0, "b": 0, "c": 1} {
		n := map[string]int{"a": 0, "b": 1, "c": 2}[account]
		f.book.acts[account] = []Act{{ID: fmt.Sprint(n), Kind: "signup_recruited", Quantity: 1, At: noon}}
		w, err := f.window(t.Context(), town, account)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(Look(w)); got != want {
			t.Errorf("%s: %d findings, want %d: %+v", account, got, want, w.Upline)
		}
	}
}

// Many accounts that take turns on one device within an hour are seen.
func TestDeviceUse(t *testing.T) {
	f := setUp(t)
	for i := range 6 {
		f.clock.Advance(5 * time.Minute)
		account := fmt.Sprint("p", i)
		if err := f.Keep(t.Context(), town, account, []Statement{{Action: "a", OccurredAt: f.clock.Now(), Device: "one"}}); err != nil {
			t.Fatal(err)
		}
	}
	f.book.acts["p0"] = []Act{{ID: "a", Kind: "call", Quantity: 1, At: noon}}
	w, err := f.window(t.Context(), town, "p0")
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Devices[w.Acts[0].Evidence.Device]; got != (DeviceUse{6, 6}) || len(w.Mates) != 5 {
		t.Errorf("%+v, %v", got, w.Mates)
	}
	if found := Look(w); len(found) != 1 || found[0].Check != SharedDevice {
		t.Errorf("%+v", found)
	}
}

// Run walks every campaign until it is told to end.
func TestRun(t *testing.T) {
	f := setUp(t)
	f.does("mill", 100)
	f.clock.Advance(margin + time.Second)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	deadline := time.After(10 * time.Second)
	for len(f.casesOf("mill")) == 0 {
		select {
		case <-deadline:
			t.Fatal("nothing was looked at")
		case <-time.After(5 * time.Millisecond):
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
