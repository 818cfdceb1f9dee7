package outfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/musterhq/muster/internal/outfile"
)

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

// begin begins a work and writes a text to a file of it.
func begin(t *testing.T, target string, force bool, text string) (*outfile.Work, *os.File) {
	t.Helper()
	w, err := outfile.Begin(target, force)
	if err != nil {
		t.Fatal(err)
	}
	file, err := w.Create("out")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return w, file
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", filepath.Base(path), got, err, want)
	}
}

func TestWholeOrNotAtAll(t *testing.T) {
	folder := t.TempDir()
	target := filepath.Join(folder, "target")
	w, file := begin(t, target, false, "one")
	if _, err := os.Stat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before Commit: %v", err)
	}
	if err := w.Commit(file); err != nil {
		t.Fatal(err)
	}
	holds(t, target, "one")
	if info, err := os.Stat(target); err != nil || info.Mode() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, folder); len(got) != 1 {
		t.Errorf("left: %v", got)
	}

	if _, err := outfile.Begin(target, false); !errors.Is(err, outfile.ErrExists) {
		t.Errorf("onto a file that is there: %v", err)
	}
	w, file = begin(t, target, true, "two")
	holds(t, target, "one")
	if err := w.Close(); err != nil { // given up
		t.Fatal(err)
	}
	file.Close()
	holds(t, target, "one")
	w, file = begin(t, target, true, "three")
	if err := errors.Join(w.Commit(file), w.Close()); err != nil {
		t.Fatal(err)
	}
	holds(t, target, "three")
}

// TestTargetThatAppears: what somebody else made meanwhile is not written over.
func TestTargetThatAppears(t *testing.T) {
	target := filepath.Join(t.TempDir(), "target")
	w, file := begin(t, target, false, "ours")
	defer w.Close()
	if err := os.WriteFile(target, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(file); !errors.Is(err, outfile.ErrExists) {
		t.Errorf("answered %v", err)
	}
	holds(t, target, "theirs")
}

func TestRefused(t *testing.T) {
	folder := t.TempDir()
	for what, force := range map[string]bool{"a folder": false, "a folder, by force": true} {
		if _, err := outfile.Begin(folder, force); err == nil {
			t.Errorf("%s is a target", what)
		}
	}
	if _, err := outfile.Begin(filepath.Join(folder, "missing", "target"), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is missing: %v", err)
	}
	if got := names(t, folder); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

// TestSweep: what a killed process left goes with the next work; what another
// process is at, and what is nobody's work, stays.
func TestSweep(t *testing.T) {
	folder := t.TempDir()
	make := func(name string, lock bool) string {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Join(path, "sub"), 0o700); err != nil {
			t.Fatal(err)
		}
		if lock {
			if err := os.WriteFile(filepath.Join(path, "LOCK"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return name
	}
	make(".muster-work-killed", true)
	make(".muster-work-killed2", true)
	young := make(".muster-work-young", false)
	other := make("muster-work-other", true)
	busy, file := begin(t, filepath.Join(folder, "busy"), false, "busy")
	w, _ := begin(t, filepath.Join(folder, "target"), false, "")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{young: true, other: true, filepath.Base(filepath.Dir(file.Name())): true}
	for _, name := range names(t, folder) {
		if !want[name] {
			t.Errorf("left: %s", name)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("gone: %v", want)
	}
	if err := errors.Join(busy.Commit(file), busy.Close()); err != nil {
		t.Error(err)
	}
	holds(t, filepath.Join(folder, "busy"), "busy")
}
