package points

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/internal/errs"
)

func (f *fixture) void(id string) (TakenBack, error) {
	f.t.Helper()
	v, err := f.Void(f.t.Context(), testCampaign, f.member, id)
	f.verify()
	return v, err
}

func TestJoinIsMadeOnce(t *testing.T) {
	f := setUp(t)
	f.member.Hidden = true
	first, err := f.Join(t.Context(), testCampaign, f.member)
	if err != nil {
		t.Fatal(err)
	}
	home := genova.home()
	want := State{JoinedAt: wednesday, Hidden: true, Home: home, AllTime: []Share{{Home: home}},
		Seasons: []SeasonShare{{Season: "2026-w47", Share: Share{Home: home}}}, Days: []DayQuantity{}}
	if diff := cmp.Diff(want, first.State); diff != "" {
		t.Error(diff)
	}
	f.clock.Advance(time.Hour)
	again, err := f.Join(t.Context(), testCampaign, f.member)
	if err != nil || again.N != 1 || len(f.postings()) != 1 {
		t.Errorf("a second join: %+v, %v", again, err)
	}
	f.verify()
}

func TestHideMakesAPostingWhenItChanges(t *testing.T) {
	f := setUp(t)
	other := newService(f.engine, f.clock)
	hide := func(s *Service, hidden bool, wantN int64) {
		t.Helper()
		p, err := s.Hide(t.Context(), testCampaign, f.member, hidden)
		switch {
		case err != nil:
			t.Fatal(err)
		case wantN == 0 && p != nil:
			t.Errorf("a posting of nothing: %+v", p)
		case wantN > 0 && (p.N != wantN || p.State.Hidden != hidden):
			t.Errorf("posting %d says hidden %v; want %d, %v", p.N, p.State.Hidden, wantN, hidden)
		}
	}
	hide(f.Service, false, 0)
	hide(f.Service, true, 1)
	hide(f.Service, true, 1)
	hide(other, false, 2)
	// This one still remembers posting 1, in which nothing would change.
	hide(f.Service, true, 3)
	// A stale copy of the person shows nobody.
	f.member.Hidden = false
	if r := f.record(f.act("a", "door", 1)); !r.Posting.State.Hidden {
		t.Error("an action showed a hidden person")
	}
	f.verify()
}

func TestVoidTakesBack(t *testing.T) {
	f := setUp(t)
	f.record(f.act("a", "door", 80), f.act("b", "door", 20), f.act("c", "share", 3))
	f.clock.Advance(VoidWindow)
	v, err := f.void("a")
	if err != nil {
		t.Fatal(err)
	}
	// 80 full and 20 half become 20 full.
	want := Entry{ID: "a/void", Of: "a", Kind: "door", Quantity: -80, OccurredAt: wednesday, Day: "2026-11-18", Minute: 13 * 60, Season: "2026-w47", Points: -1400}
	if diff := cmp.Diff(want, v.Entry); diff != "" || !v.Appended {
		t.Errorf("appended %v: %s", v.Appended, diff)
	}
	if got := v.Posting.State; got.Total() != 400 || got.Season("2026-w47").Points != 400 {
		t.Errorf("state %+v", got)
	}
	f.clock.Advance(24 * time.Hour)
	again, err := f.void("a")
	if err != nil || again.Appended || !cmp.Equal(want, again.Entry) || again.Posting.N != 2 {
		t.Errorf("the second void answers %+v, %v", again, err)
	}
}

func TestVoidRefuses(t *testing.T) {
	f := setUp(t)
	f.record(f.act("a", "door", 1), f.act("b", "door", 1))
	if _, err := f.void("a"); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(VoidWindow + time.Millisecond)
	tests := []struct {
		id, code string
		kind     errs.Kind
	}{
		{"b", "void_too_late", errs.Conflict},
		{"never", "action_unknown", errs.NotFound},
		{"", "action_unknown", errs.NotFound},
		{"a/void", "void_final", errs.Conflict},
		{"a/void/void", "action_unknown", errs.NotFound},
		{"b/void", "action_unknown", errs.NotFound},
	}
	for _, tt := range tests {
		if _, err := f.void(tt.id); errs.CodeOf(err) != tt.code || errs.KindOf(err) != tt.kind {
			t.Errorf("void of %q: %v, want %s", tt.id, err, tt.code)
		}
	}
	f.member.Account = "bruno"
	if _, err := f.void("b"); errs.CodeOf(err) != "action_unknown" {
		t.Errorf("somebody else's action: %v", err)
	}
}

func TestVoidAfterTheSeasonClosedIsAllTimeOnly(t *testing.T) {
	f := setUp(t)
	w47 := calendar.Of(wednesday)
	f.clock.Advance(w47.Closes.Sub(wednesday) - time.Minute)
	late := f.act("a", "door", 5)
	late.OccurredAt = wednesday
	if r := f.record(late); r.Posting.Actions[0].Season != "2026-w47" {
		t.Fatalf("%+v", r.Posting.Actions)
	}
	f.member.Team, f.member.Region = "team-sv", "it.liguria.sv.savona"
	f.clock.Advance(2 * time.Minute)
	v, err := f.void("a")
	if err != nil {
		t.Fatal(err)
	}
	if v.Entry.Season != "" || v.Entry.Points != -100 {
		t.Errorf("the void counts in a closed season: %+v", v.Entry)
	}
	if diff := cmp.Diff([]Share{{Home: genova.home()}}, v.Posting.State.AllTime); diff != "" {
		t.Error(diff)
	}
}

func TestMembersMustBeWhole(t *testing.T) {
	f := setUp(t)
	for _, m := range []Member{{}, {Account: "a/b", Team: "t", Region: "r"}, {Account: "a", Region: "r"}, {Account: "a", Team: "t"}} {
		if _, err := f.Join(t.Context(), testCampaign, m); errs.KindOf(err) != errs.Internal || errs.CodeOf(err) != "member_incomplete" {
			t.Errorf("%+v: %v", m, err)
		}
	}
}
