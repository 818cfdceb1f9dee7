package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/musterhq/muster/store/sqlite"
)

// Names of the files in a data folder.
const (
	lockFile  = "LOCK"
	storeFile = "muster.db"
	keysFile  = "keys.json"
	keysLock  = "keys.lock"
)

// ErrInUse is the answer when another process has the data folder open.
var ErrInUse = errors.New("the data folder is in use by another muster process; stop it first")

// folder is an open data folder: nobody else has it while we do.
type folder struct {
	path string
	lock *flock.Flock
}

// HasData says whether a data folder has been used before.
func HasData(path string) bool {
	_, err := os.Stat(filepath.Join(path, storeFile))
	return err == nil
}

// openFolder makes the folder if it is missing and takes it for this process.
// The kernel gives it back when the process ends, however it ends.
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock := flock.New(filepath.Join(path, lockFile))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if !held {
		return nil, fmt.Errorf("%s: %w", path, ErrInUse)
	}
	return &folder{path: path, lock: lock}, nil
}

func (f *folder) close() error { return f.lock.Unlock() }

func (f *folder) openStore(ctx context.Context) (*sqlite.DB, error) {
	return sqlite.Open(ctx, filepath.Join(f.path, storeFile), sqlite.Alone())
}
