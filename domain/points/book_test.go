package points

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// doorsAt is V1 with another price of doors, and nothing else.
func doorsAt(points int64) []Kind {
	kinds := V1().Kinds
	kinds[0].Points = points
	return kinds
}

func (f *fixture) draft(name string, kinds []Kind) *Edition {
	f.t.Helper()
	e, err := f.NewRuleSet(f.t.Context(), testCampaign, RuleSetRequest{Name: name, Note: "Doors were too cheap.", Kinds: kinds, Author: "hq"})
	if err != nil {
		f.t.Fatal(err)
	}
	return e
}

// until lets the clock go on to an instant.
func (f *fixture) until(t time.Time) { f.clock.Advance(t.Sub(f.clock.Now())) }

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if errs.CodeOf(err) != code {
		t.Errorf("answered %v, want %s", err, code)
	}
}

func TestRuleSetsAreChecked(t *testing.T) {
	f := setUp(t)
	many := make([]Kind, MaxKinds+1)
	change := func(do func(*Kind)) []Kind {
		kinds := doorsAt(20)
		do(&kinds[0])
		return kinds
	}
	for name, kinds := range map[string][]Kind{
		"no kinds":               nil,
		"too many":               many,
		"a kind twice":           append(doorsAt(20), V1().Kinds[0]),
		"a bad name":             change(func(k *Kind) { k.Name = "Door" }),
		"no unit":                change(func(k *Kind) { k.Unit = " " }),
		"no source":              change(func(k *Kind) { k.Source = "" }),
		"negative points":        change(func(k *Kind) { k.Points = -1 }),
		"absurd points":          change(func(k *Kind) { k.Points = MaxPoints + 1 }),
		"no quantity":            change(func(k *Kind) { k.MaxQuantity = 0 }),
		"no weight":              change(func(k *Kind) { k.Weight = 0 }),
		"a cool-down of days":    change(func(k *Kind) { k.CoolDown = 1441 }),
		"no tiers":               change(func(k *Kind) { k.Tiers = nil }),
		"tiers out of order":     change(func(k *Kind) { k.Tiers = []Tier{{80, 100}, {40, 50}} }),
		"more for more":          change(func(k *Kind) { k.Tiers = []Tier{{40, 50}, {80, 100}} }),
		"more than all":          change(func(k *Kind) { k.Tiers = []Tier{{40, 101}} }),
		"less than nothing":      change(func(k *Kind) { k.Tiers = []Tier{{40, -1}} }),
		"a day that never fills": change(func(k *Kind) { k.Tiers = []Tier{{1 << 40, 100}} }),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.NewRuleSet(t.Context(), testCampaign, RuleSetRequest{Name: name, Kinds: kinds, Author: "hq"})
			wantCode(t, err, "rule_set_invalid")
		})
	}
	_, err := f.NewRuleSet(t.Context(), testCampaign, RuleSetRequest{Name: " ", Kinds: doorsAt(1), Author: "hq"})
	wantCode(t, err, "rule_set_name_invalid")
	if page, err := f.RuleSets(t.Context(), testCampaign, "", 10); err != nil || len(page.Items) != 0 {
		t.Errorf("%d were kept, %v", len(page.Items), err)
	}
}

func TestRuleSetsAreKept(t *testing.T) {
	f := setUp(t)
	r := RuleSetRequest{Name: "Doors", Note: "n", Kinds: doorsAt(25), Author: "hq", Key: "k"}
	first, err := f.NewRuleSet(t.Context(), testCampaign, r)
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Minute)
	again, err := f.NewRuleSet(t.Context(), testCampaign, r)
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	r.Kinds = doorsAt(26)
	_, err = f.NewRuleSet(t.Context(), testCampaign, r)
	wantCode(t, err, "key_reused")
	second := f.draft("More", doorsAt(30))
	page, err := f.RuleSets(t.Context(), testCampaign, "", 1)
	if err != nil || len(page.Items) != 1 || page.Items[0].ID != second.ID || page.Next == "" {
		t.Fatalf("%+v, %v", page, err)
	}
	if page, err = f.RuleSets(t.Context(), testCampaign, page.Next, 1); err != nil || page.Items[0].ID != first.ID {
		t.Errorf("%+v, %v", page, err)
	}
	_, err = f.RuleSets(t.Context(), testCampaign, "nonsense", 1)
	wantCode(t, err, "cursor_invalid")
	if e, err := f.RuleSet(t.Context(), testCampaign, "v1"); err != nil || e.Rules.Kind("door") == nil {
		t.Errorf("%+v, %v", e, err)
	}
	for _, id := range []string{"other", "", "a/b\x00"} {
		_, err = f.RuleSet(t.Context(), testCampaign, id)
		wantCode(t, err, "rule_set_unknown")
	}
	_, err = f.RuleSet(t.Context(), "another", first.ID)
	wantCode(t, err, "rule_set_unknown")
}

