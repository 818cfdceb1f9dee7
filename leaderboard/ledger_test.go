package leaderboard

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/internal/redistest"
	"github.com/musterhq/muster/store"
)

// TestLedgerOnTheStore: postings of one millisecond are told apart by their
// ids, however small the page.
func TestLedgerOnTheStore(t *testing.T) {
	ctx, engine := context.Background(), newSQLite(t)
	postings := store.NewCollection[points.Posting](engine, points.Schema)
	var want []string
	for i := range 40 {
		p := &points.Posting{Account: fmt.Sprintf("a%d", i%8), N: int64(1 + i/8), RecordedAt: monday.Add(time.Duration(i/16) * time.Millisecond)}
		p.ID = points.PostingID(p.Account, p.N)
		if err := postings.InsertOne(ctx, "one", p); err != nil {
			t.Fatal(err)
		}
		want = append(want, Mark{p.RecordedAt, p.ID}.String())
	}
	slices.Sort(want)
	l := NewLedger(engine)
	for _, size := range []int{1, 3, 16, 17, 100} {
		var have []string
		for at := (Mark{}); ; {
			page, err := l.After(ctx, "one", at, forever, size)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range page {
				at = markOf(p)
				have = append(have, at.String())
			}
			if len(page) < size {
				break
			}
		}
		if !slices.Equal(want, have) {
			t.Errorf("pages of %d: %v", size, have)
		}
	}
	if page, err := l.After(ctx, "one", Mark{}, monday.Add(time.Millisecond), 100); err != nil || len(page) != 16 {
		t.Errorf("%d postings before an instant, %v", len(page), err)
	}
	if page, err := l.After(ctx, "one", Mark{At: monday.Add(time.Millisecond)}, forever, 100); err != nil || len(page) != 24 {
		t.Errorf("%d postings from an instant on, %v", len(page), err)
	}
	if page, err := l.After(ctx, "one", Mark{At: monday.Add(time.Hour)}, monday, 100); err != nil || len(page) != 0 {
		t.Errorf("%d postings between later and earlier, %v", len(page), err)
	}
	var accounts []string
	for account, err := range l.Accounts(ctx, "one") {
		if err != nil {
			t.Fatal(err)
		}
		accounts = append(accounts, account)
	}
	if len(accounts) != 8 {
		t.Errorf("accounts %v", accounts)
	}
	of, err := l.Of(ctx, "one", "a3")
	if err != nil || len(of) != 5 || of[4].N != 5 {
		t.Errorf("%v %v", of, err)
	}
}

// TestAfterReadsWhatBoardsAreMadeOf: it decodes less than a posting, and not too
// little.
func TestAfterReadsWhatBoardsAreMadeOf(t *testing.T) {
	ctx, engine := context.Background(), newSQLite(t)
	home, moved := points.Home{Team: "old", Region: "it.a"}, points.Home{Team: "new", Region: "it.b"}
	p := &points.Posting{
		Meta: store.Meta{ID: points.PostingID("a", 7)}, Account: "a", N: 7, RecordedAt: monday, Rules: "v1", Actions: []points.Entry{{ID: "x", Points: 3}},
		State: points.State{
			JoinedAt: monday.Add(-time.Hour), Hidden: true, Home: moved,
			AllTime: []points.Share{{Home: home, Points: 5}, {Home: moved, Points: 2}},
			Seasons: []points.SeasonShare{{Season: "2026-w01", Share: points.Share{Home: home, Points: 5}}},
			Days:    []points.DayQuantity{{Day: "2026-01-05", Kind: "door", Quantity: 1}},
		},
	}
	if err := store.NewCollection[points.Posting](engine, points.Schema).InsertOne(ctx, "one", p); err != nil {
		t.Fatal(err)
	}
	l := NewLedger(engine)
	whole, err := l.Of(ctx, "one", "a")
	if err != nil || len(whole) != 1 {
		t.Fatalf("%d postings, %v", len(whole), err)
	}
	read, err := l.After(ctx, "one", Mark{}, forever, 10)
	if err != nil || len(read) != 1 {
		t.Fatalf("%d postings, %v", len(read), err)
	}
	if diff := cmp.Diff(lineOf(whole[0]), lineOf(read[0])); diff != "" {
		t.Errorf("the lines differ: %s", diff)
	}
	if markOf(whole[0]).Compare(markOf(read[0])) != 0 || len(read[0].Actions) > 0 || len(read[0].State.Days) > 0 {
		t.Errorf("read %+v", read[0])
	}
}

// TestBoardsOfTheRealLedger: people act through domain/points on SQLite, some
// take back what they did, and the boards equal what points.Recount says, over
// the end of a season and a rebuild.
func TestBoardsOfTheRealLedger(t *testing.T) {
	engine := newSQLite(t)
	w := newWorldOn(t, redistest.Open(t), engine)
	t.Cleanup(func() { wipe(t, w.redis, w.id) })
	calendar := season.Calendar{Zone: time.UTC}
	ledger := points.New(points.Config{Engine: engine, Clock: w.clock, Calendar: func(context.Context, string) (points.Calendar, error) { return calendar, nil }})
	w.boards.ledger = NewLedger(engine)
	w.boards.rules = func(context.Context, *campaign.Campaign) (Recount, error) {
		return func(postings []*points.Posting) (points.Recounted, error) {
			return points.Recount(nil, calendar, postings)
		}, nil
	}
	member := func(i int) points.Member {
		home := []points.Home{genova, camogli, sarzana}[i%3]
		return points.Member{Account: fmt.Sprintf("a%d", i), Team: home.Team, Region: home.Region, Hidden: i == 4}
	}
	for day := range 12 {
		for i := range 7 {
			m := member(i)
			if day == 6 && i == 2 {
				m.Team, m.Region = genova.Team, genova.Region // moves house
			}
			id := fmt.Sprintf("d%d-%d", day, i)
			result, err := ledger.Record(w.ctx, w.id, m, points.Batch{SentAt: w.clock.Now(), Actions: []points.Action{
				{ID: id, Kind: "door", Quantity: int64(1 + (day*i)%90), OccurredAt: w.clock.Now().Add(-time.Duration(i*day) * time.Hour)},
				{ID: id + "-call", Kind: "call", Quantity: 50, OccurredAt: w.clock.Now()},
			}})
			if err != nil {
				t.Fatal(err)
			}
			w.apply(result.Posting)
			if i == 5 {
				void, err := ledger.Void(w.ctx, w.id, m, id)
				if err != nil {
					t.Fatal(err)
				}
				w.apply(void.Posting)
			}
		}
		w.clock.Advance(20 * time.Hour)
		w.round()
	}
	w.equal()
	wipe(t, w.redis, w.id)
	if err := w.boards.Settle(w.ctx, w.id); err != nil {
		t.Fatal(err)
	}
	w.equal()
	page := w.page(PageRequest{Board: "people:all", Window: "2026-w47"})
	if !page.Closed || page.Total != 6 {
		t.Errorf("the first season: %+v", page)
	}
}
