package points

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/internal/errs"
)

func recorded(id string, points int64) Answer {
	return Answer{ID: id, Status: Recorded, Points: points}
}

func rejected(id string, reason Reason) Answer {
	return Answer{ID: id, Status: Rejected, Reason: reason}
}

func duplicate(id string, points int64) Answer {
	first := recorded(id, points)
	return Answer{ID: id, Status: Duplicate, First: &first}
}

func wantAnswers(t *testing.T, got Result, want ...Answer) {
	t.Helper()
	if diff := cmp.Diff(want, got.Actions); diff != "" {
		t.Fatal(diff)
	}
}

func TestRecordWritesOnePosting(t *testing.T) {
	f := setUp(t)
	a := f.act("a1", "door", 10)
	a.OccurredAt, a.Task = wednesday.Add(-time.Hour), "task-1"
	r := f.record(a, f.act("a2", "call", 4))
	wantAnswers(t, r, recorded("a1", 200), recorded("a2", 12))
	home := Home{Team: "team-ge", Region: "it.liguria.ge.genova"}
	want := &Posting{
		Account: "anna", N: 1, RecordedAt: wednesday, Rules: "v1",
		Actions: []Entry{
			{ID: "a1", Kind: "door", Quantity: 10, OccurredAt: wednesday.Add(-time.Hour), Day: "2026-11-18", Minute: 12 * 60, Season: "2026-w47", Points: 200, Task: "task-1"},
			{ID: "a2", Kind: "call", Quantity: 4, OccurredAt: wednesday, Day: "2026-11-18", Minute: 13 * 60, Season: "2026-w47", Points: 12},
		},
		State: State{
			JoinedAt: wednesday, Home: home,
			AllTime: []Share{{Home: home, Points: 212}},
			Seasons: []SeasonShare{{Season: "2026-w47", Share: Share{Home: home, Points: 212}}},
			Days:    []DayQuantity{{Day: "2026-11-18", Kind: "call", Quantity: 4}, {Day: "2026-11-18", Kind: "door", Quantity: 10}},
			Streak:  Streak{Weeks: 1, Last: "2026-w47"},
			Best:    Best{Day: "2026-11-18", DayPoints: 212, Week: "2026-w47", WeekPoints: 212},
		},
	}
	want.ID, want.Campaign, want.Version = "anna/0000000001", testCampaign, 1
	for name, got := range map[string]*Posting{"answered": r.Posting, "stored": f.postings()[0]} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if !r.Appended {
		t.Error("a new posting is not said to be new")
	}
}

func TestEachActionIsJudgedByItself(t *testing.T) {
	f := setUp(t)
	at := func(id string, offset time.Duration) Action {
		a := f.act(id, "door", 1)
		a.OccurredAt = wednesday.Add(offset)
		return a
	}
	task := f.act("task", "door", 1)
	task.Task = "no task"
	r := f.record(
		f.act("good", "door", 1),
		f.act("", "door", 1), f.act("with space", "door", 1), f.act("a/b", "door", 1), f.act("ü", "door", 1), f.act(strings.Repeat("x", 65), "door", 1),
		f.act("kind", "Door", 1), f.act("none", "door", 0), f.act("minus", "door", -1), f.act("many", "door", 101), task,
		at("oldest", -14*24*time.Hour), at("old", -14*24*time.Hour-time.Millisecond),
		at("soon", 5*time.Minute), at("future", 5*time.Minute+time.Millisecond), Action{ID: "zero", Kind: "door", Quantity: 1},
		f.act(strings.Repeat("~", 64), "share", 50),
	)
	wantAnswers(t, r,
		recorded("good", 20),
		rejected("", BadID), rejected("with space", BadID), rejected("a/b", BadID), rejected("ü", BadID), rejected(strings.Repeat("x", 65), BadID),
		rejected("kind", UnknownKind), rejected("none", BadQuantity), rejected("minus", BadQuantity), rejected("many", BadQuantity), rejected("task", BadTask),
		recorded("oldest", 20), rejected("old", TooOld),
		recorded("soon", 20), rejected("future", InFuture), rejected("zero", TooOld),
		recorded(strings.Repeat("~", 64), 0),
	)
	entries := r.Posting.Actions
	if len(entries) != 4 || !entries[2].OccurredAt.Equal(wednesday) {
		t.Errorf("five minutes ahead is not now: %+v", entries)
	}
	if entries[1].Season != "" || r.Posting.State.Season("2026-w47").Points != 40 || r.Posting.State.Total() != 60 {
		t.Errorf("what came too late for its season is not in all-time alone: %+v", r.Posting.State)
	}
}

