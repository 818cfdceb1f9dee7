// Package push is delivery: what was decided to be said to people leaves the
// house here and nowhere else.
//
// The worker takes parcels of a briefing's tier, clears their people through
// the gate, sends, and records what became of each delivery. The store is the
// only queue: Redis carries rate tokens, and losing it delays and never loses
// or repeats. What is recorded is never sent again; after a crash at most the
// requests that were in flight, and the answers of one flush interval, repeat,
// and the collapse key makes the phone show one.
//
// A push carries an id and a neutral title, never the text.
package push
