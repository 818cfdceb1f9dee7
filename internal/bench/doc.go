// Package bench measures a running Muster from outside, beside the parts it is
// made of, in the same run on the same machine: a figure alone says more about
// the machine than about Muster.
//
// The server under test is a process of its own (see [Serve]), so that its CPU
// time and that of the load are not one; the parent speaks HTTP with it, and
// asks it over a second, private listener to run its parts by themselves.
package bench