func TestNothingRecordedWritesNothing(t *testing.T) {
	f := setUp(t)
	if r := f.record(f.act("a", "dance", 1)); r.Posting != nil || r.Appended {
		t.Errorf("a first batch of nothing answers %+v", r)
	}
	first := f.record(f.act("a", "door", 1)) // the id stayed free
	wantAnswers(t, first, recorded("a", 20))
	r := f.record(f.act("a", "door", 1), f.act("b", "dance", 1))
	wantAnswers(t, r, duplicate("a", 20), rejected("b", UnknownKind))
	if r.Appended || r.Posting.N != 1 || len(f.postings()) != 1 {
		t.Errorf("a batch of nothing new wrote a posting: %+v", r.Posting)
	}
}

func TestSameIDAgainGetsTheFirstAnswer(t *testing.T) {
	f := setUp(t)
	f.record(f.act("a", "door", 80), f.act("b", "door", 1)) // b is above the full tier
	wantAnswers(t, f.record(f.act("a", "door", 80), f.act("c", "door", 1)), duplicate("a", 1600), recorded("c", 10))
	// It says something else now, or nothing acceptable, or is too old by now.
	wantAnswers(t, f.record(f.act("b", "call", 7), f.act("a", "dance", -4)), duplicate("b", 10), duplicate("a", 1600))
	if _, err := f.Void(t.Context(), testCampaign, f.member, "a"); err != nil {
		t.Fatal(err)
	}
	// The void is in the last posting, and its id is nobody's to send.
	wantAnswers(t, f.record(f.act("a/void", "door", 1), f.act("a", "door", 80)), rejected("a/void", BadID), duplicate("a", 1600))
	old := f.act("a", "door", 80)
	f.clock.Advance(20 * 24 * time.Hour)
	wantAnswers(t, f.record(f.act("d", "door", 1), old), recorded("d", 20), duplicate("a", 1600))
	wantAnswers(t, f.record(old, f.act("a/void", "door", 1)), duplicate("a", 1600), rejected("a/void", BadID))
	// By a process that remembers nothing, mixed with what is new.
	f.Service = newService(f.engine, f.clock)
	wantAnswers(t, f.record(f.act("e", "door", 1), f.act("c", "door", 1), f.act("b", "door", 1), f.act("e", "door", 1)),
		recorded("e", 20), duplicate("c", 10), duplicate("b", 10), duplicate("e", 20))
}

func TestSameIDTwiceInABatch(t *testing.T) {
	f := setUp(t)
	r := f.record(f.act("a", "door", 1), f.act("a", "door", 2), f.act("b", "dance", 1), f.act("b", "door", 1), f.act("b", "door", 1))
	// Of two with the same id the first was refused, so it was still free.
	wantAnswers(t, r, recorded("a", 20), duplicate("a", 20), rejected("b", UnknownKind), recorded("b", 20), duplicate("b", 20))
	if len(r.Posting.Actions) != 2 {
		t.Errorf("entries: %+v", r.Posting.Actions)
	}
}

func TestTheSameIDsOfTwoPeopleAreTwoActions(t *testing.T) {
	f := setUp(t)
	f.record(f.act("a", "door", 1))
	f.member.Account = "bruno"
	wantAnswers(t, f.record(f.act("a", "door", 1)), recorded("a", 20))
	r, err := f.Record(t.Context(), "another-campaign", f.member, Batch{SentAt: wednesday, Actions: []Action{f.act("a", "door", 1)}})
	if err != nil {
		t.Fatal(err)
	}
	wantAnswers(t, r, recorded("a", 20))
}

func TestTheFrameOfABatch(t *testing.T) {
	f := setUp(t)
	many := make([]Action, MaxActions+1)
	for i := range many {
		many[i] = f.act(fmt.Sprint("a", i), "door", 1)
	}
	tests := []struct {
		name  string
		batch Batch
		code  string
	}{
		{"empty", Batch{SentAt: wednesday}, "batch_size"},
		{"201 actions", Batch{SentAt: wednesday, Actions: many}, "batch_size"},
		{"no time", Batch{Actions: many[:1]}, "sent_at_invalid"},
		{"no time there is", Batch{SentAt: wednesday.AddDate(101, 0, 0), Actions: many[:1]}, "sent_at_invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := f.Record(t.Context(), testCampaign, f.member, tt.batch)
			if errs.CodeOf(err) != tt.code || errs.KindOf(err) != errs.Invalid {
				t.Errorf("%v, want %s", err, tt.code)
			}
		})
	}
	if len(f.postings()) != 0 {
		t.Error("a refused batch wrote a posting")
	}
	if r := f.record(many[:MaxActions]...); len(r.Posting.Actions) != MaxActions {
		t.Errorf("%d of %d were recorded", len(r.Posting.Actions), MaxActions)
	}
}

