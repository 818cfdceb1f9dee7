package campaign

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// identify gives every node its id, parents first. Among homonyms under one
// parent a region that the campaign already has keeps its id, whatever the new
// file brings; the others follow in the order of their smallest postcodes: the
// first gets the plain slug if it is free, the rest slug and admin code, or
// slug and postcode.
func (g *grove) identify(existing []*Region) {
	below := map[string][]*Region{}
	for _, r := range existing {
		below[r.Parent] = append(below[r.Parent], r)
	}
	g.root.walk(func(n *node) { n.identifyChildren(below[n.id]) })
}

func (n *node) identifyChildren(existing []*Region) {
	taken := map[string]bool{}
	known := map[string][]*Region{}
	for _, r := range existing {
		taken[r.ID] = true
		known[r.Slug] = append(known[r.Slug], r)
	}
	homonyms := map[string][]*node{}
	var slugs []string
	for _, c := range n.sorted() {
		if len(homonyms[c.slug]) == 0 {
			slugs = append(slugs, c.slug)
		}
		homonyms[c.slug] = append(homonyms[c.slug], c)
	}
	for _, slug := range slugs {
		recognise(homonyms[slug], known[slug])
		// Every slug gets its plain id before any gets a suffix, which could be
		// the plain slug of a sibling.
		if plain := n.id + "." + slug; !taken[plain] {
			if i := slices.IndexFunc(homonyms[slug], func(c *node) bool { return c.id == "" }); i >= 0 {
				homonyms[slug][i].id = plain
				taken[plain] = true
			}
		}
	}
	for _, slug := range slugs {
		for _, c := range homonyms[slug] {
			if c.id == "" {
				c.id = c.freeID(taken)
				taken[c.id] = true
			}
		}
	}
}

// freeID is an id with a suffix that no sibling has.
func (n *node) freeID(taken map[string]bool) string {
	plain := n.parent.id + "." + n.slug
	for _, suffix := range []string{n.code, n.postcode} {
		if suffix == "" {
			continue
		}
		if id := plain + "-" + Slug(suffix); !taken[id] {
			return id
		}
	}
	for i := 2; ; i++ {
		if id := plain + "-" + strconv.Itoa(i); !taken[id] {
			return id
		}
	}
}

// recognise gives nodes the ids of the regions they are: same admin code, and
// among several the nearest.
func recognise(nodes []*node, known []*Region) {
	slices.SortFunc(known, func(a, b *Region) int { return strings.Compare(a.ID, b.ID) })
	for _, r := range known {
		var best *node
		for _, c := range nodes {
			if c.id == "" && c.code == r.Code && (best == nil || c.squareTo(r) < best.squareTo(r)) {
				best = c
			}
		}
		// A single place may have been moved by a better centroid; among
		// homonyms a far one is another place.
		if best != nil && (len(nodes) == 1 && len(known) == 1 || best.squareTo(r) < 1) {
			best.id = r.ID
		}
	}
}

// squareTo compares distances between near points; in squared degrees.
func (n *node) squareTo(r *Region) float64 {
	return math.Pow(n.lat()-r.Lat, 2) + math.Pow(n.lon()-r.Lon, 2)
}

// harvest is what the campaign will hold after the import.
type harvest struct {
	regions   []*Region // parents first
	teams     []*Team
	postcodes []*Postcode
	refused   []RefusedRow // rows outside the root
	accepted  int
	shared    int // postcodes with more than one answer
}

// reap cuts the tree to the subtree of rootID and makes its documents. It
// answers false when the file has no such region.
func (g *grove) reap(campaign, rootID string) (*harvest, bool) {
	h := &harvest{}
	var root *node
	g.root.walk(func(n *node) {
		if n.id == rootID {
			root = n
		}
		if !Covers(rootID, n.id) {
			for _, r := range n.rows {
				h.refused = append(h.refused, RefusedRow{r.line, OutsideRoot, "The row lies in " + n.id + ", outside " + rootID + "."})
			}
		}
	})
	if root == nil {
		return h, false
	}
	var leaves []*node
	root.walk(func(n *node) {
		region := n.region(rootID)
		if n == root {
			region.Parent = ""
		}
		h.regions = append(h.regions, region)
		if region.Leaf {
			leaves = append(leaves, n)
			h.accepted += len(n.rows)
		}
	})
	slices.SortStableFunc(h.regions, func(a, b *Region) int { return cmp.Or(a.Level-b.Level, strings.Compare(a.ID, b.ID)) })
	labels := labelsOf(leaves)
	places := map[string][]Place{}
	for _, leaf := range leaves {
		h.teams = append(h.teams, &Team{Name: labels[leaf], Region: leaf.id, Within: Within(rootID, leaf.id)})
		h.teams[len(h.teams)-1].ID = teamID(campaign, leaf.id)
		seen := map[string]bool{}
		for _, r := range leaf.rows {
			if !seen[r.postcode] {
				seen[r.postcode] = true
				places[r.postcode] = append(places[r.postcode], Place{Region: leaf.id, Name: labels[leaf]})
			}
		}
	}
	for code, list := range places {
		slices.SortFunc(list, func(a, b Place) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Region, b.Region))
		})
		h.postcodes = append(h.postcodes, &Postcode{Places: list})
		h.postcodes[len(h.postcodes)-1].ID = code
		if len(list) > 1 {
			h.shared++
		}
	}
	slices.SortFunc(h.postcodes, func(a, b *Postcode) int { return strings.Compare(a.ID, b.ID) })
	return h, true
}

func (n *node) region(rootID string) *Region {
	within := Within(rootID, n.id)
	r := &Region{Name: n.name(), Slug: n.slug, Code: n.code, Within: within, Level: len(within) - 1, Leaf: len(n.children) == 0, Lat: n.lat(), Lon: n.lon()}
	r.ID = n.id
	if n.parent != nil {
		r.Parent = n.parent.id
	}
	return r
}

// labelsOf gives each leaf a name that no other leaf has: its own, with its
// parent's where several share it, with its smallest postcode where that is not
// enough, with its id where nothing else is.
func labelsOf(leaves []*node) map[*node]string {
	forms := []func(*node) string{
		(*node).name,
		func(n *node) string { return n.name() + " (" + n.parent.name() + ")" },
		func(n *node) string { return n.name() + " (" + n.parent.name() + ", " + n.postcode + ")" },
		func(n *node) string { return n.name() + " (" + n.id + ")" },
	}
	labels := make(map[*node]string, len(leaves))
	for _, form := range forms {
		alike := map[string][]*node{}
		for _, n := range leaves {
			alike[form(n)] = append(alike[form(n)], n)
		}
		leaves = nil
		for label, group := range alike {
			if len(group) > 1 {
				leaves = append(leaves, group...)
				continue
			}
			labels[group[0]] = label
		}
	}
	return labels
}
