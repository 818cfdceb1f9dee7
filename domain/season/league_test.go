package season

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func ids(format string, from, to int) (out []string) {
	for i := from; i <= to; i++ {
		out = append(out, fmt.Sprintf(format, i))
	}
	return out
}

func TestSizes(t *testing.T) {
	units := []Entrant{
		{ID: "im", Members: 420}, {ID: "ge", Members: 1640}, {ID: "tiny", Members: 4}, {ID: "sp", Members: 430},
		{ID: "sv", Members: 540}, {ID: "b", Members: 210}, {ID: "a", Members: 210}, {ID: "c", Members: 209}, {ID: "five", Members: 5},
	}
	want := []League{
		{1, 1640, 1640, [][]string{{"ge"}}},
		{2, 420, 540, [][]string{{"sv", "sp", "im"}}},
		{3, 209, 210, [][]string{{"a", "b", "c"}}},
		{4, 5, 5, [][]string{{"five"}}},
	}
	if diff := cmp.Diff(want, Sizes(units)); diff != "" {
		t.Error(diff)
	}
}

func TestLeaguesHoldTheirRatio(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 120).Draw(t, "n")
		units, members := make([]Entrant, n), map[string]int64{}
		for i := range units {
			e := Entrant{ID: fmt.Sprintf("u%03d", i), Members: rapid.Int64Range(0, 60).Draw(t, "members")}
			if rapid.Bool().Draw(t, "known") {
				d, of := rapid.IntRange(1, 3).Draw(t, "division"), rapid.IntRange(1, 20).Draw(t, "of")
				e.Last = &Place{League: rapid.IntRange(1, 3).Draw(t, "league"), Division: d, Divisions: 3, Of: of, Rank: rapid.IntRange(1, of).Draw(t, "rank"), Equals: 1}
				e.Rating = Rating{rapid.Float64Range(0, 2).Draw(t, "mean"), 0.3}
			}
			units[i], members[e.ID] = e, e.Members
		}
		leagues := Leagues(units)
		seen, last := 0, int64(1<<62)
		for i, l := range leagues {
			if l.Number != i+1 || l.Largest > Ratio*l.Smallest || l.Largest >= last || Ratio*l.Smallest < l.Largest {
				t.Fatalf("%+v", l)
			}
			if i > 0 && l.Largest*Ratio >= leagues[i-1].Largest {
				t.Fatalf("%+v fits into the league before it", l)
			}
			last = l.Smallest
			least, most := DivisionSize, 0
			for _, d := range l.Divisions {
				least, most = min(least, len(d)), max(most, len(d))
				for _, id := range d {
					seen++
					if members[id] < l.Smallest || members[id] > l.Largest {
						t.Fatalf("%s of %d members is in %+v", id, members[id], l)
					}
				}
			}
			if most > DivisionSize || most-least > 1 || least < 1 {
				t.Fatalf("divisions of %d to %d", least, most)
			}
		}
		compared := 0
		for _, m := range members {
			if m >= MinMembers {
				compared++
			}
		}
		if seen != compared {
			t.Fatalf("%d of %d units are in a league", seen, compared)
		}
		if diff := cmp.Diff(leagues, Leagues(rapid.Permutation(units).Draw(t, "shuffled"))); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Forty units of a league: two divisions, from which two go up and two down, and
