//go:build fault || servers

package faults

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// world is servers under load, and what they stand on.
type world struct {
	t *testing.T
	*node
	nodes    []*node // the first, and those that join it
	row      row
	campaign string
	mongo    string   // address of the documents; empty: in the data folder
	redis    string   // address; empty: inside the process
	prefix   []string // what the server is started by: another namespace, limits
	orders   string   // file that the hooks of the first node obey
	load     *load
	ledgers  map[string][]Entry // what people are shown of theirs at the end
	// How many actions people are shown at the end, and how many a recount finds.
	shown, recounted int
}

// node is one server of a world.
type node struct {
	data   string // data folder, as the server sees it
	server *process
	base   atomic.Pointer[string]
}

func newNode(data string) *node {
	n, nowhere := &node{data: data}, "http://127.0.0.1:1"
	n.base.Store(&nowhere)
	return n
}

// anyWorld has an empty folder; nothing runs yet.
func anyWorld(t *testing.T, fault string) *world {
	t.Helper()
	folder := t.TempDir()
	first := newNode(filepath.Join(folder, "data"))
	return &world{t: t, node: first, nodes: []*node{first}, campaign: campaignID, row: row{Fault: fault, Rounds: 1}, orders: filepath.Join(folder, "orders")}
}

// newWorld makes a folder with a campaign; nothing runs yet.
func newWorld(t *testing.T, fault string) *world {
	t.Helper()
	w := anyWorld(t, fault)
	if err := os.CopyFS(w.data, os.DirFS(template)); err != nil {
		t.Fatal(err)
	}
	return w
}

// v1 is where the campaign's calls are.
func (w *world) v1() string { return "/v1/campaigns/" + w.campaign }

