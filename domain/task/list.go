package task

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Offer is a task as one person sees it.
type Offer struct {
	*Task
	Free  int    // slots nobody holds at this instant; 0 once the task is closed
	Claim *Claim // the person's own claim, held or completed; nil if none
}

// ListRequest asks for open tasks.
type ListRequest struct {
	// Region is the person's leaf region: tasks of that region come first,
	// then those of each region above it.
	Region string
	// Subtree, if given, replaces Region's rule: all open tasks in it, soonest
	// end first. For leads and staff; the caller has checked that they may.
	Subtree string
	Account string // whose claims to show; "" shows none
	Limit   int    // 1 to 100; 0 means 50
	Cursor  string // Page.Next of the page before; "" starts
}

// Page is one page of open tasks.
type Page struct {
	Offers []*Offer
	Next   string // "" at the end
}

// List gives open tasks, soonest end first within a region. Errors: Invalid
// region_unknown, cursor_invalid.
func (s *Service) List(ctx context.Context, campaignID string, r ListRequest) (Page, error) {
	if r.Limit <= 0 || r.Limit > 100 {
		r.Limit = 50
	}
	now := s.clock.Now()
	var page Page
	var tasks []*Task
	var err error
	if r.Subtree != "" {
		tasks, page.Next, err = s.find(ctx, campaignID, "subtree", r.Subtree, now, r.Limit, r.Cursor)
	} else {
		tasks, page.Next, err = s.upwards(ctx, campaignID, r, now)
	}
	if err != nil {
		return Page{}, err
	}
	page.Offers, err = s.offers(ctx, campaignID, tasks, r.Account, now)
	return page, err
}

// upwards pages through the person's region and then through those above it.
// A cursor is "<region>|<the store's cursor in it>".
func (s *Service) upwards(ctx context.Context, campaignID string, r ListRequest, now time.Time) ([]*Task, string, error) {
	region, err := s.regions.Region(ctx, campaignID, r.Region)
	if errs.KindOf(err) == errs.NotFound || errors.Is(err, store.ErrNotFound) {
		return nil, "", errs.Wrap(err, errs.Invalid, "region_unknown", "Choose a region of this campaign.")
	}
	if err != nil {
		return nil, "", err
	}
	at, after := len(region.Within)-1, ""
	if r.Cursor != "" {
		id, cursor, ok := strings.Cut(r.Cursor, "|")
		for at >= 0 && region.Within[at] != id {
			at--
		}
		if !ok || at < 0 {
			return nil, "", errs.New(errs.Invalid, "cursor_invalid", "Start the list again without a cursor.")
		}
		after = cursor
	}
	var tasks []*Task
	for ; at >= 0; at-- {
		if len(tasks) == r.Limit {
			return tasks, region.Within[at] + "|", nil
		}
		found, next, err := s.find(ctx, campaignID, "region", region.Within[at], now, r.Limit-len(tasks), after)
		if err != nil {
			return nil, "", err
		}
		tasks = append(tasks, found...)
		if next != "" {
			return tasks, region.Within[at] + "|" + next, nil
		}
		after = ""
	}
	return tasks, "", nil
}

func (s *Service) find(ctx context.Context, campaignID, index, region string, now time.Time, limit int, after string) ([]*Task, string, error) {
	page, err := s.tasks.Find(ctx, campaignID, store.Query{
		Index: index, Equal: []any{string(Open), region}, From: now.Add(time.Millisecond), Limit: limit, After: after,
	})
	if errors.Is(err, store.ErrQuery) && after != "" {
		return nil, "", errs.Wrap(err, errs.Invalid, "cursor_invalid", "Start the list again without a cursor.")
	}
	if err != nil {
		return nil, "", stored(err)
	}
	return page.Items, page.Next, nil
}

// First is the task to offer a new person of a leaf region: the nearest with a
// free slot, nil when there is none. It depends on nothing but the region and
// what the campaign offers. Errors: Invalid region_unknown.
func (s *Service) First(ctx context.Context, campaignID, region string) (*Offer, error) {
	r := ListRequest{Region: region, Limit: 20}
	for {
		page, err := s.List(ctx, campaignID, r)
		if err != nil {
			return nil, err
		}
		for _, offer := range page.Offers {
			if offer.Free > 0 {
				return offer, nil
			}
		}
		if page.Next == "" {
			return nil, nil
		}
		r.Cursor = page.Next
	}
}

