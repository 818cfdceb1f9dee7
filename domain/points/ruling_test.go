package points

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/internal/errs"
)

func (f *fixture) rule(v Verdict, ids ...string) Ruled {
	f.t.Helper()
	r, err := f.Rule(f.t.Context(), testCampaign, f.member, Ruling{Verdict: v, Actions: ids, By: "lena", Reason: "reviewed"})
	if err != nil {
		f.t.Fatal(err)
	}
	f.verify()
	return r
}

func (f *fixture) standings() map[string]Standing {
	f.t.Helper()
	page, err := f.History(f.t.Context(), testCampaign, f.member.Account, "", MaxPage)
	if err != nil {
		f.t.Fatal(err)
	}
	out := map[string]Standing{}
	for _, e := range page.Entries {
		if e.Of == "" {
			out[e.ID] = e.Standing
		}
	}
	return out
}

func (f *fixture) total() int64 {
	f.t.Helper()
	last, err := f.Last(f.t.Context(), testCampaign, f.member.Account)
	if err != nil {
		f.t.Fatal(err)
	}
	return last.State.Total()
}

// A hold takes off what a void would, a clear puts it back, and the void of what
// is held is worth nothing.
func TestRulings(t *testing.T) {
	f := setUp(t)
	f.record(f.act("a", "door", 80), f.act("b", "door", 20))
	r := f.rule(HoldIt, "a", "a")
	want := Entry{ID: "a/hold", Of: "a", Kind: "door", Quantity: -80, OccurredAt: wednesday, Day: "2026-11-18", Minute: 13 * 60, Season: "2026-w47", Points: -1400, By: "lena", Reason: "reviewed"}
	if diff := cmp.Diff([]Entry{want}, r.Entries); diff != "" || !r.Appended {
		t.Errorf("appended %v: %s", r.Appended, diff)
	}
	if again := f.rule(HoldIt, "a"); again.Appended || len(again.Entries) != 0 || again.Posting.N != 2 {
		t.Errorf("held twice: %+v", again)
	}
	f.rule(ClearIt, "b") // it is not held
	f.rule(ClearIt, "a")
	if f.total() != 1800 {
		t.Errorf("%d points once it was cleared", f.total())
	}
	if f.rule(HoldIt, "a").Appended {
		t.Error("what was cleared is held again")
	}
	f.rule(HoldIt, "b")
	if void := f.rule(VoidIt, "a", "b").Entries; len(void) != 2 || void[0].Points != -1600 || void[1].Points != 0 || void[1].Quantity != 0 {
		t.Errorf("voids %+v", void)
	}
	if f.rule(ClearIt, "b").Appended || f.total() != 0 {
		t.Error("what was voided came back")
	}
	back, err := f.void("b")
	if err != nil || back.Appended || back.Entry.By != "lena" {
		t.Errorf("the person's void of what a lead voided: %+v, %v", back, err)
	}
}

// The person may take back what is held; that is worth nothing, and final.
func TestVoidOfWhatIsHeld(t *testing.T) {
	f := setUp(t)
	f.record(f.act("a", "door", 10), f.act("b", "door", 10))
	f.rule(HoldIt, "a", "b")
	f.rule(ClearIt, "b")
	a, err := f.void("a")
	if err != nil || a.Entry.Points != 0 || a.Entry.Quantity != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	b, err := f.void("b")
	if err != nil || b.Entry.Points != -200 {
		t.Errorf("%+v, %v", b, err)
	}
	if f.rule(ClearIt, "a", "b").Appended || f.rule(VoidIt, "a").Appended {
		t.Error("something followed a void")
	}
}

// What the state has forgotten is still ruled on by what the whole ledger says.
func TestRulingsOnForgottenDays(t *testing.T) {
	f := setUp(t)
	f.record(f.act("first", "door", 100))
	f.clock.Advance(7 * 24 * time.Hour)
	f.record(f.act("second", "door", 1))
	f.clock.Advance(35 * 24 * time.Hour)
	r := f.record(f.act("third", "door", 1))
	if days := r.Posting.State.Days; len(days) != 1 {
		t.Fatalf("nothing is forgotten: %+v", days)
	}
	f.record(f.act("fourth", "door", 1))
	held := f.rule(HoldIt, "first")
	if e := held.Entries[0]; e.Points != -1800 || e.Season != "" {
		t.Errorf("%+v", e)
	}
	if len(held.Posting.State.Days) != 1 {
		t.Errorf("it remembers %+v", held.Posting.State.Days)
	}
	// The two weeks in a row were these two.
	if got := held.Posting.State.Settled; got != (Streak{Weeks: 1, Last: "2026-w48"}) {
		t.Errorf("settled %+v", got)
	}
	f.rule(ClearIt, "first")
	last, err := f.Last(t.Context(), testCampaign, f.member.Account)
	if err != nil || last.State.Settled != (Streak{Weeks: 2, Last: "2026-w48"}) || last.State.Total() != 1860 {
		t.Errorf("%+v, %v", last.State, err)
	}
	f.record(f.act("fifth", "door", 1))
}

// A closed season keeps what it held when it closed.
func TestRulingsAfterTheSeasonClosed(t *testing.T) {
	f := setUp(t)
	f.record(f.act("a", "door", 5), f.act("b", "door", 5))
	f.rule(HoldIt, "a")
	f.clock.Advance(calendar.Of(wednesday).Closes.Sub(wednesday))
	for v, id := range map[Verdict]string{ClearIt: "a", HoldIt: "b"} {
		if e := f.rule(v, id).Entries[0]; e.Season != "" || e.Points == 0 {
			t.Errorf("%+v counts in a closed season", e)
		}
	}
}

