//go:build fault

package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// binaryTags are those that the binary is built with.
const binaryTags = "fault"

// needsOfFaults names what is missing, in one line.
func needsOfFaults() error {
	if os.Geteuid() != 0 {
		return errors.New("the fault suite needs root: it mounts a small disk in a namespace of its own")
	}
	for _, program := range []string{"redis-server", "unshare", "nsenter", "prlimit", "mount"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is missing (Debian: apt-get install redis-server util-linux mount)", program)
		}
	}
	if text := os.Getenv("FAULT_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("FAULT_ROUNDS is %q; write how many rounds of kill -9", text)
		}
		kills, bounded = n, true
	}
	return nil
}
