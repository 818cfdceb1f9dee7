package app_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/musterhq/muster/"

// house is the table of docs/architecture.md: what each room may import of the
// others. A room ends in "/" when it stands for everything below it. What is
// not listed may import nothing of the house.
var house = []struct {
	room string
	may  []string
}{
	{"cmd/muster", []string{"internal/", "domain/campaign", "domain/people", "store"}},
	{"internal/app", []string{"api", "leaderboard", "realtime", "push", "domain/", "store", "store/sqlite", "store/mongo", "internal/"}},
	{"api", []string{"leaderboard", "realtime", "domain/", "store", "internal/errs", "internal/clock"}},
	{"leaderboard", []string{"domain/", "store", "internal/errs", "internal/clock"}},
	{"realtime", []string{"domain/", "store", "internal/errs", "internal/clock"}},
	{"realtime/client", nil},
	{"push", []string{"domain/", "store", "internal/errs", "internal/clock"}},
	{"domain/campaign", []string{"store", "internal/errs", "internal/clock"}},
	{"domain/", []string{"domain/campaign", "store", "internal/errs", "internal/clock"}},
	{"store/storetest", []string{"store", "internal/clock"}},
	{"store/order", []string{"store"}},
	{"store/sqlite", []string{"store", "store/order", "internal/clock"}},
	{"store/mongo", []string{"store", "store/order"}},
	{"internal/embedded", []string{"internal/clock"}},
	{"internal/backup", nil},
	{"internal/dump", []string{"store"}},
	{"internal/outfile", nil},
	{"internal/fault", []string{"store", "internal/clock"}},
	{"internal/faults", nil},
	{"internal/limits", []string{"domain/people"}},
	{"internal/redisclient", nil},
	{"internal/redistest", []string{"internal/redisclient"}},
	{"internal/tcpproxy", nil},
	{"internal/liguria", []string{"domain/campaign"}},
	{"internal/simulate", []string{"domain/campaign", "domain/points", "domain/season"}},
	{"internal/bench", []string{"internal/app", "internal/liguria", "internal/clock", "leaderboard", "domain/", "store"}},
	{"internal/demo", []string{"internal/demo/", "realtime/client"}},
	{"internal/demo/", nil},
}

// TestArrowsGoOneWay reads the imports of every package and holds them to the
// table: the first row that matches a package decides.
func TestArrowsGoOneWay(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata" || d.Name() == "node_modules" || d.Name() == "gen") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		room := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(path, root+"/")))
		seen[room] = true
		for _, spec := range file.Imports {
			target, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
			if ours && !mayImport(room, target) {
				t.Errorf("%s imports %s: the house does not allow it", path, target)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !seen["domain/campaign"] || !seen["cmd/muster"] {
		t.Fatalf("the walk saw only %v: it looked in the wrong place", seen)
	}
}

func mayImport(room, target string) bool {
	for _, row := range house {
		if covers(row.room, room) {
			return slices.ContainsFunc(row.may, func(allowed string) bool { return covers(allowed, target) })
		}
	}
	return false
}

func covers(pattern, room string) bool {
	if below, ok := strings.CutSuffix(pattern, "/"); ok {
		return strings.HasPrefix(room, below+"/")
	}
	return pattern == room
}
