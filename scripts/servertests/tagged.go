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

// taggedTests finds the tests of files that only a build with the tag has.
func taggedTests(ctx context.Context) (tests, error) {
	plain, err := list(ctx, "", "./...")
	if err != nil {
		return nil, err
	}
	always := map[string][]string{}
	for _, p := range plain {
		always[p.ImportPath] = p.tests()
	}
	with, err := list(ctx, "servers", "./...")
	if err != nil {
		return nil, err
	}
	found := tests{}
	for _, p := range with {
		for _, name := range p.tests() {
			if slices.Contains(always[p.ImportPath], name) {
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
