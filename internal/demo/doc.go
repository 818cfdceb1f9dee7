// Package demo runs a whole campaign against a server: people sign up with real
// postcodes, claim tasks and act in the rhythm of people, some batches are sent
// twice, and at the end every acknowledged action is looked for in the ledger.
//
// It is a client: all that a phone does goes over HTTP. What only the machine
// that runs the server can answer (the ledger, the recount) it asks a System.
//
// The same seed gives the same people and the same schedule. The schedule is
// drawn from the seed alone; a slow machine gets through less of it.
package demo
