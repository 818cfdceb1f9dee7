// Package season holds the rules of comparison: the weeks that boards run
// over, the size-fair index of a unit, and who is matched with whom in a duel.
// Everything in it is a pure function over values: no I/O, no clock, no store.
package season