// order tells the hooks what to do. The server sees it in some hundredths of a
// second.
func (w *world) order(lines ...string) {
	w.t.Helper()
	next := w.orders + ".next"
	if err := os.WriteFile(next, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(next, w.orders); err != nil {
		w.t.Fatal(err)
	}
}

// command is muster on what the world stands on.
func (w *world) command(args ...string) []string { return w.commandOf(w.node, args...) }

func (w *world) commandOf(n *node, args ...string) []string {
	all := append(append([]string{}, w.prefix...), binary, "--log-level", "warn")
	all = append(all, args...)
	all = append(all, "--data", n.data)
	if w.mongo != "" {
		all = append(all, "--mongo-url", w.mongo)
	}
	if w.redis != "" && takesRedis(args) {
		all = append(all, "--redis-url", w.redis)
	}
	return all
}

// takesRedis: what moves documents has boards of its own.
func takesRedis(args []string) bool {
	return args[0] != "export" && (args[0] != "import" || args[1] != "data")
}

// start starts the server and waits until it is ready, which a process that is
// told to die need not live to see.
func (w *world) start() {
	w.t.Helper()
	w.startNode(w.node)
}

func (w *world) startNode(n *node) {
	w.t.Helper()
	var env []string
	if n == w.node {
		env = []string{"MUSTER_FAULT=" + w.orders}
	}
	lines := make(chan string, 1)
	n.server = launch(w.t, env, lines, w.commandOf(n, "serve", "--listen", "127.0.0.1:0")...)
	select {
	case line := <-lines:
		_, address, _ := strings.Cut(line, "http://")
		base := "http://" + strings.Fields(address)[0]
		n.base.Store(&base)
	case <-n.server.exited:
		w.t.Fatalf("the server ended at once:\n%s", n.server.tail())
	case <-time.After(patience):
		w.t.Fatal("the server does not start")
	}
	await(w.t, "a server that is ready", func() bool { return n.server.died() || status(*n.base.Load(), "/readyz") == 200 })
}

// begin starts the server and the load on it, and waits until all is warm.
func (w *world) begin() {
	w.t.Helper()
	w.start()
	w.load = newLoad(w)
	w.load.begin()
	w.more("answers with ranks", &w.load.fresh, 40)
}

// more waits until a counter has grown by so many.
func (w *world) more(what string, counter *atomic.Int64, by int64) {
	w.t.Helper()
	until := counter.Load() + by
	await(w.t, what, func() bool { return counter.Load() >= until })
}

// lasting keeps a fault up for a while: it is the fault's length, not a wait for
// something.
func lasting(d time.Duration) { <-time.After(d) }

// heals waits for ranks and says in the row how long they took to come back.
func (w *world) heals() {
	w.t.Helper()
	began := time.Now()
	w.more("ranks again", &w.load.fresh, 20)
	w.row.Healed = max(w.row.Healed, time.Since(began).Seconds())
}

// end stops the load, and holds journal, ledgers and boards against each other.
// It writes the row, and fails the test where something is wrong.
func (w *world) end(asserted string) {
	w.t.Helper()
	verdict, equal := w.judge()
	w.write(asserted, verdict, equal)
	w.holds(verdict, equal)
}

// holds fails the test where something is wrong.
func (w *world) holds(verdict *Verdict, equal bool) {
	w.t.Helper()
	if w.shown != w.recounted {
		w.t.Errorf("people are shown %d actions, and %d are in the ledger", w.shown, w.recounted)
	}
	if !verdict.Holds() {
		w.t.Errorf("journal and ledger differ: %s", verdict)
	}
	if !equal {
		w.t.Error("the boards do not equal the ledger")
	}
	if verdict.OK < 20 {
		w.t.Errorf("%s: that is no load", verdict)
	}
}

func (w *world) write(asserted string, v *Verdict, equal bool) {
	w.row.Asserted = asserted
	w.row.Ops, w.row.OK, w.row.Unknown, w.row.Actions = v.Operations, v.OK, v.Unknown, v.Actions
	w.row.Lost, w.row.Doubled, w.row.Equal = len(v.Lost), len(v.Doubled), equal
	w.row.Wrong = len(v.Invented) + len(v.Unequal) + len(v.Backward)
	w.t.Logf("%s; boards equal: %v; healed after %.1f s", v, equal, w.row.Healed)
	addRow(w.row)
}

// judge ends everything and says what came of it.
func (w *world) judge() (*Verdict, bool) {
	w.t.Helper()
	w.load.end()
	verdict := w.verdict()
	for _, n := range w.nodes {
		n.server.stop(w.t)
	}
	return verdict, w.verify()
}

// verdict holds the journal against what people are shown of their ledgers.
func (w *world) verdict() *Verdict {
	w.t.Helper()
	w.ledgers = w.load.ledgers()
	for _, entries := range w.ledgers {
		w.shown += len(entries)
	}
	file, err := os.Open(w.load.path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer file.Close()
	lines, err := Read(file)
	if err != nil {
		w.t.Fatal(err)
	}
	return Check(lines, w.ledgers)
}

// verify recounts the ledger of servers that do not run.
func (w *world) verify() (equal bool) {
	w.t.Helper()
	args := []string{"verify", "boards", "--json"}
	if w.mongo != "" {
		args = append(args, "--stopped")
	}
	equal, w.recounted = w.recount(w.command(args...))
	return equal
}

// recount runs verify boards and says whether all is equal, and how many actions
// are in the ledger.
func (w *world) recount(command []string) (equal bool, actions int) {
	w.t.Helper()
	out, code := run(w.t, []string{"MUSTER_FAULT=" + w.orders}, command...)
	var found struct {
		Actions   int
		Campaigns []struct {
			Equal       bool
			Differences []json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil || len(found.Campaigns) != 1 {
		w.t.Logf("verify exit %d: %.400s", code, out)
		return false, 0
	}
	if c := found.Campaigns[0]; !c.Equal {
		w.t.Logf("%d differences, first %s", len(c.Differences), c.Differences[0])
	}
	return code == 0 && found.Campaigns[0].Equal, found.Actions
}
