package people

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

const maxGrants = 20

func holds(grants []campaign.Grant, role campaign.Role) bool {
	return slices.ContainsFunc(grants, func(g campaign.Grant) bool { return g.Role == role })
}

// mayGive says whether a holder of these grants may give the role, and take it.
// An admin may give every role a person can hold, staff those below them, all
// others none.
func mayGive(giver []campaign.Grant, role campaign.Role) bool {
	switch role {
	case campaign.Volunteer, campaign.Lead, campaign.Media:
		return holds(giver, campaign.Admin) || holds(giver, campaign.Staff)
	case campaign.Staff, campaign.Admin:
		return holds(giver, campaign.Admin)
	}
	return false
}

// validGrant says whether the grant makes sense: only a lead and a display have
// a region, inside root.
func validGrant(g campaign.Grant, root string) bool {
	switch g.Role {
	case campaign.Lead, campaign.Display:
		return g.Region == "" || (campaign.Covers(root, g.Region) && validRegionID(g.Region))
	case campaign.Supporter, campaign.Volunteer, campaign.Media, campaign.Staff, campaign.Admin:
		return g.Region == ""
	}
	return false
}

func validRegionID(id string) bool {
	return len(id) <= 200 && !strings.ContainsFunc(id, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.'
	})
}

// normalGrants is the set in a fixed order, without doubles, supporter first
// since everybody is one. Errors: Invalid role_invalid.
func (s *Service) normalGrants(ctx context.Context, campaignID string, grants []campaign.Grant) ([]campaign.Grant, error) {
	c, err := s.campaigns.Get(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	if len(grants) > maxGrants {
		return nil, errs.New(errs.Invalid, "role_invalid", "A person holds up to %d roles.", maxGrants)
	}
	normal := []campaign.Grant{{Role: campaign.Supporter}}
	for _, g := range grants {
		if g.Role == campaign.Display || !validGrant(g, c.Root) {
			return nil, errs.New(errs.Invalid, "role_invalid", "A person can be supporter, volunteer, media, staff or admin, or lead of a region of the campaign.")
		}
		if !slices.Contains(normal, g) {
			normal = append(normal, g)
		}
	}
	slices.SortFunc(normal[1:], func(a, b campaign.Grant) int {
		return strings.Compare(string(a.Role)+"/"+a.Region, string(b.Role)+"/"+b.Region)
	})
	return normal, nil
}

// authority is what the caller holds at this moment, read past any cache.
func (s *Service) authority(ctx context.Context, campaignID string, by Identity) ([]campaign.Grant, error) {
	forbidden := errs.New(errs.Forbidden, "role_forbidden", "You may not give or take this role. Ask an admin.")
	if by.Campaign != campaignID {
		return nil, forbidden
	}
	if by.Person == "" {
		return by.Grants, nil
	}
	p, err := s.people.Get(ctx, campaignID, by.Person)
	if errors.Is(err, store.ErrNotFound) {
		return nil, forbidden
	}
	if err != nil {
		return nil, storeError(err)
	}
	return p.Grants, nil
}

// permit says whether who holds giver may turn the grants of p into these.
func permit(giver []campaign.Grant, by string, p *Person, grants []campaign.Grant) error {
	forbidden := errs.New(errs.Forbidden, "role_forbidden", "You may not give or take this role. Ask an admin.")
	admin := holds(giver, campaign.Admin)
	if !admin && !holds(giver, campaign.Staff) {
		return forbidden
	}
	if !admin && p.Has(campaign.Admin) {
		return forbidden
	}
	for _, g := range difference(grants, p.Grants) {
		if g.Role != campaign.Supporter && !mayGive(giver, g.Role) {
			return forbidden
		}
		if !admin && by == p.ID {
			return errs.New(errs.Forbidden, "own_roles", "Nobody gives themselves a role. Ask an admin.")
		}
	}
	for _, g := range difference(p.Grants, grants) {
		if !mayGive(giver, g.Role) {
			return forbidden
		}
	}
	return nil
}

// difference is what a has and b has not.
func difference(a, b []campaign.Grant) []campaign.Grant {
	var rest []campaign.Grant
	for _, g := range a {
		if !slices.Contains(b, g) {
			rest = append(rest, g)
		}
	}
	return rest
}

// PutRoles replaces the roles of a person and gives the person. Admins give and
// take every role, staff those of volunteer, lead and media, from anybody but
// an admin and to anybody but themselves; everybody else nothing. The role
// supporter stays whatever is sent; display is no person's. The last admin
// stays admin, however many removals come at once. The caller's own roles are
// read anew. Errors: Invalid role_invalid; Forbidden role_forbidden, own_roles;
// NotFound person_unknown; Conflict last_admin.
func (s *Service) PutRoles(ctx context.Context, campaignID string, by Identity, person string, grants []campaign.Grant) (*Person, error) {
	giver, err := s.authority(ctx, campaignID, by)
	if err != nil {
		return nil, err
	}
	// The right comes before the content: who has none learns nothing about
	// what is valid or who exists.
	if !holds(giver, campaign.Admin) && !holds(giver, campaign.Staff) {
		return nil, errs.New(errs.Forbidden, "role_forbidden", "You may not give or take this role. Ask an admin.")
	}
	normal, err := s.normalGrants(ctx, campaignID, grants)
	if err != nil {
		return nil, err
	}
	p, err := s.putGrants(ctx, campaignID, person, func(p *Person) ([]campaign.Grant, error) {
		return normal, permit(giver, by.Person, p, normal)
	})
	if err != nil {
		return nil, err
	}
	s.log.Info("roles changed", "campaign", campaignID, "by", by.Person, "person", person, "roles", len(p.Grants))
	return p, nil
}

// putGrants writes the grants that decide gives. Taking the role of admin runs
// in two writes, so that two admins who remove each other at once cannot both
// succeed: the person is marked as leaving, then the admins who are not leaving
// are counted, then the role goes if the mark still stands. Whoever counts
// second sees the first one's mark. A mark that a crash left only makes the
// person not count; the next change of their roles clears it.
func (s *Service) putGrants(ctx context.Context, campaignID, person string, decide func(*Person) ([]campaign.Grant, error)) (*Person, error) {
	mark := store.NewID()
	errStays := errors.New("people: the mark is gone")
	for range 10 {
		leaving := false
		p, err := s.update(ctx, campaignID, person, func(p *Person) error {
			grants, err := decide(p)
			if err != nil {
				return err
			}
			leaving = p.Has(campaign.Admin) && !holds(grants, campaign.Admin)
			if leaving {
				p.Leaving = append(p.Leaving, mark)
			} else {
				p.Grants, p.Leaving = grants, nil
			}
			return nil
		})
		if err != nil || !leaving {
			return p, err
		}
		stays, err := s.otherAdmin(ctx, campaignID, person)
		if err != nil {
			return nil, err
		}
		p, err = s.update(ctx, campaignID, person, func(p *Person) error {
			if !slices.Contains(p.Leaving, mark) {
				return errStays
			}
			grants, err := decide(p)
			if err != nil {
				return err
			}
			p.Leaving = nil
			if stays {
				p.Grants = grants
			}
			return nil
		})
		if errors.Is(err, errStays) {
			continue // another change of the same person came between
		}
		if err == nil && !stays {
			return nil, errs.New(errs.Conflict, "last_admin", "This is the last admin. Make somebody else admin first.")
		}
		return p, err
	}
	return nil, errs.New(errs.Conflict, "roles_changing", "Somebody else is changing these roles. Try again.")
}

// otherAdmin says whether an admin stays when this person goes.
func (s *Service) otherAdmin(ctx context.Context, campaignID, person string) (bool, error) {
	for p, err := range s.people.Scan(ctx, campaignID, store.Query{Index: "role", Equal: []any{string(campaign.Admin)}}) {
		if err != nil {
			return false, storeError(err)
		}
		if p.ID != person && len(p.Leaving) == 0 {
			return true, nil
		}
	}
	return false, nil
}

// CreateAdmin makes the person with this e-mail an admin, and makes the person
// where there is none: for a new campaign. They sign in by a code. It may be
// repeated. Only the command line calls it.
func (s *Service) CreateAdmin(ctx context.Context, campaignID, email string) (*Person, error) {
	email, err := NormaliseEmail(email)
	if err != nil {
		return nil, err
	}
	now := s.clock.Now()
	grants := []campaign.Grant{{Role: campaign.Supporter}, {Role: campaign.Admin}, {Role: campaign.Volunteer}}
	p, created, err := s.settle(ctx, campaignID, email, func() *Person {
		return &Person{Account: store.NewID(), CreatedAt: now, Grants: grants}
	})
	if err != nil || created || p.Has(campaign.Admin) {
		return p, err
	}
	return s.putGrants(ctx, campaignID, p.ID, func(p *Person) ([]campaign.Grant, error) {
		return append(slices.Clone(p.Grants), campaign.Grant{Role: campaign.Admin}), nil
	})
}
