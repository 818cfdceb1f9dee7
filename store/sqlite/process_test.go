package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
	"github.com/musterhq/muster/store/storetest"
	"go.uber.org/goleak"
)

// child names what this test binary does when a test starts it again.
const child = "MUSTER_SQLITE_TEST_CHILD"

func TestMain(m *testing.M) {
	storetest.Child(func(ctx context.Context, path string) (store.Engine, error) { return sqlite.Open(ctx, path) })
	switch os.Getenv(child) {
	case "insert":
		insertUntilKilled(os.Args[len(os.Args)-1])
	case "full":
		fillTheDisk(os.Args[len(os.Args)-1])
	default:
		goleak.VerifyTestMain(m)
	}
}

// start runs this binary again as a child that works on the file at path.
func start(t *testing.T, what, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, path)
	cmd.Env = append(os.Environ(), child+"="+what)
	cmd.Stderr = os.Stderr
	return cmd
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func childNotes(path string) *store.Collection[note] {
	db, err := sqlite.Open(context.Background(), path)
	must(err)
	must(db.Migrate(context.Background(), []store.Schema{notes}))
	return store.NewCollection[note](db, notes)
}

// insertUntilKilled prints an id after its insert was acknowledged.
func insertUntilKilled(path string) {
	c := childNotes(path)
	for range 8 {
		go func() {
			for {
				n := newNote()
				must(c.InsertOne(context.Background(), "genova", n))
				must(printLine(n.ID))
			}
		}()
	}
	select {}
}

var printing sync.Mutex

func printLine(line string) error {
	printing.Lock()
	defer printing.Unlock()
	_, err := os.Stdout.WriteString(line + "\n")
	return err
}

// TestKill: kill -9 at any moment, and every insert that was acknowledged is
// there, whole, with its index entries.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "muster.db")
	acknowledged := map[string]bool{}
	for round := range 5 {
		cmd := start(t, "insert", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ { // what was printed before the kill is read to the end
			acknowledged[lines.Text()] = true
			if n == 100*(round+1) {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // killed, as it should be
	}
	c := store.NewCollection[note](migrated(t, path), notes)
	for id := range acknowledged {
		n, err := c.First(t.Context(), "genova", store.Query{Index: "owner", Equal: []any{id}})
		if err != nil || n.ID != id || n.Text == "" {
			t.Fatalf("acknowledged %s: %v", id, err)
		}
	}
	if len(acknowledged) < 1500 {
		t.Errorf("only %d were acknowledged", len(acknowledged))
	}
}

func migrated(t *testing.T, path string) *sqlite.DB {
	t.Helper()
	db := open(t, path)
	if err := db.Migrate(t.Context(), []store.Schema{notes}); err != nil {
		t.Fatal(err)
	}
	return db
}

// fillTheDisk inserts, with the size of files limited, until that fails, and
// then without the limit. It prints what was acknowledged and, marked, what was
// not.
func fillTheDisk(path string) {
	signal.Ignore(syscall.SIGXFSZ) // a write beyond the limit then fails as on a full disk
	c := childNotes(path)
	limit := func(bytes uint64) {
		var old syscall.Rlimit
		must(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
		must(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: old.Max}))
	}
	limit(2 << 20)
	failed := 0
	for failed < 5 {
		n := newNote()
		n.Text = strings.Repeat("x", 10_000)
		if err := c.InsertOne(context.Background(), "genova", n); err != nil {
			failed++
			must(printLine("- " + n.ID))
			continue
		}
		must(printLine(n.ID))
	}
	limit(1 << 40)
	for range 5 {
		n := newNote()
		must(c.InsertOne(context.Background(), "genova", n))
		must(printLine(n.ID))
	}
}

// TestFullDisk: what a full disk refused is an error and is not there, what was
// acknowledged is, and the engine goes on when there is room again.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "muster.db")
	out, err := start(t, "full", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	c := store.NewCollection[note](migrated(t, path), notes)
	acknowledged, refused := 0, 0
	for line := range strings.Lines(string(out)) {
		id, failed := strings.CutPrefix(strings.TrimSpace(line), "- ")
		found, err := c.GetMany(t.Context(), "genova", []string{id})
		if err != nil {
			t.Fatal(err)
		}
		if failed {
			refused++
		} else {
			acknowledged++
		}
		if (len(found) == 1) == failed {
			t.Errorf("%s: refused %t, stored %t", id, failed, len(found) == 1)
		}
	}
	if refused != 5 || acknowledged < 10 {
		t.Errorf("%d acknowledged and %d refused: the disk was not full", acknowledged, refused)
	}
}

// TestTwoProcesses: two engines on one file, as a command beside a server is,
// take turns at writing and see what the other wrote.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "muster.db")
	one := store.NewCollection[note](migrated(t, path), notes)
	two := store.NewCollection[note](migrated(t, path), notes)
	if err := one.InsertOne(t.Context(), "genova", &note{Meta: store.Meta{ID: "a"}, Owner: "a"}); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for _, c := range []*store.Collection[note]{one, two} {
		for range 2 {
			group.Go(func() {
				for range 25 {
					if _, err := c.Update(t.Context(), "genova", "a", func(n *note) error { n.N++; return nil }); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	group.Wait()
	if n, err := two.Get(t.Context(), "genova", "a"); err != nil || n.N != 100 {
		t.Errorf("%+v, %v; want 100", n, err)
	}
}
