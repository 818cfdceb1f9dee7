package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// childArgs has this test binary be muster itself, for tests that kill it.
const childArgs = "MUSTER_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childArgs) != "" {
		os.Exit(run(os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
	}
	os.Exit(m.Run())
}

// child is muster as a process of its own; it ends with the test.
func child(ctx context.Context, t *testing.T, args ...string) (*exec.Cmd, *buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), childArgs+"=1")
	var errs buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &errs
}

// killWhen starts muster and kills it, as kill -9 does, once a file that the
// pattern names holds a megabyte.
func killWhen(t *testing.T, pattern string, args ...string) {
	t.Helper()
	cmd, errs := child(t.Context(), t, args...)
	wait(t, pattern+" grows", func() bool {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			if info, err := os.Stat(name); err == nil && info.Size() > 1<<20 {
				return true
			}
		}
		return false
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatalf("it had ended before it was killed: %v: %s", err, errs)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatalf("it ended by itself before the kill: %s", errs)
	}
}
