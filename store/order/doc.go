// Package order is what every engine judges alike: which value comes before
// which, what a dotted field name leads to, which documents meet a condition,
// what an index may hold, and what a cursor is. An engine that left these to
// its database would answer the same query differently from the other.
package order
