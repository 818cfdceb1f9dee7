package store

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Meta is the head of every stored document. A stored struct embeds it with
// the tag `bson:",inline"`; the port fills Campaign and Version.
type Meta struct {
	Campaign string `bson:"campaign"`
	ID       string `bson:"id"` // unique within campaign and collection
	Version  int64  `bson:"version"`
}

// Head gives the port access to the embedded Meta.
func (m *Meta) Head() *Meta { return m }

// Document is a pointer to a struct that embeds Meta.
type Document interface{ Head() *Meta }

// Schema declares one collection.
type Schema struct {
	Name string // lower case, underscores; unique over the whole store
	// ShardKey is the field that, after the campaign, spreads a large campaign
	// over shards ("account" for the ledger). Empty: by id.
	ShardKey string
	Indexes  []Index
	// Set names the fields that SetMany may write. None of them may be indexed
	// as Unique or Each.
	Set []string
	// Derived: what it holds is made again from other collections where it is
	// empty. An export leaves it out and an import empties it.
	Derived bool
}

// Index declares one index. Its entries are ordered by the Equal fields, then
// by Order, then, over campaigns, by campaign, then by document id; Desc turns
// all of that round. A document is in the index only if every one of its fields
// is present and not null, so `omitempty` keeps a document out. Indexed values
// are strings, numbers, bools and times; a number equals the same number of
// another type. To write any other value into an indexed field, or an array
// that Each does not name, is ErrQuery.
type Index struct {
	Name  string
	Equal []string // dotted field names; a query gives a value for each
	Order string   // at most one field, by which ranges and pages run
	// Each names the one of the Equal fields that runs into an array (for
	// example "actions.id"): the document has one entry for each different
	// element, none for an empty array.
	Each string
	// Unique: no two documents of a campaign share the indexed values. Equal
	// must begin with the ShardKey where there is one.
	Unique bool
	// Across: answers Everywhere too. For workers that serve all campaigns.
	Across bool
	// Expire: documents whose Order field, a time, has passed are deleted
	// within a minute, whether or not they have the Equal fields. Until then
	// they are still read: who must not see them compares the time too.
	Expire bool
}

// Op compares a field with a value in a Cond.
type Op uint8

// The comparisons. An absent field satisfies only NotEqual; values of different
// types are never equal, less or at least. Where the field runs into an array,
// one element that meets the comparison is enough, except that NotEqual wants
// no element to be equal.
const (
	Equal Op = iota
	NotEqual
	Less
	AtLeast
	In    // Value is a slice; equal to one of its values
	IsSet // the field is present and not null; Value is ignored
)

// Cond is a further condition, checked on each document the index finds.
type Cond struct {
	Field string
	Op    Op
	Value any
}

// Query asks for documents through one declared index.
type Query struct {
	Index string // name of a declared index; required
	Equal []any  // one value for each of the index's Equal fields, in order
	// From (inclusive) and To (exclusive) bound the index's Order field; nil
	// is open. A bound reaches only values of its own type.
	From, To any
	Where    []Cond
	Desc     bool
	// Limit is the page size, 1 to MaxPage; 0 means 100.
	Limit int
	// After is the cursor a previous page of the same query gave; "" starts at
	// the beginning. Limit, Where and the range may differ from that page's.
	// It outlives restarts, is safe in a URL and tells its holder nothing.
	After string
}

// Raw is a document on its way to or from an engine.
type Raw struct {
	Campaign string
	ID       string
	Version  int64
	Body     bson.Raw
}

// RawPage is what Engine.Find and Engine.Walk answer.
type RawPage struct {
	Docs []Raw
	// Next is the cursor of the following page, "" at the end. A page may be
	// short, even empty, and still have a Next: the examination bound was met.
	Next string
}

// Set is one write of SetMany.
type Set struct {
	ID      string
	Version int64          // the version that was read
	Fields  map[string]any // names declared in Schema.Set; nil removes the field
}

// Engine is what a database adapter implements. Callers use Collection.
//
// All methods honour ctx, are safe for concurrent use, and refuse with ErrQuery
// what the schema does not allow, by Schema.Validate, Schema.Anchor, CheckScope
// and CheckIDs. Migrate comes before any other call. Documents given to a call
// stay the engine's: the caller does not change them afterwards.
type Engine interface {
	// Migrate creates what is missing of the collections and indexes, fills
	// new and changed indexes from what is stored, and drops those of the named
	// collections that are no longer declared. It may run again at each start,
	// and in parts: collections that it does not name stay as they are.
	Migrate(ctx context.Context, schemas []Schema) error
	// Insert writes each document with version 1 or answers, at its position,
	// why not: ErrDuplicate for an existing id or unique value (also within
	// the call), or another error. One refusal does not stop the others.
	Insert(ctx context.Context, s *Schema, campaign string, docs []Raw) []error
	// Get gives those of ids that exist, in any order.
	Get(ctx context.Context, s *Schema, campaign string, ids []string) ([]Raw, error)
	// Find gives one page in index order.
	Find(ctx context.Context, s *Schema, campaign string, q Query) (RawPage, error)
	// Count counts what a query finds, up to limit, which is 1 to MaxCounted.
	// With conditions it examines at most MaxCounted documents and answers
	// ErrTooMany rather than a wrong number.
	Count(ctx context.Context, s *Schema, campaign string, q Query, limit int) (int, error)
	// Replace writes the document if its stored version is version, and
	// raises the version by one. ErrChanged, ErrNotFound, ErrDuplicate.
	Replace(ctx context.Context, s *Schema, campaign, id string, version int64, body bson.Raw) error
	// SetMany writes declared fields, each under its version, in one call; the
	// answer at a position is nil, ErrChanged or ErrNotFound. It raises the
	// versions it writes by one.
	SetMany(ctx context.Context, s *Schema, campaign string, sets []Set) []error
	// Delete removes documents; those that do not exist are passed over.
	Delete(ctx context.Context, s *Schema, campaign string, ids []string) (int, error)
	// Walk gives every document of a collection, of all campaigns, in the order
	// of campaign and id, byte by byte, page by page: for export. after is "" or
	// the Next of the page before; limit is 1 to MaxPage, and a page ends sooner
	// where its documents are large. What is written meanwhile behind the page is
	// not seen, what is written ahead of it is: a document is seen whole, and
	// once.
	Walk(ctx context.Context, s *Schema, after string, limit int) (RawPage, error)
	// Load writes documents as they are, versions too, over whatever is there
	// under their ids: for import into a store that nobody else uses. Their
	// campaigns may differ, their ids may not repeat. It answers by position, as
	// Insert does, ErrDuplicate only for a unique value; up to MaxBatch.
	Load(ctx context.Context, s *Schema, docs []Raw) []error
	// Now is the store's own clock, to compare with the node's.
	Now(ctx context.Context) (time.Time, error)
}
