package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/musterhq/muster/internal/backup"
)

func gunzip(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zip, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const mark = ".muster-restoring"

// TestKilled: kill -9 within a backup leaves no backup, and within a restore no
// folder that anybody takes for whole; both are simply done again.
func TestKilled(t *testing.T) {
	data := aFolder(t, 64)
	out := t.TempDir()
	file := filepath.Join(out, "backup")
	for _, step := range []string{"muster.db", "out"} { // while it copies, while it packs
		killWhen(t, filepath.Join(out, ".muster-work-*", step), "backup", file, "--data", data)
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("killed within %s: a backup is there, %v", step, err)
		}
	}
	says(t, exitOK, "Backed up", "backup", file, "--data", data)
	if got := names(t, out); !slices.Equal(got, []string{"backup"}) {
		t.Errorf("what the killed ones left is still there: %v", got)
	}

	restored := filepath.Join(t.TempDir(), "restored")
	killWhen(t, filepath.Join(restored, mark, "muster.db"), "restore", file, "--data", restored)
	refusesHalf(t, restored)
	says(t, exitOK, "equal: ", "restore", file, "--data", restored, "--log-level", "error")
	if got := names(t, restored); !slices.Equal(got, []string{"LOCK", "keys.json", "muster.db"}) {
		t.Errorf("the folder holds %v", got)
	}
}

// refusesHalf: no command takes a folder that a restore was killed in.
func refusesHalf(t *testing.T, data string) {
	t.Helper()
	says(t, exitUsage, "cut short", "verify", "boards", "--data", data)
	says(t, exitUsage, "cut short", "serve", "--data", data, "--listen", "127.0.0.1:0")
	says(t, exitUsage, "cut short", "backup", filepath.Join(t.TempDir(), "file"), "--data", data)
}

// TestRestoreKilledAtEachStep makes what a kill leaves after each step of a
// restore, and wants it refused by all but the next restore.
func TestRestoreKilledAtEachStep(t *testing.T) {
	data, file := aFolder(t, 0), filepath.Join(t.TempDir(), "backup")
	says(t, exitOK, "Backed up", "backup", file, "--data", data)
	for _, left := range [][]string{
		{},
		{mark + "/keys.json"},
		{mark + "/keys.json", mark + "/muster.db"},
		{"keys.json", mark + "/muster.db"},
		{"keys.json", "muster.db"},
	} {
		restored := t.TempDir()
		if err := os.Mkdir(filepath.Join(restored, mark), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range left {
			if err := os.WriteFile(filepath.Join(restored, name), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		refusesHalf(t, restored)
		says(t, exitOK, "equal: ", "restore", file, "--data", restored, "--log-level", "error")
		says(t, exitOK, "equal: ", "verify", "boards", "--data", restored, "--log-level", "error")
	}
}

// forge makes a backup of a folder, in all forms right, that has another text
// for one file.
func forge(t *testing.T, path, data, name, text string) {
	t.Helper()
	var m backup.Manifest
	contents := map[string][]byte{}
	for _, file := range []string{"keys.json", "muster.db"} {
		content, err := os.ReadFile(filepath.Join(data, file))
		if err != nil {
			t.Fatal(err)
		}
		if file == name {
			content = []byte(text)
		}
		described, err := backup.Describe(file, bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		contents[file], m.Files = content, append(m.Files, described)
	}
	var out bytes.Buffer
	err := backup.Write(&out, m, func(file string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(contents[file])), nil })
	if err == nil {
		err = os.WriteFile(path, out.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRestoreRefuses: what cannot be restored is one line, and nothing is made.
func TestRestoreRefuses(t *testing.T) {
	data, folder := aFolder(t, 0), t.TempDir()
	file := filepath.Join(folder, "backup")
	says(t, exitOK, "Backed up", "backup", file, "--data", data)
	says(t, exitUsage, "exists", "backup", file, "--data", data)
	says(t, exitOK, "Backed up", "backup", file, "--data", data, "--force")
	says(t, exitUsage, "holds no data", "backup", filepath.Join(folder, "other"), "--data", folder)
	says(t, exitUsage, "MongoDB", "backup", filepath.Join(folder, "other"), "--data", data, "--mongo-url", "mongodb://localhost")

	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := slices.Clone(content)
	changed[len(changed)/2] ^= 1
	for what, bad := range map[string][]byte{"cut": content[:len(content)/2], "changed": changed, "empty": nil, "text": []byte("no backup")} {
		name := filepath.Join(folder, what)
		if err := os.WriteFile(name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		never := filepath.Join(folder, "never")
		says(t, exitFailed, "damaged", "restore", name, "--data", never)
		if _, err := os.Stat(never); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something was made: %v", what, err)
		}
	}
	for what, bad := range map[string]string{"keys.json": "no keys", "muster.db": "no database, though the hash is right"} {
		name := filepath.Join(folder, "forged "+what)
		forge(t, name, data, what, bad)
		empty := t.TempDir()
		says(t, exitFailed, "damaged, or is none: "+what, "restore", name, "--data", empty)
		if got := names(t, empty); len(got) != 0 {
			t.Errorf("a forged %s: made %v", what, got)
		}
	}
	says(t, exitUsage, "no such file", "restore", filepath.Join(folder, "missing"), "--data", filepath.Join(folder, "never"))
	before := names(t, data)
	says(t, exitUsage, "not empty", "restore", file, "--data", data)
	if got := names(t, data); !slices.Equal(got, before) {
		t.Errorf("the folder that was not empty held %v and holds %v", before, got)
	}
	empty := t.TempDir()
	for _, name := range []string{"lost+found"} { // of a fresh file system
		if err := os.Mkdir(filepath.Join(empty, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	says(t, exitOK, "empty it", "restore", file, "--data", empty, "--log-level", "error", "--redis-url", "redis://localhost:1")
	says(t, exitOK, "equal: ", "verify", "boards", "--data", empty, "--log-level", "error")
}
