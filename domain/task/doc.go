// Package task is work offered and taken: what staff and leads post, the slots
// people hold on it, and the leases that bring a slot back when nobody came.
//
// A slot is a document of its own, so two people can never hold it: the first
// holder inserts it, later ones take it over under its version. What is free is
// never counted up and down; it is read from the slots, and is therefore right
// after any crash.
//
// This room judges the shape of what it is given. Who may post where is the
// caller's to check.
package task
