//go:build browser

package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// buildFolder holds the binary that the tests of this process share.
var buildFolder = filepath.Join(os.TempDir(), fmt.Sprintf("muster-browser-%d", os.Getpid()))

// binary builds cmd/muster once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildFolder, "muster")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/muster").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(buildFolder)
	os.Exit(code)
}

// house is the real program on a data folder that a short demo has filled.
type house struct {
	t       *testing.T
	data    string
	address string
	server  *process
}

// process is a running muster, ended by its own id.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *lockedBuffer
	done chan error
}

// lockedBuffer keeps what a process says; lines gets each line of it.
type lockedBuffer struct {
	mu    sync.Mutex
	all   bytes.Buffer
	lines chan string
}

func muster(t *testing.T, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(path, args...), log: &lockedBuffer{lines: make(chan string, 10_000)}, done: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), "MUSTER_REDIS_URL=", "MUSTER_MONGO_URL=")
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.log.read(stderr)
		p.done <- p.cmd.Wait()
	}()
	t.Cleanup(func() { p.end(syscall.SIGKILL) })
	return p
}

func (b *lockedBuffer) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		b.mu.Lock()
		b.all.WriteString(lines.Text() + "\n")
		b.mu.Unlock()
		select {
		case b.lines <- lines.Text():
		default:
		}
	}
	close(b.lines)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// end sends a signal and waits for the process; a second call does nothing.
func (p *process) end(signal syscall.Signal) {
	p.t.Helper()
	if p.done == nil {
		return
	}
	_ = p.cmd.Process.Signal(signal)
	p.wait()
}

func (p *process) wait() (err error) {
	p.t.Helper()
	select {
	case err = <-p.done:
		p.done = nil
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		p.t.Fatalf("%v did not end:\n%s", p.cmd.Args, p.log)
	}
	return err
}

// says waits for a line that holds the words and gives it.
func (p *process) says(words string) string {
	p.t.Helper()
	late := time.After(patience)
	for {
		select {
		case line, ok := <-p.log.lines:
			if strings.Contains(line, words) {
				return line
			}
			if !ok {
				p.t.Fatalf("%v ended without saying %q:\n%s", p.cmd.Args, words, p.log)
			}
		case <-late:
			p.t.Fatalf("%v did not say %q:\n%s", p.cmd.Args, words, p.log)
		}
	}
}

// newHouse fills a folder with the campaign of the demo and serves it.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, data: filepath.Join(t.TempDir(), "data"), address: freePort(t)}
	demo := muster(t, "demo", "--listen", "127.0.0.1:0", "--for", "6s", "--volunteers", "40", "--data", h.data)
	if err := demo.wait(); err != nil {
		t.Fatalf("demo: %v\n%s", err, demo.log)
	}
	h.serve()
	return h
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (h *house) serve() {
	h.t.Helper()
	h.server = muster(h.t, "serve", "--data", h.data, "--listen", h.address)
	h.server.says("answers on")
}

// token is a service token of the campaign.
func (h *house) token(role string) string {
	h.t.Helper()
	path, err := binary()
	if err != nil {
		h.t.Fatal(err)
	}
	out, err := exec.Command(path, "token", "--data", h.data, "--campaign", fakeCampaign, "--role", role, "--expires", "1h").Output()
	if err != nil {
		h.t.Fatalf("token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func (h *house) page() string { return "http://" + h.address + "/board?campaign=" + fakeCampaign }

// call makes a call of the campaign and gives the answer's body.
func (h *house) call(method, path, token string, body any) map[string]any {
	h.t.Helper()
	payload, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	if strings.HasPrefix(path, "/") {
		path = "http://" + h.address + path
	} else {
		path = "http://" + h.address + "/v1/campaigns/" + fakeCampaign + "/" + path
	}
	request, err := http.NewRequest(method, path, bytes.NewReader(payload))
	if err != nil {
		h.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil || answer.StatusCode >= 300 {
		h.t.Fatalf("%s %s: %d %v %v", method, path, answer.StatusCode, out, err)
	}
	return out
}

// code is the code of the newest mail to an address.
func (h *house) code(email string) string {
	h.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(patience); time.Now().Before(late); <-tick.C {
		messages, _ := h.call(http.MethodGet, "/inbox.json?to="+email, "", nil)["messages"].([]any)
		for _, m := range messages {
			if code, _ := m.(map[string]any)["code"].(string); code != "" {
				return code
			}
		}
	}
	h.t.Fatalf("no mail to %s", email)
	return ""
}

// volunteer signs somebody up in Savona and gives their access token.
func (h *house) volunteer(email string) string {
	h.t.Helper()
	signUp := h.call(http.MethodPost, "sign-ups", "", map[string]any{"email": email, "postcode": "17100"})
	if region := signUp["region"].(map[string]any)["id"].(string); !strings.HasPrefix(region, "it.liguria.sv") {
		h.t.Fatalf("17100 is in %s", region)
	}
	session := h.call(http.MethodPost, "sessions", "", map[string]any{"request": signUp["id"], "code": h.code(email)})
	return session["access_token"].(string)
}

// act records one action.
func (h *house) act(token, id string) {
	h.t.Helper()
	now := time.Now().UTC().Format(time.RFC3339Nano)
	answer := h.call(http.MethodPost, "actions", token, map[string]any{"sent_at": now, "actions": []any{
		map[string]any{"id": id, "kind": "door", "quantity": 3, "occurred_at": now},
	}})
	if status := answer["actions"].([]any)[0].(map[string]any)["status"]; status != "recorded" {
		h.t.Fatalf("the action was %v: %v", status, answer)
	}
}
