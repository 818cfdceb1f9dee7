// Package dump is the format of an export: every document of a store, through
// the port, so that what one engine held another can take.
//
// A file is gzipped lines of JSON, each ended by one newline:
//
//   - the first is the header,
//     {"muster_export":1,"muster":"<version>","taken_at":"<time>","collections":["<name>",...]};
//   - one a document, by collection in the order of the header, within one by
//     campaign and id: {"collection":"<name>","document":{...}}, the document in
//     canonical Extended JSON (v2) with its campaign, id and version in it. One
//     that Extended JSON would not give back to the byte, for example because a
//     field's name begins with a dollar, and one of more than 1 MiB, is
//     {"collection":"<name>","bson":"<its BSON in base64>"};
//   - the last is the end, {"end":{"documents":{"<name>":<count>,...},"sha256":"<hex>"}},
//     where the hash is over all lines before it. A file that was cut has none.
//
// Derived collections are left out: see store.Schema.
//
// An export of a store that is written to is no snapshot. Each document is
// whole, and a ledger, whose ids sort by number, is a beginning of it without a
// gap. Collections come in the order that the caller gives: what points at
// something before what it points at, so that both ends are there.
package dump
