package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/backup"
	"github.com/musterhq/muster/internal/outfile"
	"github.com/musterhq/muster/store/sqlite"
)

// ErrHalfRestored is the answer to a folder in which a restore was cut short.
var ErrHalfRestored = errors.New("a restore into this data folder was cut short; repeat it, or remove the folder")

// ErrNotEmpty is the answer to a restore into a folder that holds something.
var ErrNotEmpty = errors.New("the folder is not empty; restore into one that is empty or does not exist yet")

// RestoreRequest says what to restore, and where to.
type RestoreRequest struct {
	File     string // a backup
	Data     string // an empty folder, or one that does not exist
	Progress Progress
}

// Restore makes a data folder of a backup. It reads and checks the whole file
// before it makes anything; then it happens whole or not at all: a folder in
// which it was killed is ErrHalfRestored to whoever opens it, and the next
// Restore into it begins anew. Errors: backup.ErrDamaged, backup.ErrNewer,
// ErrNotEmpty, ErrInUse.
func Restore(ctx context.Context, r RestoreRequest) (backup.Manifest, error) {
	m, err := readBackup(ctx, r, "check", checkFile)
	if err != nil {
		return m, err
	}
	_, err = os.Stat(r.Data)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err := checkEmpty(r.Data); err != nil {
		return m, err
	}
	f, err := lockFolder(r.Data)
	if err != nil {
		return m, err
	}
	if err := checkEmpty(r.Data); err != nil { // somebody was faster
		return m, errors.Join(err, f.close())
	}
	m, err = f.restore(ctx, r)
	if err != nil {
		err = errors.Join(err, f.unrestore(), f.close())
		if fresh {
			err = errors.Join(err, os.Remove(filepath.Join(r.Data, lockFile)), os.Remove(r.Data))
		}
		return m, err
	}
	return m, f.close()
}

// readBackup reads the file to its end.
func readBackup(ctx context.Context, r RestoreRequest, step string, take func(backup.File, io.Reader) error) (backup.Manifest, error) {
	file, err := openMetered(ctx, r.File, step, r.Progress)
	if err != nil {
		return backup.Manifest{}, err
	}
	defer file.Close()
	return backup.Read(file, backedUp, take)
}

// checkFile looks into a file of a backup before anything is made of it.
func checkFile(file backup.File, content io.Reader) error {
	var why error
	switch file.Name {
	case keysFile:
		raw, err := io.ReadAll(io.LimitReader(content, maxKeys))
		if err != nil {
			return err
		}
		_, why = people.DecodeKeys(raw)
	case storeFile:
		header := make([]byte, sqlite.HeaderSize)
		n, err := io.ReadFull(content, header)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		why = sqlite.CheckHeader(header[:n], file.Size)
	}
	if why != nil {
		return fmt.Errorf("%w: %s: %w", backup.ErrDamaged, file.Name, why)
	}
	return nil
}

// maxKeys bounds the key file; a real one has some hundred bytes.
const maxKeys = 1 << 20

// checkEmpty says whether a restore may go into a folder: one that does not
// exist, holds nothing, or holds what an earlier restore left. The lock is
// nothing, nor is what a fresh file system holds.
func checkEmpty(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if halfRestored(path) {
		return nil
	}
	for _, e := range entries {
		if e.Name() != lockFile && e.Name() != "lost+found" {
			return fmt.Errorf("%s: %w", path, ErrNotEmpty)
		}
	}
	return nil
}

// restore unpacks under the mark, moves the files into place, and takes the
// mark away, which is the commit: until then nobody opens the folder.
func (f *folder) restore(ctx context.Context, r RestoreRequest) (backup.Manifest, error) {
	if err := f.unrestore(); err != nil {
		return backup.Manifest{}, err
	}
	mark := filepath.Join(f.path, restoringFolder)
	if err := errors.Join(os.Mkdir(mark, 0o700), outfile.SyncFolder(f.path)); err != nil {
		return backup.Manifest{}, err
	}
	m, err := readBackup(ctx, r, "unpack", func(file backup.File, content io.Reader) error {
		return unpack(filepath.Join(mark, file.Name), content)
	})
	if err != nil {
		return m, err
	}
	for _, file := range m.Files {
		if err := os.Rename(filepath.Join(mark, file.Name), filepath.Join(f.path, file.Name)); err != nil {
			return m, err
		}
	}
	return m, errors.Join(outfile.SyncFolder(f.path), os.Remove(mark), outfile.SyncFolder(f.path))
}

func unpack(path string, content io.Reader) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Sync(), file.Close())
}

// unrestore removes what a restore that did not end has made, the mark last. It
// touches nothing in a folder without the mark.
func (f *folder) unrestore() error {
	if !halfRestored(f.path) {
		return nil
	}
	for _, name := range backedUp {
		if err := os.Remove(filepath.Join(f.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.RemoveAll(filepath.Join(f.path, restoringFolder))
}
