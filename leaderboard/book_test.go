package leaderboard

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/internal/clock"
)

// book is a ledger in memory, with people who act. A posting can be seen only
// some time after it was recorded, as an insert takes.
type book struct {
	clock    clock.Clock
	calendar season.Calendar

	mu      sync.Mutex
	entries []bookEntry
	states  map[string]*points.Posting // last of each account
	ids     int
	// ahead is how far the store's clock is ahead of the nodes'.
	ahead time.Duration
}

type bookEntry struct {
	posting *points.Posting
	visible time.Time
}

func newBook(c clock.Clock, zone *time.Location) *book {
	return &book{clock: c, calendar: season.Calendar{Zone: zone}, states: map[string]*points.Posting{}}
}

// act is what somebody does.
type act struct {
	account string
	home    points.Home
	points  int64
	at      time.Time // recorded at
	// late counts the points in the season before, where that is open.
	late    bool
	hidden  bool
	visible time.Duration // after at
	// withheld is what a hold takes off, negative what a clear puts back; points
	// say it too.
	withheld int64
}

// post writes the posting of an act. It answers nil while the account's last
// posting cannot be seen yet: a person's decisions are serial.
func (b *book) post(a act) *points.Posting {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.states[a.account]
	p := &points.Posting{Account: a.account, N: 1, RecordedAt: a.at}
	if last == nil {
		p.State.JoinedAt = a.at
	} else {
		for _, e := range b.entries {
			if e.posting == last && e.visible.After(b.clock.Now()) {
				return nil
			}
		}
		p.N, p.State = last.N+1, last.State
		if p.RecordedAt.Before(last.RecordedAt) {
			p.RecordedAt = last.RecordedAt
		}
	}
	p.ID = points.PostingID(p.Account, p.N)
	b.write(p, a)
	b.states[a.account] = p
	b.entries = append(b.entries, bookEntry{p, a.at.Add(a.visible)})
	return p
}

func (b *book) write(p *points.Posting, a act) {
	s := &p.State
	s.Home, s.Hidden = a.home, a.hidden
	s.AllTime = slices.Clone(s.AllTime)
	s.Seasons = slices.DeleteFunc(slices.Clone(s.Seasons), func(x points.SeasonShare) bool { return !b.calendar.IsOpen(x.Season, p.RecordedAt) })
	current := b.calendar.Of(p.RecordedAt)
	id := current.ID
	b.begin(s, id)
	if before := b.calendar.Of(current.Start.Add(-time.Hour)); a.late && a.points != 0 && b.calendar.IsOpen(before.ID, p.RecordedAt) {
		id = before.ID
		b.begin(s, id)
	}
	if a.points == 0 {
		return
	}
	b.ids++
	p.Actions = []points.Entry{{ID: fmt.Sprint(b.ids), Kind: "door", Quantity: a.points, Season: id, Points: a.points}}
	share := s.Season(id)
	share.Points += a.points
	i := slices.IndexFunc(s.AllTime, func(x points.Share) bool { return x.Home == share.Home })
	s.AllTime[i].Points += a.points
}

func (b *book) begin(s *points.State, id string) {
	if s.Season(id) != nil {
		return
	}
	s.Seasons = append(s.Seasons, points.SeasonShare{Season: id, Share: points.Share{Home: s.Home}})
	slices.SortFunc(s.Seasons, func(a, b points.SeasonShare) int { return strings.Compare(a.Season, b.Season) })
	if !slices.ContainsFunc(s.AllTime, func(x points.Share) bool { return x.Home == s.Home }) {
		s.AllTime = append(s.AllTime, points.Share{Home: s.Home})
	}
}

// rules are the same for ever.
func (b *book) rules(context.Context, *campaign.Campaign) (Recount, error) { return b.recount, nil }

// recount adds up entries alone.
func (b *book) recount(postings []*points.Posting) (points.Recounted, error) {
	var r points.Recounted
	begin := func(id string, home points.Home) *points.SeasonShare {
		if share := r.Season(id); share != nil {
			return share
		}
		r.Seasons = append(r.Seasons, points.SeasonShare{Season: id, Share: points.Share{Home: home}})
		if !slices.ContainsFunc(r.AllTime, func(x points.Share) bool { return x.Home == home }) {
			r.AllTime = append(r.AllTime, points.Share{Home: home})
		}
		return r.Season(id)
	}
	for i, p := range postings {
		if r.N++; p.N != r.N {
			return r, fmt.Errorf("posting %d where %d is due", p.N, i+1)
		}
		begin(b.calendar.Of(p.RecordedAt).ID, p.State.Home)
		for _, e := range p.Actions {
			share := begin(e.Season, p.State.Home)
			share.Points += e.Quantity
			at := slices.IndexFunc(r.AllTime, func(x points.Share) bool { return x.Home == share.Home })
			r.AllTime[at].Points += e.Quantity
		}
	}
	return r, nil
}

// seen lists the postings that can be seen, in the order of recording.
func (b *book) seen() []*points.Posting {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	var found []*points.Posting
	for _, e := range b.entries {
		if !e.visible.After(now) {
			found = append(found, e.posting)
		}
	}
	slices.SortFunc(found, func(x, y *points.Posting) int { return markOf(x).Compare(markOf(y)) })
	return found
}

// After implements Ledger.
func (b *book) After(_ context.Context, _ string, mark Mark, before time.Time, limit int) ([]*points.Posting, error) {
	var found []*points.Posting
	for _, p := range b.seen() {
		if markOf(p).Compare(mark) > 0 && p.RecordedAt.Before(before) && len(found) < limit {
			found = append(found, p)
		}
	}
	return found, nil
}

// Now implements Ledger.
func (b *book) Now(context.Context) (time.Time, error) { return b.clock.Now().Add(b.ahead), nil }

// Of implements Ledger.
func (b *book) Of(_ context.Context, _, account string) ([]*points.Posting, error) {
	var found []*points.Posting
	for _, p := range b.seen() {
		if p.Account == account {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(x, y *points.Posting) int { return cmp.Compare(x.N, y.N) })
	return found, nil
}

// Accounts implements Ledger.
func (b *book) Accounts(context.Context, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, p := range b.seen() {
			if p.N == 1 && !yield(p.Account, nil) {
				return
			}
		}
	}
}
