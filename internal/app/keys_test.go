package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
)

// folderWithKeys is a folder that a first run has been in.
func folderWithKeys(t *testing.T) string {
	t.Helper()
	path := t.TempDir()
	f, err := openFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keysOf(f.path); err != nil {
		t.Fatal(err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOneOfManyRotationsAtOnceCounts: writers take turns, readers never see a file
// that is not whole, and nothing is left behind.
func TestOneOfManyRotationsAtOnceCounts(t *testing.T) {
	path := folderWithKeys(t)
	done := make(chan struct{})
	var reader, writers sync.WaitGroup
	reader.Go(func() {
		for {
			if _, err := loadKeys(path); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	var mu sync.Mutex
	rotated := 0
	for range 12 {
		writers.Go(func() {
			_, err := RotateKeys(path, time.Hour)
			if errs.CodeOf(err) == "keys_rotating" {
				return
			}
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			rotated++
		})
	}
	writers.Wait()
	close(done)
	reader.Wait()
	if infos, err := Keys(path); rotated != 1 || len(infos) != 2 || err != nil {
		t.Fatalf("%d rotations left %v, %v", rotated, infos, err)
	}
	left, err := filepath.Glob(filepath.Join(path, keysFile+"*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	info, err := os.Stat(filepath.Join(path, keysFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
}

// TestTheKeyFileStaysItsOwners: root may rotate the keys of a server that runs as
// somebody else; whoever is not root can only be the owner.
func TestTheKeyFileStaysItsOwners(t *testing.T) {
	path := folderWithKeys(t)
	file, owner := filepath.Join(path, keysFile), os.Geteuid()
	if owner == 0 {
		owner = 12345
		if err := os.Chown(file, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := RotateKeys(path, time.Hour); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(info.Sys().(*syscall.Stat_t).Uid); got != owner {
		t.Fatalf("the file is now %d's, it was %d's", got, owner)
	}
}

// TestManyFirstRunsMakeOneSetOfKeys, where nodes share a folder.
func TestManyFirstRunsMakeOneSetOfKeys(t *testing.T) {
	f := &folder{path: t.TempDir()}
	made := make([]string, 8)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() {
			keys, err := keysOf(f.path)
			if err != nil {
				t.Error(err)
			}
			made[i] = keys.String()
		})
	}
	all.Wait()
	for _, keys := range made {
		if keys != made[0] {
			t.Fatalf("made %v", made)
		}
	}
}

// TestABadKeyFileChangesNothing: it is said once, and a good one is taken up again.
func TestABadKeyFileChangesNothing(t *testing.T) {
	path := folderWithKeys(t)
	file := filepath.Join(path, keysFile)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := people.DecodeKeys(good)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	a := &App{
		options: Options{Data: path}, log: slog.New(slog.NewTextHandler(&log, nil)),
		People: people.New(nil, people.Options{Keys: keys, Clock: clock.System{}}),
	}
	dropped := 0
	follower := keyFollower{app: a, dropped: func() { dropped++ }}
	works := func() {
		t.Helper()
		token, err := a.People.ServiceToken("c1", campaign.Display, "", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.People.Authenticate(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	follower.look()
	for _, bad := range []string{"", "{", string(good[:len(good)/2]), strings.Replace(string(good), `"version": 2`, `"version": 9`, 1)} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		follower.look()
		works()
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	follower.look()
	works()
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("said %d times: %s", n, log.String())
	}
	other, err := people.NewKeys().Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, other, 0o600); err != nil {
		t.Fatal(err)
	}
	follower.look()
	follower.look()
	if dropped != 1 {
		t.Errorf("told of dropped keys %d times", dropped)
	}
	works()
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Errorf("said %d times: %s", n, log.String())
	}
}
