package demo

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func ptr[T any](v T) *T { return &v }

func sample() *Summary {
	at := time.Date(2024, 10, 27, 20, 0, 0, 0, time.UTC)
	return &Summary{
		People: 2, Seed: 7, Actions: Actions{10, 6, 2, 1, 1}, Ledger: Ledger{Actions: 7},
		BoardsEqualLedger: true, BoardsCompared: 12, LeadChanges: 3,
		Feed: &Feed{Clients: 2, Frames: 9, Resumes: 1},
		Briefings: []Briefing{{ID: "b1", Tiers: []Tier{
			{"media", 2, 2, 0, ptr(at), ptr(at.Add(time.Second)), ptr(at.Add(2 * time.Second))},
			{"supporters", 1, 0, 0, nil, nil, nil},
		}}},
		Boards: map[string][]Row{
			"people:all":         {{ptr(int64(1)), "p", "Quick Fox", 90, nil}},
			"regions:it.liguria": {{ptr(int64(1)), "it.liguria.ge", "Genova", 90, ptr(45.0)}, {nil, "it.liguria.sp", "La Spezia", 0, nil}},
		},
	}
}

// TestSummaryJSON holds the object to the contract, key by key and in order.
func TestSummaryJSON(t *testing.T) {
	got, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"people":2,"seed":7,"actions":{"sent":10,"recorded":6,"duplicates":2,"rejected":1,"unanswered":1},` +
		`"ledger":{"actions":7,"missing":0,"doubled":0},"boards_equal_ledger":true,"boards_compared":12,"lead_changes":3,` +
		`"feed":{"clients":2,"frames":9,"resumes":1,"gaps":0,"doubled":0},` +
		`"briefings":[{"id":"b1","tiers":[{"name":"media","recipients":2,"accepted":2,"failed":0,"opened_at":"2024-10-27T20:00:00Z","first_accepted_at":"2024-10-27T20:00:01Z","last_accepted_at":"2024-10-27T20:00:02Z"},` +
		`{"name":"supporters","recipients":1,"accepted":0,"failed":0,"opened_at":null,"first_accepted_at":null,"last_accepted_at":null}]}],` +
		`"boards":{"people:all":[{"rank":1,"id":"p","name":"Quick Fox","sum":90,"fair":null}],` +
		`"regions:it.liguria":[{"rank":1,"id":"it.liguria.ge","name":"Genova","sum":90,"fair":45},{"rank":null,"id":"it.liguria.sp","name":"La Spezia","sum":0,"fair":null}]}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	got, err = json.Marshal(&Summary{Briefings: []Briefing{}})
	if err != nil || !strings.Contains(string(got), `"feed":null,"briefings":[]`) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestSummaryOK(t *testing.T) {
	at := time.Date(2024, 10, 27, 20, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(*Summary)
		ok     bool
	}{
		"all is well":      {func(*Summary) {}, true},
		"nobody listens":   {func(s *Summary) { s.Feed = nil }, true},
		"boards":           {func(s *Summary) { s.BoardsEqualLedger = false }, false},
		"missing":          {func(s *Summary) { s.Ledger.Missing = 1 }, false},
		"doubled":          {func(s *Summary) { s.Ledger.Doubled = 1 }, false},
		"a gap":            {func(s *Summary) { s.Feed.Gaps = 1 }, false},
		"supporters early": {func(s *Summary) { s.Briefings[0].Tiers[1].OpenedAt = ptr(at.Add(time.Second)) }, false},
		"sent early":       {func(s *Summary) { s.Briefings[0].Tiers[1].FirstAcceptedAt = ptr(at) }, false},
		"supporters after": {func(s *Summary) { s.Briefings[0].Tiers[1].OpenedAt = ptr(at.Add(3 * time.Second)) }, true},
		"media never opened": {func(s *Summary) {
			s.Briefings[0].Tiers[0] = Tier{Name: "media"}
			s.Briefings[0].Tiers[1].OpenedAt = ptr(at)
		}, false},
	} {
		s := sample()
		c.change(s)
		if s.OK() != c.ok {
			t.Errorf("%s: OK is %v", name, s.OK())
		}
	}
}

func TestSummaryForPeople(t *testing.T) {
	var got strings.Builder
	s := sample()
	s.BoardsEqualLedger = false
	if err := s.Write(&got); err != nil {
		t.Fatal(err)
	}
	const want = `
2 people signed up and acted (seed 7).

actions           10 sent: 6 recorded, 2 met again, 1 rejected, 1 unanswered
ledger    ok      7 actions: 0 missing, 0 doubled
boards    NOT OK  12 compared with a recount of the ledger
lead              changed 3 times
feeds     ok      2 clients, 9 frames, 1 resumes, 0 gaps
briefing  ok      media: 2 of 2 accepted
briefing  ok      supporters: 0 of 1 accepted

regions:it.liguria
  1.  Genova     90  fair 45.0
  -.  La Spezia  0

people:all
  1.  Quick Fox  90
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}
