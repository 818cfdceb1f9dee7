//go:build !unix

package app

import "os"

// keepOwner has nothing to do where files inherit their rights from the folder.
func keepOwner(string, *os.File) error { return nil }
