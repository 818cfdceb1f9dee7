package task_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/task"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

const (
	camp   = "liguria-2024"
	root   = "it.liguria"
	leaf   = "it.liguria.ge.genova"
	county = "it.liguria.ge"
)

type regions struct{}

func (regions) Region(_ context.Context, _, id string) (*campaign.Region, error) {
	switch id {
	case root, county, leaf, "it.liguria.sp", "it.liguria.sp.la-spezia":
		return &campaign.Region{Meta: store.Meta{ID: id}, Within: campaign.Within(root, id)}, nil
	}
	return nil, errs.New(errs.NotFound, "region_unknown", "There is no such region.")
}

var start = time.Date(2024, 10, 21, 9, 0, 0, 0, time.UTC)

func open(t *testing.T, options task.Options) (*task.Service, *clock.Manual) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Migrate(t.Context(), task.Schemas); err != nil {
		t.Fatal(err)
	}
	clk := clock.NewManual(start)
	return task.New(db, regions{}, clk, options), clk
}

func doors(capacity int) task.PostRequest {
	return task.PostRequest{
		Kind: task.Door, Title: "Knock on doors in Marassi", Region: leaf, Capacity: capacity,
		EndsAt: start.Add(48 * time.Hour), PostedBy: "staff",
	}
}

func post(t *testing.T, s *task.Service, r task.PostRequest) *task.Offer {
	t.Helper()
	offer, err := s.Post(t.Context(), camp, r)
	if err != nil {
		t.Fatal(err)
	}
	return offer
}

func code(t *testing.T, err error, want string) {
	t.Helper()
	if got := errs.CodeOf(err); got != want {
		t.Fatalf("code %q (%v), want %q", got, err, want)
	}
}

func free(t *testing.T, s *task.Service, id string, want int) {
	t.Helper()
	offer, err := s.Get(t.Context(), camp, id, "")
	if err != nil || offer.Free != want {
		t.Fatalf("free %v, %v; want %d", offer, err, want)
	}
}

func TestPostJudgesShape(t *testing.T) {
	s, _ := open(t, task.Options{})
	for name, c := range map[string]struct {
		change func(*task.PostRequest)
		code   string
	}{
		"kind":         {func(r *task.PostRequest) { r.Kind = "dance" }, "task_kind_unknown"},
		"no title":     {func(r *task.PostRequest) { r.Title = "  " }, "task_title_invalid"},
		"no room":      {func(r *task.PostRequest) { r.Capacity = 0 }, "task_capacity_invalid"},
		"too much":     {func(r *task.PostRequest) { r.Capacity = 1001 }, "task_capacity_invalid"},
		"no end":       {func(r *task.PostRequest) { r.EndsAt = time.Time{} }, "task_window_invalid"},
		"over already": {func(r *task.PostRequest) { r.StartsAt, r.EndsAt = start.Add(-2), start.Add(-1) }, "task_window_invalid"},
		"backwards":    {func(r *task.PostRequest) { r.StartsAt = r.EndsAt }, "task_window_invalid"},
		"next decade":  {func(r *task.PostRequest) { r.EndsAt = start.AddDate(10, 0, 0) }, "task_window_invalid"},
		"elsewhere":    {func(r *task.PostRequest) { r.Region = "it.lazio" }, "region_unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			r := doors(3)
			c.change(&r)
			_, err := s.Post(t.Context(), camp, r)
			code(t, err, c.code)
			if errs.KindOf(err) != errs.Invalid {
				t.Fatalf("kind of %v", err)
			}
		})
	}
	if page, err := s.List(t.Context(), camp, task.ListRequest{Subtree: root}); err != nil || len(page.Offers) != 0 {
		t.Fatalf("a refused task was kept: %v, %v", page, err)
	}
}

func TestPostTwiceWithOneKeyIsOneTask(t *testing.T) {
	s, clk := open(t, task.Options{})
	r := doors(3)
	r.Key = "k1"
	first := post(t, s, r)
	clk.Advance(72 * time.Hour) // the window is over: the repeat still answers
	if again := post(t, s, r); again.ID != first.ID {
		t.Fatalf("two tasks: %s and %s", first.ID, again.ID)
	}
	r = doors(3)
	r.Key, r.PostedBy, r.EndsAt = "k1", "another", clk.Now().Add(time.Hour)
	if other := post(t, s, r); other.ID == first.ID {
		t.Fatal("another poster's key found this poster's task")
	}
}

