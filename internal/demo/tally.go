package demo

import (
	"context"
	"sync"
)

// tally counts what was sent and answered, and remembers every acknowledged
// id.
type tally struct {
	mu      sync.Mutex
	people  int
	claims  int
	actions Actions
	acked   map[string]struct{} // recorded or duplicate: must be in the ledger once
}

func newTally() *tally { return &tally{acked: map[string]struct{}{}} }

func (t *tally) do(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
}

func (t *tally) signedIn()        { t.do(func() { t.people++ }) }
func (t *tally) claimed()         { t.do(func() { t.claims++ }) }
func (t *tally) sent(n int)       { t.do(func() { t.actions.Sent += n }) }
func (t *tally) unanswered(n int) { t.do(func() { t.actions.Unanswered += n }) }

// refused counts a batch that the server refused as a whole.
func (t *tally) refused(n int) { t.do(func() { t.actions.Rejected += n }) }

func (t *tally) answered(lines []JournalLine) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, line := range lines {
		switch line.Answer {
		case recorded:
			t.actions.Recorded++
		case duplicate:
			t.actions.Duplicates++
		default:
			t.actions.Rejected++
			continue
		}
		t.acked[line.ID] = struct{}{}
	}
}

// now is a copy of the counts.
func (t *tally) now() (people, claims int, actions Actions) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.people, t.claims, t.actions
}

// check looks for every acknowledged action in the ledger, and for any action
// that is there twice. The demo's own ids are unique across people; a visitor's
// only among their own.
func (t *tally) check(ctx context.Context, system System) (Ledger, error) {
	var found Ledger
	seen := map[string]int{}
	t.mu.Lock()
	defer t.mu.Unlock()
	for action, err := range system.Ledger(ctx) {
		if err != nil {
			return found, err
		}
		found.Actions++
		key := action.ID
		if _, ours := t.acked[key]; !ours {
			key = action.Account + "/" + action.ID
		}
		if seen[key]++; seen[key] == 2 {
			found.Doubled++
		}
	}
	for id := range t.acked {
		if seen[id] == 0 {
			found.Missing++
		}
	}
	return found, nil
}