// the rest stay.
func TestPromotionAndRelegation(t *testing.T) {
	var units []Entrant
	for i := range 40 {
		d, rank := 1+i/20, 1+i%20
		units = append(units, Entrant{ID: fmt.Sprintf("u%02d", i+1), Members: 30, Last: &Place{League: 1, Division: d, Divisions: 2, Rank: rank, Equals: 1, Of: 20}})
	}
	got := Leagues(units)[0].Divisions
	want := [][]string{
		slices.Concat([]string{"u21", "u22"}, ids("u%02d", 1, 18)),
		slices.Concat([]string{"u19", "u20"}, ids("u%02d", 23, 40)),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	// A newcomer joins at the end, and pushes nobody up or down but for room.
	units = append(units, Entrant{ID: "new", Members: 30})
	got = Leagues(units)[0].Divisions
	if len(got) != 3 || !slices.Contains(got[2], "new") || !slices.Contains(got[0], "u21") {
		t.Errorf("with a newcomer: %v", got)
	}

	// A tie of more than may go moves nobody.
	for i := range units[:40] {
		units[i].Last.Rank, units[i].Last.Equals = 1, 20
	}
	got = Leagues(units[:40])[0].Divisions
	if diff := cmp.Diff([][]string{ids("u%02d", 1, 20), ids("u%02d", 21, 40)}, got); diff != "" {
		t.Error(diff)
	}
}

// Strong units rise and weak ones fall, whatever order they began in.
func TestLaddersSortThemselves(t *testing.T) {
	var units []Entrant
	strength := map[string]int64{}
	for i := range 60 {
		id := fmt.Sprintf("u%02d", i)
		units = append(units, Entrant{ID: id, Members: 100})
		strength[id] = int64(1000 + 500*i)
	}
	for range 30 {
		leagues := Leagues(units)
		var sums []Unit
		for _, u := range units {
			sums = append(sums, Unit{u.ID, strength[u.ID] * u.Members, u.Members})
		}
		table := Table(leagues, sums)
		for i := range units {
			place := table[units[i].ID].Place
			units[i].Last = &place
		}
	}
	for d, division := range Leagues(units)[0].Divisions {
		wrong := 0
		for _, id := range division {
			if best := 2 - d; strength[id] < int64(1000+500*20*best) || strength[id] >= int64(1000+500*20*(best+1)) {
				wrong++
			}
		}
		if wrong > 2*Moves { // those on their way up or down again
			t.Errorf("after thirty seasons %d units are not in division %d where they belong", wrong, d+1)
		}
	}
}

func TestTable(t *testing.T) {
	leagues := []League{
		{Number: 1, Divisions: [][]string{{"a", "b", "c"}, {"d", "e"}}},
		{Number: 2, Divisions: [][]string{{"small", "shrunk", "gone"}}},
	}
	units := []Unit{{"a", 9000, 100}, {"b", 100, 100}, {"c", 9000, 100}, {"d", 5000, 100}, {"e", 4900, 100}, {"small", 50, 10}, {"shrunk", 50, 4}, {"late", 50, 10}}
	got := Table(leagues, units)
	places := map[string][]int{}
	for id, s := range got {
		places[id] = []int{s.League, s.Division, s.Divisions, s.Rank, s.Equals, s.Of, s.Band}
	}
	want := map[string][]int{
		"a": {1, 1, 2, 1, 2, 3, 1}, "b": {1, 1, 2, 3, 1, 3, 2}, "c": {1, 1, 2, 1, 2, 3, 1},
		"d": {1, 2, 2, 1, 1, 2, 1}, "e": {1, 2, 2, 2, 1, 2, 1},
		"small": {2, 1, 1, 1, 1, 1, 1},
	}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Error(diff)
	}
	// Both divisions of a league are estimated together.
	want4 := Fair(units[:5])[3]
	if got := got["d"].Estimate; math.Abs(got.Value-want4.Value) > 0.0005 || math.Abs(got.Low-want4.Low) > 0.0005 || math.Abs(got.High-want4.High) > 0.0005 {
		t.Errorf("d is %+v, want %+v", got, *want4)
	}
}

func TestJoin(t *testing.T) {
	leagues := []League{{1, 60, 100, [][]string{{"a"}, {"b"}}}, {2, 10, 12, [][]string{{"c"}}}}
	want := []League{{1, 55, 100, [][]string{{"a"}, {"b", "late"}}}, {2, 9, 15, [][]string{{"c", "e", "d"}}}, {3, 26, 30, [][]string{{"h", "g"}}}}
	late := []Entrant{{ID: "g", Members: 26}, {ID: "late", Members: 55}, {ID: "d", Members: 9}, {ID: "e", Members: 15}, {ID: "h", Members: 30}, {ID: "tiny", Members: 4}}
	before := fmt.Sprint(leagues)
	if diff := cmp.Diff(want, Join(leagues, late)); diff != "" {
		t.Error(diff)
	}
	if after := fmt.Sprint(leagues); after != before {
		t.Errorf("%s became %s", before, after)
	}
}
