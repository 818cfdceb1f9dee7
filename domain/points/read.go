package points

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Last is an account's last posting as the store has it, nil when there is
// none. Errors: Unavailable ledger_unavailable.
func (s *Service) Last(ctx context.Context, campaign, account string) (*Posting, error) {
	p, err := s.postings.First(ctx, campaign, store.Query{Index: "account", Equal: []any{account}, Desc: true})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, unreadable(err)
	}
	return p, nil
}

// Postings gives a campaign's postings in the order of recording, a page in
// memory at a time; what is recorded meanwhile may come too. It ends at the first
// error, which it yields: Unavailable ledger_unavailable.
func (s *Service) Postings(ctx context.Context, campaign string) iter.Seq2[*Posting, error] {
	return func(yield func(*Posting, error) bool) {
		for p, err := range s.postings.Scan(ctx, campaign, store.Query{Index: "recorded", Limit: store.MaxPage}) {
			if err != nil {
				yield(nil, unreadable(err))
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// Past is an entry with the posting it came in.
type Past struct {
	Entry
	N          int64
	RecordedAt time.Time
	// Standing is what has become of an action by now, "" of an entry that is
	// about another; Said are the entries about it, as recorded.
	Standing Standing
	Said     []Entry
}

// Page is one page of a person's history.
type Page struct {
	Entries []Past // newest first; what is said of an action is an entry of its own
	Next    string // cursor of the following page, "" at the end
}

// MaxPage is the largest page of a history.
const MaxPage = 200

// History reads an account's entries, newest first: the order they were
// recorded in, backward. cursor is "" or a page's Next; limit is 1 to MaxPage,
// others are taken to the nearest. Entries recorded while somebody pages are
// not seen and shift nothing. Errors: Invalid cursor_invalid; Unavailable
// ledger_unavailable.
func (s *Service) History(ctx context.Context, campaign, account, cursor string, limit int) (Page, error) {
	limit = min(max(limit, 1), MaxPage)
	q := store.Query{Index: "account", Equal: []any{account}, Desc: true, Limit: limit, Where: []store.Cond{{Field: "actions", Op: store.IsSet}}}
	n, left, err := parseCursor(cursor)
	if err != nil {
		return Page{}, err
	}
	if cursor != "" {
		q.To = n + 1
	}
	page := Page{Entries: []Past{}}
	for p, err := range s.postings.Scan(ctx, campaign, q) {
		if err != nil {
			return Page{}, unreadable(err)
		}
		end := len(p.Actions)
		if cursor != "" && p.N == n {
			end = min(end, left)
		}
		for i := end - 1; i >= 0; i-- {
			if len(page.Entries) == limit {
				page.Next = fmt.Sprintf("%d.%d", p.N, i+1)
				return page, s.stand(ctx, campaign, account, page.Entries)
			}
			page.Entries = append(page.Entries, Past{Entry: p.Actions[i], N: p.N, RecordedAt: p.RecordedAt})
		}
	}
	return page, s.stand(ctx, campaign, account, page.Entries)
}

// Recent reads what an account did and recorded since an instant, newest first,
// without what is said of it. Errors: Unavailable ledger_unavailable.
func (s *Service) Recent(ctx context.Context, campaign, account string, since time.Time) ([]Past, error) {
	var found []Past
	said := map[string][]Entry{}
	now := s.clock.Now()
	q := store.Query{Index: "account", Equal: []any{account}, Desc: true, Limit: MaxPage, Where: []store.Cond{{Field: "actions", Op: store.IsSet}}}
	for p, err := range s.postings.Scan(ctx, campaign, q) {
		if err != nil {
			return nil, unreadable(err)
		}
		if p.RecordedAt.Before(since) {
			break
		}
		for i := len(p.Actions) - 1; i >= 0; i-- {
			e := p.Actions[i]
			if e.Of != "" {
				said[e.Of] = append(said[e.Of], e)
				continue
			}
			past := Past{Entry: e, N: p.N, RecordedAt: p.RecordedAt, Said: said[e.ID]}
			slices.Reverse(past.Said)
			past.settle(now)
			found = append(found, past)
		}
	}
	return found, nil
}

// settle reads what has become of an action from what was said of it.
func (p *Past) settle(now time.Time) {
	a := pastAct{Entry: p.Entry}
	for _, about := range p.Said {
		a.note(about.Verdict())
	}
	p.Standing = a.standing(p.RecordedAt, now)
}

// Was says whether a verdict was said of an action.
func (p *Past) Was(v Verdict) bool {
	return slices.ContainsFunc(p.Said, func(e Entry) bool { return e.Verdict() == v })
}

// stand says of each action of a page what has become of it.
func (s *Service) stand(ctx context.Context, campaign, account string, entries []Past) error {
	if len(entries) == 0 {
		return nil
	}
	// What is said of an action comes after it.
	q := store.Query{
		Index: "account", Equal: []any{account}, From: entries[len(entries)-1].N,
		Where: []store.Cond{{Field: "actions.of", Op: store.IsSet}},
	}
	said := map[string][]Entry{}
	for p, err := range s.postings.Scan(ctx, campaign, q) {
		if err != nil {
			return unreadable(err)
		}
		for _, e := range p.Actions {
			if e.Of != "" {
				said[e.Of] = append(said[e.Of], e)
			}
		}
	}
	now := s.clock.Now()
	for i := range entries {
		e := &entries[i]
		if e.Of != "" {
			continue
		}
		e.Said = said[e.ID]
		e.settle(now)
	}
	return nil
}

// Find is one entry of an account's: NotFound action_unknown where there is none.
// Errors: Unavailable ledger_unavailable.
func (s *Service) Find(ctx context.Context, campaign, account, id string) (Past, error) {
	p, err := s.holding(ctx, campaign, account, id)
	if err != nil {
		return Past{}, err
	}
	if p == nil {
		return Past{}, actionUnknown()
	}
	found := []Past{{Entry: *entry(p, id), N: p.N, RecordedAt: p.RecordedAt}}
	err = s.stand(ctx, campaign, account, found)
	return found[0], err
}

// parseCursor reads "<n>.<left>": left entries of posting n are still to come,
// and then those of the postings before it.
func parseCursor(cursor string) (n int64, left int, err error) {
	if cursor == "" {
		return 0, 0, nil
	}
	posting, rest, _ := strings.Cut(cursor, ".")
	n, err = strconv.ParseInt(posting, 10, 63)
	if err == nil {
		left, err = strconv.Atoi(rest)
	}
	if err != nil || n < 1 || left < 1 || left > MaxActions {
		return 0, 0, errs.New(errs.Invalid, "cursor_invalid", "Take the cursor from the page before, or leave it out to begin again.")
	}
	return n, left, nil
}
