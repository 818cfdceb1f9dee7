package points

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// world is one person's life on two processes: what was sent, and what was
// answered first.
type world struct {
	engine   store.Engine
	clocks   [2]*clock.Manual
	services [2]*Service
	member   Member
	first    map[string]Answer // of every id that was ever recorded
	voids    map[string]Entry  // the person's own
	rulings  map[string]Entry  // by id
	refused  []string
	hidden   bool
	made     int
}

// TestRandomHistories lets two processes write one ledger through batches,
// repeats, voids, holds, clears, roll-backs, late actions, seasons that end, clocks that differ and step
// back, transfers, journeys, restarts and races, and holds after every step:
// the stored states are what the raw actions come to; each id is recorded once
// and always gets the answer it got first.
func TestRandomHistories(t *testing.T) {
	engine := openStore(t)
	people := 0
	rapid.Check(t, func(t *rapid.T) {
		people++
		w := &world{engine: engine, member: genova, first: map[string]Answer{}, voids: map[string]Entry{}, rulings: map[string]Entry{}}
		w.member.Account = fmt.Sprintf("p%06d", people)
		for i := range w.services {
			w.clocks[i] = clock.NewManual(wednesday)
			w.services[i] = newService(engine, w.clocks[i])
		}
		t.Repeat(map[string]func(*rapid.T){
			"record":   w.record,
			"again":    w.record,
			"race":     w.race,
			"void":     w.void,
			"rule":     w.rule,
			"rules":    w.raceRulings,
			"rollback": w.rollBack,
			"time":     w.passTime,
			"season":   w.nearSeasonEdge,
			"skew":     w.skew,
			"transfer": w.transfer,
			"journey":  w.journey,
			"hide":     w.hide,
			"pause":    w.pause,
			"restart":  w.restart,
			"":         w.check,
		})
	})
}

func (w *world) node(t *rapid.T) int { return rapid.IntRange(0, 1).Draw(t, "node") }

// batch draws actions: new ones, repeats of recorded and of refused ones, good
// and bad.
func (w *world) batch(t *rapid.T, now time.Time) Batch {
	off := time.Duration(rapid.SampledFrom([]int{0, 0, 0, 95, -260_000, 26_000_000}).Draw(t, "clock error")) * time.Second
	b := Batch{SentAt: now.Add(off)}
	known := w.ids()
	for range rapid.IntRange(1, 6).Draw(t, "size") {
		w.made++
		a := Action{
			ID:       fmt.Sprintf("a%d", w.made),
			Kind:     rapid.SampledFrom([]string{"door", "door", "call", "text", "share", "event_attended", "signup_recruited", "dance"}).Draw(t, "kind"),
			Quantity: rapid.SampledFrom([]int64{1, 1, 3, 40, 90, 100, 200, 0}).Draw(t, "quantity"),
		}
		if a.Kind == "event_attended" {
			a.Quantity = min(a.Quantity, 1)
		}
		switch rapid.IntRange(0, 5).Draw(t, "id") {
		case 0:
			if len(known) > 0 {
				a.ID = rapid.SampledFrom(known).Draw(t, "known")
			}
		case 1:
			if len(w.refused) > 0 {
				a.ID = rapid.SampledFrom(w.refused).Draw(t, "refused")
			}
		}
		minutes := rapid.OneOf(rapid.IntRange(-6, 60), rapid.IntRange(0, 3*24*60), rapid.IntRange(0, 15*24*60)).Draw(t, "minutes ago")
		a.OccurredAt = b.SentAt.Add(-time.Duration(minutes) * time.Minute)
		b.Actions = append(b.Actions, a)
		if rapid.IntRange(0, 9).Draw(t, "twice") == 0 {
			b.Actions = append(b.Actions, a)
		}
	}
	return b
}

