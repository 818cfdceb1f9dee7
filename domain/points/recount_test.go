package points

import (
	"strings"
	"testing"
	"time"
)

// Recount finds what was changed in a ledger behind the package's back.
func TestRecountFindsWhatWasChanged(t *testing.T) {
	tests := []struct {
		name   string
		change func(ps []*Posting) []*Posting
		want   string // in the error; "" where nothing differs
	}{
		{"nothing", func(ps []*Posting) []*Posting { return ps }, ""},
		{"stored points are not what it reads", func(ps []*Posting) []*Posting { ps[0].Actions[0].Points = 7; return ps }, ""},
		{"the state's points", func(ps []*Posting) []*Posting { ps[3].State.AllTime[0].Points++; return ps }, "all-time shares"},
		{"the state's season", func(ps []*Posting) []*Posting { ps[3].State.Seasons[0].Points--; return ps }, "season 2026-w47"},
		{"the state's team", func(ps []*Posting) []*Posting { ps[3].State.Seasons[0].Team = "team-x"; return ps }, "season 2026-w47"},
		{"the state's streak", func(ps []*Posting) []*Posting { ps[3].State.Streak.Weeks = 52; return ps }, "streak"},
		{"the state's grace", func(ps []*Posting) []*Posting { ps[3].State.Streak.Grace = 2; return ps }, "streak"},
		{"the state's best day", func(ps []*Posting) []*Posting { ps[3].State.Best.DayPoints++; return ps }, "personal best"},
		{"the state's best week", func(ps []*Posting) []*Posting { ps[3].State.Best.Week = "2026-w01"; return ps }, "personal best"},
		{"a pause of days gone by", func(ps []*Posting) []*Posting {
			ps[3].Pause = &PauseEntry{Since: "2026-11-18", Pause: Pause{From: "2026-11-02", To: "2026-11-20"}}
			return ps
		}, "a pause of 2026-11-18 begins"},
		{"a pause that was said before it was", func(ps []*Posting) []*Posting {
			ps[3].Pause = &PauseEntry{Since: "2026-11-02", Pause: Pause{From: "2026-11-02", To: "2026-11-20"}}
			return ps
		}, "a pause of 2026-11-02 begins"},
		{"a quantity", func(ps []*Posting) []*Posting { ps[0].Actions[0].Quantity = 79; return ps }, "is not the whole of what it is about"},
		{"another quantity", func(ps []*Posting) []*Posting { ps[1].Actions[0].Quantity = 19; return ps }, "all-time shares"},
		{"a day", func(ps []*Posting) []*Posting { ps[0].Actions[0].Day = "2026-11-17"; return ps }, "is not the whole of what it is about"},
		{"a quantity of nothing", func(ps []*Posting) []*Posting { ps[1].Actions[0].Quantity = 0; return ps }, "has quantity 0"},
		{"a posting left out", func(ps []*Posting) []*Posting { return append(ps[:1], ps[2:]...) }, "number 3 where 2 is due"},
		{"the first left out", func(ps []*Posting) []*Posting { return ps[1:] }, "number 2 where 1 is due"},
		{"an id twice", func(ps []*Posting) []*Posting { ps[1].Actions[0].ID = "a"; return ps }, "is there twice"},
		{"time going back", func(ps []*Posting) []*Posting {
			ps[1].RecordedAt = ps[1].RecordedAt.Add(-time.Hour)
			return ps
		}, "before the one ahead"},
		{"another rule set", func(ps []*Posting) []*Posting { ps[2].Rules = "v0"; return ps }, `rule set "v0"`},
		{"a void of nothing", func(ps []*Posting) []*Posting { ps[2].Actions[0].Of = "z"; return ps }, "cannot be said"},
		{"a void under another id", func(ps []*Posting) []*Posting { ps[2].Actions[0].ID = "z"; return ps }, "cannot be said"},
		{"a second void", func(ps []*Posting) []*Posting {
			again := ps[2].Actions[0]
			again.ID = "a/void/void"
			ps[3].Actions = append(ps[3].Actions, again)
			return ps
		}, "cannot be said"},
		{"a kind there never was", func(ps []*Posting) []*Posting { ps[1].Actions[0].Kind = "dance"; return ps }, "all-time shares"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := setUp(t)
			f.record(f.act("a", "door", 80))
			f.record(f.act("b", "door", 20))
			if _, err := f.void("a"); err != nil {
				t.Fatal(err)
			}
			f.record(f.act("c", "call", 3))
			ps := tt.change(f.postings())
			count, err := Recount(nil, calendar, ps)
			if err == nil {
				err = count.Agrees(&ps[len(ps)-1].State)
			}
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if tt.want == "" && (count.Total() != 409 || count.Actions != 3 || count.N != 4 || count.Season("2026-w47").Points != 409 || count.Season("2026-w46") != nil) {
				t.Errorf("%+v", count)
			}
		})
	}
}

// Recount knows by itself what may be said of an action, and after what.
func TestRecountFindsRulingsThatCannotBe(t *testing.T) {
	tests := []struct {
		name   string
		change func(ps []*Posting)
		want   string
	}{
		{"nothing", func([]*Posting) {}, ""},
		{"a clear of what was never held", func(ps []*Posting) { ps[2].Actions[0].ID, ps[2].Actions[0].Of = "b/clear", "b" }, "cannot be said"},
		{"a second hold", func(ps []*Posting) { ps[4].Actions[0].ID, ps[4].Actions[0].Of = "a/hold", "a" }, "is there twice"},
		{"a verdict there is not", func(ps []*Posting) { ps[4].Actions[0].ID = "b/shame" }, "cannot be said"},
		{"a hold of half", func(ps []*Posting) { ps[1].Actions[0].Quantity = -40 }, "is not the whole"},
		{"a clear of more", func(ps []*Posting) { ps[2].Actions[0].Quantity = 81 }, "is not the whole"},
		{"a void that takes off what is held", func(ps []*Posting) { ps[4].Actions[0].Quantity = -20 }, "is not the whole"},
		{"a clear of what is void", func(ps []*Posting) {
			again := ps[2].Actions[0]
			again.ID, again.Of, again.Quantity = "b/clear", "b", 20
			ps[4].Actions = append(ps[4].Actions, again)
		}, "cannot be said"},
		{"a hold that is not there", func(ps []*Posting) { ps[3].Actions = nil }, "is not the whole"},
		{"points of a hold are not what it reads", func(ps []*Posting) { ps[1].Actions[0].Points = 0 }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := setUp(t)
			f.record(f.act("a", "door", 80), f.act("b", "door", 20))
			f.rule(HoldIt, "a")
			f.rule(ClearIt, "a")
			f.rule(HoldIt, "b")
			f.rule(VoidIt, "b")
			ps := f.postings()
			tt.change(ps)
			count, err := Recount(nil, calendar, ps)
			if err == nil {
				err = count.Agrees(&ps[len(ps)-1].State)
			}
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
