package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// hq is what headquarters does in the demo: it posts tasks and looks at the
// boards.
type hq struct {
	run   *run
	mu    sync.Mutex
	token string
}

// call makes a call with the staff's token, and asks for another where it has
// ended.
func (h *hq) call(ctx context.Context, q request) error {
	for try := 0; ; try++ {
		h.mu.Lock()
		token := h.token
		h.mu.Unlock()
		if token == "" {
			var err error
			if token, err = h.run.system.StaffToken(ctx); err != nil {
				return fmt.Errorf("staff token: %w", err)
			}
			h.mu.Lock()
			h.token = token
			h.mu.Unlock()
		}
		q.token = token
		err := h.run.http.call(ctx, q)
		if try > 0 || !refusedWith(err, http.StatusUnauthorized) {
			return err
		}
		h.mu.Lock()
		h.token = ""
		h.mu.Unlock()
	}
}

// errands are what tasks ask for.
var errands = []struct{ kind, title string }{
	{"door", "Knock on doors in %s"},
	{"call", "Call undecided voters in %s"},
	{"text", "Text supporters in %s about the vote"},
	{"data_entry", "Enter yesterday's canvass sheets of %s"},
	{"event", "Help at the stand in %s"},
}

const (
	freshTask   = 3 * time.Second // how often another task is posted
	taskLife    = 24 * time.Hour
	maxCapacity = 1000
)

// postTasks posts a task in every place that volunteers come from, the largest
// first, and then one more every few seconds until ctx ends.
func (h *hq) postTasks(ctx context.Context) error {
	people := map[*Place]int{}
	for i := range h.run.plan.people {
		people[h.run.plan.volunteer(i).place]++
	}
	var places []*Place
	for place := range people {
		places = append(places, place)
	}
	slices.SortFunc(places, func(a, b *Place) int {
		if d := people[b] - people[a]; d != 0 {
			return d
		}
		return strings.Compare(a.Region, b.Region)
	})
	from := rand.New(rand.NewPCG(h.run.o.Seed, 1<<63)) //nolint:gosec // a schedule that repeats, no secret
	for number := 0; ; number++ {
		place := places[number%len(places)]
		capacity := people[place]/2 + 2
		if number >= len(places) {
			if !sleep(ctx, freshTask) {
				return nil
			}
			place, capacity = places[from.IntN(len(places))], 2+from.IntN(8)
		}
		errand := errands[from.IntN(len(errands))]
		now := h.run.o.Clock.Now().UTC()
		err := h.call(ctx, request{
			method: http.MethodPost, path: h.run.path("tasks"), key: fmt.Sprintf("%s-task-%d", h.run.nonce, number),
			body: encode(map[string]any{
				"kind": errand.kind, "title": fmt.Sprintf(errand.title, place.Name), "region": place.Region,
				"capacity": min(capacity, maxCapacity), "ends_at": now.Add(taskLife).Format(instant),
			}),
		})
		if err != nil {
			return endOr(ctx, fmt.Errorf("post a task: %w", err))
		}
	}
}

// shown is how many rows of a board the summary has.
const shown = 5

type boardPage struct {
	Stale bool  `json:"stale"`
	Rows  []Row `json:"rows"`
}

func (h *hq) board(ctx context.Context, board string, limit int) (boardPage, error) {
	var page boardPage
	err := h.call(ctx, request{method: http.MethodGet, into: &page,
		path: h.run.path(fmt.Sprintf("boards/%s?limit=%d", url.PathEscape(board), limit))})
	return page, err
}

// boards are the summary's boards. Stale ones are waited for: they catch up by
// themselves.
func (h *hq) boards(ctx context.Context) (map[string][]Row, error) {
	boards := map[string][]Row{}
	for _, name := range []string{"people:all", "teams:all", "regions:" + h.run.o.Root} {
		for {
			page, err := h.board(ctx, name, shown)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
			boards[name] = page.Rows
			if page.Rows == nil {
				boards[name] = []Row{}
			}
			if !page.Stale || !sleep(ctx, 200*time.Millisecond) {
				break
			}
		}
	}
	return boards, nil
}

// boardsShown orders boards for people: regions, teams, people.
func boardsShown(boards map[string][]Row) []string {
	var names []string
	for name := range boards {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(orderOf(a), orderOf(b)) })
	return names
}

func orderOf(board string) string {
	unit, _, _ := strings.Cut(board, ":")
	return map[string]string{"regions": "1", "teams": "2", "people": "3"}[unit] + board
}

// lookAtLead is how often the first place is looked at.
const lookAtLead = 500 * time.Millisecond

// watchLead counts the changes of the first place until ctx ends.
func (h *hq) watchLead(ctx context.Context) error {
	for sleep(ctx, lookAtLead) {
		page, err := h.board(ctx, "regions:"+h.run.o.Root, 1)
		if errors.Is(err, errAnswer) {
			return err
		}
		// A board that is stale or refused for a moment has no first place.
		if err == nil && !page.Stale && len(page.Rows) > 0 && page.Rows[0].Sum > 0 {
			h.run.lead.is(page.Rows[0])
		}
	}
	return nil
}

// lead is who stands first.
type lead struct {
	mu      sync.Mutex
	first   Row
	changes int
}

func (l *lead) is(first Row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first.ID != "" && l.first.ID != first.ID {
		l.changes++
	}
	l.first = first
}

func (l *lead) now() (Row, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first, l.changes
}
