package leaderboard

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/domain/points"
)

// model is what the boards must be, worked out from the ledger by the plainest
// means, which share nothing with the code under test: board to id to sum,
// under the ends of the keys.
func model(postings []*points.Posting) map[string]map[string]int64 {
	boards := map[string]map[string]int64{}
	add := func(window, board, id string, n int64) {
		at := window + "/" + board
		if boards[at] == nil {
			boards[at] = map[string]int64{}
		}
		boards[at][id] += n
	}
	share := func(window, account string, hidden bool, s points.Share) {
		people := []string{"all", s.Team}
		parts := strings.Split(s.Region, ".")
		regions := []string{}
		for i := 2; i <= len(parts); i++ { // the root has two parts
			regions = append(regions, strings.Join(parts[:i], "."))
		}
		if window != "all" {
			people = append(people, regions...)
		}
		for _, scope := range people {
			if !hidden && s.Points != 0 {
				add(window, "people:"+scope, account, s.Points)
			}
		}
		add(window, "teams:all", s.Team, s.Points)
		for i, r := range regions {
			add(window, "teams:"+r, s.Team, s.Points)
			if i > 0 {
				add(window, "regions:"+regions[i-1], r, s.Points)
			}
		}
	}
	last := map[string]map[string]*points.Posting{} // account, window
	for _, p := range postings {
		if last[p.Account] == nil {
			last[p.Account] = map[string]*points.Posting{}
		}
		windows := []string{"all"}
		for _, s := range p.State.Seasons {
			windows = append(windows, s.Season)
		}
		for _, window := range windows {
			if old := last[p.Account][window]; old == nil || old.N < p.N {
				last[p.Account][window] = p
			}
		}
	}
	for account, windows := range last {
		for window, p := range windows {
			if window == "all" {
				for _, s := range p.State.AllTime {
					share(window, account, p.State.Hidden, s)
				}
				home := p.State.Home.Team + " " + p.State.Home.Region
				add("members", "", home, 1)
				add("joined", strconv.FormatInt(p.State.JoinedAt.Unix()/3600, 10), home, 1)
				continue
			}
			share(window, account, p.State.Hidden, p.State.Season(window).Share)
		}
	}
	for board, sums := range boards {
		for id, n := range sums {
			if n == 0 && strings.Contains(board, "/people:") {
				delete(sums, id)
			}
		}
	}
	return boards
}

// held is what Redis and the archive hold, in the form of the model.
func (h *history) held() map[string]map[string]int64 {
	held := map[string]map[string]int64{}
	progress, _ := h.nodes[0].readProgress(h.ctx, h.id)
	for rest, value := range snapshotOf(h.t, h.redis, h.id).generation(h.id) {
		window, _, _ := strings.Cut(rest, "/")
		if progress.closed(window) {
			continue
		}
		sums := map[string]int64{}
		switch value := value.(type) {
		case []redis.Z:
			for _, z := range value {
				sums[z.Member.(string)] = int64(z.Score)
			}
		case map[string]string:
			name, hour, _ := strings.Cut(rest, ":")
			if name != "members" && name != "joined" {
				continue
			}
			for home, text := range value {
				if n, _ := strconv.ParseInt(text, 10, 64); n != 0 {
					sums[home] = n
				}
			}
			rest = name + "/" + hour
		}
		if len(sums) > 0 {
			held[rest] = sums
		}
	}
	for at, doc := range h.engine.(*memory).docs {
		if strings.HasPrefix(at, documentKey(&archiveSchema, h.id, "")) {
			page, err := h.nodes[0].archive.Get(h.ctx, h.id, doc.ID)
			if err != nil {
				h.t.Fatal(err)
			}
			window, _, _ := strings.Cut(page.Board, "/")
			if !progress.closed(window) {
				continue
			}
			if held[page.Board] == nil {
				held[page.Board] = map[string]int64{}
			}
			for _, row := range page.Rows {
				held[page.Board][row.ID] = row.Sum
			}
		}
	}
	return held
}

// check compares what is held with the model.
func (h *history) check() error {
	want, have := model(h.book.seen()), map[string]map[string]int64{}
	h.faults.silently(func() { have = h.held() })
	var wrong []string
	for board, sums := range want {
		for id, n := range sums {
			if got, ok := have[board][id]; !ok || got != n {
				wrong = append(wrong, fmt.Sprintf("%s %s: %d, should be %d", board, id, got, n))
			}
		}
	}
	for board, sums := range have {
		for id, n := range sums {
			if _, ok := want[board][id]; !ok {
				wrong = append(wrong, fmt.Sprintf("%s %s: %d, should not be there", board, id, n))
			}
		}
	}
	if len(wrong) > 0 {
		sort.Strings(wrong)
		return fmt.Errorf("%d sums are wrong:\n%s", len(wrong), strings.Join(wrong[:min(len(wrong), 12)], "\n"))
	}
	if len(h.book.seen()) > 0 {
		page, err := h.nodes[0].Page(h.ctx, h.id, PageRequest{Board: "teams:all", Window: "all"})
		if err != nil || page.Stale || len(page.Rows) == 0 || slices.ContainsFunc(page.Rows, func(r Row) bool { return r.Rank == 0 }) {
			return fmt.Errorf("the page of teams is %+v, %w", page, err)
		}
	}
	return nil
}
