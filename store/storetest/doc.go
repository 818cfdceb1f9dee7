// Package storetest is the contract of the document port, as tests: every
// engine passes Run, so a room that is tested on one engine holds on the other.
package storetest
