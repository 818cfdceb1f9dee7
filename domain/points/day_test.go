package points

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestADayIsWorthWhatTheLedgerGives: the same actions through Record.
func TestADayIsWorthWhatTheLedgerGives(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	kinds := []string{"door", "call", "event_attended", "unheard_of", "text"}
	for range 40 {
		f := setUp(t)
		day := V1().Day()
		day.Act("door", 5, 70) // of another day
		day.Clear()
		midnight := time.Date(2026, 11, 17, 0, 0, 0, 0, rome)
		var actions []Action
		var want int64
		for i := range 1 + rng.IntN(30) {
			minute, quantity := rng.IntN(24*60), rng.Int64N(130)
			kind := kinds[rng.IntN(len(kinds))]
			if kind == "event_attended" {
				quantity = rng.Int64N(3)
			}
			want += day.Act(kind, minute, quantity)
			actions = append(actions, Action{ID: fmt.Sprint("a", i), Kind: kind, Quantity: quantity, OccurredAt: midnight.Add(time.Duration(minute) * time.Minute)})
		}
		got := f.record(actions...)
		var sum int64
		for _, a := range got.Actions {
			sum += a.Points
		}
		if sum != want {
			t.Fatalf("%v: the day says %d, the ledger %d", actions, want, sum)
		}
	}
}