// wednesday is in 2026-w47: w48 begins in four days and a half, w49 a week later.
func TestRulesTakeForceAfterNotice(t *testing.T) {
	f := setUp(t)
	ctx := t.Context()
	dear, dearer := f.draft("Dear", doorsAt(30)), f.draft("Dearer", doorsAt(40))
	_, err := f.Publish(ctx, testCampaign, dear.ID, "2026-w47", "boss")
	wantCode(t, err, "notice_too_short")
	_, err = f.Publish(ctx, testCampaign, dear.ID, "2026-w99", "boss")
	wantCode(t, err, "season_unknown")
	_, err = f.Publish(ctx, testCampaign, "other", "", "boss")
	wantCode(t, err, "rule_set_unknown")
	p, err := f.Publish(ctx, testCampaign, dear.ID, "", "boss")
	want := Publication{Edition: dear.ID, Season: "2026-w48", From: "2026-11-23", PublishedAt: wednesday, PublishedBy: "boss"}
	if diff := cmp.Diff(want, p); diff != "" || err != nil {
		t.Fatalf("%v %s", err, diff)
	}
	f.clock.Advance(time.Minute)
	if again, err := f.Publish(ctx, testCampaign, dear.ID, "", "other"); err != nil || again != p {
		t.Errorf("again: %+v, %v", again, err)
	}
	_, err = f.Publish(ctx, testCampaign, dear.ID, "2026-w50", "boss")
	wantCode(t, err, "rule_set_published")
	_, err = f.Publish(ctx, testCampaign, dearer.ID, "2026-w48", "boss")
	wantCode(t, err, "season_taken")
	f.until(wednesday.Add(48 * time.Hour)) // Friday noon: w48 is less than 72 h away
	if _, err := f.Publish(ctx, testCampaign, dearer.ID, "", "boss"); err != nil {
		t.Fatal(err)
	}
	list, err := f.Published(ctx, testCampaign)
	if err != nil || len(list) != 2 || list[0] != p || list[1].Season != "2026-w49" || list[1].From != "2026-11-30" {
		t.Fatalf("%+v, %v", list, err)
	}

	announced := map[string]string{}
	n, err := f.CarryOut(ctx, f.clock.Now(), func(_ context.Context, campaign string, e store.Effect) error {
		announced[e.Data["type"]+" in "+e.Data["feed"]+" of "+campaign] += e.Data["json"]
		return nil
	})
	feed := `{"rule_set":"` + dear.ID + `","name":"Dear","note":"Doors were too cheap.","season":"2026-w48","from":"2026-11-23"}` +
		`{"rule_set":"` + dearer.ID + `","name":"Dearer","note":"Doors were too cheap.","season":"2026-w49","from":"2026-11-30"}`
	if diff := cmp.Diff(map[string]string{"rules_announced in news of " + testCampaign: feed}, announced); diff != "" || err != nil || n != 2 {
		t.Errorf("%d carried out, %v\n%s", n, err, diff)
	}
}

func TestNoticeIsThreeDays(t *testing.T) {
	f := setUp(t)
	e := f.draft("Dear", doorsAt(30))
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, rome)
	f.until(monday.Add(-Notice + time.Millisecond))
	_, err := f.Publish(t.Context(), testCampaign, e.ID, "2026-w48", "boss")
	wantCode(t, err, "notice_too_short")
	f.clock.Advance(-time.Millisecond)
	if _, err := f.Publish(t.Context(), testCampaign, e.ID, "2026-w48", "boss"); err != nil {
		t.Error(err)
	}
}

