package points

import (
	"math"
	"testing"
	"time"
)

// FuzzBatch holds what is true of every batch, whatever a phone sends: each
// action is answered in its place, only well-formed ones are entered, and the
// points are those of the day's totals.
func FuzzBatch(f *testing.F) {
	f.Add("a", "door", int64(3), int64(1_795_003_200_000), int64(1_795_003_200_000), "")
	f.Add("a/void", "share", int64(-1), int64(0), int64(math.MaxInt64), "task")
	f.Add("\x7f", "text", int64(math.MaxInt64), int64(math.MinInt64), int64(-62_135_596_800_000), "a b")
	f.Fuzz(func(t *testing.T, id, kind string, quantity, occurred, sent int64, task string) {
		b := Batch{SentAt: time.UnixMilli(sent), Actions: []Action{
			{ID: id, Kind: kind, Quantity: quantity, OccurredAt: time.UnixMilli(occurred), Task: task},
			{ID: id, Kind: "door", Quantity: 70, OccurredAt: time.UnixMilli(sent)},
			{ID: "sound", Kind: "door", Quantity: 30, OccurredAt: time.UnixMilli(sent)},
		}}
		off, err := b.clockError(wednesday)
		if err != nil {
			return
		}
		d := begin(terms{calendar: calendar, zone: rome, member: genova}, nil, wednesday)
		answers := d.record(b.Actions, off, nil)
		p := d.finish()
		entered := 0
		for i, a := range answers {
			if a.ID != b.Actions[i].ID || (a.Status == Rejected) != (a.Reason != "") || (a.Status == Duplicate) != (a.First != nil) {
				t.Errorf("answer %+v to %+v", a, b.Actions[i])
			}
			if a.Status == Recorded {
				entered++
			}
		}
		if entered != len(p.Actions) {
			t.Errorf("%d answered as recorded, %d entered", entered, len(p.Actions))
		}
		for _, e := range p.Actions {
			k := V1().Kind(e.Kind)
			if !validID(e.ID) || k == nil || e.Quantity < 1 || e.Quantity > k.MaxQuantity || e.Task != "" && !validID(e.Task) ||
				e.OccurredAt.After(wednesday) || e.OccurredAt.Before(wednesday.Add(-MaxAge)) || e.Points < 0 {
				t.Errorf("entered %+v", e)
			}
		}
		p.RecordedAt = wednesday
		count, err := Recount(nil, calendar, []*Posting{p})
		if err == nil {
			err = count.Agrees(&p.State)
		}
		if err != nil {
			t.Error(err)
		}
	})
}
