package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

// TestCopyBesideAWriter: while another process inserts, every insert that was
// acknowledged before Copy began is in the copy, whole, with its entries, and
// the writer goes on.
func TestCopyBesideAWriter(t *testing.T) {
	folder := t.TempDir()
	path, to := filepath.Join(folder, "muster.db"), filepath.Join(folder, "copy ?%#.db")
	cmd := start(t, "insert", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	read := func(n int) (ids []string) {
		for len(ids) < n && lines.Scan() {
			ids = append(ids, lines.Text())
		}
		return ids
	}
	acknowledged := read(500)
	var told, total int64
	err = sqlite.Copy(t.Context(), path, to, func(done, of int64) { told, total = done, of })
	after := read(2000) // more than the pipe and the scanner hold: the writer is still at it
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as it should be
	if err != nil {
		t.Fatal(err)
	}
	if len(acknowledged) != 500 || len(after) != 2000 {
		t.Fatalf("the writer acknowledged %d and then %d", len(acknowledged), len(after))
	}
	if told > total {
		t.Errorf("progress %d of %d", told, total)
	}
	if got := mode(t, to); got != 0o600 {
		t.Errorf("the copy has mode %o", got)
	}
	counts, err := sqlite.Counts(t.Context(), to)
	if err != nil || len(counts) != 1 || counts["notes"] < 500 {
		t.Errorf("the copy holds %v, %v", counts, err)
	}
	header, size := headerOf(t, to)
	if err := sqlite.CheckHeader(header, size); err != nil {
		t.Errorf("the copy's header: %v", err)
	}
	c := store.NewCollection[note](migrated(t, to), notes)
	for _, id := range acknowledged {
		n, err := c.First(t.Context(), "genova", store.Query{Index: "owner", Equal: []any{id}})
		if err != nil || n.ID != id || n.Text == "" {
			t.Fatalf("acknowledged %s: %v", id, err)
		}
	}
	n, err := c.Count(t.Context(), "genova", store.Query{Index: "owner", Equal: []any{after[1999]}}, 1)
	if err != nil || n != 0 {
		t.Errorf("the copy has what was written long after: %d, %v", n, err)
	}
}

func headerOf(t *testing.T, path string) ([]byte, int64) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content[:min(len(content), sqlite.HeaderSize)], int64(len(content))
}

// TestCopyLeavesDeletedBehind: what was deleted lies in free pages of the file,
// and not in the copy.
func TestCopyLeavesDeletedBehind(t *testing.T) {
	folder := t.TempDir()
	path, to := filepath.Join(folder, "muster.db"), filepath.Join(folder, "copy.db")
	db := migrated(t, path)
	c := store.NewCollection[note](db, notes)
	secret := strings.Repeat("erased person ", 1000)
	for _, id := range []string{"a", "b"} {
		if err := c.InsertOne(t.Context(), "genova", &note{Meta: store.Meta{ID: id}, Owner: id, Text: secret}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Update(t.Context(), "genova", "b", func(n *note) error { n.Text = "kept"; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), "genova", "a"); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Copy(t.Context(), path, to, nil); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil { // all of it is in the main file then
		t.Fatal(err)
	}
	for file, want := range map[string]bool{path: true, to: false} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(content, []byte("erased person")); got != want {
			t.Errorf("%s holds what was deleted: %t, want %t", filepath.Base(file), got, want)
		}
	}
}

// foreign makes a database that is not ours.
func foreign(t *testing.T, folder string) string {
	t.Helper()
	path := filepath.Join(folder, "foreign.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`CREATE TABLE theirs (x)`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCopyChangesNothing: the file that is read stays as it is to the byte.
func TestCopyChangesNothing(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "muster.db")
	db := migrated(t, path)
	if err := store.NewCollection[note](db, notes).InsertOne(t.Context(), "genova", newNote()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Copy(t.Context(), path, filepath.Join(folder, "copy.db"), nil); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("it has changed: %v", err)
	}
}

func TestCopyRefuses(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "muster.db")
	migrated(t, path)
	text := filepath.Join(folder, "text")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database "), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(folder, "copy.db")
	if err := sqlite.Copy(t.Context(), filepath.Join(folder, "missing"), to, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if err := sqlite.Copy(t.Context(), text, to, nil); err == nil {
		t.Error("a text was copied")
	}
	if err := sqlite.Copy(t.Context(), foreign(t, folder), to, nil); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("a database of another program: %v", err)
	}
	if err := sqlite.Copy(t.Context(), path, text, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto a file that is there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sqlite.Copy(ctx, path, to, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("for a context that had ended: %v", err)
	}
}

func TestCheckHeader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "muster.db")
	if err := migrated(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	good, size := headerOf(t, path)
	with := func(at int, b ...byte) []byte {
		h := bytes.Clone(good)
		copy(h[at:], b)
		return h
	}
	cases := []struct {
		what   string
		header []byte
		size   int64
		says   string // "" for a good one
	}{
		{"as it is", good, size, ""},
		{"cut", good[:99], size, "not a database"},
		{"empty", nil, 0, "not a database"},
		{"of another format", with(0, []byte("SQLite format 4")...), size, "not a database"},
		{"of another program", with(68, 1, 2, 3, 4), size, "another program"},
		{"of a newer format", with(60, 0, 0, 0, 99), size, "newer"},
		{"longer than it says", good, size + 4096, "long"},
		{"shorter than it says", good, size - 1, "long"},
	}
	for _, c := range cases {
		err := sqlite.CheckHeader(c.header, c.size)
		if (err == nil) != (c.says == "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", c.what, err, c.says)
		}
	}
}
