package simulate

import (
	"strings"
)

// Cheat is a way to get points that no work stands behind.
type Cheat struct {
	Name string
	What string

	// day does a day's cheating: reported is what is handed in, earned what was
	// really done, by the same rules.
	day func(s *side, own int, reported, earned *tally)
}

// Cheats are the ways that are known, all assumed in size. Whoever cheats does so
// every day.
func Cheats() []Cheat {
	return []Cheat{
		{"door_mill", "Reports 1,000 doors a day that nobody knocked at.", func(s *side, _ int, reported, _ *tally) {
			reported.act(s.named("door"), 12*60, 1000)
		}},
		{"split_batches", "Works one go a day and hands in every unit as an action of its own, spread over 24 hours.", func(s *side, own int, reported, earned *tally) {
			k := &s.kinds[own]
			n := k.inOneGo(s)
			for i := range n {
				reported.act(k, int(i*24*60/n), 1)
			}
			earned.work(k, n)
		}},
		{"duplicate_kinds", "Works one go a day and hands in the same hours as every kind there is.", func(s *side, own int, reported, earned *tally) {
			for i := range s.kinds {
				k := &s.kinds[i]
				reported.work(k, k.inOneGo(s))
			}
			k := &s.kinds[own]
			earned.work(k, k.inOneGo(s))
		}},
		{"signup_ring", "Ten invented volunteers are recruited every day.", func(s *side, _ int, reported, _ *tally) {
			reported.act(s.named("signup_recruited"), 12*60, 10)
		}},
		{"event_hopper", "Checks in to an event every quarter of an hour from 8 to 20 o'clock.", func(s *side, _ int, reported, _ *tally) {
			k := s.named("event_attended")
			for minute := 8 * 60; minute <= 20*60; minute += 15 {
				reported.act(k, minute, 1)
			}
		}},
	}
}

func cheatNames() string {
	var names []string
	for _, c := range Cheats() {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// work hands in what one go came to, an action an hour, from 10 o'clock on.
func (t *tally) work(k *kind, quantity int64) {
	if k == nil {
		return
	}
	hourly := max(1, int64(k.perHour))
	for minute := 10 * 60; quantity > 0; minute += 60 {
		part := min(quantity, hourly)
		t.act(k, min(minute, 24*60-1), part)
		quantity -= part
	}
}
