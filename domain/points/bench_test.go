package points

import (
	"fmt"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/clock"
)

// busyMember answers the last posting of somebody who did four kinds of things on each of
// the last 14 days.
func busyMember() (terms, *Posting) {
	t := terms{calendar: calendar, zone: rome, member: genova}
	var last *Posting
	for day := 14; day > 0; day-- {
		at := wednesday.AddDate(0, 0, -day)
		d := begin(t, last, at)
		for _, kind := range []string{"door", "call", "text", "data_entry"} {
			d.act(Action{ID: fmt.Sprint(kind, day), Kind: kind, Quantity: 5, OccurredAt: at}, 0)
		}
		last = d.finish()
	}
	return t, last
}

func someActions(n int, prefix string) []Action {
	actions := make([]Action, n)
	for i := range actions {
		actions[i] = Action{ID: fmt.Sprint(prefix, "-", i), Kind: "door", Quantity: 1, OccurredAt: wednesday.Add(-time.Duration(i) * time.Minute)}
	}
	return actions
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1, 50, 200} {
		b.Run(fmt.Sprintf("actions=%d", n), func(b *testing.B) {
			t, last := busyMember()
			actions := someActions(n, "a")
			b.ReportAllocs()
			for b.Loop() {
				d := begin(t, last, wednesday)
				d.record(actions, 0, nil)
				d.finish()
			}
		})
	}
}

func BenchmarkRecord(b *testing.B) {
	for _, n := range []int{1, 50} {
		b.Run(fmt.Sprintf("actions=%d", n), func(b *testing.B) {
			s := newService(openStore(b), clock.NewManual(wednesday))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m := genova
				m.Account = fmt.Sprint("p", i%100)
				r, err := s.Record(b.Context(), testCampaign, m, Batch{SentAt: wednesday, Actions: someActions(n, fmt.Sprint(i))})
				if err != nil || !r.Appended {
					b.Fatal(r, err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "actions/s")
		})
	}
}

func BenchmarkRecount(b *testing.B) {
	t, _ := busyMember()
	postings := []*Posting{}
	var p *Posting
	for i := range 500 {
		d := begin(t, p, wednesday.Add(time.Duration(i)*time.Hour))
		d.act(Action{ID: fmt.Sprint("a", i), Kind: "door", Quantity: 5, OccurredAt: d.next.RecordedAt}, 0)
		p = d.finish()
		postings = append(postings, p)
	}
	for b.Loop() {
		if _, err := Recount(t.rules, t.calendar, postings); err != nil {
			b.Fatal(err)
		}
	}
}
