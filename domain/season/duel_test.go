package season

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDuels(t *testing.T) {
	tests := []struct {
		name       string
		contenders []Contender
		want       []Duel
	}{
		{"nobody", nil, []Duel{}},
		{"alone", []Contender{{ID: "a"}}, []Duel{}},
		{"by the last season's ranks, the last sits out",
			[]Contender{{ID: "e", Rank: 5}, {ID: "b", Rank: 2}, {ID: "d", Rank: 4}, {ID: "a", Rank: 1}, {ID: "c", Rank: 3}},
			[]Duel{{"2026-w48:a:b", "a", "b"}, {"2026-w48:c:d", "c", "d"}}},
		{"equal ranks: the larger, then the name, stands first",
			[]Contender{{ID: "a", Name: "Z", Rank: 1, Members: 5}, {ID: "b", Name: "A", Rank: 1, Members: 5}, {ID: "c", Rank: 1, Members: 9}, {ID: "d", Rank: 4}},
			[]Duel{{"2026-w48:b:c", "c", "b"}, {"2026-w48:a:d", "a", "d"}}},
		{"a first season: by members, then name",
			[]Contender{{ID: "sv", Name: "Savona", Members: 30}, {ID: "ge", Name: "Genova", Members: 90}, {ID: "im", Name: "Imperia", Members: 30}, {ID: "sp", Name: "La Spezia", Members: 40}},
			[]Duel{{"2026-w48:ge:sp", "ge", "sp"}, {"2026-w48:im:sv", "im", "sv"}}},
		{"a newcomer comes last",
			[]Contender{{ID: "new", Members: 900}, {ID: "a", Rank: 1, Members: 3}},
			[]Duel{{"2026-w48:a:new", "a", "new"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Duels("2026-w48", tt.contenders)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDuelsMatchEverybodyOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 30).Draw(t, "n")
		contenders := make([]Contender, n)
		for i := range contenders {
			contenders[i] = Contender{ID: fmt.Sprintf("r%02d", i), Name: rapid.StringN(0, 3, -1).Draw(t, "name"),
				Rank: rapid.IntRange(0, 8).Draw(t, "rank"), Members: rapid.Int64Range(0, 5).Draw(t, "members")}
		}
		duels := Duels("2026-w48", contenders)
		seen, ids := map[string]bool{}, map[string]bool{}
		for _, d := range duels {
			if seen[d.Left] || seen[d.Right] || d.Left == d.Right || ids[d.ID] {
				t.Fatalf("%+v is matched twice", d)
			}
			seen[d.Left], seen[d.Right], ids[d.ID] = true, true, true
		}
		if len(duels) != n/2 {
			t.Fatalf("%d duels of %d", len(duels), n)
		}
		if diff := cmp.Diff(duels, Duels("2026-w48", rapid.Permutation(contenders).Draw(t, "shuffled"))); diff != "" {
			t.Fatal(diff)
		}
	})
}
