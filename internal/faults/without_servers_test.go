//go:build fault && !servers

package faults

// suiteName is the mark of this suite's table.
const suiteName = "make test-faults"

func needsOfServers() error { return nil }