func TestListGoesFromLeafToRoot(t *testing.T) {
	ctx := t.Context()
	s, _ := open(t, task.Options{})
	var want []string
	for _, region := range []string{leaf, county, root} {
		for i := range 3 {
			r := doors(2)
			r.Region, r.EndsAt = region, start.Add(time.Duration(i+1)*time.Hour)
			want = append(want, post(t, s, r).ID)
		}
	}
	r := doors(2)
	r.Region = "it.liguria.sp.la-spezia"
	spezia := post(t, s, r).ID
	closed := post(t, s, doors(1)).ID
	for range 2 {
		if offer, err := s.Close(ctx, camp, closed); err != nil || offer.State != task.Closed || offer.Free != 0 {
			t.Fatalf("close: %+v, %v", offer, err)
		}
	}
	for _, limit := range []int{1, 2, 3, 4, 50} {
		if got := all(t, s, task.ListRequest{Region: leaf, Limit: limit}); !cmp.Equal(got, want) {
			t.Errorf("limit %d: %s", limit, cmp.Diff(want, got))
		}
	}
	if got := all(t, s, task.ListRequest{Subtree: "it.liguria.sp"}); !cmp.Equal(got, []string{spezia}) {
		t.Errorf("subtree: %v", got)
	}
	if got := all(t, s, task.ListRequest{Subtree: root, Limit: 4}); len(got) != 10 {
		t.Errorf("whole tree: %v", got)
	}
	if _, err := s.Claim(ctx, camp, want[0], "a"); err != nil {
		t.Fatal(err)
	}
	page, err := s.List(ctx, camp, task.ListRequest{Region: leaf, Account: "a"})
	if err != nil || page.Offers[0].Free != 1 || page.Offers[0].Claim == nil || page.Offers[1].Claim != nil {
		t.Errorf("own claim: %+v, %v", page.Offers[0], err)
	}
	for _, cursor := range []string{"nonsense", "it.liguria.sp|", leaf + "|nonsense"} {
		_, err := s.List(ctx, camp, task.ListRequest{Region: leaf, Cursor: cursor})
		code(t, err, "cursor_invalid")
	}
	_, err = s.List(ctx, camp, task.ListRequest{Region: "it.lazio"})
	code(t, err, "region_unknown")
}

func all(t *testing.T, s *task.Service, r task.ListRequest) (ids []string) {
	t.Helper()
	for {
		page, err := s.List(t.Context(), camp, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, offer := range page.Offers {
			ids = append(ids, offer.ID)
		}
		if page.Next == "" {
			return ids
		}
		r.Cursor = page.Next
	}
}

func TestFirst(t *testing.T) {
	ctx := t.Context()
	s, _ := open(t, task.Options{})
	if first, err := s.First(ctx, camp, leaf); err != nil || first != nil {
		t.Fatalf("nothing is offered, and yet %+v, %v", first, err)
	}
	r := doors(1)
	r.Region = root
	everywhere := post(t, s, r).ID
	here := post(t, s, doors(1)).ID
	for _, want := range []string{here, everywhere} {
		first, err := s.First(ctx, camp, leaf)
		if err != nil || first.ID != want {
			t.Fatalf("first %+v, %v; want %s", first, err, want)
		}
		if _, err := s.Claim(ctx, camp, want, "a"); err != nil {
			t.Fatal(err)
		}
	}
	if first, err := s.First(ctx, camp, leaf); err != nil || first != nil {
		t.Fatalf("all is taken, and yet %+v, %v", first, err)
	}
}

func TestFeed(t *testing.T) {
	ctx := t.Context()
	s, clk := open(t, task.Options{})
	type event struct{ Feed, Type string }
	drain := func() (events []event) {
		t.Helper()
		seen := map[string]bool{}
		_, err := s.CarryOut(ctx, clk.Now(), func(_ context.Context, campaign string, e store.Effect) error {
			if campaign != camp || e.Kind != "feed" || seen[e.ID] {
				t.Errorf("effect %+v of %s", e, campaign)
			}
			seen[e.ID] = true
			if e.Data["feed"] == "tasks:"+leaf {
				events = append(events, event{e.Data["feed"], e.Data["type"]})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return events
	}
	expect := func(types ...string) {
		t.Helper()
		var want []event
		for _, name := range types {
			want = append(want, event{"tasks:" + leaf, name})
		}
		if got := drain(); !cmp.Equal(got, want) {
			t.Fatal(cmp.Diff(want, got))
		}
	}
	id := post(t, s, doors(1)).ID
	expect("task_opened")
	expect()
	s.Claim(ctx, camp, id, "a")
	expect("task_taken")
	s.GiveBack(ctx, camp, id, "a")
	expect("task_given_back")
	clk.Advance(4 * time.Hour)
	expect() // given back by hand: the lease's end is no news
	s.Claim(ctx, camp, id, "b")
	clk.Advance(4 * time.Hour)
	expect("task_taken", "task_given_back")
	s.Claim(ctx, camp, id, "b")
	s.Complete(ctx, camp, id, "b")
	clk.Advance(5 * time.Hour)
	expect("task_taken")
	s.Close(ctx, camp, id)
	expect("task_closed")
	clk.Advance(48 * time.Hour)
	expect()
	post(t, s, func() task.PostRequest { r := doors(1); r.EndsAt = clk.Now().Add(time.Hour); return r }())
	clk.Advance(time.Hour)
	expect("task_opened", "task_closed")
}
