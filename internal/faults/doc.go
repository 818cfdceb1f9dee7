// Package faults is the fault suite: it runs the real binary as child processes
// under load, breaks what they stand on, and holds a journal that was kept
// outside against the ledger and the boards.
//
// What decides (journal and checker) is here and tested everywhere; the suite
// itself is built with the tag "fault" and run by make test-faults, which needs
// redis-server and root. docs/reliability.md has its result.
package faults
