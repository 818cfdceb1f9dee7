package campaign

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Leaf is a region that people are placed in, and what is known of its size.
type Leaf struct {
	Region, Name string
	Postcodes    int   // that lead to it
	Population   int64 // 0 where it is not known
}

// Leaves lists the leaves of a campaign's tree by id. Their populations are not
// known: the tree does not hold them. Errors as Tree.
func (s *Service) Leaves(ctx context.Context, campaignID string) ([]Leaf, error) {
	tree, err := s.Tree(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	postcodes := map[string]int{}
	for p, err := range s.postcodes.Scan(ctx, campaignID, store.Query{Index: "id", Limit: store.MaxPage}) {
		if err != nil {
			return nil, fmt.Errorf("read postcodes of %s: %w", campaignID, err)
		}
		for _, place := range p.Places {
			postcodes[place.Region]++
		}
	}
	var leaves []Leaf
	for id, r := range tree.byID {
		if r.Leaf {
			leaves = append(leaves, Leaf{Region: id, Name: r.Name, Postcodes: postcodes[id]})
		}
	}
	return inOrder(leaves), nil
}

// ReadLeaves reads a postcode file as the first Import into a campaign would, and
// lists the leaves it would make, by id, without a campaign. A file with a header
// may have a column "population": the people of the row's place, the same in every
// row of it. Errors and report as Import, but for those of a campaign.
func ReadLeaves(ctx context.Context, o ImportOptions, source io.Reader) ([]Leaf, Report, error) {
	report := Report{DryRun: true, Refused: []RefusedRow{}}
	if o.Progress == nil {
		o.Progress = func(ImportStep, int, int) {}
	}
	grove, err := plant(ctx, o, source, &report)
	if err != nil {
		return nil, report, err
	}
	if report.Root, err = rootFor(&Campaign{}, o.Within, &report); err != nil {
		return nil, report, err
	}
	grove.identify(nil)
	h, found := grove.reap("", report.Root)
	report.Accepted = h.accepted
	report.Refused = append(report.Refused, h.refused...)
	if !found {
		return nil, report, errs.New(errs.Invalid, "root_unknown", "No row of the file lies in %q; name a region such as %q, or leave it out for the whole country.", report.Root, grove.root.id)
	}
	var leaves []Leaf
	grove.root.walk(func(n *node) {
		if len(n.children) == 0 && Covers(report.Root, n.id) {
			leaves = append(leaves, n.leaf())
		}
	})
	return inOrder(leaves), report, nil
}

func (n *node) leaf() Leaf {
	postcodes, places := map[string]bool{}, map[unit]int64{}
	for _, r := range n.rows {
		postcodes[r.postcode] = true
		place := unit{r.place, r.admin[2].code}
		places[place] = max(places[place], r.population)
	}
	l := Leaf{Region: n.id, Name: n.name(), Postcodes: len(postcodes)}
	for _, people := range places {
		l.Population += people
	}
	return l
}

func inOrder(leaves []Leaf) []Leaf {
	slices.SortFunc(leaves, func(a, b Leaf) int { return strings.Compare(a.Region, b.Region) })
	return leaves
}
