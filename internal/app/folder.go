package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/store/sqlite"
)

// Names of the files in a data folder.
const (
	lockFile  = "LOCK"
	storeFile = "muster.db"
	keysFile  = "keys.json"
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

// ServiceToken makes a token for no person (see people.ServiceToken) with the
// keys of a data folder. It does not take the folder: a server may be running
// on it. The error is fs.ErrNotExist where there are no keys yet.
func ServiceToken(path, campaignID string, grant campaign.Grant, life time.Duration) (string, error) {
	keys, err := loadKeys(path)
	if err != nil {
		return "", err
	}
	// To sign needs neither store nor limits.
	signer := people.New(nil, people.Options{Keys: keys, Clock: clock.System{}})
	return signer.ServiceToken(campaignID, grant.Role, grant.Region, life)
}

func loadKeys(path string) (people.Keys, error) {
	raw, err := os.ReadFile(filepath.Join(path, keysFile))
	if err != nil {
		return people.Keys{}, err
	}
	return people.DecodeKeys(raw)
}

// keys reads the folder's keys; the first run makes them. They are written
// whole under another name and linked into place, so that no crash leaves half
// a key file and no race two.
func (f *folder) keys() (people.Keys, error) {
	keys, err := loadKeys(f.path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	keys = people.NewKeys()
	raw, err := keys.Encode()
	if err != nil {
		return people.Keys{}, err
	}
	temporary, err := os.CreateTemp(f.path, keysFile+".*") // mode 0600
	if err != nil {
		return people.Keys{}, err
	}
	defer os.Remove(temporary.Name())
	if _, err := temporary.Write(raw); err != nil {
		return people.Keys{}, errors.Join(err, temporary.Close())
	}
	if err := errors.Join(temporary.Sync(), temporary.Close()); err != nil {
		return people.Keys{}, err
	}
	return keys, os.Rename(temporary.Name(), filepath.Join(f.path, keysFile))
}
