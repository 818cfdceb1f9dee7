package badge_test

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"

	"github.com/musterhq/muster/domain/badge"
	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

const camp = "liguria-2024"

var start = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)

type campaigns struct{}

func (campaigns) All(context.Context) ([]*campaign.Campaign, error) {
	return []*campaign.Campaign{{Meta: store.Meta{ID: camp}}}, nil
}

// ledger is a ledger in memory.
type ledger struct {
	clock  *clock.Manual
	steps  []badge.Step
	season string
	facts  int // how often an account was added up anew
}

func (l *ledger) Now(context.Context) (time.Time, error) { return l.clock.Now(), nil }

func (l *ledger) Closed(context.Context, string, time.Time) (string, error) { return l.season, nil }

func (l *ledger) After(_ context.Context, _ string, mark badge.Mark, before time.Time, limit int) ([]badge.Step, error) {
	var found []badge.Step
	for _, s := range l.steps {
		if cmp.Or(s.At.Compare(mark.At), cmp.Compare(s.ID, mark.ID)) > 0 && s.At.Before(before) && len(found) < limit {
			found = append(found, s)
		}
	}
	return found, nil
}

func (l *ledger) Facts(_ context.Context, _, account string, n int64) (badge.Facts, error) {
	l.facts++
	return l.sum(account, n), nil
}

// sum adds an account up to its n-th posting, everything where n is 0.
func (l *ledger) sum(account string, n int64) badge.Facts {
	f := badge.Facts{Quantities: map[string]int64{}}
	weeks := map[string]int64{}
	for _, s := range l.steps {
		if s.Account != account || n > 0 && s.N > n {
			continue
		}
		f.Points, f.Level, f.Streak = s.Points, s.Level, max(f.Streak, s.Streak)
		for _, d := range s.Did {
			f.Quantities[d.Kind] += d.Quantity
			weeks[d.Week] += d.Quantity
		}
	}
	for week, quantity := range weeks {
		if quantity > 0 {
			f.Weeks = append(f.Weeks, week)
		}
	}
	slices.Sort(f.Weeks)
	return f
}

// add records what an account did; a negative quantity takes something back, for
// good or, where it is only held, for now.
func (l *ledger) add(account string, held bool, deeds ...badge.Deed) {
	n, points := int64(1), int64(0)
	for _, s := range l.steps {
		if s.Account == account {
			n, points = s.N+1, s.Points
		}
	}
	s := badge.Step{Mark: badge.Mark{At: l.clock.Now(), ID: fmt.Sprintf("%06d", len(l.steps))}, Account: account, N: n, Points: points}
	for _, d := range deeds {
		s.Points += d.Quantity * 10
		if d.Quantity < 0 {
			s.Changed, s.Voided = true, !held
		}
	}
	s.Did, s.Level = deeds, 1+s.Points/1000
	l.steps = append(l.steps, s)
}

// engine fails from some write on: a process that is killed there.
type engine struct {
	store.Engine
	left int // writes until it fails; negative: never
}

var errKilled = errors.New("killed")

func (e *engine) write() error {
	if e.left == 0 {
		return errKilled
	}
	if e.left > 0 {
		e.left--
	}
	return nil
}

func (e *engine) Replace(ctx context.Context, s *store.Schema, campaign, id string, version int64, body bson.Raw) error {
	if err := e.write(); err != nil {
		return err
	}
	return e.Engine.Replace(ctx, s, campaign, id, version, body)
}

func (e *engine) SetMany(ctx context.Context, s *store.Schema, campaign string, sets []store.Set) []error {
	if err := e.write(); err != nil {
		return slices.Repeat([]error{err}, len(sets))
	}
	return e.Engine.SetMany(ctx, s, campaign, sets)
}

type house struct {
	*badge.Service
	t      testing.TB
	ledger *ledger
	engine *engine
	clock  *clock.Manual
	key    ed25519.PrivateKey
	mu     sync.Mutex
	told   []store.Effect
}