func (w *world) ids() []string {
	ids := make([]string, 0, len(w.first))
	for id := range w.first {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (w *world) record(t *rapid.T) {
	i := w.node(t)
	b := w.batch(t, w.clocks[i].Now())
	r, err := w.services[i].Record(t.Context(), testCampaign, w.member, b)
	if err != nil {
		t.Fatal(err)
	}
	w.note(t, []Batch{b}, []Result{r})
	recorded := 0
	for _, a := range r.Actions {
		if a.Status == Recorded {
			recorded++
		}
	}
	if r.Appended != (recorded > 0) || r.Appended && len(r.Posting.Actions) != recorded {
		t.Fatalf("%d recorded, appended %v: %+v", recorded, r.Appended, r.Posting)
	}
}

// note holds the answers to batches that were under way at the same time
// against those given before, and remembers what was recorded.
func (w *world) note(t *rapid.T, batches []Batch, results []Result) {
	before := maps.Clone(w.first)
	each := func(do func(Answer)) {
		for _, r := range results {
			for _, a := range r.Actions {
				do(a)
			}
		}
	}
	for i, r := range results {
		for j, a := range r.Actions {
			if len(r.Actions) != len(batches[i].Actions) || a.ID != batches[i].Actions[j].ID {
				t.Fatalf("%d answers to %d actions", len(r.Actions), len(batches[i].Actions))
			}
		}
	}
	each(func(a Answer) {
		if a.Status == Recorded {
			if _, again := w.first[a.ID]; again {
				t.Fatalf("%s is recorded again", a.ID)
			}
			w.first[a.ID] = a
		}
	})
	each(func(a Answer) {
		switch a.Status {
		case Duplicate:
			if first, known := w.first[a.ID]; !known || *a.First != first {
				t.Fatalf("%s is answered %+v; first it was %+v", a.ID, a.First, first)
			}
		case Rejected:
			// What the other process recorded meanwhile may be refused here.
			if _, known := before[a.ID]; known {
				t.Fatalf("%s is refused (%s) and was recorded", a.ID, a.Reason)
			}
			w.refused = append(w.refused, a.ID)
		}
	})
}

// race sends two batches with ids in common to the two processes at once.
func (w *world) race(t *rapid.T) {
	var batches [2]Batch
	for i := range batches {
		batches[i] = w.batch(t, w.clocks[i].Now())
	}
	batches[1].Actions = append(batches[1].Actions, batches[0].Actions[0])
	var (
		results [2]Result
		failed  [2]error
		wait    sync.WaitGroup
	)
	for i := range batches {
		wait.Go(func() {
			results[i], failed[i] = w.services[i].Record(t.Context(), testCampaign, w.member, batches[i])
		})
	}
	wait.Wait()
	for _, err := range failed {
		if err != nil {
			t.Fatal(err)
		}
	}
	w.note(t, batches[:], results[:])
}

func (w *world) void(t *rapid.T) {
	i := w.node(t)
	id := "never"
	if known := w.ids(); len(known) > 0 {
		id = rapid.SampledFrom(known).Draw(t, "id")
	}
	v, err := w.services[i].Void(t.Context(), testCampaign, w.member, id)
	first, done := w.voids[id]
	if ruled, ok := w.rulings[ruledID(id, VoidIt)]; ok {
		first, done = ruled, true
	}
	switch {
	case done && (err != nil || v.Entry != first || v.Appended):
		t.Fatalf("the second void of %s answers %+v, %v; first %+v", id, v, err, first)
	case done:
	case err == nil:
		w.voids[id] = v.Entry
	case errs.CodeOf(err) == "action_unknown" && id == "never":
	case errs.CodeOf(err) == "void_too_late":
	default:
		t.Fatal(err)
	}
}

// draw draws a ruling on some of what was recorded; nil where nothing was.
func (w *world) draw(t *rapid.T) *Ruling {
	known := w.ids()
	if len(known) == 0 {
		return nil
	}
	r := &Ruling{
		Verdict: rapid.SampledFrom([]Verdict{HoldIt, HoldIt, ClearIt, VoidIt}).Draw(t, "verdict"),
		Actions: rapid.SliceOfN(rapid.SampledFrom(known), 1, 5).Draw(t, "actions"),
		By:      Checks, Reason: "speed,reviewed",
	}
	return r
}

// said says what has been said of an action so far.
func (w *world) said(id string, v Verdict) bool {
	_, ruled := w.rulings[ruledID(id, v)]
	_, own := w.voids[id]
	return ruled || own && v == VoidIt
}

// noteRulings holds the entries of a ruling against what could be said.
func (w *world) noteRulings(t *rapid.T, entries []Entry) {
	for _, e := range entries {
		held := w.said(e.Of, HoldIt) && !w.said(e.Of, ClearIt)
		v := e.Verdict()
		if w.said(e.Of, v) || w.said(e.Of, VoidIt) || v == ClearIt && !held || (e.Quantity == 0) != (v == VoidIt && held) || v == VoidIt && held && e.Points != 0 {
			t.Fatalf("%+v after %v", e, w.rulings)
		}
		w.rulings[e.ID] = e
	}
}

func (w *world) rule(t *rapid.T) {
	r := w.draw(t)
	if r == nil {
		return
	}
	member := w.member
	if rapid.Bool().Draw(t, "gone") {
		member = Member{Account: w.member.Account}
	}
	may := 0
	for _, id := range slices.Compact(slices.Sorted(slices.Values(r.Actions))) {
		held := w.said(id, HoldIt) && !w.said(id, ClearIt)
		if !w.said(id, r.Verdict) && !w.said(id, VoidIt) && (r.Verdict != ClearIt || held) {
			may++
		}
	}
	done, err := w.services[w.node(t)].Rule(t.Context(), testCampaign, member, *r)
	if err != nil || len(done.Entries) != may || done.Appended != (may > 0) {
		t.Fatalf("%d of %+v entered, want %d: %v", len(done.Entries), r, may, err)
	}
	w.noteRulings(t, done.Entries)
	again, err := w.services[w.node(t)].Rule(t.Context(), testCampaign, member, *r)
	if err != nil || again.Appended {
		t.Fatalf("a ruling was entered twice: %+v, %v", again, err)
	}
}

// raceRulings has a ruling meet a batch on the other process.
func (w *world) raceRulings(t *rapid.T) {
	r := w.draw(t)
	if r == nil {
		return
	}
	i := w.node(t)
	b := w.batch(t, w.clocks[i].Now())
	var (
		wait            sync.WaitGroup
		ruled           Ruled
		recorded        Result
		failed, failed2 error
	)
	wait.Go(func() { ruled, failed = w.services[1-i].Rule(t.Context(), testCampaign, w.member, *r) })
	wait.Go(func() { recorded, failed2 = w.services[i].Record(t.Context(), testCampaign, w.member, b) })
	wait.Wait()
	if failed != nil || failed2 != nil {
		t.Fatal(failed, failed2)
	}
	w.note(t, []Batch{b}, []Result{recorded})
	w.noteRulings(t, ruled.Entries)
}

func (w *world) rollBack(t *rapid.T) {
	if len(w.first) == 0 {
		return
	}
	now := w.clocks[0].Now()
	to := now.Add(-time.Duration(rapid.IntRange(-1, 30*24).Draw(t, "to")) * time.Hour)
	r := RollBack{From: to.Add(-time.Duration(rapid.IntRange(1, 5*24).Draw(t, "hours")) * time.Hour), To: to, By: "lena", Reason: "roll_back"}
	s := w.services[w.node(t)]
	planned, err := s.TryRollBack(t.Context(), testCampaign, w.member, r)
	if err != nil {
		t.Fatal(err)
	}
	done, err := s.RollBack(t.Context(), testCampaign, w.member, r)
	if err != nil || done.Actions != planned.Actions || done.Points != planned.Points || len(done.Postings) > 1 {
		t.Fatalf("%+v of %+v: %v", done, planned, err)
	}
	for _, p := range done.Postings {
		for _, e := range p.Actions {
			if e.OccurredAt.Before(r.From) || !e.OccurredAt.Before(r.To) {
				t.Fatalf("%+v is not in the window", e)
			}
		}
		w.noteRulings(t, p.Actions)
	}
	if again, err := s.RollBack(t.Context(), testCampaign, w.member, r); err != nil || again.Actions != 0 {
		t.Fatalf("rolled back twice: %+v, %v", again, err)
	}
}

func (w *world) advance(d time.Duration) {
	for _, c := range w.clocks {
		c.Advance(d)
	}
}

func (w *world) passTime(t *rapid.T) {
	w.advance(time.Duration(rapid.SampledFrom([]int{1, 7, 20, 300, 1500, 5000, 12_000, 40_000}).Draw(t, "minutes")) * time.Minute)
}

// nearSeasonEdge goes to just before or after the next close or start.
func (w *world) nearSeasonEdge(t *rapid.T) {
	now := w.clocks[0].Now()
	edge := calendar.Of(now).End
	if open := calendar.Open(now); len(open) == 2 {
		edge = open[0].Closes
	}
	seconds := rapid.IntRange(-6, 6).Draw(t, "seconds")
	if to := edge.Add(time.Duration(seconds) * time.Second); to.After(now) {
		w.advance(to.Sub(now))
	}
}

// skew sets one clock up to five seconds off the other, either way.
func (w *world) skew(t *rapid.T) {
	want := time.Duration(rapid.IntRange(-5000, 5000).Draw(t, "ms")) * time.Millisecond
	w.clocks[1].Advance(w.clocks[0].Now().Add(want).Sub(w.clocks[1].Now()))
}

func (w *world) transfer(t *rapid.T) {
	n := rapid.SampledFrom([]string{"ge", "sv", "im"}).Draw(t, "team")
	w.member.Team, w.member.Region = "team-"+n, "it.liguria."+n
	if rapid.Bool().Draw(t, "moved within the team") {
		w.member.Region += ".hills"
	}
}

func (w *world) journey(t *rapid.T) {
	w.member.TimeZone = rapid.SampledFrom([]string{"", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York"}).Draw(t, "zone")
}

func (w *world) hide(t *rapid.T) {
	w.hidden = rapid.Bool().Draw(t, "hidden")
	p, err := w.services[w.node(t)].Hide(t.Context(), testCampaign, w.member, w.hidden)
	if err != nil || (p == nil && w.hidden) || (p != nil && p.State.Hidden != w.hidden) {
		t.Fatalf("hidden %v: %+v, %v", w.hidden, p, err)
	}
}

func (w *world) pause(t *rapid.T) {
	i := w.node(t)
	if rapid.IntRange(0, 3).Draw(t, "end") == 0 {
		if _, err := w.services[i].EndPause(t.Context(), testCampaign, w.member); err != nil {
			t.Fatal(err)
		}
		return
	}
	from := w.clocks[i].Now().AddDate(0, 0, rapid.IntRange(-1, 20).Draw(t, "from"))
	p := Pause{From: from.Format(time.DateOnly), To: from.AddDate(0, 0, rapid.IntRange(0, 56).Draw(t, "days")).Format(time.DateOnly)}
	if _, err := w.services[i].Pause(t.Context(), testCampaign, w.member, p); err != nil && errs.CodeOf(err) != "pause_invalid" {
		t.Fatal(err)
	}
}

func (w *world) restart(t *rapid.T) {
	i := w.node(t)
	w.services[i] = newService(w.engine, w.clocks[i])
}

func (w *world) check(t *rapid.T) {
	var all []*Posting
	mine := store.Query{Index: "account", Equal: []any{w.member.Account}}
	for p, err := range w.services[0].postings.Scan(t.Context(), testCampaign, mine) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	// A step writes at most two postings; those before were held already.
	if err := verify(all, len(all)-2); err != nil {
		t.Fatal(err)
	}
	entries := 0
	for _, p := range all {
		for _, e := range p.Actions {
			entries++
			if e.By != "" {
				if w.rulings[e.ID] != e {
					t.Fatalf("ruling %+v was answered %+v", e, w.rulings[e.ID])
				}
			} else if e.Of != "" {
				if w.voids[e.Of] != e {
					t.Fatalf("void %+v was answered %+v", e, w.voids[e.Of])
				}
			} else if w.first[e.ID].Points != e.Points {
				t.Fatalf("%+v was answered %+v", e, w.first[e.ID])
			}
			if e.Season != "" && !calendar.IsOpen(e.Season, p.RecordedAt) {
				t.Fatalf("%+v counts in a season closed at %v", e, p.RecordedAt)
			}
		}
	}
	if entries != len(w.first)+len(w.voids)+len(w.rulings) {
		t.Fatalf("%d entries, %d recorded, %d voids, %d rulings", entries, len(w.first), len(w.voids), len(w.rulings))
	}
	if len(all) > 0 && all[len(all)-1].State.Hidden != w.hidden {
		t.Fatalf("hidden is %v", !w.hidden)
	}
}

// The same actions in any order and in any batches come to the same.
func TestOrderAndBatchesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{member: genova}
		actions := w.batch(t, wednesday).Actions
		for range 4 {
			actions = append(actions, w.batch(t, wednesday).Actions...)
		}
		terms := terms{calendar: calendar, zone: rome, member: genova}
		run := func(actions []Action, size int) State {
			var last *Posting
			known := map[string]*Answer{}
			for batch := range slices.Chunk(actions, size) {
				d := begin(terms, last, wednesday)
				for _, a := range d.record(batch, 0, known) {
					if a.Status == Recorded {
						known[a.ID] = &a
					}
				}
				last = d.finish()
			}
			return last.State
		}
		want := run(actions, len(actions))
		got := run(rapid.Permutation(actions).Draw(t, "order"), rapid.IntRange(1, 7).Draw(t, "batch"))
		if !slices.Equal(want.AllTime, got.AllTime) || !slices.Equal(want.Seasons, got.Seasons) || !slices.Equal(want.Days, got.Days) || want.Streak != got.Streak || want.Best != got.Best {
			t.Fatalf("%+v\n%+v", want, got)
		}
	})
}
