package people

import (
	"context"
	"errors"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

const (
	defaultPage = 50
	maxPage     = 200
)

// List gives a page of the people of a region and all below it, for staff and
// admins, and for leads of that region; a region of "" is everybody, those
// without a region too. Names and addresses are in it: that it was read is
// logged, with ids only. limit is 1 to 200, 0 is 50. Errors: Forbidden
// people_forbidden; Invalid cursor_invalid.
func (s *Service) List(ctx context.Context, campaignID string, by Identity, region, cursor string, limit int) (store.Page[Person], error) {
	allowed := by.Campaign == campaignID &&
		(by.Has(campaign.Admin) || by.Has(campaign.Staff) || by.CoversRegion(campaign.Lead, region))
	if !allowed {
		return store.Page[Person]{}, errs.New(errs.Forbidden, "people_forbidden", "Only staff, and leads of this region, see who is in it.")
	}
	if limit <= 0 {
		limit = defaultPage
	}
	q := store.Query{Index: "within", Equal: []any{region}, Limit: min(limit, maxPage), After: cursor}
	if region == "" {
		q.Index, q.Equal = "created", nil
	}
	page, err := s.people.Find(ctx, campaignID, q)
	if errors.Is(err, store.ErrQuery) {
		return store.Page[Person]{}, errs.Wrap(err, errs.Invalid, "cursor_invalid", "This cursor is not one that a page gave. Start again without it.")
	}
	if err != nil {
		return store.Page[Person]{}, storeError(err)
	}
	s.log.Info("people listed", "campaign", campaignID, "by", by.Person, "region", region, "people", len(page.Items))
	return page, nil
}
