package realtime

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// Instant is a time that is printed in UTC with six decimals.
type Instant struct{ time.Time }

const instantForm = `"2006-01-02T15:04:05.000000Z07:00"`

// MarshalJSON implements json.Marshaler.
func (t Instant) MarshalJSON() ([]byte, error) { return []byte(t.UTC().Format(instantForm)), nil }

// Board is the head of a ranking as the feed shows it.
type Board struct {
	Board     string  `json:"board"`
	Unit      string  `json:"unit"`
	Scope     string  `json:"scope"`
	Window    string  `json:"window"` // never "season": the season's id
	Stale     bool    `json:"stale"`
	Total     int     `json:"total"` // rows of the whole board
	UpdatedAt Instant `json:"updated_at"`
	Rows      []Row   `json:"rows"`
}

// Row is one unit's or person's place.
type Row struct {
	Rank *int     `json:"rank"` // nil while the board is stale
	ID   string   `json:"id"`
	Name string   `json:"name"`
	Sum  int64    `json:"sum"`
	Fair *float64 `json:"fair"` // nil for people and for units too small to compare
	// League is the unit's place among those of its size; nil where Fair is.
	League *League `json:"league"`
}

// League is a unit's place in its league, and how sure its fair index is.
type League struct {
	Number    int     `json:"number"`   // 1 is the league of the largest units
	Division  int     `json:"division"` // 1 is the strongest
	Divisions int     `json:"divisions"`
	Rank      int     `json:"rank"` // by the fair index, in the division
	Of        int     `json:"of"`
	Band      int     `json:"band"` // units of one band cannot be told from its leader
	Low       float64 `json:"low"`  // the 80 % interval of the fair index
	High      float64 `json:"high"`
	Members   int64   `json:"members"` // that the unit is measured by
	Goes      int     `json:"goes"`    // at the season's end: -1 a division up, 1 down
}

// delta is what turns one version of a board into the next.
type delta struct {
	Rows      []Row    `json:"rows"`
	Removed   []string `json:"removed"`
	Total     int      `json:"total"`
	Stale     bool     `json:"stale"`
	UpdatedAt Instant  `json:"updated_at"`
}

func (r Row) equal(o Row) bool {
	return r.ID == o.ID && r.Name == o.Name && r.Sum == o.Sum && equalPtr(r.Rank, o.Rank) && equalPtr(r.Fair, o.Fair) && equalPtr(r.League, o.League)
}

func equalPtr[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// compareRows is the order of rows that the protocol states: by rank with nil
// last, then sum descending, name, id.
func compareRows(a, b Row) int {
	switch {
	case a.Rank == nil && b.Rank != nil:
		return 1
	case a.Rank != nil && b.Rank == nil:
		return -1
	case a.Rank != nil && *a.Rank != *b.Rank:
		return cmp.Compare(*a.Rank, *b.Rank)
	}
	return cmp.Or(cmp.Compare(b.Sum, a.Sum), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
}

// settle puts the rows in the protocol's order, so that both sides of a delta
// hold them alike.
func (b *Board) settle() {
	if b.Rows == nil {
		b.Rows = []Row{}
	}
	slices.SortFunc(b.Rows, compareRows)
}

// sameHead says whether a delta can lead from b to next at all.
func (b *Board) sameHead(next *Board) bool {
	return b.Board == next.Board && b.Unit == next.Unit && b.Scope == next.Scope && b.Window == next.Window
}

// diff is the delta from b to next and whether there is any: a new UpdatedAt
// alone is no change.
func (b *Board) diff(next *Board) (delta, bool) {
	d := delta{Rows: []Row{}, Removed: []string{}, Total: next.Total, Stale: next.Stale, UpdatedAt: next.UpdatedAt}
	old := make(map[string]Row, len(b.Rows))
	for _, row := range b.Rows {
		old[row.ID] = row
	}
	for _, row := range next.Rows {
		if before, ok := old[row.ID]; !ok || !row.equal(before) {
			d.Rows = append(d.Rows, row)
		}
		delete(old, row.ID)
	}
	for id := range old {
		d.Removed = append(d.Removed, id)
	}
	slices.Sort(d.Removed)
	changed := len(d.Rows) > 0 || len(d.Removed) > 0 || b.Total != next.Total || b.Stale != next.Stale
	return d, changed
}

// apply is the board after d; b itself stays as it is.
func (b *Board) apply(d delta) *Board {
	next := *b
	next.Total, next.Stale, next.UpdatedAt = d.Total, d.Stale, d.UpdatedAt
	gone := make(map[string]bool, len(d.Rows)+len(d.Removed))
	for _, id := range d.Removed {
		gone[id] = true
	}
	for _, row := range d.Rows {
		gone[row.ID] = true
	}
	next.Rows = make([]Row, 0, len(b.Rows)+len(d.Rows))
	for _, row := range b.Rows {
		if !gone[row.ID] {
			next.Rows = append(next.Rows, row)
		}
	}
	next.Rows = append(next.Rows, d.Rows...)
	next.settle()
	return &next
}

func decodeBoard(raw string) (*Board, error) {
	b := new(Board)
	if err := json.Unmarshal([]byte(raw), b); err != nil {
		return nil, err
	}
	b.settle()
	return b, nil
}
