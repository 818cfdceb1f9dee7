// Package mongo implements store.Engine on MongoDB 6 or newer, with the
// official driver, for campaigns that need more than one machine.
//
// # Layout
//
// A collection is a collection, a document the BSON body as it is (it holds
// campaign, id and version) with _id in front: {c: campaign, i: id}. So _id
// carries what decides the shard, and two documents with one _id always meet on
// one shard. A declared index is a native one that begins with the campaign
// (index.go); an index declared Across has a second one without it, one
// declared Expire a TTL index on its time. What belongs to the engine itself
// (the format, the key of cursors) is one document in _muster.
//
// # Writing
//
// Every write waits for a majority and its journal. One document is the unit of
// atomicity: there are no transactions and no change streams. Replace carries
// the version in its filter. SetMany is one unordered bulk write whose members
// make the server refuse them by position where the version has moved
// (write.go).
//
// # Reading
//
// All reads go to the primary with read concern majority: what was read cannot
// be rolled back. A page is one or two exact ranges of one index, named by hint;
// conditions are judged here, by the same code as in the other engine, on
// documents that stream in (find.go).
//
// docs/mongodb.md says what was run against a server and what was not.
package mongo
