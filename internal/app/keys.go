package app

import (
	"bytes"
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
	"github.com/musterhq/muster/internal/outfile"
)

// readKeysEvery is how often a running node reads the key file again. A new key
// signs three times as long after it was made (people.MinKeyDelay), at the
// earliest.
const readKeysEvery = 5 * time.Second

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

// Keys gives the signing keys of a data folder as they stand now, without their
// secrets. A server may be running on the folder. The error is fs.ErrNotExist
// where there are no keys yet.
func Keys(path string) ([]people.KeyInfo, error) {
	keys, err := loadKeys(path)
	if err != nil {
		return nil, err
	}
	return keys.List(clock.System{}.Now()), nil
}

// RotateKeys adds a signing key to a data folder (see people.Keys.Rotate) and
// gives the keys as they stand then. Servers that run on the folder take it up
// within readKeysEvery. The error is fs.ErrNotExist where there are no keys yet.
func RotateKeys(path string, delay time.Duration) ([]people.KeyInfo, error) {
	return changeKeys(path, func(keys people.Keys, now time.Time) (people.Keys, error) { return keys.Rotate(now, delay) })
}

// RetireKey drops a signing key from a data folder (see people.Keys.Retire),
// otherwise as RotateKeys.
func RetireKey(path, id string) ([]people.KeyInfo, error) {
	return changeKeys(path, func(keys people.Keys, now time.Time) (people.Keys, error) { return keys.Retire(id, now) })
}

func changeKeys(path string, change func(people.Keys, time.Time) (people.Keys, error)) ([]people.KeyInfo, error) {
	if _, err := loadKeys(path); err != nil {
		return nil, err // before a lock file is left where there is no data
	}
	unlock, err := lockKeys(path)
	if err != nil {
		return nil, err
	}
	defer unlock()
	keys, err := loadKeys(path)
	if err != nil {
		return nil, err
	}
	now := clock.System{}.Now()
	if keys, err = change(keys, now); err != nil {
		return nil, err
	}
	if err := writeKeys(path, keys); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return keys.List(now), nil
}

// lockKeys lets one writer of the key file at a time in; readers need no lock.
// The kernel gives it back when the process ends, however it ends.
func lockKeys(path string) (unlock func(), err error) {
	lock := flock.New(filepath.Join(path, keysLock), flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return func() { _ = lock.Unlock() }, nil
}

func loadKeys(path string) (people.Keys, error) {
	raw, err := os.ReadFile(filepath.Join(path, keysFile))
	if err != nil {
		return people.Keys{}, err
	}
	return people.DecodeKeys(raw)
}

// writeKeys writes the file whole under another name and renames it into place,
// so that whoever reads it reads the old keys or the new ones, after any crash.
// Whose file it was, it stays: a server must be able to read what root wrote.
func writeKeys(path string, keys people.Keys) error {
	raw, err := keys.Encode()
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(path, keysFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	if _, err := temporary.Write(raw); err != nil {
		return errors.Join(err, temporary.Close())
	}
	place := filepath.Join(path, keysFile)
	if err := errors.Join(keepOwner(place, temporary), temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), place); err != nil {
		return err
	}
	return outfile.SyncFolder(path)
}

// keysOf reads the keys of a data folder; the first run makes them.
func keysOf(path string) (people.Keys, error) {
	keys, err := loadKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	unlock, err := lockKeys(path)
	if err != nil {
		return people.Keys{}, err
	}
	defer unlock()
	if keys, err = loadKeys(path); !errors.Is(err, fs.ErrNotExist) {
		return keys, err // another node was first
	}
	keys = people.NewKeys()
	return keys, writeKeys(path, keys)
}

// followKeys takes up changes of the key file until ctx ends. Where a key was
// dropped it calls dropped: live connections may have come in by it. A file that
// cannot be read, or that holds no good keys, changes nothing.
func (a *App) followKeys(ctx context.Context, dropped func()) error {
	tick := time.NewTicker(readKeysEvery)
	defer tick.Stop()
	follower := keyFollower{app: a, dropped: dropped}
	for {
		follower.look()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

type keyFollower struct {
	app     *App
	dropped func()
	last    []byte // of the file, as it was read last
	failing bool
}

func (f *keyFollower) look() {
	raw, err := os.ReadFile(filepath.Join(f.app.options.Data, keysFile))
	if err == nil && bytes.Equal(raw, f.last) {
		f.failing = false
		return
	}
	if err == nil {
		err = f.use(raw)
	}
	if err != nil && !f.failing {
		f.app.log.Error("the key file is not taken up; the keys stay as they were", "error", err)
	}
	f.failing = err != nil
}

func (f *keyFollower) use(raw []byte) error {
	keys, err := people.DecodeKeys(raw)
	if err != nil {
		return err
	}
	gone, err := f.app.People.UseKeys(keys)
	if err != nil {
		return err
	}
	if f.last != nil {
		f.app.log.Info("keys were taken up", "keys", keys)
	}
	f.last = raw
	if gone {
		f.dropped()
	}
	return nil
}
