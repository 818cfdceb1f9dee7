package bench

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/store"
)

// A crowd is members of a board that nobody signed up: the i-th is the same in
// every process and every run, so that whoever needs to know may work out for
// itself who has how many points.

// meanPoints is what a member of a crowd has on average. How many have more
// falls off exponentially: few points are shared by thousands, as after some
// days of a real season, and the top is thin.
const meanPoints = 400

// memberPoints are those of the i-th, at least 1: who has none is on no board.
func memberPoints(i int) int64 {
	random := rand.New(rand.NewPCG(uint64(i), meanPoints))
	return 1 + int64(random.ExpFloat64()*meanPoints)
}

// memberAccount is the i-th's, in the form of every account.
func memberAccount(i int) string { return store.IDFrom("bench", strconv.Itoa(i)) }

// members are the first postings of so many of a crowd, from the from-th; they
// score in one season, each for one of the homes.
func members(from, count int, season string, homes []points.Home, now time.Time) []*points.Posting {
	postings := make([]*points.Posting, count)
	for k := range postings {
		i := from + k
		home := homes[i%len(homes)]
		share := points.Share{Home: home, Points: memberPoints(i)}
		account := memberAccount(i)
		postings[k] = &points.Posting{
			Meta: store.Meta{ID: points.PostingID(account, 1)}, Account: account, N: 1, RecordedAt: now,
			State: points.State{
				JoinedAt: now, Home: home, AllTime: []points.Share{share},
				Seasons: []points.SeasonShare{{Season: season, Share: share}},
			},
		}
	}
	return postings
}

// ranking holds the sums of everybody on a board, in falling order: a recount
// that knows nothing of Redis.
type ranking []int64

// newRanking is the ranking of a crowd and of people beside it.
func newRanking(crowd int, people []int64) ranking {
	all := make(ranking, 0, crowd+len(people))
	for i := range crowd {
		all = append(all, memberPoints(i))
	}
	all = append(all, people...)
	slices.SortFunc(all, func(a, b int64) int { return int(b - a) })
	return all
}

// rank is the competition rank of a sum: one more than have a greater one.
func (r ranking) rank(sum int64) int {
	above, _ := slices.BinarySearchFunc(r, sum, func(have, sum int64) int { return int(sum - have) })
	return above + 1
}

// sum is that of all.
func (r ranking) sum() (total int64) {
	for _, s := range r {
		total += s
	}
	return total
}
