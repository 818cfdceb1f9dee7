package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

// says runs muster and wants this exit and, on stderr or stdout, this text.
func says(t *testing.T, exit int, text string, args ...string) {
	t.Helper()
	got, out, errs := muster(t, args...)
	if got != exit || !strings.Contains(out+errs, text) {
		t.Errorf("%v: exit %d, want %d and %q: %s%s", args, got, exit, text, out, errs)
	}
	if exit != exitOK && out == "" && strings.Count(strings.TrimSpace(errs), "\n") != 0 {
		t.Errorf("%v: says more than one line: %s", args, errs)
	}
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// journal gives the whole lines that are in a journal now.
func journal(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return text[:bytes.LastIndexByte(text, '\n')+1]
}

// TestBackupWhileServing: while a server in another process takes actions,
// three backups are made; each restores to a folder whose boards equal its
// ledger and which has every action that was acknowledged before it began.
func TestBackupWhileServing(t *testing.T) {
	folder := t.TempDir()
	data, written := filepath.Join(folder, "data"), filepath.Join(folder, "journal")
	demo, errs := child(t.Context(), t, "demo", "--listen", "127.0.0.1:0", "--volunteers", "40", "--json", "--data", data, "--journal", written, "--log-level", "error")
	for i := range 3 {
		seen := 0
		wait(t, "more actions are acknowledged", func() bool {
			seen = bytes.Count(journal(t, written), []byte("\n"))
			return seen >= 10*(i+1)
		})
		acknowledged := journal(t, written)
		part, file, restored := filepath.Join(folder, fmt.Sprint("journal", i)), filepath.Join(folder, fmt.Sprint("backup", i)), filepath.Join(folder, fmt.Sprint("restored", i))
		if err := os.WriteFile(part, acknowledged, 0o600); err != nil {
			t.Fatal(err)
		}
		says(t, exitOK, "Backed up", "backup", file, "--data", data)
		if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
			t.Errorf("the backup has mode %v, %v", info.Mode(), err)
		}
		says(t, exitOK, "\nequal: ", "restore", file, "--data", restored, "--log-level", "error")
		says(t, exitOK, " 0 missing, 0 doubled", "verify", "boards", "--data", restored, "--journal", part, "--log-level", "error")
		keys, err := os.ReadFile(filepath.Join(restored, "keys.json"))
		if want, _ := os.ReadFile(filepath.Join(data, "keys.json")); err != nil || !bytes.Equal(keys, want) {
			t.Errorf("the keys are not what they were: %v", err)
		}
	}
	last := len(journal(t, written))
	wait(t, "actions are still acknowledged: the backups were beside a writer", func() bool { return len(journal(t, written)) > last })
	if err := demo.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := demo.Wait(); err != nil {
		t.Fatalf("the demo: %v: %s", err, errs)
	}
	movesAcross(t, folder, data, written)
	findsWrong(t, folder, data)
}

