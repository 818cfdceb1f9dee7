package bench

import (
	"slices"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/points"
)

// TestRankingCountsWhoHasMore holds the search against a plain count, with many
// equals.
func TestRankingCountsWhoHasMore(t *testing.T) {
	people := []int64{1, 400, 400, 1600}
	all := newRanking(3000, people)
	sums := slices.Clone(people)
	total := int64(0)
	for i := range 3000 {
		sums = append(sums, memberPoints(i))
	}
	for _, s := range sums {
		total += s
	}
	if len(all) != len(sums) || all.sum() != total {
		t.Fatalf("%d with %d points, where %d have %d", len(all), all.sum(), len(sums), total)
	}
	for _, sum := range append(sums, 0, 1<<40) {
		above := 0
		for _, s := range sums {
			if s > sum {
				above++
			}
		}
		if got := all.rank(sum); got != above+1 {
			t.Fatalf("rank %d of %d points, which %d exceed", got, sum, above)
		}
	}
}

// TestMembersAreTheSameEverywhere: who fills a board and who recounts it need
// not speak.
func TestMembersAreTheSameEverywhere(t *testing.T) {
	homes := []points.Home{{Team: "team-a", Region: "it.l.a"}, {Team: "team-b", Region: "it.l.b"}}
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	all := members(0, 500, "2026-w47", homes, now)
	seen := map[string]bool{}
	for i, p := range members(250, 250, "2026-w47", homes, now) {
		same := all[250+i]
		if p.Account != same.Account || p.State.Seasons[0] != same.State.Seasons[0] || p.State.AllTime[0] != same.State.AllTime[0] {
			t.Fatalf("member %d is %+v and %+v", 250+i, p, same)
		}
	}
	for i, p := range all {
		share := p.State.Seasons[0].Share
		if seen[p.Account] || len(p.Account) != 26 || share.Points != memberPoints(i) || share.Points < 1 || share.Home != homes[i%2] {
			t.Fatalf("member %d is %+v", i, p)
		}
		seen[p.Account] = true
	}
}

func TestStepThroughVisitsEverybody(t *testing.T) {
	for _, n := range []int{1, 2, 3, 11, 60, 100_000} {
		seen := make([]bool, n)
		for at, step, k := 0, stepThrough(n), 0; k < n; k++ {
			if seen[at] {
				t.Fatalf("of %d, number %d comes twice within a round", n, at)
			}
			seen[at], at = true, (at+step)%n
		}
	}
}
