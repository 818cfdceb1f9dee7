package campaign

import (
	"context"
	"errors"
	"fmt"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Placement is where a postcode puts a person: a leaf region and its team.
type Placement struct {
	Region *Region
	Team   *Team
}

// Choices is the Detail of region_ambiguous and region_mismatch.
type Choices struct {
	Choices []Place `json:"choices"`
}

// Lookup finds where a postcode puts a person. Places that share a postcode,
// and postcodes that span regions, need the person's choice: region is one of
// the choices, or "" at first.
// Invalid: postcode_unknown; region_ambiguous (no region given) and
// region_mismatch (one that does not hold the postcode), both with Choices as
// Detail. NotFound: campaign_unknown. Conflict: regions_missing.
func (s *Service) Lookup(ctx context.Context, campaignID, postcode, region string) (Placement, error) {
	tree, err := s.Tree(ctx, campaignID)
	if err != nil {
		return Placement{}, err
	}
	places, err := s.places(ctx, campaignID, postcode)
	if err != nil {
		return Placement{}, err
	}
	chosen := ""
	for _, place := range places {
		if place.Region == region || region == "" && len(places) == 1 {
			chosen = place.Region
		}
	}
	switch {
	case chosen != "":
		return s.place(ctx, campaignID, tree, chosen)
	case region == "":
		return Placement{}, errs.New(errs.Invalid, "region_ambiguous", "This postcode belongs to several places; say which of the choices is yours.").WithDetail(Choices{places})
	default:
		return Placement{}, errs.New(errs.Invalid, "region_mismatch", "This postcode does not belong to that region; choose one of the choices.").WithDetail(Choices{places})
	}
}

func (s *Service) places(ctx context.Context, campaignID, postcode string) ([]Place, error) {
	unknown := errs.New(errs.Invalid, "postcode_unknown", "This campaign knows no such postcode; check it, or use one nearby.")
	code, ok := NormalizePostcode(postcode)
	if !ok {
		return nil, unknown
	}
	found, err := s.postcodes.Get(ctx, campaignID, code)
	if errors.Is(err, store.ErrNotFound) {
		return nil, unknown
	}
	if err != nil {
		return nil, fmt.Errorf("look up postcode: %w", err)
	}
	return found.Places, nil
}

func (s *Service) place(ctx context.Context, campaignID string, tree *Tree, id string) (Placement, error) {
	region, ok := tree.Region(id)
	if !ok {
		// An import is ending: its postcodes are there, its tree is not yet.
		var err error
		if region, err = s.regions.Get(ctx, campaignID, id); err != nil {
			return Placement{}, fmt.Errorf("region of postcode: %w", err)
		}
	}
	team, err := s.teams.Get(ctx, campaignID, teamID(campaignID, id))
	if err != nil {
		return Placement{}, fmt.Errorf("team of region %s: %w", id, err)
	}
	return Placement{Region: region, Team: team}, nil
}
