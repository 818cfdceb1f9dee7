package campaign

import (
	"cmp"
	"slices"
	"strings"
)

// Tree is a campaign's regions in memory. It never changes; a newer import
// makes a new one. The regions it gives are shared and must not be changed.
type Tree struct {
	root     *Region
	byID     map[string]*Region
	children map[string][]*Region // by parent id, ordered by name
}

// NewTree makes a tree of the region that holds all others and of all regions, it
// among them.
func NewTree(rootID string, regions []*Region) *Tree {
	t := &Tree{byID: make(map[string]*Region, len(regions)), children: map[string][]*Region{}}
	for _, r := range regions {
		t.byID[r.ID] = r
		if r.ID != rootID {
			t.children[r.Parent] = append(t.children[r.Parent], r)
		}
	}
	for _, siblings := range t.children {
		slices.SortFunc(siblings, func(a, b *Region) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
		})
	}
	t.root = t.byID[rootID]
	return t
}

// Root is the region that holds all others.
func (t *Tree) Root() *Region { return t.root }

// Len is how many regions there are.
func (t *Tree) Len() int { return len(t.byID) }

// Region finds a region by id.
func (t *Tree) Region(id string) (*Region, bool) {
	r, ok := t.byID[id]
	return r, ok
}

// Children are the regions right below id, ordered by name; none for a leaf or
// an unknown id. The slice must not be changed.
func (t *Tree) Children(id string) []*Region { return t.children[id] }

// Within lists the ids of the regions that hold id, root first, id last; nil
// for an unknown id.
func (t *Tree) Within(id string) []string {
	r, ok := t.byID[id]
	if !ok {
		return nil
	}
	return r.Within
}
