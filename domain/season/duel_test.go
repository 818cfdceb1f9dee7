package season

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestDuels(t *testing.T) {
	rated := func(id string, mean float64, members int64) Entrant {
		return Entrant{ID: id, Members: members, Rating: Rating{Mean: mean, SD: 0.2}}
	}
	tests := []struct {
		name  string
		units []Entrant
		want  []Duel
	}{
		{"nobody", nil, []Duel{}},
		{"alone", []Entrant{{ID: "a"}}, []Duel{}},
		{"those next to each other, the last sits out",
			[]Entrant{rated("e", 0.5, 50), rated("b", 1.3, 60), rated("d", 0.9, 55), rated("a", 1.5, 99), rated("c", 1.1, 70)},
			[]Duel{{ID: "2026-w48:a:b", Left: "a", Right: "b"}, {ID: "2026-w48:c:d", Left: "c", Right: "d"}}},
		{"within their league before all else",
			[]Entrant{rated("big", 1.0, 900), rated("bigger", 0.2, 1000), rated("small", 1.0, 100), rated("smaller", 0.3, 60)},
			[]Duel{{ID: "2026-w48:big:bigger", Left: "big", Right: "bigger"}, {ID: "2026-w48:small:smaller", Left: "small", Right: "smaller"}}},
		{"those left over meet",
			[]Entrant{rated("ge", 0.8, 1640), rated("sv", 1.4, 540), rated("sp", 1.2, 430), rated("im", 1.0, 420)},
			[]Duel{{ID: "2026-w48:sp:sv", Left: "sv", Right: "sp"}, {ID: "2026-w48:ge:im", Left: "im", Right: "ge"}}},
		{"a first season: by members, then name",
			[]Entrant{{ID: "sv", Members: 30}, {ID: "ge", Members: 40}, {ID: "im", Members: 30}, {ID: "sp", Members: 35}},
			[]Duel{{ID: "2026-w48:ge:sp", Left: "ge", Right: "sp"}, {ID: "2026-w48:im:sv", Left: "sv", Right: "im"}}},
		{"those of fewer than five members are not matched",
			[]Entrant{{ID: "ge", Members: 4}, {ID: "im", Members: 0}, {ID: "sp", Members: 900}, {ID: "sv", Members: 5}},
			[]Duel{{ID: "2026-w48:sp:sv", Left: "sp", Right: "sv"}}},
	}
	names := map[string]string{"sv": "A", "im": "B"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Duels("2026-w48", tt.units, names), cmpopts.IgnoreFields(Duel{}, "Odds")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDuelsMatchEverybodyOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 30).Draw(t, "n")
		units, names, leagueOf := make([]Entrant, n), map[string]string{}, map[string]int{}
		for i := range units {
			units[i] = Entrant{ID: fmt.Sprintf("r%02d", i), Members: rapid.Int64Range(0, 40).Draw(t, "members")}
			if rapid.Bool().Draw(t, "rated") {
				units[i].Rating = Rating{Mean: rapid.Float64Range(0, 3).Draw(t, "mean"), SD: 0.3}
			}
			names[units[i].ID] = rapid.StringN(0, 3, -1).Draw(t, "name")
		}
		leagues := Sizes(units)
		for _, l := range leagues {
			for _, id := range l.Divisions[0] {
				leagueOf[id] = l.Number
			}
		}
		duels := Duels("2026-w48", units, names)
		seen, ids, across := map[string]bool{}, map[string]bool{}, 0
		for _, d := range duels {
			if seen[d.Left] || seen[d.Right] || d.Left == d.Right || ids[d.ID] {
				t.Fatalf("%+v is matched twice", d)
			}
			if d.Odds < 0.5 || d.Odds > 1 {
				t.Fatalf("%+v: the left side is the stronger", d)
			}
			seen[d.Left], seen[d.Right], ids[d.ID] = true, true, true
			if leagueOf[d.Left] != leagueOf[d.Right] {
				across++
			}
		}
		if len(duels) != len(leagueOf)/2 {
			t.Fatalf("%d duels of %d units", len(duels), len(leagueOf))
		}
		if odd := len(leagues); across > odd/2 {
			t.Fatalf("%d duels across %d leagues", across, len(leagues))
		}
		if diff := cmp.Diff(duels, Duels("2026-w48", rapid.Permutation(units).Draw(t, "shuffled"), names)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestRating(t *testing.T) {
	r := NewRating()
	for range 30 {
		r = r.After(1.5, 100)
	}
	if math.Abs(r.Mean-1.5) > 0.001 || r.SD < 0.1 || r.SD > 0.2 {
		t.Errorf("thirty seasons at one and a half times the mean come to %+v", r)
	}
	// One season of five members says little, one of a thousand nearly all.
	few, many := NewRating().After(2, 5), NewRating().After(2, 1000)
	if few.Mean > 1.3 || many.Mean < 1.95 || few.SD <= many.SD {
		t.Errorf("few members come to %+v, many to %+v", few, many)
	}
	// Who is not seen is forgotten slowly, and never beyond one who is new.
	gone := many
	for range 200 {
		gone = gone.After(0, 0)
	}
	if gone.Mean != many.Mean || gone.SD != newSD {
		t.Errorf("two hundred seasons away come to %+v", gone)
	}
	if (Rating{}).After(2, 5) != few {
		t.Error("the zero Rating is not that of a new unit")
	}
	a, b := Entrant{ID: "a", Members: 400, Rating: many}, Entrant{ID: "b", Members: 400, Rating: NewRating()}
	if p, q := Odds(a, b), Odds(b, a); p < 0.9 || math.Abs(p+q-1) > 1e-12 || Odds(b, b) != 0.5 {
		t.Errorf("odds are %g and %g", p, q)
	}
}
