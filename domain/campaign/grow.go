package campaign

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// node is a region while an import builds the tree.
type node struct {
	parent   *node
	children map[string]*node // admin units by code, places by slug and admin3 code
	slug     string           // before homonyms are told apart
	code     string
	names    map[string]int // how often each spelling stands in the file
	rows     []*row         // of leaves
	postcode string         // the smallest of its rows
	count    int
	latSum   float64
	lonSum   float64
	id       string // given by identify
}

// grove is the tree of a whole file, before it is cut to the campaign's root.
type grove struct {
	root  *node
	depth Depth
	slugs map[unit]string // slugOf is asked for the same few thousand names again and again
}

func newGrove(country, name string, depth Depth) *grove {
	root := &node{id: strings.ToLower(country), code: country, names: map[string]int{name: 1}, children: map[string]*node{}}
	root.slug = root.id
	return &grove{root: root, depth: depth, slugs: map[unit]string{}}
}

func (g *grove) slugOf(u unit) string {
	slug, ok := g.slugs[u]
	if !ok {
		slug = slugOf(u.code, u.name)
		g.slugs[u] = slug
	}
	return slug
}

// add puts a row under its units, and makes those that are new.
func (g *grove) add(r *row) {
	at := g.root
	at.meet(r)
	for level := range g.depth.adminLevels() {
		u := r.admin[level]
		at = at.child(u.code, g.slugOf(u), u)
		at.meet(r)
	}
	if g.depth == DepthPlace {
		slug := g.slugOf(unit{name: r.place})
		at = at.child(slug+"|"+r.admin[2].code, slug, unit{r.place, r.admin[2].code})
		at.meet(r)
	}
	at.rows = append(at.rows, r)
}

func (n *node) child(key, slug string, u unit) *node {
	c := n.children[key]
	if c == nil {
		c = &node{parent: n, children: map[string]*node{}, slug: slug, code: u.code, names: map[string]int{}}
		n.children[key] = c
	}
	c.names[u.name]++
	return c
}

func (n *node) meet(r *row) {
	n.count++
	n.latSum += r.lat
	n.lonSum += r.lon
	if n.postcode == "" || r.postcode < n.postcode {
		n.postcode = r.postcode
	}
}

func (n *node) lat() float64 { return degree(n.latSum / float64(max(n.count, 1))) }
func (n *node) lon() float64 { return degree(n.lonSum / float64(max(n.count, 1))) }

// degree rounds to about ten metres: the order of a file's rows must not show
// in the last bits of a mean.
func degree(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// name is the spelling that most rows use, the first in the alphabet among
// equals, so that the order of the rows does not matter.
func (n *node) name() string {
	best := ""
	for name, count := range n.names {
		if best == "" || count > n.names[best] || count == n.names[best] && name < best {
			best = name
		}
	}
	return best
}

// sorted gives the children in an order that depends on the file's content
// alone.
func (n *node) sorted() []*node {
	return slices.SortedFunc(maps.Values(n.children), func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.slug, b.slug), cmp.Compare(a.postcode, b.postcode), cmp.Compare(a.code, b.code),
			cmp.Compare(a.lat(), b.lat()), cmp.Compare(a.lon(), b.lon()))
	})
}

// walk visits n and everything below it, parents first, in sorted order.
func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, c := range n.sorted() {
		c.walk(visit)
	}
}

// homonymDistance is how far apart, in kilometres, rows of one name under one
// parent may lie and still be one place. A town with many postcodes is a chain
// of near ones; the two San Martino of Modena lie 59 km apart.
const homonymDistance = 25

// splitHomonyms parts places that only share a name. It must come before
// identify. The file's admin3 code has parted those that have one.
func (g *grove) splitHomonyms() {
	if g.depth != DepthPlace {
		return
	}
	g.root.walk(func(parent *node) {
		for key, c := range maps.Clone(parent.children) {
			groups := apart(c.rows)
			if len(groups) < 2 {
				continue
			}
			delete(parent.children, key)
			for i, rows := range groups {
				part := &node{parent: parent, children: map[string]*node{}, slug: c.slug, code: c.code, names: map[string]int{}, rows: rows}
				for _, r := range rows {
					part.names[r.place]++
					part.meet(r)
				}
				parent.children[key+"|"+strconv.Itoa(i)] = part
			}
		}
	})
}

// apart groups rows that a chain of steps of at most homonymDistance connects.
// Rows are first gathered into cells of a tenth of a degree and the distance is
// that of the cells' middles: a city with thousands of rows is a handful of
// cells, and the order of the rows does not matter.
func apart(rows []*row) [][]*row {
	type cell struct{ lat, lon int }
	cells := map[cell][]*row{}
	for _, r := range rows {
		at := cell{int(math.Floor(r.lat * 10)), int(math.Floor(r.lon * 10))}
		cells[at] = append(cells[at], r)
	}
	left := slices.SortedFunc(maps.Keys(cells), func(a, b cell) int { return cmp.Or(a.lat-b.lat, a.lon-b.lon) })
	var groups [][]*row
	for len(left) > 0 {
		var group []*row
		for reached := left[:1:1]; len(reached) > 0; reached = reached[1:] {
			at := reached[0]
			group = append(group, cells[at]...)
			rest := left[:0:0]
			for _, other := range left {
				switch {
				case other == at:
				case kilometres(at.lat, at.lon, other.lat, other.lon) <= homonymDistance:
					reached = append(reached, other)
				default:
					rest = append(rest, other)
				}
			}
			left = rest
		}
		groups = append(groups, group)
	}
	return groups
}

// kilometres is the distance on a sphere (haversine) of two points in tenths
// of a degree.
func kilometres(lat1, lon1, lat2, lon2 int) float64 {
	const radius, radian = 6371, math.Pi / 1800
	dLat, dLon := float64(lat2-lat1)*radian, float64(lon2-lon1)*radian
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(float64(lat1)*radian)*math.Cos(float64(lat2)*radian)*math.Pow(math.Sin(dLon/2), 2)
	return 2 * radius * math.Asin(min(1, math.Sqrt(h)))
}
