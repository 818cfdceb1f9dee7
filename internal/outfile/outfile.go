// Package outfile makes a file that is there whole or not at all. The work goes
// on in a folder beside it, readable by its owner alone; Commit puts the result
// in place in one step. A process that is killed leaves the work folder, which
// the next work beside it removes.
package outfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gofrs/flock"
)

// ErrExists is the answer to a target that is there already.
var ErrExists = errors.New("the file exists; name another, or write over it with --force")

// prefix begins the names of work folders, lockFile marks one that is in use.
const (
	prefix   = ".muster-work-"
	lockFile = "LOCK"
)

// Work is a file in the making.
type Work struct {
	target, folder string
	force          bool
	lock           *flock.Flock
}

// Begin prepares to make the file at target. It answers ErrExists where there
// is one, unless force is set, and an error that names the folder where that is
// missing or cannot be written to. Close must be called.
func Begin(target string, force bool) (*Work, error) {
	w := &Work{target: target, force: force}
	if err := w.free(); err != nil {
		return nil, err
	}
	beside := filepath.Dir(target)
	if err := sweep(beside); err != nil {
		return nil, err
	}
	var err error
	if w.folder, err = os.MkdirTemp(beside, prefix); err != nil { // mode 0700
		return nil, err
	}
	w.lock = flock.New(w.Path(lockFile))
	if held, err := w.lock.TryLock(); err != nil || !held {
		return nil, errors.Join(errors.New("the work folder could not be locked"), err, os.RemoveAll(w.folder))
	}
	return w, nil
}

// free says why the target cannot be made.
func (w *Work) free() error {
	info, err := os.Stat(w.target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", w.target)
	case !w.force:
		return fmt.Errorf("%s: %w", w.target, ErrExists)
	}
	return nil
}

// sweep removes the work folders that killed processes left. One whose lock can
// be taken is nobody's; one that has no lock yet is just being made.
func sweep(beside string) error {
	entries, err := os.ReadDir(beside)
	if err != nil {
		return err
	}
	for _, e := range entries {
		folder := filepath.Join(beside, e.Name())
		if !strings.HasPrefix(e.Name(), prefix) || !e.IsDir() {
			continue
		}
		if _, err := os.Stat(filepath.Join(folder, lockFile)); err != nil {
			continue
		}
		lock := flock.New(filepath.Join(folder, lockFile))
		if held, err := lock.TryLock(); err != nil || !held {
			continue
		}
		if err := errors.Join(remove(folder), lock.Unlock()); err != nil {
			return fmt.Errorf("remove what an interrupted run left: %w", err)
		}
	}
	return nil
}

// remove empties the folder before it removes it, the lock last: what another
// kill leaves can then still be told from a folder in the making.
func remove(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == lockFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(folder, e.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(folder)
}

// Path names a file in the work folder.
func (w *Work) Path(name string) string { return filepath.Join(w.folder, name) }

// Create opens a new file of this name in the work folder, mode 0600.
func (w *Work) Create(name string) (*os.File, error) {
	return os.OpenFile(w.Path(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// Commit puts a file that Create made in place, on disk with all it holds, and
// closes it. A target that has appeared meanwhile is ErrExists, unless force
// was set.
func (w *Work) Commit(file *os.File) error {
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := w.free(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), w.target); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(w.target))
}

// Close removes the work folder with all that was not committed.
func (w *Work) Close() error { return errors.Join(remove(w.folder), w.lock.Unlock()) }

// SyncFolder puts a folder's entries on disk, so that a rename in it outlives a
// loss of power. Windows writes a rename through, and opens no folder.
func SyncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
