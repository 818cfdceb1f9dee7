package demo

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Summary is what a run found. It marshals to the one JSON object that
// `muster demo --json` prints.
type Summary struct {
	People  int     `json:"people"` // who signed in
	Seed    uint64  `json:"seed"`
	Actions Actions `json:"actions"`
	Ledger  Ledger  `json:"ledger"`
	// BoardsEqualLedger says that a recount of the ledger gives what the
	// boards show.
	BoardsEqualLedger bool `json:"boards_equal_ledger"`
	BoardsCompared    int  `json:"boards_compared"`
	// LeadChanges counts how often another region took the first place.
	LeadChanges int              `json:"lead_changes"`
	Feed        *Feed            `json:"feed"`
	Briefings   []Briefing       `json:"briefings"` // never nil
	Boards      map[string][]Row `json:"boards"`
}

// Actions counts actions by what became of them: Sent is the sum of the others.
// An action that was sent again on purpose counts again; one whose answer was
// lost and that was repeated under its id counts once.
type Actions struct {
	Sent       int `json:"sent"`
	Recorded   int `json:"recorded"`
	Duplicates int `json:"duplicates"`
	Rejected   int `json:"rejected"`
	Unanswered int `json:"unanswered"`
}

// Ledger is what the ledger holds against what was acknowledged.
type Ledger struct {
	Actions int `json:"actions"` // in the whole ledger, earlier runs included
	Missing int `json:"missing"` // acknowledged in this run and not there
	Doubled int `json:"doubled"` // there more than once
}

// Feed is what the listeners of live feeds saw.
type Feed struct {
	Clients int `json:"clients"`
	Frames  int `json:"frames"`
	Resumes int `json:"resumes"`
	Gaps    int `json:"gaps"`
	Doubled int `json:"doubled"`
}

// Briefing is one briefing and how its tiers went out.
type Briefing struct {
	ID    string `json:"id"`
	Tiers []Tier `json:"tiers"` // in the order they were to open
}

// Tier is one release group of a briefing.
type Tier struct {
	Name            string     `json:"name"` // media or supporters
	Recipients      int        `json:"recipients"`
	Accepted        int        `json:"accepted"`
	Failed          int        `json:"failed"`
	OpenedAt        *time.Time `json:"opened_at"`
	FirstAcceptedAt *time.Time `json:"first_accepted_at"`
	LastAcceptedAt  *time.Time `json:"last_accepted_at"`
}

// Row is one row of a board. Rank is nil while boards are stale, Fair for
// people.
type Row struct {
	Rank *int64   `json:"rank"`
	ID   string   `json:"id"`
	Name string   `json:"name"`
	Sum  int64    `json:"sum"`
	Fair *float64 `json:"fair"`
}

// OK says whether the run proves what the demo promises: boards equal the
// ledger, nothing acknowledged is missing or doubled, no feed skipped anything,
// and no tier went out before the one above it.
func (s *Summary) OK() bool {
	ok := s.BoardsEqualLedger && s.Ledger.Missing == 0 && s.Ledger.Doubled == 0 && (s.Feed == nil || s.Feed.Gaps == 0)
	for _, b := range s.Briefings {
		ok = ok && b.inOrder()
	}
	return ok
}

// inOrder: nothing of a tier was accepted before everything of the tier above
// was, and none opened before that.
func (b *Briefing) inOrder() bool {
	for i := 1; i < len(b.Tiers); i++ {
		above, t := b.Tiers[i-1], b.Tiers[i]
		for _, at := range []*time.Time{t.OpenedAt, t.FirstAcceptedAt} {
			if at == nil {
				continue
			}
			if above.OpenedAt == nil || above.LastAcceptedAt != nil && at.Before(*above.LastAcceptedAt) {
				return false
			}
		}
	}
	return true
}

// Write prints the summary for people.
func (s *Summary) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d people signed up and acted (seed %d).\n\n", s.People, s.Seed)
	a := s.Actions
	table := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	line := func(what, verdict, format string, args ...any) {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", what, verdict, fmt.Sprintf(format, args...))
	}
	line("actions", "", "%d sent: %d recorded, %d met again, %d rejected, %d unanswered", a.Sent, a.Recorded, a.Duplicates, a.Rejected, a.Unanswered)
	line("ledger", verdict(s.Ledger.Missing+s.Ledger.Doubled == 0), "%d actions: %d missing, %d doubled", s.Ledger.Actions, s.Ledger.Missing, s.Ledger.Doubled)
	line("boards", verdict(s.BoardsEqualLedger), "%d compared with a recount of the ledger", s.BoardsCompared)
	line("lead", "", "changed %d times", s.LeadChanges)
	if f := s.Feed; f != nil {
		line("feeds", verdict(f.Gaps == 0), "%d clients, %d frames, %d resumes, %d gaps", f.Clients, f.Frames, f.Resumes, f.Gaps)
	}
	for _, briefing := range s.Briefings {
		for _, t := range briefing.Tiers {
			line("briefing", verdict(briefing.inOrder()), "%s: %d of %d accepted", t.Name, t.Accepted, t.Recipients)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, board := range boardsShown(s.Boards) {
		fmt.Fprintf(&b, "\n%s\n", board)
		for _, row := range s.Boards[board] {
			rank, fair := "-", ""
			if row.Rank != nil {
				rank = fmt.Sprint(*row.Rank)
			}
			if row.Fair != nil {
				fair = fmt.Sprintf("\tfair %.1f", *row.Fair)
			}
			_, _ = fmt.Fprintf(table, "  %s.\t%s\t%d%s\n", rank, row.Name, row.Sum, fair)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func verdict(ok bool) string {
	if ok {
		return "ok"
	}
	return "NOT OK"
}
