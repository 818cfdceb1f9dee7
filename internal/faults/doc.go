// Package faults runs the real binary as child processes under load, and holds a
// journal that was kept outside against the ledger and the boards.
//
// What decides (journal and checker) is here and tested everywhere. The rest goes
// by build tags. "fault": the fault suite, which breaks what the processes stand
// on; make test-faults runs it and needs redis-server and root. "servers": the
// end-to-end tests on MongoDB, one Redis and a Redis Cluster, part of make
// test-servers. Both: the faults that need these servers, also part of it.
// docs/reliability.md has the result.
package faults