// movesAcross: an export of a folder, imported into a fresh one, is the same
// document by document, boards and journal too.
func movesAcross(t *testing.T, folder, data, written string) {
	t.Helper()
	one, two, moved := filepath.Join(folder, "one.gz"), filepath.Join(folder, "two.gz"), filepath.Join(folder, "moved")
	says(t, exitOK, "Exported", "export", one, "--data", data, "--log-level", "error")
	says(t, exitOK, "is whole", "import", "data", one, "--data", moved, "--dry-run")
	if header, _, _ := strings.Cut(gunzip(t, one), "\n"); !strings.Contains(header, `"campaigns"]`) {
		t.Errorf("campaigns are not last, so an import that was cut short would show them: %s", header)
	}
	if _, err := os.Stat(moved); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dry run made something: %v", err)
	}
	says(t, exitOK, "\nequal: ", "import", "data", one, "--data", moved, "--log-level", "error")
	says(t, exitOK, " 0 missing, 0 doubled", "verify", "boards", "--data", moved, "--journal", written, "--log-level", "error")
	says(t, exitUsage, "holds campaigns", "import", "data", one, "--data", moved, "--log-level", "error")
	says(t, exitOK, "\nequal: ", "import", "data", one, "--data", moved, "--force", "--log-level", "error")
	says(t, exitOK, "Exported", "export", two, "--data", moved, "--log-level", "error")
	if a, b := documentsOf(t, one), documentsOf(t, two); len(a) < 700 || !slices.Equal(a, b) {
		t.Errorf("%d documents were moved and %d came, or they are not the same", len(a), len(b))
	}
	says(t, exitUsage, "exists", "export", one, "--data", data, "--log-level", "error")
	cut := filepath.Join(folder, "cut.gz")
	content, err := os.ReadFile(one)
	if err == nil {
		err = os.WriteFile(cut, content[:len(content)-20], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{{"--dry-run"}, nil} {
		says(t, exitFailed, "was cut", append([]string{"import", "data", cut, "--data", filepath.Join(folder, "never")}, flags...)...)
	}
	if _, err := os.Stat(filepath.Join(folder, "never")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an import of a cut file made something: %v", err)
	}
}

// findsWrong: a restore and an import of a ledger that does not add up exit 1.
func findsWrong(t *testing.T, folder, data string) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(data, "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), points.Schemas); err != nil {
		t.Fatal(err)
	}
	ledger := store.NewCollection[points.Posting](db, points.Schema)
	page, err := db.Walk(t.Context(), &points.Schema, "", store.MaxPage)
	if err != nil {
		t.Fatal(err)
	}
	changed := false
	for _, doc := range page.Docs {
		_, err := ledger.Update(t.Context(), doc.Campaign, doc.ID, func(p *points.Posting) error {
			for i := range p.Actions {
				if !changed && p.Actions[i].Points > 0 {
					p.Actions[i].Quantity, changed = p.Actions[i].Quantity+1000, true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil || !changed {
		t.Fatalf("nothing was falsified: %v", err)
	}
	file, restored := filepath.Join(folder, "wrong.backup"), filepath.Join(folder, "wrong")
	says(t, exitOK, "Backed up", "backup", file, "--data", data)
	says(t, exitFailed, "NOT EQUAL", "restore", file, "--data", restored, "--log-level", "error")
	says(t, exitOK, "Restored", "restore", file, "--data", restored+"2", "--no-verify")
	file += ".gz"
	says(t, exitOK, "Exported", "export", file, "--data", data, "--log-level", "error")
	says(t, exitFailed, "NOT EQUAL", "import", "data", file, "--data", restored+"3", "--log-level", "error")
	says(t, exitOK, "Imported", "import", "data", file, "--data", restored+"4", "--no-verify", "--log-level", "error")
}

// aFolder makes a data folder with a campaign and, besides, megabytes of
// documents that do not compress.
func aFolder(t *testing.T, megabytes int) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	says(t, exitOK, "", "campaign", "create", "c1", "--name", "C", "--admin-email", "a@example.org", "--data", data, "--log-level", "error")
	if megabytes == 0 {
		return data
	}
	db, err := sqlite.Open(t.Context(), filepath.Join(data, "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	bulk := store.Schema{Name: "bulk"}
	if err := db.Migrate(t.Context(), []store.Schema{bulk}); err != nil {
		t.Fatal(err)
	}
	for i := range megabytes {
		noise := make([]byte, 1<<20)
		rand.Read(noise)
		body, err := bson.Marshal(bson.D{{Key: "noise", Value: noise}})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Load(t.Context(), &bulk, []store.Raw{{Campaign: "c1", ID: fmt.Sprint(i), Version: 1, Body: body}})[0]; err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

// documentsOf gives the lines of an export that are documents.
func documentsOf(t *testing.T, path string) []string {
	t.Helper()
	lines := strings.SplitAfter(gunzip(t, path), "\n")
	return lines[1 : len(lines)-2] // the header has a time, and the end its hash
}