func open(t testing.TB) *house {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Migrate(t.Context(), badge.Schemas); err != nil {
		t.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := clock.NewManual(start)
	h := &house{t: t, engine: &engine{Engine: db, left: -1}, clock: c, ledger: &ledger{clock: c}, key: key}
	h.restart()
	return h
}

func (h *house) restart() { h.Service = h.node() }

func (h *house) node() *badge.Service {
	return badge.New(badge.Config{
		Engine: h.engine, Campaigns: campaigns{}, Ledger: h.ledger, Clock: h.clock, Log: slog.New(slog.DiscardHandler), Key: h.key,
	})
}

// round lets what was recorded grow old enough and takes it up.
func (h *house) round() {
	h.t.Helper()
	h.clock.Advance(61 * time.Second)
	if err := h.Round(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.carry()
}

func (h *house) carry() {
	h.t.Helper()
	_, err := h.CarryOut(h.t.Context(), h.clock.Now(), func(_ context.Context, _ string, e store.Effect) error {
		h.mu.Lock() // several documents' effects are carried out at once
		defer h.mu.Unlock()
		h.told = append(h.told, e)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) holder(account string) *badge.Holder {
	h.t.Helper()
	holder, err := h.Holder(h.t.Context(), camp, account)
	if err != nil {
		h.t.Fatal(err)
	}
	return holder
}

func doors(quantity int64) badge.Deed {
	return badge.Deed{Kind: "door", Quantity: quantity, Week: "2026-w47"}
}

func TestAwardedOnceBehindTheLedger(t *testing.T) {
	h := open(t)
	h.ledger.add("anna", false, doors(49))
	h.round()
	if got := h.holder("anna"); got.Held("first-week") == nil || got.Held("doors-50") != nil {
		t.Errorf("%+v", got)
	}
	h.ledger.add("anna", false, doors(1))
	h.clock.Advance(50 * time.Second)
	if err := h.Round(t.Context()); err != nil { // not a minute old
		t.Fatal(err)
	}
	if h.holder("anna").Held("doors-50") != nil {
		t.Error("awarded by what may still be joined by what lands late")
	}
	h.round()
	h.restart()
	h.round()
	got := h.holder("anna")
	if len(got.Awards) != 2 || got.Held("doors-50") == nil || got.Facts.Quantities["door"] != 50 || h.ledger.facts != 0 {
		t.Errorf("%+v, %d recounts", got, h.ledger.facts)
	}
	if len(h.told) != 2 || h.told[0].Kind != badge.EffectPraise || h.told[0].Data["type"] != "badge_awarded" || h.told[0].Data["account"] != "anna" {
		t.Errorf("told %v", h.told)
	}
}

// TestAVoidTakesABadge and a hold does not; who earns it again gets another award,
// for a withdrawn credential stays withdrawn.
func TestAVoidTakesABadge(t *testing.T) {
	h := open(t)
	h.ledger.add("anna", false, doors(60))
	h.round()
	first := h.holder("anna").Held("doors-50")
	h.ledger.add("anna", true, doors(-60))
	h.round()
	if h.holder("anna").Held("doors-50") == nil {
		t.Error("what is only held took a badge")
	}
	h.ledger.add("anna", false, doors(0), doors(-1), doors(1))
	h.round()
	got := h.holder("anna")
	if got.Held("doors-50") != nil || got.Held("first-week") != nil || got.Awards[0].RevokedAt == nil || got.Awards[0].Reason == "" || got.Awards[0].RevokedBy != "" {
		t.Errorf("a void left %+v", got)
	}
	h.ledger.add("anna", false, doors(50))
	h.round()
	again := h.holder("anna").Held("doors-50")
	if again == nil || again.ID == first.ID {
		t.Errorf("earned again: %+v", again)
	}
}

func TestStaffWithdrawForGood(t *testing.T) {
	h := open(t)
	h.ledger.add("anna", false, doors(60))
	h.round()
	for code, call := range map[string]func() error{
		"reason_required": func() error { _, err := h.Revoke(t.Context(), camp, "anna", "doors-50", "staff", "  "); return err },
		"badge_not_held":  func() error { _, err := h.Revoke(t.Context(), camp, "anna", "doors-500", "staff", "why"); return err },
	} {
		if err := call(); errs.CodeOf(err) != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
	if _, err := h.Revoke(t.Context(), camp, "nobody", "doors-50", "staff", "why"); errs.CodeOf(err) != "badge_not_held" {
		t.Error(err)
	}
	for range 2 {
		if _, err := h.Revoke(t.Context(), camp, "anna", "doors-50", "staff", "Not yours."); err != nil {
			t.Fatal(err)
		}
	}
	h.ledger.add("anna", false, doors(60))
	h.round()
	got := h.holder("anna")
	if got.Held("doors-50") != nil || len(got.Awards) != 2 || got.Awards[slices.IndexFunc(got.Awards, func(a badge.Award) bool { return a.Badge == "doors-50" })].Reason != "Not yours." {
		t.Errorf("%+v", got)
	}
}

func TestABadgeThatChanges(t *testing.T) {
	h := open(t)
	h.ledger.add("anna", false, doors(30))
	h.ledger.add("bruno", false, doors(60))
	h.round()
	put := func(r badge.PutRequest) (*badge.Definition, error) {
		r.Name, r.Description, r.By = cmp.Or(r.Name, "Thirty doors"), "Knocked on thirty doors.", "staff"
		return h.Put(t.Context(), camp, r)
	}
	thirty := badge.Criterion{Measure: badge.Quantity, Kind: "door", AtLeast: 30}
	for _, bad := range []badge.PutRequest{
		{ID: "Doors", Criterion: thirty},
		{ID: "doors-50", Criterion: badge.Criterion{Measure: "luck", AtLeast: 1}},
		{ID: "doors-50", Criterion: badge.Criterion{Measure: badge.Quantity, AtLeast: 1}},
		{ID: "doors-50", Criterion: badge.Criterion{Measure: badge.Points, Kind: "door", AtLeast: 1}},
		{ID: "doors-50", Criterion: badge.Criterion{Measure: badge.Points}},
	} {
		if _, err := put(bad); errs.CodeOf(err) != "badge_invalid" {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	first, err := put(badge.PutRequest{ID: "doors-50", Criterion: thirty})
	if err != nil || first.Version != 1 {
		t.Fatal(first, err)
	}
	if _, err := put(badge.PutRequest{ID: "doors-50", Criterion: thirty, Version: 9}); errs.CodeOf(err) != "badge_changed" {
		t.Errorf("a version that nobody read: %v", err)
	}
	if _, err := put(badge.PutRequest{ID: "new", Criterion: thirty, Version: 1}); errs.CodeOf(err) != "badge_changed" {
		t.Errorf("a version of nothing: %v", err)
	}
	h.round()
	if h.holder("anna").Held("doors-50") == nil {
		t.Error("who met it already was not awarded it")
	}
	// Harder again: nobody loses it; a void then goes by what each was awarded for.
	if _, err := put(badge.PutRequest{ID: "doors-50", Name: "Hard", Criterion: badge.Criterion{Measure: badge.Quantity, Kind: "door", AtLeast: 500}, Version: first.Version}); err != nil {
		t.Fatal(err)
	}
	h.round()
	h.ledger.add("anna", false, doors(5))
	h.ledger.add("anna", false, doors(-5))
	h.round()
	if got := h.holder("anna").Held("doors-50"); got == nil || got.Name != "Thirty doors" || got.Criterion != thirty {
		t.Errorf("a harder criterion took it: %+v", got)
	}
	if _, err := put(badge.PutRequest{ID: "level-6", Criterion: badge.Criterion{Measure: badge.Level, AtLeast: 1}, Retired: true}); err != nil {
		t.Fatal(err)
	}
	h.round()
	if h.holder("bruno").Held("level-6") != nil {
		t.Error("a retired badge was awarded")
	}
	all, err := h.Definitions(t.Context(), camp)
	if err != nil || len(all) != len(badge.Standard()) { // "new" was refused
		t.Errorf("%d definitions, %v", len(all), err)
	}
}

func TestWhatIsTold(t *testing.T) {
	h := open(t)
	best := func(week string) {
		h.ledger.add("anna", false, badge.Deed{Kind: "share", Quantity: 1, Week: week})
		h.ledger.steps[len(h.ledger.steps)-1].BestWeek = week
	}
	best("2026-w40")
	h.round()
	h.told = nil
	best("2026-w47")
	best("2026-w47")
	h.round()
	best("2026-w46") // a void made an older week the best
	best("2026-w47")
	h.round()
	if len(h.told) != 1 || h.told[0].Data["type"] != "best_week" || h.told[0].ID != "best/anna/2026-w47" {
		t.Errorf("told %v", h.told)
	}
	h.told = nil
	best("2026-w48")
	h.clock.Advance(25 * time.Hour)
	h.round()
	if len(h.told) != 0 {
		t.Errorf("old news: %v", h.told)
	}
	for _, season := range []string{"2026-w47", "2026-w47", "2026-w48", "2026-w48"} {
		h.ledger.season = season
		h.round()
	}
	if len(h.told) != 1 || h.told[0].Kind != badge.EffectBestOfTeams || h.told[0].Data["season"] != "2026-w48" {
		t.Errorf("told of seasons: %v", h.told)
	}
}

// TestTwoNodesAtOnce: both take the same pages up at the same time.
func TestTwoNodesAtOnce(t *testing.T) {
	h := open(t)
	other := h.node()
	for i := range 40 {
		for range 3 {
			h.ledger.add(fmt.Sprintf("p%02d", i), false, doors(20))
		}
	}
	h.clock.Advance(2 * time.Minute)
	var wait sync.WaitGroup
	for _, node := range []*badge.Service{h.Service, other} {
		wait.Go(func() {
			if err := node.Round(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	h.carry()
	told := map[string]bool{}
	for _, e := range h.told {
		told[e.ID] = true
	}
	for i := range 40 {
		got := h.holder(fmt.Sprintf("p%02d", i))
		if len(got.Awards) != 2 || got.N != 3 || got.Facts.Quantities["door"] != 60 {
			t.Errorf("%s: %+v", got.ID, got)
		}
	}
	if len(h.told) != 80 || len(told) != 80 {
		t.Errorf("%d told, %d different", len(h.told), len(told))
	}
}

// TestWhateverDies lets two processes award through random histories and kills: in
// the end everybody holds, once, what the ledger says, and each award was told once.
func TestWhateverDies(t *testing.T) {
	definitions := badge.Standard()
	rapid.Check(t, func(rt *rapid.T) {
		h := open(t)
		other := h.node()
		done := map[string][]badge.Deed{}
		accounts := []string{"anna", "bruno", "carla"}
		rt.Repeat(map[string]func(*rapid.T){
			"act": func(rt *rapid.T) {
				account := rapid.SampledFrom(accounts).Draw(rt, "account")
				d := badge.Deed{
					Kind: rapid.SampledFrom([]string{"door", "call"}).Draw(rt, "kind"), Quantity: rapid.Int64Range(1, 60).Draw(rt, "quantity"),
					Week: fmt.Sprintf("2026-w%d", rapid.IntRange(40, 47).Draw(rt, "week")),
				}
				done[account] = append(done[account], d)
				h.ledger.add(account, false, d)
			},
			"void": func(rt *rapid.T) {
				account := rapid.SampledFrom(accounts).Draw(rt, "account")
				if n := len(done[account]); n > 0 {
					i := rapid.IntRange(0, n-1).Draw(rt, "which")
					d := done[account][i]
					done[account] = slices.Delete(done[account], i, i+1)
					d.Quantity = -d.Quantity
					h.ledger.add(account, false, d)
				}
			},
			"time": func(rt *rapid.T) {
				h.clock.Advance(time.Duration(rapid.SampledFrom([]int{1, 40, 70}).Draw(rt, "seconds")) * time.Second)
			},
			"round": func(*rapid.T) {
				if err := other.Round(t.Context()); err != nil {
					rt.Fatal(err)
				}
			},
			"killed": func(rt *rapid.T) {
				h.engine.left = rapid.IntRange(0, 4).Draw(rt, "write")
				if err := h.Round(t.Context()); err != nil && !errors.Is(err, errKilled) {
					rt.Fatal(err)
				}
				h.engine.left = -1
				h.restart()
			},
		})
		h.round()
		awards := 0
		for _, account := range accounts {
			got, want := h.holder(account), h.ledger.sum(account, 0)
			if got.Facts.Points != want.Points || !slices.Equal(got.Facts.Weeks, want.Weeks) {
				rt.Fatalf("%s: %+v, the ledger says %+v", account, got.Facts, want)
			}
			for _, d := range definitions {
				held := 0
				for _, a := range got.Awards {
					if a.Badge == d.ID && a.RevokedAt == nil {
						held++
					}
				}
				if met := want.Of(d.Criterion) >= d.Criterion.AtLeast; held > 1 || met != (held == 1) {
					rt.Fatalf("%s holds %s %d times, by %+v", account, d.ID, held, want)
				}
			}
			awards += len(got.Awards)
		}
		told := map[string]bool{}
		for _, e := range h.told {
			if told[e.ID] {
				rt.Fatalf("%s was told twice", e.ID)
			}
			told[e.ID] = true
		}
		if len(told) != awards {
			rt.Fatalf("%d awards, %d told", awards, len(told))
		}
	})
}
