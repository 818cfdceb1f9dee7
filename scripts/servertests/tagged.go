package main

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// tests are names of tests by package.
type tests map[string][]string

func (t tests) count() int {
	n := 0
	for _, names := range t {
		n += len(names)
	}
	return n
}

// taggedTests finds the tests of files that a build with these tags has and none
// of the other builds.
func taggedTests(ctx context.Context, tags string, others ...string) (tests, error) {
	elsewhere := map[string][]string{}
	for _, other := range others {
		listing, err := list(ctx, other, "./...")
		if err != nil {
			return nil, err
		}
		for _, p := range listing {
			elsewhere[p.ImportPath] = append(elsewhere[p.ImportPath], p.tests()...)
		}
	}
	with, err := list(ctx, tags, "./...")
	if err != nil {
		return nil, err
	}
	found := tests{}
	for _, p := range with {
		for _, name := range p.tests() {
			if slices.Contains(elsewhere[p.ImportPath], name) {
				continue
			}
			names, err := testsIn(filepath.Join(p.Dir, name))
			if err != nil {
				return nil, err
			}
			if len(names) > 0 {
				found[p.ImportPath] = append(found[p.ImportPath], names...)
			}
		}
	}
	return found, nil
}

// testsIn names the test functions of a file.
func testsIn(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != "TestMain" {
			names = append(names, f.Name.Name)
		}
	}
	return names, nil
}
