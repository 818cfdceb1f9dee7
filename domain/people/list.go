package people

import (
	"context"
	"errors"
	"iter"

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

// Members counts who belongs to a region and all below it, or of them to a team, ""
// for all; up to limit. It names nobody, so every caller may have it.
func (s *Service) Members(ctx context.Context, campaignID, region, team string, limit int) (int, error) {
	q := store.Query{Index: "within", Equal: []any{region}}
	if team != "" {
		q.Where = []store.Cond{{Field: "team", Op: store.Equal, Value: team}}
	}
	n, err := s.people.Count(ctx, campaignID, q, limit)
	return n, storeError(err)
}

// Holders yields the ids of everybody who holds a role, in no order that means
// anything. For the house's own workers, never for a person. It ends at the
// first error, which it yields.
func (s *Service) Holders(ctx context.Context, campaignID string, role campaign.Role) iter.Seq2[string, error] {
	q := store.Query{Index: "role", Equal: []any{string(role)}}
	return s.ids(ctx, campaignID, q, func(*Person) bool { return true })
}

// Agreed yields the ids of everybody whose latest word for the purpose and
// channel is yes. It only says whom to ask the Gate for: consent is looked at
// again when something is sent. Otherwise as Holders.
func (s *Service) Agreed(ctx context.Context, campaignID, purpose, channel string) iter.Seq2[string, error] {
	return s.ids(ctx, campaignID, store.Query{Index: "created"}, func(p *Person) bool {
		return consented(p.Consents, purpose, channel)
	})
}

func (s *Service) ids(ctx context.Context, campaignID string, q store.Query, wanted func(*Person) bool) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for p, err := range s.people.Scan(ctx, campaignID, q) {
			if err != nil {
				yield("", storeError(err))
				return
			}
			if wanted(p) && !yield(p.ID, nil) {
				return
			}
		}
	}
}
