// Package store is the document port: what the domain may ask of a database,
// and nothing else. store/sqlite and store/mongo implement Engine;
// store/storetest is the contract that both pass.
//
// # What it promises
//
// A write that returned nil is on disk. One document is the unit of atomicity:
// there is no transaction over two. A write that returned an error other than
// ErrDuplicate or ErrChanged may or may not have happened; the caller repeats
// it under the same id.
//
// # What it refuses
//
// Every call names its campaign and sees that campaign's documents alone.
// [System] holds what belongs to no campaign (the list of campaigns). Work that
// spans campaigns passes [Everywhere], and only an index declared Across
// answers it. A query must be anchored on a declared index, and a page examines
// at most 20 times its limit: no call can be made to scan a collection by a
// filter somebody chose.
package store

import "errors"

// Reserved values of the campaign argument.
const (
	// System is the scope of documents that belong to no campaign.
	System = "_system"
	// Everywhere asks across campaigns; only Find, Scan and Count on an index
	// declared Across accept it.
	Everywhere = "*"
)

// Limits of one call. More is refused as ErrQuery or ErrTooMany, never cut.
const (
	MaxBatch   = 1000 // documents in one Insert, GetMany, SetMany or Load
	MaxPage    = 1000 // documents in one page
	Examined   = 20   // a page examines at most this many times its limit
	MaxCounted = 100_000
	MaxID      = 512 // bytes of a document's id
	// MaxDocument is the size of the largest document, in bytes of BSON: what
	// every engine takes with room for its own head.
	MaxDocument = 15 << 20
)

// What a call can answer. Test with errors.Is. Their texts name the collection
// and never an id or a value: a reservation's id may hold an e-mail address, and
// errors are logged.
var (
	ErrNotFound  = errors.New("store: no such document")
	ErrDuplicate = errors.New("store: a document with this id or unique value exists")
	ErrChanged   = errors.New("store: the document has changed since it was read")
	ErrTooMany   = errors.New("store: more documents than one call takes")
	ErrTooLarge  = errors.New("store: the document is larger than any engine takes")
	ErrQuery     = errors.New("store: the query is not one this collection answers")
	// ErrUnavailable: the store could not be reached, or the connection broke. A
	// write may or may not have happened; the same call may be made again.
	ErrUnavailable = errors.New("store: the store did not answer")
)