// Standings follow from entries and from the time.
func TestStandings(t *testing.T) {
	f := setUp(t)
	f.record(f.act("a", "door", 1), f.act("b", "door", 1), f.act("c", "door", 1), f.act("d", "door", 1), f.act("e", "door", 1))
	f.rule(HoldIt, "b", "c", "d")
	f.rule(ClearIt, "c")
	f.rule(VoidIt, "d")
	if _, err := f.void("e"); err != nil {
		t.Fatal(err)
	}
	want := map[string]Standing{"a": Provisional, "b": Quarantined, "c": Counted, "d": Voided, "e": Voided}
	if diff := cmp.Diff(want, f.standings()); diff != "" {
		t.Error(diff)
	}
	f.clock.Advance(Settling - time.Millisecond)
	if diff := cmp.Diff(want, f.standings()); diff != "" {
		t.Error(diff)
	}
	f.clock.Advance(time.Millisecond)
	want["a"] = Counted
	if diff := cmp.Diff(want, f.standings()); diff != "" {
		t.Error(diff)
	}
	found, err := f.Find(t.Context(), testCampaign, "anna", "c")
	if err != nil || found.Standing != Counted || len(found.Said) != 2 || found.Said[0].Reason != "reviewed" {
		t.Errorf("%+v, %v", found, err)
	}
	_, err = f.Find(t.Context(), testCampaign, "bruno", "c")
	wantCode(t, err, "action_unknown")
	// Every page says it of its own actions, though the entry about one may be on
	// another.
	page, err := f.History(t.Context(), testCampaign, "anna", "", 5)
	if err != nil || page.Next == "" {
		t.Fatal(page, err)
	}
	if page, err = f.History(t.Context(), testCampaign, "anna", page.Next, 5); err != nil || page.Entries[4].ID != "b" || page.Entries[4].Standing != Quarantined || page.Entries[1].Standing != Voided {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestRulingsRefuse(t *testing.T) {
	f := setUp(t)
	f.record(f.act("a", "door", 1))
	good := Ruling{Verdict: HoldIt, Actions: []string{"a"}, By: Checks, Reason: "speed"}
	for name, change := range map[string]func(*Ruling){
		"batch_size":        func(r *Ruling) { r.Actions = nil },
		"action_unknown":    func(r *Ruling) { r.Actions = []string{"a", "b"} },
		"ruling_incomplete": func(r *Ruling) { r.Reason = "Anna was at the beach" },
	} {
		r := good
		change(&r)
		if _, err := f.Rule(t.Context(), testCampaign, f.member, r); errs.CodeOf(err) != name {
			t.Errorf("%+v: %v, want %s", r, err, name)
		}
	}
	r := good
	r.Actions = []string{"a/hold"}
	if _, err := f.Rule(t.Context(), testCampaign, f.member, r); errs.CodeOf(err) != "action_unknown" {
		t.Errorf("a ruling on a ruling: %v", err)
	}
	if _, err := f.Rule(t.Context(), testCampaign, Member{Account: "nobody"}, good); errs.CodeOf(err) != "action_unknown" {
		t.Errorf("of nobody: %v", err)
	}
	if len(f.postings()) != 1 {
		t.Error("a refusal wrote")
	}
}

// A roll-back of more than a posting holds goes on where it stopped.
func TestRollBackGoesOn(t *testing.T) {
	f := setUp(t)
	for i := range 5 {
		var batch []Action
		for k := range 100 {
			a := f.act(fmt.Sprintf("a%d-%d", i, k), "call", 1)
			a.OccurredAt = a.OccurredAt.Add(-time.Duration(i) * time.Hour)
			batch = append(batch, a)
		}
		f.record(batch...)
	}
	f.rule(HoldIt, "a1-0")
	window := RollBack{From: wednesday.Add(-3 * time.Hour), To: wednesday, By: "lena", Reason: "roll_back"}
	plan, err := f.TryRollBack(t.Context(), testCampaign, f.member, window)
	if err != nil || plan.Actions != 300 || plan.Points >= 0 {
		t.Fatalf("%+v, %v", plan, err)
	}
	// It ended after its first posting.
	first := f.rule(VoidIt, ids("a1", 100, "a2", 100)...)
	if len(first.Entries) != 200 {
		t.Fatalf("%d entries", len(first.Entries))
	}
	done, err := f.RollBack(t.Context(), testCampaign, f.member, window)
	if err != nil || done.Actions != 100 || len(done.Postings) != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	f.verify()
	if again, err := f.RollBack(t.Context(), testCampaign, f.member, window); err != nil || again.Actions != 0 || again.Postings != nil {
		t.Errorf("%+v, %v", again, err)
	}
	if left := f.total(); left != 120*3+80*3/2 {
		t.Errorf("%d points are left of 200 calls", left)
	}
	if plan, err := f.TryRollBack(t.Context(), testCampaign, Member{Account: "nobody"}, window); err != nil || plan.Actions != 0 {
		t.Errorf("%+v, %v", plan, err)
	}
}

func ids(parts ...any) []string {
	var out []string
	for i := 0; i < len(parts); i += 2 {
		for k := range parts[i+1].(int) {
			out = append(out, fmt.Sprintf("%s-%d", parts[i], k))
		}
	}
	return out
}
