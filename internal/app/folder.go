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
	// restoringFolder is there while a restore has not ended.
	restoringFolder = ".muster-restoring"
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
	return err == nil || halfRestored(path)
}

// halfRestored says whether a restore into the folder was cut short, or is
// going on.
func halfRestored(path string) bool {
	_, err := os.Stat(filepath.Join(path, restoringFolder))
	return err == nil
}

// openFolder makes the folder if it is missing and takes it for this process.
// It answers ErrInUse, or ErrHalfRestored.
func openFolder(path string) (*folder, error) {
	f, err := lockFolder(path)
	if err == nil && halfRestored(path) {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, ErrHalfRestored), f.close())
	}
	return f, err
}

// lockFolder makes and takes the folder. The kernel gives it back when the
// process ends, however it ends.
func lockFolder(path string) (*folder, error) {
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
