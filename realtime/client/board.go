package client

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// Board is a board as a client keeps it.
type Board struct {
	Board     string `json:"board"`
	Unit      string `json:"unit"`
	Scope     string `json:"scope"`
	Window    string `json:"window"`
	Stale     bool   `json:"stale"`
	Total     int    `json:"total"`
	UpdatedAt string `json:"updated_at"`
	Rows      []Row  `json:"rows"`
}

// Row is one place on a board.
type Row struct {
	Rank *int     `json:"rank"`
	ID   string   `json:"id"`
	Name string   `json:"name"`
	Sum  int64    `json:"sum"`
	Fair *float64 `json:"fair"`
	// League is the unit's place among those of its size, as the server has it.
	League json.RawMessage `json:"league"`
}

// Apply brings the board to the version of a push: a snapshot replaces it, a
// delta changes it.
func (b *Board) Apply(p Push) error {
	switch p.Type {
	case "snapshot":
		next := Board{}
		if err := json.Unmarshal(p.Data, &next); err != nil {
			return fmt.Errorf("live: a board's snapshot: %w", err)
		}
		*b = next
		return nil
	case "delta":
		return b.change(p.Data)
	}
	return nil
}

func (b *Board) change(data []byte) error {
	var d struct {
		Rows      []Row    `json:"rows"`
		Removed   []string `json:"removed"`
		Total     int      `json:"total"`
		Stale     bool     `json:"stale"`
		UpdatedAt string   `json:"updated_at"`
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("live: a board's delta: %w", err)
	}
	rows := make(map[string]Row, len(b.Rows))
	for _, row := range b.Rows {
		rows[row.ID] = row
	}
	for _, id := range d.Removed {
		delete(rows, id)
	}
	for _, row := range d.Rows {
		rows[row.ID] = row
	}
	b.Total, b.Stale, b.UpdatedAt = d.Total, d.Stale, d.UpdatedAt
	b.Rows = b.Rows[:0]
	for _, row := range rows {
		b.Rows = append(b.Rows, row)
	}
	slices.SortFunc(b.Rows, func(x, y Row) int {
		return cmp.Or(cmp.Compare(rankOf(x), rankOf(y)), cmp.Compare(y.Sum, x.Sum), cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID))
	})
	return nil
}

// rankOf puts rows without a rank last.
func rankOf(r Row) int {
	if r.Rank == nil {
		return int(^uint(0) >> 1)
	}
	return *r.Rank
}
