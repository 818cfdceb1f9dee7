package goal

import (
	"testing"
	"time"
)

// A goal that is lowered to what was counted before is reached by that, once.
func TestAGoalThatIsLoweredIsReached(t *testing.T) {
	now := time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
	ends := now.Add(time.Hour)
	g := &Goals{UnitKind: Team, Of: "team-a", List: []Goal{{ID: "g", Kind: "door", Quantity: 1000, Counted: 20, EndsAt: ends}}}
	for i, quantity := range []int64{21, 20, 5, 900, 7} {
		if err := g.set(&PutRequest{Goals: []Wanted{{ID: "g", Kind: "door", Quantity: quantity, EndsAt: ends}}}, now.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
		told := 1
		if i == 0 {
			told = 0
		}
		if at := g.List[0].ReachedAt; (at != nil) != (told == 1) || at != nil && !at.Equal(now.Add(time.Second)) || len(g.Effects.Effects) != told {
			t.Errorf("at %d: reached %v, told %d times", quantity, at, len(g.Effects.Effects))
		}
	}
}
