package sqlite_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new", "data ?%#")
	path := filepath.Join(folder, "muster.db")
	db := migrated(t, path)
	for file, want := range map[string]fs.FileMode{filepath.Dir(folder): 0o700, folder: 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600} {
		if got := mode(t, file); got != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(file), got, want)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 1 {
		t.Errorf("after Close the folder holds %v, %v; want the file alone", left, err)
	}
	// An older file that others could read is closed to them; a folder that was
	// there is left as it is.
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	migrated(t, path)
	if file, dir := mode(t, path), mode(t, folder); file != 0o600 || dir != 0o750 {
		t.Errorf("file %o and folder %o, want 600 and 750", file, dir)
	}
}

func TestOpenRefuses(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "text")
	if err := os.WriteFile(text, []byte("this is certainly not a database file, whatever it may be"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, path := range map[string]string{"no path": "", "a folder": folder, "another file": text, "below a file": filepath.Join(text, "x.db")} {
		if db, err := sqlite.Open(t.Context(), path); err == nil {
			t.Errorf("%s was opened", what)
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if db, err := sqlite.Open(ctx, filepath.Join(folder, "muster.db")); err == nil {
		t.Error("opened for a context that had ended")
		_ = db.Close()
	}
}

type lease struct {
	store.Meta `bson:",inline"`
	Until      time.Time `bson:"until"`
}

var leases = store.Schema{Name: "leases", Indexes: []store.Index{{Name: "until", Order: "until", Expire: true}}}

// TestRunExpires: Run deletes within a minute, by the clock, and ends with its
// context.
func TestRunExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "muster.db")
		start := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
		hand := clock.NewManual(start)
		db, err := sqlite.Open(t.Context(), path, sqlite.WithClock(hand))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.Migrate(t.Context(), []store.Schema{leases}); err != nil {
			t.Fatal(err)
		}
		c := store.NewCollection[lease](db, leases)
		for id, until := range map[string]time.Time{"past": start.Add(-time.Second), "soon": start.Add(10 * time.Second), "later": start.Add(time.Hour)} {
			if err := c.InsertOne(t.Context(), "genova", &lease{store.Meta{ID: id}, until}); err != nil {
				t.Fatal(err)
			}
		}
		left := func() int {
			n, err := c.Count(t.Context(), "genova", store.Query{Index: "until"}, 10)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- db.Run(ctx) }()
		synctest.Wait()
		if got := left(); got != 2 {
			t.Errorf("%d left at the start, want 2", got)
		}
		hand.Advance(time.Minute)
		time.Sleep(time.Minute) // the bubble's time
		synctest.Wait()
		if got := left(); got != 1 {
			t.Errorf("%d left after a minute, want 1", got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
}
