package realtime

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/musterhq/muster/realtime/client"
)

// drawBoard draws a board, small enough that rows meet again.
func drawBoard(t *rapid.T, label string) *Board {
	b := &Board{Board: "teams:it", Unit: "teams", Scope: "it", Window: "2026-w47", Total: rapid.IntRange(0, 30).Draw(t, label+"total"), Stale: rapid.Bool().Draw(t, label+"stale")}
	for i := range 8 {
		if !rapid.Bool().Draw(t, fmt.Sprint(label, "has", i)) {
			continue
		}
		row := Row{ID: fmt.Sprint("team-", i), Name: rapid.SampledFrom([]string{"Alfa", "Älfa", "Bravo", "𝒜"}).Draw(t, label+"name"), Sum: rapid.Int64Range(0, 3).Draw(t, label+"sum")}
		if !b.Stale {
			row.Rank = ptr(rapid.IntRange(1, 3).Draw(t, label+"rank"))
		}
		if rapid.Bool().Draw(t, label+"has fair") {
			row.Fair = ptr(rapid.Float64Range(0, 9).Draw(t, label+"fair"))
			row.League = &League{Band: rapid.IntRange(1, 3).Draw(t, label+"band")}
		}
		b.Rows = append(b.Rows, row)
	}
	b.settle()
	return b
}

// TestDeltasGiveTheServersBoard: what a client builds from a snapshot and
// deltas is the board of the server, by the server's own code and by the
// client's, which was written without it.
func TestDeltasGiveTheServersBoard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		board := drawBoard(t, "first")
		node := board
		var phone client.Board
		follow := func(kind string, data []byte) {
			if err := phone.Apply(client.Push{Type: kind, Data: data}); err != nil {
				t.Fatal(err)
			}
		}
		follow("snapshot", encode(board))
		for i := range rapid.IntRange(1, 5).Draw(t, "changes") {
			next := drawBoard(t, fmt.Sprint("board", i))
			kind, data, err := nextChange(board, next)
			if err != nil {
				t.Fatal(err)
			}
			if kind == "" {
				if diff := cmp.Diff(board.Rows, next.Rows); diff != "" || board.Total != next.Total || board.Stale != next.Stale {
					t.Fatalf("a change went unseen: %s", diff)
				}
				continue
			}
			if node, err = changed(node, entry{kind: kind, data: string(data)}); err != nil {
				t.Fatal(err)
			}
			follow(kind, data)
			board = next
			if diff := cmp.Diff(board, node); diff != "" {
				t.Fatalf("the node's board differs: %s", diff)
			}
			if got := encodeClient(t, phone); string(got) != string(encode(board)) {
				t.Fatalf("the client's board differs:\n%s\n%s", got, encode(board))
			}
		}
	})
}

func encodeClient(t *rapid.T, b client.Board) []byte {
	if b.Rows == nil {
		b.Rows = []client.Row{}
	}
	raw, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAnotherSeasonIsASnapshot(t *testing.T) {
	board := &Board{Board: "teams:it", Window: "2026-w47"}
	next := &Board{Board: "teams:it", Window: "2026-w48"}
	if kind, _, err := nextChange(board, next); kind != "snapshot" || err != nil {
		t.Fatalf("got %q, %v", kind, err)
	}
}
