// Command servertests runs the suites in a build with the tag "servers", and
// holds the run to its promise: every test of a file that carries the tag ran
// and passed, and no test was skipped. It is part of the gate, not of the
// product.
//
// Its arguments are packages; those that have a file with the tag are added. With
// -faults it runs, of all packages, what only a build with the tags "fault" and
// "servers" has, and nothing else.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	faults := flag.Bool("faults", false, "run the faults that need the servers, and nothing else")
	flag.Parse()
	do := run
	if *faults {
		do = runFaults
	}
	problems, err := do(ctx, flag.Args(), os.Stdout)
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
	tagged, err := taggedTests(ctx, "servers", "")
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
	args := []string{"-tags", "servers"}
	for _, p := range listing {
		args = append(args, p.ImportPath)
	}
	return goTest(ctx, tagged, out, args)
}

// runFaults takes the rest of the arguments for none: what it runs the tags say.
func runFaults(ctx context.Context, _ []string, out io.Writer) ([]string, error) {
	tagged, err := taggedTests(ctx, "fault,servers", "fault", "servers")
	if err != nil {
		return nil, err
	}
	args, only := []string{"-tags", "fault,servers"}, []string{}
	for name, tests := range tagged {
		args, only = append(args, name), append(only, tests...)
	}
	return goTest(ctx, tagged, out, append(args, "-run", "^("+strings.Join(only, "|")+")$"))
}

// goTest runs go test and holds it to the tests that carry the tags.
func goTest(ctx context.Context, tagged tests, out io.Writer, args []string) ([]string, error) {
	args = append([]string{"test", "-p", "1", "-count", "1", "-timeout", "40m", "-json"}, args...)
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // packages of this module
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
