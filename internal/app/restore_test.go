package app_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/musterhq/muster/internal/app"
)

// TestRestoreThatFails: a restore that fails after its check, here because it is
// interrupted while it unpacks, leaves nothing that it made.
func TestRestoreThatFails(t *testing.T) {
	folder := t.TempDir()
	data, file := filepath.Join(folder, "data"), filepath.Join(folder, "backup")
	a, err := app.Open(t.Context(), app.Options{Data: data, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	// The folder is open: a backup does not mind.
	if _, err := app.Backup(t.Context(), app.BackupRequest{Data: data, File: file}); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	fresh, empty := filepath.Join(folder, "fresh"), filepath.Join(folder, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{fresh, empty} {
		ctx, cancel := context.WithCancel(t.Context())
		unpacked := false
		_, err := app.Restore(ctx, app.RestoreRequest{File: file, Data: to, Progress: func(step string, _, _ int64) {
			if step == "unpack" {
				unpacked = true
				cancel()
			}
		}})
		cancel()
		if !errors.Is(err, context.Canceled) || !unpacked {
			t.Errorf("into %s: %v, unpacked %t", filepath.Base(to), err, unpacked)
		}
	}
	if _, err := os.Stat(fresh); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder that did not exist does: %v", err)
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 1 || (len(left) == 1 && left[0].Name() != "LOCK") {
		t.Errorf("the folder that was empty holds %v, %v", left, err)
	}
	for _, to := range []string{fresh, empty} {
		if _, err := app.Restore(t.Context(), app.RestoreRequest{File: file, Data: to}); err != nil {
			t.Errorf("again: %v", err)
		}
	}
}
