package sqlite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/order"
)

// collection is a schema made ready: its tables, their statements and the
// paths of its fields.
type collection struct {
	schema  store.Schema
	indexes []index
	unique  bool                  // some index is
	set     map[string]order.Path // what SetMany may write

	docs string // the quoted table name
	// Statements on documents.
	insert, lookup, lookupMany, walk, after, update, remove string
}

// index is a declared index and its tables.
type index struct {
	*store.Index
	declared string // identifies the declaration, in cursors and in _index
	fields   []order.Field
	own      table // campaign, values, id (a Unique one: no id)
	across   table // values, campaign, id; only if Across
	expiry   table // time, campaign, id; only if Expire
}

// table is one ordered table of entries (k, n): an encoded key and the number
// of the document.
type table struct {
	name                                    string // quoted; "" where there is none
	insert, remove, asc, desc, count, below string
}

// entry is one row of one index table.
type entry struct {
	table  *table
	unique bool
	key    []byte
}

func (e entry) equal(o entry) bool { return e.table == o.table && bytes.Equal(e.key, o.key) }

func quoted(name string) string { return `"` + name + `"` }

func newCollection(s store.Schema) (*collection, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	docs := quoted(s.Name)
	c := &collection{
		schema: s, docs: docs, set: map[string]order.Path{},
		insert:     `INSERT INTO ` + docs + ` (campaign, id, version, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		lookup:     `SELECT n, version, body FROM ` + docs + ` WHERE campaign = ? AND id = ?`,
		lookupMany: `SELECT d.id, d.version, d.body FROM json_each(?) AS j CROSS JOIN ` + docs + ` AS d ON d.campaign = ? AND d.id = j.value`,
		walk:       `SELECT campaign, id, version, body FROM ` + docs + ` WHERE (campaign, id) > (?, ?) ORDER BY campaign, id LIMIT ? + 0`,
		after:      `SELECT n, campaign, id, body FROM ` + docs + ` WHERE n > ? ORDER BY n LIMIT 200`,
		update:     `UPDATE ` + docs + ` SET version = ?, body = ? WHERE n = ?`,
		remove:     `DELETE FROM ` + docs + ` WHERE n = ?`,
	}
	for _, field := range s.Set {
		c.set[field] = order.NewPath(field)
	}
	for i := range s.Indexes {
		x := index{Index: &s.Indexes[i]}
		declared, err := json.Marshal(x.Index)
		if err != nil {
			return nil, fmt.Errorf("sqlite: declare index %s: %w", x.Name, err)
		}
		x.declared = string(declared)
		x.fields = order.NewFields(x.Index)
		name := s.Name + "." + x.Name
		x.own = newTable(name, docs)
		if x.Across {
			x.across = newTable(name+".across", docs)
		}
		if x.Expire {
			x.expiry = newTable(name+".expiry", docs)
		}
		c.unique = c.unique || x.Unique
		c.indexes = append(c.indexes, x)
	}
	return c, nil
}

// newTable writes the statements of a table. A limit that is a bare parameter has
// SQLite prepare the statement anew whenever another is bound, so it is a sum.
func newTable(name, docs string) table {
	name = quoted(name)
	page := `SELECT e.k, d.campaign, d.id, d.version, d.body FROM ` + name + ` AS e CROSS JOIN ` + docs +
		` AS d ON d.n = e.n WHERE e.k >= ? AND e.k < ? ORDER BY e.k `
	return table{
		name:   name,
		insert: `INSERT INTO ` + name + ` (k, n) VALUES (?, ?) ON CONFLICT DO NOTHING`,
		remove: `DELETE FROM ` + name + ` WHERE k = ?`,
		asc:    page + `LIMIT ? + 0`,
		desc:   page + `DESC LIMIT ? + 0`,
		below:  `SELECT d.campaign, d.id FROM ` + name + ` AS e CROSS JOIN ` + docs + ` AS d ON d.n = e.n WHERE e.k < ? ORDER BY e.k LIMIT ? + 0`,
		count:  `SELECT count(*) FROM (SELECT 1 FROM ` + name + ` WHERE k >= ? AND k < ? LIMIT ? + 0)`,
	}
}

func (x *index) tables() []*table {
	tables := []*table{&x.own}
	for _, t := range []*table{&x.across, &x.expiry} {
		if t.name != "" {
			tables = append(tables, t)
		}
	}
	return tables
}

// entries lists the rows that a document has in the index tables. A value that
// cannot be indexed is ErrQuery.
func (c *collection) entries(campaign, id string, body []byte) ([]entry, error) {
	var list []entry
	for i := range c.indexes {
		var err error
		if list, err = c.indexes[i].entries(list, campaign, id, body); err != nil {
			return nil, fmt.Errorf("%w (collection %s, index %s)", err, c.schema.Name, c.indexes[i].Name)
		}
	}
	return list, nil
}

func (x *index) entries(list []entry, campaign, id string, body []byte) ([]entry, error) {
	values := [][]byte{nil}
	for i := range x.fields {
		f := &x.fields[i]
		found, err := f.Values(body)
		if err != nil {
			return nil, err
		}
		if x.Expire && f.Name == x.Order && len(found) == 1 {
			key := order.AppendString(order.AppendString(slices.Clone(found[0]), campaign), id)
			list = append(list, entry{table: &x.expiry, key: key})
		}
		values = product(values, found)
	}
	for _, v := range values {
		key := order.AppendString(make([]byte, 0, len(campaign)+len(v)+len(id)+8), campaign)
		key = append(key, v...)
		if !x.Unique {
			key = order.AppendString(key, id)
		}
		list = append(list, entry{table: &x.own, unique: x.Unique, key: key})
		if x.Across {
			key := append(make([]byte, 0, len(campaign)+len(v)+len(id)+8), v...)
			list = append(list, entry{table: &x.across, key: order.AppendString(order.AppendString(key, campaign), id)})
		}
	}
	return list, nil
}

// product appends each of tails to each of heads.
func product(heads, tails [][]byte) [][]byte {
	if len(heads) == 1 && len(tails) == 1 {
		return [][]byte{append(heads[0], tails[0]...)}
	}
	var all [][]byte
	for _, h := range heads {
		for _, t := range tails {
			all = append(all, append(slices.Clone(h), t...))
		}
	}
	return all
}