// Get is one task as account sees it ("" for nobody). Errors: NotFound
// task_unknown.
func (s *Service) Get(ctx context.Context, campaignID, taskID, account string) (*Offer, error) {
	t, err := s.tasks.Get(ctx, campaignID, taskID)
	if err != nil {
		return nil, taskErr(err)
	}
	own, err := s.own(ctx, campaignID, taskID, account)
	if err != nil {
		return nil, err
	}
	return s.offer(ctx, t, own)
}

// Mine gives the tasks that account holds a slot of at this instant, the
// shortest lease first.
func (s *Service) Mine(ctx context.Context, campaignID, account string) ([]*Offer, error) {
	held, err := s.held(ctx, campaignID, account, s.options.MaxClaims+1)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(held))
	for i, c := range held {
		ids[i] = c.Task
	}
	found, err := s.tasks.GetMany(ctx, campaignID, ids)
	if err != nil {
		return nil, stored(err)
	}
	tasks := make([]*Task, 0, len(ids))
	for _, id := range ids {
		if t := found[id]; t != nil {
			tasks = append(tasks, t)
		}
	}
	return s.offers(ctx, campaignID, tasks, account, s.clock.Now())
}

// held finds up to limit slots that account holds now, completed ones left out.
// Held ones end no later than completed ones of the same task, and are few.
func (s *Service) held(ctx context.Context, campaignID, account string, limit int) ([]*Claim, error) {
	var held []*Claim
	q := store.Query{
		Index: "account", Equal: []any{account}, From: s.clock.Now().Add(time.Millisecond),
		Where: []store.Cond{{Field: "state", Value: string(Held)}}, Limit: limit,
	}
	for c, err := range s.claims.Scan(ctx, campaignID, q) {
		if err != nil {
			return nil, stored(err)
		}
		if held = append(held, c); len(held) == limit {
			break
		}
	}
	return held, nil
}

// own is account's latest claim on the task, given back or not; nil if none.
func (s *Service) own(ctx context.Context, campaignID, taskID, account string) (*Claim, error) {
	if account == "" {
		return nil, nil
	}
	for _, q := range []store.Query{
		{Index: "holder", Equal: []any{taskID, account}},
		{Index: "person", Equal: []any{taskID, account}, Desc: true},
	} {
		c, err := s.claims.First(ctx, campaignID, q)
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, stored(err)
		}
	}
	return nil, nil
}

// offer dresses one task.
func (s *Service) offer(ctx context.Context, t *Task, own *Claim) (*Offer, error) {
	free, err := s.free(ctx, t, s.clock.Now())
	if own != nil && own.State == GivenBack {
		own = nil
	}
	return &Offer{Task: t, Free: free, Claim: own}, err
}

// offers dresses a page: one read of the person's claims and one bounded count
// of index entries a task, eight at a time.
func (s *Service) offers(ctx context.Context, campaignID string, tasks []*Task, account string, now time.Time) ([]*Offer, error) {
	offers := make([]*Offer, len(tasks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, t := range tasks {
		offers[i] = &Offer{Task: t}
		group.Go(func() (err error) {
			offers[i].Free, err = s.free(ctx, t, now)
			return err
		})
	}
	own := map[string]*Claim{}
	if account != "" && len(tasks) > 0 {
		page, err := s.claims.Find(ctx, campaignID, store.Query{
			Index: "account", Equal: []any{account}, From: now.Add(time.Millisecond), Limit: store.MaxPage,
		})
		if err != nil {
			return nil, errors.Join(stored(err), group.Wait())
		}
		for _, c := range page.Items {
			own[c.Task] = c
		}
	}
	for _, offer := range offers {
		offer.Claim = own[offer.ID]
	}
	return offers, group.Wait()
}

// free reads how many slots nobody holds at now.
func (s *Service) free(ctx context.Context, t *Task, now time.Time) (int, error) {
	if !t.open(now) {
		return 0, nil
	}
	taken, err := s.claims.Count(ctx, t.Campaign, store.Query{
		Index: "taken", Equal: []any{t.ID}, From: now.Add(time.Millisecond),
	}, t.Capacity)
	return t.Capacity - taken, stored(err)
}
