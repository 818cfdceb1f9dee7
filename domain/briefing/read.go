package briefing

import (
	"context"
	"errors"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// ListRequest asks for briefings, newest first.
type ListRequest struct {
	Viewer Viewer
	Limit  int    // 1 to 100; 0 means 20
	Cursor string // Page.Next of the page before; "" starts
}

// Page is one page of briefings.
type Page struct {
	Briefings []*Briefing
	Next      string // "" at the end
}

// List gives the briefings that the viewer may read: HQ those of every state by
// the time they were begun, others by the time they opened for them. Errors:
// Invalid cursor_invalid.
func (s *Service) List(ctx context.Context, campaignID string, r ListRequest) (Page, error) {
	if r.Limit <= 0 || r.Limit > 100 {
		r.Limit = 20
	}
	q := store.Query{Index: "created", Desc: true, Limit: r.Limit, After: r.Cursor}
	if !hq(r.Viewer) {
		if q.Index = string(group(r.Viewer)); q.Index == "" {
			return Page{}, nil
		}
	}
	found, err := s.briefings.Find(ctx, campaignID, q)
	if errors.Is(err, store.ErrQuery) && r.Cursor != "" {
		return Page{}, errs.Wrap(err, errs.Invalid, "cursor_invalid", "Start the list again without a cursor.")
	}
	if err != nil {
		return Page{}, stored(err)
	}
	page := Page{Next: found.Next}
	for _, b := range found.Items {
		if Visible(b, r.Viewer) {
			page.Briefings = append(page.Briefings, b)
		}
	}
	return page, nil
}

// Get gives one briefing. One that the viewer may not read is NotFound
// briefing_unknown, as one that does not exist.
func (s *Service) Get(ctx context.Context, campaignID, id string, v Viewer) (*Briefing, error) {
	b, err := s.read(ctx, campaignID, id)
	if err != nil {
		return nil, err
	}
	if !Visible(b, v) {
		return nil, unknown(nil)
	}
	return b, nil
}
