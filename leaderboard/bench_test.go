package leaderboard

import (
	"context"
	"fmt"
	"testing"

	"github.com/musterhq/muster/domain/points"
)

// crowd is a town that has acted: people in ten teams.
func crowd(b *testing.B, people int) *world {
	w := newWorld(b)
	var all []*points.Posting
	for i := range people {
		all = append(all, w.record(act{account: fmt.Sprintf("a%06d", i), home: homeNumber(i), points: int64(i * 7919 % 5000)}))
	}
	w.apply(all...)
	return w
}

func homeNumber(i int) points.Home {
	return points.Home{Team: fmt.Sprintf("team-%d", i%10), Region: fmt.Sprintf("it.l.p%d.c%d", i%4, i%10)}
}

// BenchmarkApply applies new postings, so many to a call; the figure that
// counts is postings/s. MUSTER_REDIS_URL measures a real server.
func BenchmarkApply(b *testing.B) {
	for _, lines := range []int{1, 50, 200} {
		b.Run(fmt.Sprint(lines), func(b *testing.B) {
			w := crowd(b, 2000)
			n, at := int64(1), 0
			batch := make([]*points.Posting, lines)
			for b.Loop() {
				for i := range batch {
					if at++; at == 2000 {
						at, n = 0, n+1
					}
					batch[i] = posting(w, at, n+1)
				}
				if err := w.boards.Apply(w.ctx, w.id, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "postings/s")
		})
	}
}

func posting(w *world, i int, n int64) *points.Posting {
	home := homeNumber(i)
	share := points.Share{Home: home, Points: int64(i) + n}
	return &points.Posting{
		Account: fmt.Sprintf("a%06d", i), N: n, RecordedAt: w.clock.Now(),
		State: points.State{
			JoinedAt: w.clock.Now(), Home: home, AllTime: []points.Share{share},
			Seasons: []points.SeasonShare{{Season: "2026-w47", Share: share}},
		},
	}
}

func BenchmarkPage(b *testing.B) {
	w := crowd(b, 2000)
	for name, r := range map[string]PageRequest{
		"top50":      {Board: "people:all"},
		"around11":   {Board: "people:all", Around: "a001234", Limit: 11},
		"teams":      {Board: "teams:all"},
		"middle_200": {Board: "people:all", Limit: 200, Cursor: nextCursor(999, 1, 2000)},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := w.boards.Page(w.ctx, w.id, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStanding(b *testing.B) {
	w := crowd(b, 2000)
	home := homeNumber(1234)
	r := StandingRequest{Account: "a001234", Team: home.Team, Region: home.Region}
	for b.Loop() {
		if _, err := w.boards.Standing(context.Background(), w.id, r); err != nil {
			b.Fatal(err)
		}
	}
}
