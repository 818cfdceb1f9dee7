// Package sqlite implements store.Engine on one SQLite file, in pure Go. It is
// the embedded default: a town's campaign needs nothing else.
//
// # Layout
//
// A collection is one table of documents, a row each: a number, campaign, id,
// version and the BSON body. An index is a table of its own, keyed by one blob:
// the campaign, the indexed values and the document's id, each encoded so that
// the order of the bytes is the order of the values (key.go). A page is a range
// of that key, its cursor the last key read. An index declared Across has a
// second table without the campaign in front; one declared Expire has a further
// one ordered by the time alone.
//
// # Writing
//
// One goroutine writes. It takes all requests that wait, runs them in one
// transaction and answers after COMMIT has returned, with synchronous=FULL: a
// write that returned nil is on disk. What arrives meanwhile is the next
// transaction, so the price of a sync is shared by as many as are waiting,
// without a timer. A refusal (ErrDuplicate, ErrChanged ...) undoes its own
// document alone. If COMMIT fails, for example on a full disk, everybody in
// that transaction gets the error and the engine goes on.
//
// # Reading
//
// Reads run on a small pool of connections and never wait for the writer. Each
// sees all writes that were answered before it began.
package sqlite
