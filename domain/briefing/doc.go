// Package briefing is what HQ says to its people, in the order it chose: media
// first, then supporters.
//
// A briefing is written, approved by somebody who did not write it, scheduled,
// and then opens tier by tier. The audience of every tier is cut into parcels
// when the briefing is scheduled; a worker (package push) takes parcels of open
// tiers and records what became of each delivery.
//
// # What holds
//
// A tier is waiting, then open, then settled, each step one write of the
// briefing, never back. Tier n opens only when the earlier of two clocks is past
// its time and tier n-1 is settled, or, only where the briefing says so, its
// wait limit has passed. A tier is settled when every one of its deliveries has
// a final outcome. A person is in one tier: the earliest that holds them.
//
// Nobody sees a briefing before a tier that holds them is open, on any path:
// [Visible] is the one test.
package briefing
