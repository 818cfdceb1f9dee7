package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// buffer is a stream that may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// muster runs the command line with no terminal behind it.
func muster(t *testing.T, args ...string) (exit int, out, errs string) {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var stdout, stderr buffer
	exit = run(args, streams{in: null, out: &stdout, err: &stderr})
	return exit, stdout.String(), stderr.String()
}

func busyPort(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// TestWrongUseExits2: what the caller gets wrong is one clear line that names
// it, exit 2, and nothing done.
func TestWrongUseExits2(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	busy := busyPort(t)
	cases := []struct {
		names string // what the line must name
		args  []string
	}{
		{"--bogus", []string{"serve", "--bogus"}},
		{"nothing", []string{"nothing"}},
		{"--campaign, --name, --admin-email", []string{"serve", "--data", data, "--listen", "127.0.0.1:0"}},
		{"--smtp-url", []string{"serve", "--data", data, "--listen", "0.0.0.0:8080"}},
		{"--max-in-flight", []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--max-in-flight", "0"}},
		{"--public-url", []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--public-url", "example.org"}},
		{"HOST:PORT", []string{"serve", "--data", data, "--listen", "8080"}},
		{"cannot listen", []string{"serve", "--data", data, "--listen", busy, "--campaign", "c1", "--name", "C", "--admin-email", "a@example.org"}},
		{"campaign's id", []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--campaign", "C 1", "--name", "C", "--admin-email", "a@example.org"}},
		{"e-mail", []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--campaign", "c1", "--name", "C", "--admin-email", "nobody"}},
		{"time zone", []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--campaign", "c1", "--name", "C", "--admin-email", "a@example.org", "--time-zone", "Mars"}},
		{"mail server", []string{"serve", "--data", data, "--smtp-url", "mail.example.org"}},
		{"Redis address", []string{"serve", "--data", data, "--redis-url", "localhost", "--listen", "127.0.0.1:0"}},
		{"mongodb://", []string{"serve", "--data", data, "--mongo-url", "localhost:27017", "--listen", "127.0.0.1:0"}},
		{"cannot listen", []string{"demo", "--listen", busy}},
		{"--volunteers", []string{"demo", "--volunteers", "0"}},
		{"--volunteers", []string{"demo", "--volunteers", "many"}},
		{"--for", []string{"demo", "--for", "soon"}},
		{"--speed", []string{"demo", "--speed", "0"}},
		{"loopback", []string{"demo", "--listen", "0.0.0.0:0"}},
		{"--data", []string{"verify", "boards", "--data", data + "-missing"}},
		{"journal", []string{"verify", "boards", "--data", t.TempDir(), "--journal", data + "-missing"}},
		{"--data", []string{"token", "--campaign", "c1", "--expires", "1h", "--data", data + "-missing"}},
		{"--data", []string{"keys", "list", "--data", data + "-missing"}},
		{"--data", []string{"keys", "rotate", "--data", data + "-missing"}},
		{"--data", []string{"keys", "retire", "k1", "--data", data + "-missing"}},
		{"15s", []string{"keys", "rotate", "--after", "14s", "--data", withKeys(t)}},
		{"keys list", []string{"keys", "retire", "k1", "--data", withKeys(t)}},
		{"no such file", []string{"import", "postcodes", data + "-missing", "--campaign", "c1"}},
		{"no such file", []string{"import", "data", data + "-missing", "--data", data}},
		{"file", []string{"backup"}},
		{"--data", []string{"backup", data + "-file", "--data", data + "-missing"}},
		{"no such file", []string{"restore", data + "-missing", "--data", data}},
		{"--data", []string{"export", data + "-file", "--data", data + "-missing"}},
		{"--data", []string{"simulate", "--campaign", "c1", "--data", data + "-missing"}},
		{"no such file", []string{"simulate", "--regions", data + "-missing"}},
		{"country", []string{"simulate", "--regions", "main.go"}},
		{"--campaign", []string{"simulate", "--against", "some-id"}},
		{"no such file", []string{"simulate", "--rules", "missing.json"}},
		{"simulate.go", []string{"simulate", "--rules", "simulate.go"}},
		{"seasons", []string{"simulate", "--seasons", "1"}},
		{"runs", []string{"simulate", "--runs", "0"}},
		{"volunteers", []string{"simulate", "--volunteers", "-1"}},
		{"show_up", []string{"simulate", "--show-up", "1.5"}},
		{"flyer", []string{"simulate", "--mix", "flyer=1"}},
		{"bribe", []string{"simulate", "--cheats", "bribe=1"}},
		{"--params", []string{"simulate", "--params", "main.go"}},
		{"--sizes", []string{"simulate", "--sizes", "members"}},
		{"exists", []string{"simulate", "--html", "main.go"}},
		{"--html", []string{"simulate", "--html", data + "-missing/page.html"}},
	}
	for _, c := range cases {
		exit, out, errs := muster(t, c.args...)
		if exit != exitUsage || out != "" {
			t.Errorf("%v: exit %d, stdout %q", c.args, exit, out)
		}
		if lines := strings.Count(strings.TrimSpace(errs), "\n") + 1; lines != 1 || !strings.Contains(errs, c.names) {
			t.Errorf("%v: says %q, want one line that names %q", c.args, errs, c.names)
		}
	}
}

// withKeys is a data folder that has keys.
func withKeys(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if exit, _, errs := muster(t, "campaign", "create", "c1", "--name", "C", "--admin-email", "a@example.org", "--data", data); exit != exitOK {
		t.Fatalf("campaign create: exit %d: %s", exit, errs)
	}
	return data
}

// TestNothingOpensWithTheAuthEmulator: where Firebase's emulator variable is set,
// every command that opens the data says so and exits 2, with nothing done.
func TestNothingOpensWithTheAuthEmulator(t *testing.T) {
	used, data := withKeys(t), filepath.Join(t.TempDir(), "data")
	t.Setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099")
	first := []string{"--campaign", "c1", "--name", "C", "--admin-email", "a@example.org", "--listen", "127.0.0.1:0"}
	for _, args := range [][]string{
		append([]string{"serve", "--data", data}, first...),
		{"serve", "--data", used, "--listen", "127.0.0.1:0"},
		{"demo", "--listen", "127.0.0.1:0", "--data", data},
		{"campaign", "create", "c2", "--name", "C", "--admin-email", "a@example.org", "--data", data},
		{"campaign", "list", "--data", used},
		{"verify", "boards", "--data", used},
		{"rebuild", "boards", "--campaign", "c1", "--data", used},
		{"import", "postcodes", "main.go", "--campaign", "c1", "--data", used},
	} {
		exit, out, errs := muster(t, args...)
		if exit != exitUsage || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "FIREBASE_AUTH_EMULATOR_HOST") {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", args, exit, out, errs)
		}
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("a data folder was made: %v", err)
	}
	t.Setenv("FIREBASE_AUTH_EMULATOR_HOST", "") // as the SDK, which takes that for not set
	if exit, _, errs := muster(t, "campaign", "list", "--data", used); exit != exitOK {
		t.Errorf("unset: exit %d: %s", exit, errs)
	}
}

// TestKeysAreListedRotatedAndRetired on a folder that nobody serves; no output
// and no other reader's file holds a secret.
func TestKeysAreListedRotatedAndRetired(t *testing.T) {
	data := withKeys(t)
	file := filepath.Join(data, "keys.json")
	said := ""
	keys := func(args ...string) [][]string {
		t.Helper()
		exit, out, errs := muster(t, append(append([]string{"keys"}, args...), "--data", data)...)
		if exit != exitOK || errs != "" {
			t.Fatalf("keys %v: exit %d: %s", args, exit, errs)
		}
		said += out
		var lines [][]string
		for line := range strings.Lines(out) {
			lines = append(lines, strings.Split(strings.TrimSpace(line), "\t"))
		}
		return lines
	}
	first := keys("list")
	if len(first) != 1 || first[0][1] != "signs" || first[0][2] != "the first run" {
		t.Fatalf("listed %v", first)
	}
	rotated := keys("rotate", "--after", "1h")
	if len(rotated) != 2 || !slices.Equal(rotated[0], first[0]) || rotated[1][1] != "next" {
		t.Fatalf("rotated %v", rotated)
	}
	if signs, err := time.Parse(time.RFC3339, rotated[1][2]); err != nil || time.Until(signs) > time.Hour || time.Until(signs) < 50*time.Minute {
		t.Errorf("the next key signs from %s", rotated[1][2])
	}
	if listed := keys("list"); !slices.EqualFunc(listed, rotated, slices.Equal) {
		t.Errorf("listed %v after %v", listed, rotated)
	}
	if exit, _, errs := muster(t, "keys", "rotate", "--data", data); exit != exitUsage || !strings.Contains(errs, rotated[1][0]) {
		t.Errorf("rotated twice: exit %d: %s", exit, errs)
	}
	if exit, _, errs := muster(t, "keys", "retire", first[0][0], "--data", data); exit != exitUsage || !strings.Contains(errs, "signs now") {
		t.Errorf("retired what signs: exit %d: %s", exit, errs)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file is %v, %v", info.Mode(), err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var secrets struct {
		Signing []struct{ Seed string }
		Code    string
	}
	if err := json.Unmarshal(raw, &secrets); err != nil || len(secrets.Signing) != 2 || secrets.Code == "" {
		t.Fatalf("the file holds %d keys, %v", len(secrets.Signing), err)
	}
	if retired := keys("retire", rotated[1][0]); len(retired) != 1 || !slices.Equal(retired[0], first[0]) {
		t.Errorf("retired %v", retired)
	}
	for _, secret := range []string{secrets.Signing[0].Seed, secrets.Signing[1].Seed, secrets.Code} {
		if strings.Contains(said, secret) {
			t.Error("a secret was printed")
		}
	}
	left, err := filepath.Glob(filepath.Join(data, "keys.json*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestHelpIsComplete: every command explains itself, every flag has a help.
func TestHelpIsComplete(t *testing.T) {
	for _, command := range []string{
		"", "serve", "demo", "campaign create", "campaign list", "import postcodes", "import data", "export", "backup", "restore", "migrate",
		"verify boards", "rebuild boards", "token", "keys list", "keys rotate", "keys retire", "bench actions", "bench boards", "simulate",
	} {
		exit, out, _ := muster(t, append(strings.Fields(command), "--help")...)
		if exit != exitOK || !strings.Contains(out, "Usage: muster") {
			t.Errorf("muster %s --help: exit %d: %s", command, exit, out)
		}
		for line := range strings.Lines(out) {
			flag := strings.TrimSpace(line)
			if strings.HasPrefix(flag, "--") && len(strings.Fields(flag)) == 1 && len(flag) < 20 {
				t.Errorf("muster %s --help says nothing about %s", command, flag)
			}
		}
	}
}

// TestADemoAddsUp runs the whole system for some seconds on a kept folder, then
// verifies the folder and the journal, and finds an invented id out.
func TestADemoAddsUp(t *testing.T) {
	data, journal := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "journal")
	exit, out, errs := muster(t, "demo", "--listen", "127.0.0.1:0", "--for", "4s", "--volunteers", "20", "--json", "--data", data, "--journal", journal, "--log-level", "error")
	if exit != exitOK || strings.Count(out, "\n") != 1 {
		t.Fatalf("exit %d, stdout %q, stderr %s", exit, out, errs)
	}
	var summary struct {
		People  int
		Actions struct{ Recorded, Duplicates int }
		Equal   bool `json:"boards_equal_ledger"`
	}
	if err := json.Unmarshal([]byte(out), &summary); err != nil {
		t.Fatal(err)
	}
	if summary.People != 20 || summary.Actions.Recorded < 20 || summary.Actions.Duplicates == 0 || !summary.Equal {
		t.Errorf("summary %s", out)
	}
	verify := []string{"verify", "boards", "--data", data, "--journal", journal, "--log-level", "error"}
	if exit, out, errs := muster(t, verify...); exit != exitOK || !strings.Contains(out, "equal") {
		t.Errorf("verify: exit %d: %s%s", exit, out, errs)
	}
	checkPreview(t, data)
	checkSimulation(t, data)
	file, err := os.OpenFile(journal, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"id":"invented","answer":"recorded"}` + "\n" + `{"id":"to`); err != nil {
		t.Fatal(err)
	}
	file.Close()
	if exit, out, _ := muster(t, verify...); exit != exitFailed || !strings.Contains(out, "acknowledged but not in the ledger: invented") {
		t.Errorf("verify with an invented id: exit %d: %s", exit, out)
	}
}

// TestServeServesAndDrains: the first run creates the campaign, the folder is
// taken while it runs, a token can be made meanwhile, SIGTERM ends it with 0,
// and the second run needs no flags.
func TestServeServesAndDrains(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := []string{"--campaign", "c1", "--name", "C", "--admin-email", "a@example.org"}
	for _, flags := range [][]string{first, nil} {
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		var stdout, stderr buffer
		ended := make(chan int, 1)
		go func() {
			ended <- run(append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, flags...), streams{in: null, out: &stdout, err: &stderr})
		}()
		url := ""
		wait(t, "the server says where it answers", func() bool {
			_, rest, ok := strings.Cut(stderr.String(), "http://")
			url, _, _ = strings.Cut(rest, " ")
			return ok
		})
		wait(t, "the server is ready", func() bool {
			response, err := http.Get("http://" + url + "/readyz") //nolint:noctx // a test's own server
			if err != nil {
				return false
			}
			response.Body.Close()
			return response.StatusCode == http.StatusOK
		})
		if exit, _, errs := muster(t, "verify", "boards", "--data", data); exit != exitUsage || !strings.Contains(errs, "in use") {
			t.Errorf("verify while serving: exit %d: %s", exit, errs)
		}
		if exit, out, errs := muster(t, "token", "--campaign", "c1", "--expires", "1h", "--data", data); exit != exitOK || strings.Count(out, ".") != 2 {
			t.Errorf("token while serving: exit %d: %s%s", exit, out, errs)
		}
		if flags != nil {
			if exit, out, errs := muster(t, "keys", "rotate", "--data", data); exit != exitOK || strings.Count(out, "\n") != 2 {
				t.Errorf("keys rotate while serving: exit %d: %s%s", exit, out, errs)
			}
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if exit := <-ended; exit != exitOK {
			t.Errorf("SIGTERM: exit %d: %s", exit, stderr.String())
		}
		null.Close()
	}
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
		<-tick.C
	}
}
