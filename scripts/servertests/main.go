// Command servertests runs the suites in a build with the tag "servers", and
// holds the run to its promise: every test of a file that carries the tag ran
// and passed, and no test was skipped. It is part of the gate, not of the
// product.
//
// Its arguments are packages; those that have a file with the tag are added.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	problems, err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		problems = append(problems, err.Error())
	}
	for _, problem := range problems {
		fmt.Fprintln(os.Stderr, "test-servers:", problem)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
}

func run(ctx context.Context, packages []string, out io.Writer) ([]string, error) {
	tagged, err := taggedTests(ctx)
	if err != nil {
		return nil, err
	}
	for name := range tagged {
		packages = append(packages, name)
	}
	// The list is in one order, and each package in it once.
	listing, err := list(ctx, "servers", packages...)
	if err != nil {
		return nil, err
	}
	args := []string{"test", "-tags", "servers", "-p", "1", "-count", "1", "-timeout", "30m", "-json"}
	for _, p := range listing {
		args = append(args, p.ImportPath)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	results := newResults(out)
	readErr := results.read(events)
	_, drainErr := io.Copy(io.Discard, events)
	failed := cmd.Wait()
	if err := errors.Join(readErr, drainErr); err != nil {
		return nil, err
	}
	problems := results.judge(tagged)
	if failed != nil && len(problems) == 0 {
		problems = []string{"go test: " + failed.Error()}
	}
	fmt.Fprintf(out, "%d tests passed on the servers; the files with the tag have %d\n", results.passed(), tagged.count())
	return problems, nil
}

type listed struct {
	ImportPath, Dir           string
	TestGoFiles, XTestGoFiles []string
}

// list asks go which packages and test files a build with a tag has.
func list(ctx context.Context, tag string, packages ...string) ([]listed, error) {
	args := []string{"list", "-tags", tag, "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles", "--"}
	cmd := exec.CommandContext(ctx, "go", append(args, packages...)...) //nolint:gosec // packages of this module
	cmd.Stderr = os.Stderr
	answer, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var all []listed
	for decoder := json.NewDecoder(answer); ; {
		var p listed
		if err := decoder.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, cmd.Wait()
}

func (p listed) tests() []string { return slices.Concat(p.TestGoFiles, p.XTestGoFiles) }
