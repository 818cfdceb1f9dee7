//go:build servers && !fault

package faults

// The end-to-end tests run the binary that people get.
const binaryTags = ""

func needsOfFaults() error { return nil }
