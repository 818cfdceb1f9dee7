//go:build fault

package faults

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/redistest"
)

func TestStoreSlow(t *testing.T) {
	w, _, _ := onRedis(t, "every call of the store 1 s late")
	w.begin()
	w.order("slow 1s")
	w.more("answers with a slow store", &w.load.ok, 40)
	if w.load.unknown.Load() != 0 {
		t.Errorf("%d batches were not answered", w.load.unknown.Load())
	}
	w.order()
	w.heals()
	w.end("answers are late and none is missing")
}

// TestStoreTooSlow: longer than any call may take. The insert may happen after
// all, when who asked has been told that nobody knows.
func TestStoreTooSlow(t *testing.T) {
	w, _, _ := onRedis(t, "every call of the store 20 s late, for 15 s")
	w.begin()
	w.order("slow 20s")
	lasting(15 * time.Second)
	if w.load.unknown.Load() == 0 {
		t.Error("nothing went unanswered: this is no fault")
	}
	w.order()
	w.heals()
	w.end("calls end by their deadline with 503; sent again under the same ids they count once")
}

// disk is a small file system in a mount namespace of its own, which lives as
// long as the process that holds it.
type disk struct {
	t    *testing.T
	pid  int
	path string // inside the namespace
}

// newDisk mounts a tmpfs of so many MiB over a folder.
func newDisk(t *testing.T, mebibytes int) *disk {
	t.Helper()
	d := &disk{t: t, path: t.TempDir()}
	script := fmt.Sprintf("mount -t tmpfs -o size=%dm,mode=0700 muster %s && echo mounted && exec cat", mebibytes, d.path)
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- cmd.Start()
		<-t.Context().Done()
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // cat ends, and the namespace with it
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "mounted\n" {
		t.Fatalf("no small disk: %q, %v", line, err)
	}
	d.pid = cmd.Process.Pid
	return d
}

// enter is how a program is run with the disk in sight.
func (d *disk) enter() []string {
	return []string{"nsenter", "--mount", "--target", strconv.Itoa(d.pid), "--"}
}

func (d *disk) outside(name string) string {
	return filepath.Join("/proc", strconv.Itoa(d.pid), "root", d.path, name)
}

// fill takes all the space there is.
func (d *disk) fill() {
	d.t.Helper()
	file, err := os.OpenFile(d.outside("filler"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 4096); ; {
		if _, err := file.Write(block); err != nil {
			if !strings.Contains(err.Error(), "no space") {
				d.t.Fatal(err)
			}
			return
		}
	}
}

func (d *disk) free() {
	d.t.Helper()
	if err := os.Remove(d.outside("filler")); err != nil {
		d.t.Fatal(err)
	}
}

func TestDiskFull(t *testing.T) {
	d := newDisk(t, 48)
	w := newWorld(t, "disk full, then space again")
	must(t, append(d.enter(), "cp", "-r", template, filepath.Join(d.path, "data"))...)
	w.data, w.prefix = filepath.Join(d.path, "data"), d.enter()
	w.redis = redistest.Start(t).URL()
	w.begin()
	w.row.Rounds = 2
	for range w.row.Rounds {
		refused := &atomic.Int64{}
		d.fill()
		await(t, "batches that cannot be written", func() bool {
			// What is left in the log of the store takes some more.
			refused.Store(w.load.unknown.Load())
			return refused.Load() >= 20
		})
		if w.server.died() {
			t.Fatal("the server ended on a full disk")
		}
		for _, path := range []string{"/healthz", "/openapi.json"} {
			if code := status(*w.base.Load(), path); code != 200 {
				t.Errorf("%s answers %d", path, code)
			}
		}
		w.load.unknown.Store(0)
		d.free()
		w.heals()
	}
	w.end("batches that cannot be written are answered 503, nothing else stops, and all goes on when there is space")
}