// A campaign may go back to the rules that it began with.
func TestTheFirstRulesComeBack(t *testing.T) {
	f := setUp(t)
	dear := f.draft("Dear", doorsAt(30))
	if _, err := f.Publish(t.Context(), testCampaign, dear.ID, "2026-w48", "boss"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Publish(t.Context(), testCampaign, "v1", "2026-w50", "boss"); err != nil {
		t.Fatal(err)
	}
	s, err := newService(f.engine, f.clock).Schedule(t.Context(), testCampaign)
	if err != nil || s.On("2026-12-06").ID != dear.ID || s.On("2026-12-07").ID != "v1" {
		t.Errorf("%+v, %v", s, err)
	}
}

// A day is decided by the rules of its own week, however late its actions come.
func TestADayIsDecidedByItsOwnRules(t *testing.T) {
	f := setUp(t)
	if _, err := f.Publish(t.Context(), testCampaign, f.draft("Dear", doorsAt(30)).ID, "", "boss"); err != nil {
		t.Fatal(err)
	}
	sunday := time.Date(2026, 11, 22, 23, 59, 0, 0, rome)
	at := func(id string, t time.Time) Action {
		return Action{ID: id, Kind: "door", Quantity: 2, OccurredAt: t.UTC()}
	}
	f.until(sunday.UTC())
	wantAnswers(t, f.record(at("a", sunday)), recorded("a", 40))
	f.until(sunday.Add(time.Minute).UTC())
	wantAnswers(t, f.record(at("b", f.clock.Now()), at("late", sunday.Add(-time.Minute))), recorded("b", 60), recorded("late", 40))
	f.clock.Advance(10 * time.Hour)
	wantAnswers(t, f.record(at("later", sunday.Add(-2*time.Minute)), at("c", f.clock.Now())), recorded("later", 40), recorded("c", 60))
	postings := f.postings()
	if first, last := postings[0].Rules, postings[len(postings)-1].Rules; first != "v1" || last == "v1" {
		t.Errorf("postings name %q and %q", first, last)
	}
	if err := verify(postings, 0); err == nil {
		t.Error("recounted by V1 alone it agrees")
	}
}

// Another node learns of it within seconds, long before it decides anything.
func TestEveryNodeLearnsOfRules(t *testing.T) {
	f := setUp(t)
	other := newService(f.engine, f.clock)
	if s, err := other.Schedule(t.Context(), testCampaign); err != nil || len(s) != 0 {
		t.Fatalf("%v, %v", s, err)
	}
	e := f.draft("Dear", doorsAt(30))
	if _, err := f.Publish(t.Context(), testCampaign, e.ID, "", "boss"); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(bookLife)
	s, err := other.Schedule(t.Context(), testCampaign)
	if err != nil || s.On("2026-11-22").ID != "v1" || s.On("2026-11-23").ID != e.ID || s.On("2030-01-01").ID != e.ID {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := other.Schedule(t.Context(), "another"); err != nil || len(s) != 0 {
		t.Errorf("another campaign has %v, %v", s, err)
	}
}

func TestOneOfManyPublishersHasTheSeason(t *testing.T) {
	f := setUp(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 20 {
		e := f.draft("One", doorsAt(30))
		group.Go(func() {
			_, err := newService(f.engine, f.clock).Publish(t.Context(), testCampaign, e.ID, "2026-w49", "boss")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if errs.CodeOf(err) != "season_taken" {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if list, err := f.Published(t.Context(), testCampaign); err != nil || len(list) != 1 || won != 1 {
		t.Errorf("%d won, %+v, %v", won, list, err)
	}
}

// What lies within one cool-down counts once, in whatever order and batches it
// comes, and taken back it makes room again.
func TestCoolDown(t *testing.T) {
	f := setUp(t)
	attended := func(id string, minute int) Action {
		return Action{ID: id, Kind: "event_attended", Quantity: 1, OccurredAt: time.Date(2026, 11, 18, 8, minute, 0, 0, rome).UTC()}
	}
	wantAnswers(t, f.record(attended("a", 0), attended("b", 59), attended("c", 60)), recorded("a", 100), recorded("b", 0), recorded("c", 100))
	for i, c := range []struct {
		void string
		left int64
	}{{"a", 200}, {"b", 100}, {"c", 0}} { // without a, b has the hour
		if _, err := f.void(c.void); err != nil {
			t.Fatal(err)
		}
		if got := f.postings()[i+1].State.Total(); got != c.left {
			t.Errorf("%d points without %s, want %d", got, c.void, c.left)
		}
	}
	f.verify()
}

func TestCoolDownIsBlindToOrder(t *testing.T) {
	kinds := V1().Kinds
	kinds[0].CoolDown, kinds[0].MaxQuantity, kinds[0].Weight = 30, 10, 3
	rules := Schedule{{From: "", Rules: &RuleSet{ID: "cool", Kinds: kinds}}}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		actions := make([]Action, n)
		for i := range actions {
			actions[i] = Action{
				ID: string(rune('a' + i)), Kind: "door", Quantity: rapid.Int64Range(1, 10).Draw(t, "quantity"),
				OccurredAt: wednesday.Add(-time.Duration(rapid.IntRange(0, 300).Draw(t, "minutes")) * time.Minute),
			}
		}
		total := func(order []int) int64 {
			var last *Posting
			for from := 0; from < n; {
				to := min(n, from+rapid.IntRange(1, n).Draw(t, "batch"))
				d := begin(terms{rules: rules, calendar: calendar, zone: rome, member: genova}, last, wednesday)
				for _, i := range order[from:to] {
					d.act(actions[i], 0)
				}
				last = d.finish()
				from = to
			}
			if got := worth(rules, last.State.Days); got != last.State.Total() {
				t.Fatalf("the days are worth %d, the state says %d", got, last.State.Total())
			}
			return last.State.Total()
		}
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		first := total(order)
		if second := total(rapid.Permutation(slices.Clone(order)).Draw(t, "order")); first != second {
			t.Fatalf("%d points in one order, %d in another", first, second)
		}
	})
}
