package store

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// Validate says, as ErrQuery, what is wrong with a declaration. Engines call it
// from Migrate, so that a mistake shows in any test.
func (s *Schema) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: collection %s: %s", ErrQuery, s.Name, fmt.Sprintf(format, args...))
	}
	if !namePattern.MatchString(s.Name) {
		return bad("its name must be lower-case letters, digits and underscores")
	}
	names := map[string]bool{}
	for i := range s.Indexes {
		x := &s.Indexes[i]
		if !namePattern.MatchString(x.Name) || names[x.Name] {
			return bad("index %q: its name must be lower-case letters, digits and underscores, and used once", x.Name)
		}
		names[x.Name] = true
		if why := x.fault(s.ShardKey); why != "" {
			return bad("index %s: %s", x.Name, why)
		}
		for _, field := range s.Set {
			if slices.ContainsFunc(x.Fields(), func(f string) bool { return (x.Unique || f == x.Each) && overlaps(f, field) }) {
				return bad("index %s: field %s is written by SetMany, so it can be neither Unique nor Each", x.Name, field)
			}
		}
	}
	for i, field := range s.Set {
		if !validField(field) || field == "campaign" || field == "id" || field == "version" {
			return bad("Set cannot name %q", field)
		}
		for _, other := range s.Set[:i] {
			if overlaps(field, other) {
				return bad("Set names %s and %s, which overlap", other, field)
			}
		}
	}
	return nil
}

// Fields lists what the index is over: the Equal fields, then Order.
func (x *Index) Fields() []string {
	if x.Order == "" {
		return x.Equal
	}
	return append(slices.Clone(x.Equal), x.Order)
}

func (x *Index) fault(shardKey string) string {
	fields := x.Fields()
	switch {
	case len(fields) == 0:
		return "it names no field"
	case x.Each != "" && !slices.Contains(x.Equal, x.Each):
		// As Order it would give a document several places in one range, and a
		// page would have to remember which documents it gave.
		return "Each must be one of its Equal fields"
	case x.Unique && shardKey != "" && fields[0] != shardKey:
		return "a Unique index must begin with the shard key " + shardKey
	case x.Expire && x.Order == "":
		return "Expire needs an Order field, a time"
	}
	for i, field := range fields {
		if !validField(field) {
			return fmt.Sprintf("%q is not a field", field)
		}
		if slices.Contains(fields[:i], field) {
			return "it names " + field + " twice"
		}
	}
	return ""
}

func validField(field string) bool {
	for part := range strings.SplitSeq(field, ".") {
		if part == "" || strings.ContainsAny(part, "$\x00") || !utf8.ValidString(part) {
			return false
		}
	}
	return true
}

// overlaps says whether one dotted name is the other or lies inside it.
func overlaps(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

// Anchor checks a query and gives the index that answers it, or ErrQuery. It
// fills in the default Limit. Engines begin Find and Count with it, so both
// refuse the same.
func (s *Schema) Anchor(campaign string, q *Query) (*Index, error) {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s by %q: %s", ErrQuery, s.Name, q.Index, fmt.Sprintf(format, args...))
	}
	at := slices.IndexFunc(s.Indexes, func(x Index) bool { return x.Name == q.Index })
	if at < 0 {
		return nil, bad("no such index")
	}
	x := &s.Indexes[at]
	switch {
	case campaign == Everywhere && !x.Across:
		return nil, bad("the index is not declared Across")
	case len(q.Equal) != len(x.Equal):
		return nil, bad("it takes %d values, not %d", len(x.Equal), len(q.Equal))
	case (q.From != nil || q.To != nil) && x.Order == "":
		return nil, bad("a range needs an Order field")
	case q.Limit < 0 || q.Limit > MaxPage:
		return nil, bad("limit %d is not within 0 and %d", q.Limit, MaxPage)
	}
	if campaign != Everywhere {
		if err := CheckScope(campaign); err != nil {
			return nil, err
		}
	}
	if slices.Contains(q.Equal, nil) {
		return nil, bad("a value is nil; absent fields are not indexed")
	}
	for _, c := range q.Where {
		if why := c.fault(); why != "" {
			return nil, bad("condition on %q: %s", c.Field, why)
		}
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	return x, nil
}

func (c *Cond) fault() string {
	switch {
	case !validField(c.Field):
		return "not a field"
	case c.Op > IsSet:
		return "no such comparison"
	case c.Op == IsSet:
		return ""
	case c.Value == nil:
		return "the value is nil; use IsSet"
	case c.Op == In && reflect.TypeOf(c.Value).Kind() != reflect.Slice:
		return "In takes a slice"
	}
	return ""
}

// CheckScope refuses, as ErrQuery, a campaign argument that names no single
// scope.
func CheckScope(campaign string) error {
	if campaign == "" || campaign == Everywhere || !validID(campaign) {
		return fmt.Errorf("%w: the campaign %q is no scope of its own", ErrQuery, campaign)
	}
	return nil
}

// CheckIDs refuses, as ErrQuery or ErrTooMany, ids that no document can have:
// an id is 1 to MaxID bytes of UTF-8 without NUL.
func CheckIDs(ids ...string) error {
	if len(ids) > MaxBatch {
		return ErrTooMany
	}
	for _, id := range ids {
		if !validID(id) {
			return fmt.Errorf("%w: an id must be 1 to %d bytes of UTF-8 without NUL", ErrQuery, MaxID)
		}
	}
	return nil
}

func validID(id string) bool {
	return id != "" && len(id) <= MaxID && utf8.ValidString(id) && strings.IndexByte(id, 0) < 0
}
