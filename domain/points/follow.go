package points

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/musterhq/muster/store"
)

// Mark is a place in a campaign's ledger, in the order of recording: the posting
// with this time and id, or, where ID is "", the instant before any posting of
// that time. The zero Mark is before everything.
type Mark struct {
	At time.Time
	ID string
}

// Compare orders marks as the ledger orders postings.
func (m Mark) Compare(other Mark) int {
	return cmp.Or(m.At.Compare(other.At), strings.Compare(m.ID, other.ID))
}

// After gives a campaign's postings that lie after a mark and were recorded before
// an instant, in order, up to limit; fewer mean that there are no more. An insert
// may land up to insertWithin after its RecordedAt, on nodes whose clocks are not
// quite the same, so whoever never looks back asks for what is a minute old.
// Errors: Unavailable ledger_unavailable.
func (s *Service) After(ctx context.Context, campaign string, mark Mark, before time.Time, limit int) ([]*Posting, error) {
	if !mark.At.Before(before) {
		return nil, nil
	}
	var found []*Posting
	q := store.Query{Index: "recorded", From: mark.At, To: before, Limit: min(limit, store.MaxPage)}
	for p, err := range s.postings.Scan(ctx, campaign, q) {
		if err != nil {
			return nil, unreadable(err)
		}
		// The index bounds by time alone: postings of the mark's own millisecond
		// come again.
		if (Mark{p.RecordedAt, p.ID}).Compare(mark) <= 0 {
			continue
		}
		if found = append(found, p); len(found) == limit {
			break
		}
	}
	return found, nil
}

// Of gives an account's postings up to the n-th, by n. Errors: Unavailable
// ledger_unavailable.
func (s *Service) Of(ctx context.Context, campaign, account string, n int64) ([]*Posting, error) {
	var found []*Posting
	for p, err := range s.postings.Scan(ctx, campaign, store.Query{Index: "account", Equal: []any{account}, To: n + 1}) {
		if err != nil {
			return nil, unreadable(err)
		}
		found = append(found, p)
	}
	return found, nil
}

// HomeOf is the team and region that an entry of a posting was made for. Of an
// entry that takes an action back it is the action's, which is read from the ledger
// where the action's season had closed by then. Errors: Unavailable
// ledger_unavailable.
func (s *Service) HomeOf(ctx context.Context, campaign string, p *Posting, e Entry) (Home, error) {
	calendar, err := s.calendar(ctx, campaign)
	if err != nil {
		return Home{}, err
	}
	if e.Of != "" && e.Season == "" {
		of, err := s.holding(ctx, campaign, p.Account, e.Of)
		if err != nil {
			return Home{}, err
		}
		if of != nil {
			p, e = of, *entry(of, e.Of)
		}
	}
	return homeOf(calendar, p, e), nil
}
