//go:build fault && !servers

package faults

func needsOfServers() error { return nil }