func TestThePhonesClockErrorMovesItsActions(t *testing.T) {
	for _, off := range []time.Duration{0, 3 * time.Hour, -26 * time.Hour, 40 * 365 * 24 * time.Hour} {
		f := setUp(t)
		phone := wednesday.Add(off)
		a := Action{ID: "a", Kind: "door", Quantity: 1, OccurredAt: phone.Add(-30 * time.Minute)}
		r, err := f.Record(t.Context(), testCampaign, f.member, Batch{SentAt: phone, Actions: []Action{a}})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Posting.Actions[0].OccurredAt; !got.Equal(wednesday.Add(-30 * time.Minute)) {
			t.Errorf("by a phone %v ahead it happened at %v", off, got)
		}
	}
}

func TestDaysAreThePersons(t *testing.T) {
	f := setUp(t)
	f.clock.Advance(10*time.Hour + 30*time.Minute) // 22:30 in London, 23:30 in Rome, 11:30 the next day in Auckland
	for _, tt := range []struct{ zone, day string }{
		{"", "2026-11-18"}, {"Pacific/Auckland", "2026-11-19"}, {"America/New_York", "2026-11-18"}, {"No/Such", "2026-11-18"}, {"Local", "2026-11-18"},
	} {
		f.member.TimeZone = tt.zone
		r := f.record(f.act("in-"+strings.ReplaceAll(tt.zone, "/", "-"), "door", 80))
		if got := r.Posting.Actions[0].Day; got != tt.day {
			t.Errorf("in %q it is %s, want %s", tt.zone, got, tt.day)
		}
	}
}

func TestOneTeamASeason(t *testing.T) {
	f := setUp(t)
	savona := Home{Team: "team-sv", Region: "it.liguria.sv.savona"}
	f.record(f.act("a", "door", 1))
	f.member.Team, f.member.Region = savona.Team, savona.Region
	r := f.record(f.act("b", "door", 1))
	if got := r.Posting.State.Season("2026-w47"); got.Home != genova.home() || got.Points != 40 {
		t.Errorf("a transfer moved the season: %+v", got)
	}
	f.clock.Advance(5 * 24 * time.Hour) // Monday of w48; w47 is open
	late := f.act("late", "door", 1)
	late.OccurredAt = wednesday
	r = f.record(late, f.act("c", "door", 2))
	want := []SeasonShare{
		{"2026-w47", Share{genova.home(), 60}}, {"2026-w48", Share{savona, 40}},
	}
	if diff := cmp.Diff(want, r.Posting.State.Seasons); diff != "" {
		t.Error(diff)
	}
	f.clock.Advance(48 * time.Hour) // w47 is closed
	late.ID = "later"
	r = f.record(late)
	if diff := cmp.Diff([]Share{{genova.home(), 60}, {savona, 60}}, r.Posting.State.AllTime); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[1:], r.Posting.State.Seasons); diff != "" {
		t.Error(diff)
	}
}

func TestTheStreakSurvivesLateActions(t *testing.T) {
	f := setUp(t)
	f.record(f.act("w47", "door", 1))
	f.clock.Advance(14 * 24 * time.Hour)
	if got := f.record(f.act("w49", "door", 1)).Posting.State.Streak; got != (Streak{Weeks: 1, Last: "2026-w49"}) {
		t.Errorf("over a gap: %+v", got)
	}
	late := f.act("w48", "share", 1)
	late.OccurredAt = f.clock.Now().Add(-7 * 24 * time.Hour)
	if got := f.record(late).Posting.State.Streak; got != (Streak{Weeks: 3, Last: "2026-w49"}) {
		t.Errorf("the gap filled: %+v", got)
	}
	v, err := f.Void(t.Context(), testCampaign, f.member, "w48")
	if err != nil {
		t.Fatal(err)
	}
	f.verify()
	if got := v.Posting.State.Streak; got != (Streak{Weeks: 1, Last: "2026-w49"}) {
		t.Errorf("the gap emptied again: %+v", got)
	}
	f.clock.Advance(70 * 24 * time.Hour)
	r := f.record(f.act("later", "door", 1))
	if r.Posting.State.Settled != (Streak{Weeks: 1, Last: "2026-w49"}) || len(r.Posting.State.Days) != 1 {
		t.Errorf("days that cannot change are kept: %+v", r.Posting.State)
	}
}
