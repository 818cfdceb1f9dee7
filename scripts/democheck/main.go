// Command democheck reads the demo's JSON from standard input and says whether
// it holds what the README promises. It is part of the gate, not of the
// product, so it decodes for itself what the contract says is there.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

type summary struct {
	People  int
	Actions struct{ Sent, Recorded, Duplicates, Rejected, Unanswered int }
	Ledger  struct{ Actions, Missing, Doubled int }

	BoardsEqualLedger bool `json:"boards_equal_ledger"`
	BoardsCompared    int  `json:"boards_compared"`

	Feed *struct{ Clients, Frames, Resumes, Gaps, Doubled int }

	Briefings []struct {
		ID    string
		Tiers []struct {
			Name                         string
			Recipients, Accepted, Failed int
			OpenedAt                     *time.Time `json:"opened_at"`
			FirstAcceptedAt              *time.Time `json:"first_accepted_at"`
			LastAcceptedAt               *time.Time `json:"last_accepted_at"`
		}
	}
	Boards map[string][]struct {
		Rank     int
		ID, Name string
		Sum      int64
		Fair     *float64
	}
}

func main() {
	var s summary
	if err := json.NewDecoder(os.Stdin).Decode(&s); err != nil {
		fmt.Fprintln(os.Stderr, "democheck: the demo printed no JSON object:", err)
		os.Exit(1)
	}
	a := s.Actions
	checks := []struct {
		what string
		ok   bool
	}{
		{"people signed up", s.People > 0},
		{"actions were recorded", a.Recorded > 0},
		{"sent = recorded + duplicates + rejected + unanswered", a.Sent == a.Recorded+a.Duplicates+a.Rejected+a.Unanswered},
		{"duplicates were met", a.Duplicates > 0},
		{"nothing is missing", s.Ledger.Missing == 0},
		{"nothing is doubled", s.Ledger.Doubled == 0},
		{"the ledger holds at least what was recorded", s.Ledger.Actions >= a.Recorded},
		{"boards equal the ledger", s.BoardsEqualLedger && s.BoardsCompared > 0},
		{"listeners saw frames, resumed, and missed nothing", s.Feed != nil && s.Feed.Frames > 0 && s.Feed.Resumes > 0 && s.Feed.Gaps == 0 && s.Feed.Doubled == 0},
		{"a briefing went out, media before supporters", inOrder(&s)},
		{"boards are shown", len(s.Boards["people:all"]) > 0 && len(s.Boards["teams:all"]) > 0},
	}
	failed := false
	for _, c := range checks {
		verdict := "ok  "
		if !c.ok {
			verdict, failed = "FAIL", true
		}
		fmt.Printf("%s %s\n", verdict, c.what)
	}
	if failed {
		os.Exit(1)
	}
}

// inOrder: there is a briefing, and everything of media was accepted before
// supporters' tier opened.
func inOrder(s *summary) bool {
	for _, b := range s.Briefings {
		if len(b.Tiers) != 2 || b.Tiers[0].Name != "media" || b.Tiers[1].Name != "supporters" {
			return false
		}
		media, supporters := b.Tiers[0], b.Tiers[1]
		if media.Accepted == 0 || supporters.Accepted == 0 || supporters.OpenedAt == nil || media.LastAcceptedAt.After(*supporters.OpenedAt) {
			return false
		}
	}
	return len(s.Briefings) > 0
}
