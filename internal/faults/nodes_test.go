//go:build servers

package faults

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	live "github.com/musterhq/muster/realtime/client"
)

// onEachRedis runs a test on one Redis and on a Cluster.
func onEachRedis(t *testing.T, test func(t *testing.T, redis string)) {
	t.Helper()
	t.Run("one Redis", func(t *testing.T) { test(t, redisURL) })
	t.Run("a Cluster", func(t *testing.T) { test(t, clusterURL) })
}

// TestNotMigrated: on a MongoDB that nobody prepared, what opens it says in one
// line what is missing and what to do, and exits 2; afterwards it works.
func TestNotMigrated(t *testing.T) {
	w := onMongo(t, "", redisURL)
	first := []string{"--campaign", w.campaign, "--name", "C", "--admin-email", "admin@example.org"}
	for _, args := range [][]string{
		append([]string{"serve", "--listen", "127.0.0.1:0"}, first...),
		{"verify", "boards", "--stopped"},
		makeCampaign(w.campaign)[0],
		{"export", filepath.Join(t.TempDir(), "file")},
	} {
		line := w.refuses(w.command(args...), "muster migrate", "indexes missing", "postings (3)")
		if len(line) > 700 || strings.Contains(line, hostOf(mongoURL)) || strings.Contains(line, "answers on") {
			t.Errorf("%s says %d bytes: %s", args[0], len(line), line)
		}
	}
	must(t, w.command("migrate")...)
	must(t, w.command("migrate")...) // it may be repeated
	w.refuses(w.command("serve", "--listen", "127.0.0.1:0"), "--campaign", "the MongoDB database")
	must(t, w.command(makeCampaign(w.campaign)[0]...)...)
	w.start()
}

// TestNodes: servers that share a MongoDB and a Redis are one server to people,
// and what they made moves to another store and back.
func TestNodes(t *testing.T) {
	onEachRedis(t, func(t *testing.T, redis string) {
		w := onMongo(t, "", redis)
		w.migrated()
		w.start()
		stranger := newNode(filepath.Join(t.TempDir(), "data"))
		if line := w.refuses(w.commandOf(stranger, "serve", "--listen", "127.0.0.1:0"), "keys.json"); strings.Contains(line, "answers on") {
			t.Errorf("it told people an address before it refused: %s", line)
		}
		n := nodes{w, w.node, w.join()}
		w.load = newLoad(w) // everybody signs up and in, a call here, a call there
		for _, step := range []struct {
			what string
			do   func()
		}{
			{"the same batch to both nodes at once", n.countOnce},
			{"both nodes agree on boards", n.agree},
			{"a socket hears the other node", n.hear},
			{"an ended session is refused", n.refuseEnded},
			{"a rebuild under writers", n.rebuildUnderWriters},
			{"kill -9 in a burst", n.dieAndReturn},
			{"journal, ledger and boards", func() { w.holds(w.judge()) }},
			{"to SQLite and back", n.moveAcross},
		} {
			began := time.Now()
			step.do()
			t.Logf("%s: %.1f s", step.what, time.Since(began).Seconds())
		}
	})
}

// nodes are two servers of one world.
type nodes struct {
	*world
	a, b *node
}

// countOnce sends batches to both nodes at the same moment: each action is
// recorded by one of them, and a repeat for the other, and both say one total.
func (n nodes) countOnce() {
	n.t.Helper()
	random := rand.New(rand.NewPCG(17, 19))
	for round := range 3 {
		for _, p := range n.load.people {
			b := n.load.make(random, p, -1-round)
			answers := make([]answer, 2)
			var both sync.WaitGroup
			for i, at := range []*node{n.a, n.b} {
				both.Go(func() {
					op := n.load.journal.Begin(p.email, b.ids)
					err := n.load.callOf(at, "POST", n.v1()+"/actions", p.token, b.body, &answers[i])
					if _, err := n.load.note(op, b, answers[i], err); err != nil {
						n.t.Errorf("a batch at both nodes at once: %v", err)
					}
				})
			}
			both.Wait()
			if answers[0].Total != answers[1].Total || answers[0].Total == 0 {
				n.t.Errorf("one node says %d points, the other %d", answers[0].Total, answers[1].Total)
			}
			for i, id := range b.ids {
				if len(answers[0].Actions) != len(b.ids) || len(answers[1].Actions) != len(b.ids) {
					n.t.Fatalf("%d actions were answered by %d and %d", len(b.ids), len(answers[0].Actions), len(answers[1].Actions))
				}
				if one, other := answers[0].Actions[i].Status, answers[1].Actions[i].Status; one == other {
					n.t.Errorf("%s was %s by both nodes", id, one)
				}
			}
		}
	}
}

type boardPage struct {
	Stale bool
	Total int
	Rows  []boardRow
}

type boardRow struct {
	Rank *int
	ID   string
	Name string
	Sum  int64
	Fair *float64
	Me   bool
}

// agree: whom a person is told to stand among, at what rank and with how many
// points, is the same on both nodes, and right.
func (n nodes) agree() {
	n.t.Helper()
	totals := map[string]int64{}
	for _, p := range n.load.people {
		for _, e := range n.load.ledger(p) {
			totals[p.email] += e.Points
		}
	}
	for _, p := range n.load.people {
		rank := 1
		for _, other := range totals {
			if other > totals[p.email] {
				rank++
			}
		}
		for _, board := range []string{"people:all?around=me&limit=5", "teams:all?around=me", "regions:it.liguria"} {
			pages := make([]boardPage, 2)
			await(n.t, "both nodes to show the same", func() bool {
				for i, at := range []*node{n.a, n.b} {
					pages[i] = boardPage{}
					if err := n.load.callOf(at, "GET", n.v1()+"/boards/"+board, p.token, nil, &pages[i]); err != nil {
						n.t.Fatal(err)
					}
				}
				return !pages[0].Stale && len(pages[0].Rows) > 0 && reflect.DeepEqual(pages[0], pages[1])
			})
			for _, row := range pages[0].Rows {
				if strings.HasPrefix(board, "people") && row.Me && (row.Sum != totals[p.email] || row.Rank == nil || *row.Rank != rank) {
					n.t.Errorf("%s has %d points and rank %d, and is shown as %+v", p.email, totals[p.email], rank, row)
				}
			}
		}
	}
}

// hear: a socket on one node hears at once what is done on the other.
func (n nodes) hear() {
	n.t.Helper()
	p := n.load.people[0]
	pushes := make(chan live.Push, 256)
	follower := n.follow(n.b, p.token, func(push live.Push) { pushes <- push }, "me", "board:teams:all", "tasks:it.liguria")
	defer follower.leave()
	hears := func(what string, is func(live.Push) bool) {
		n.t.Helper()
		late := time.After(patience)
		for {
			select {
			case push := <-pushes:
				if is(push) {
					return
				}
			case <-late:
				n.t.Fatalf("a socket on the other node did not hear of %s", what)
			}
		}
	}
	for _, feed := range []string{"me", "board:teams:all"} {
		hears("the state of "+feed, func(push live.Push) bool { return push.Feed == feed && push.Type == "snapshot" })
	}
	b := n.load.make(rand.New(rand.NewPCG(23, 29)), p, -10)
	op := n.load.journal.Begin(p.email, b.ids)
	var got answer
	err := n.load.callOf(n.a, "POST", n.v1()+"/actions", p.token, b.body, &got)
	if _, err := n.load.note(op, b, got, err); err != nil {
		n.t.Fatal(err)
	}
	mine, teams := false, false
	hears("an action", func(push live.Push) bool {
		var state struct{ Total int64 }
		_ = json.Unmarshal(push.Data, &state)
		mine = mine || push.Feed == "me" && state.Total == got.Total
		teams = teams || push.Feed == "board:teams:all" && push.Type == "delta"
		return mine && teams
	})
	token, code := run(n.t, nil, binary, "token", "--campaign", n.campaign, "--role", "staff", "--expires", "1h", "--data", n.data)
	if code != 0 {
		n.t.Fatal("no token for staff")
	}
	task, _ := json.Marshal(map[string]any{"kind": "door", "title": "Knock", "region": "it.liguria", "capacity": 3, "ends_at": time.Now().Add(time.Hour)})
	if err := n.load.callOf(n.a, "POST", n.v1()+"/tasks", strings.TrimSpace(token), task, nil); err != nil {
		n.t.Fatal(err)
	}
	hears("a task", func(push live.Push) bool { return push.Feed == "tasks:it.liguria" && push.Type == "event" })
}

// follower is one live connection.
type follower struct {
	closed chan int // the codes of its connections' ends
	leave  func()
}

func (n nodes) follow(at *node, token string, push func(live.Push), feeds ...string) follower {
	f := follower{closed: make(chan int, 8)}
	client := live.New(live.Options{
		URL:     "ws" + strings.TrimPrefix(*at.base.Load(), "http") + n.v1() + "/live",
		Token:   func(context.Context) (string, error) { return token, nil },
		OnClose: func(code int) { f.closed <- code },
	})
	for _, feed := range feeds {
		client.Subscribe(live.Subscription{Feed: feed, OnPush: push, OnError: func(err *live.ReplyError) { n.t.Errorf("%s: %v", feed, err) }})
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = client.Run(ctx) }() // how it ended OnClose was told
	f.leave = func() { stop(); <-ended }
	return f
}

// refuseEnded: a session that was ended on one node is refused by the other, and
// its live connection there ends, within seconds.
func (n nodes) refuseEnded() {
	n.t.Helper()
	p := n.load.people[1]
	in := make(chan live.Push, 256)
	follower := n.follow(n.b, p.token, func(push live.Push) { in <- push }, "me")
	defer follower.leave()
	select {
	case <-in:
	case <-time.After(patience):
		n.t.Fatal("no live connection")
	}
	if err := n.load.callOf(n.b, "GET", n.v1()+"/me", p.token, nil, nil); err != nil {
		n.t.Fatal(err)
	}
	if err := n.load.callOf(n.a, "DELETE", n.v1()+"/sessions", p.token, nil, nil); err != nil {
		n.t.Fatal(err)
	}
	began := time.Now()
	await(n.t, "the other node to refuse a session that has ended", func() bool {
		err := n.load.callOf(n.b, "GET", n.v1()+"/me", p.token, nil, nil)
		refused, ok := errors.AsType[errRefused](err)
		return ok && refused.status == http.StatusUnauthorized
	})
	select {
	case code := <-follower.closed:
		if code != 4500 {
			n.t.Errorf("its connection was closed with %d", code)
		}
	case <-time.After(patience):
		n.t.Error("its live connection stands")
	}
	if took := time.Since(began); took > 5*time.Second {
		n.t.Errorf("that took %v; two seconds are promised", took)
	}
	if err := n.load.enter(p); err != nil {
		n.t.Fatal(err)
	}
}

// dieAndReturn kills one node after the other in the middle of a burst, while
// the other serves on.
func (n nodes) dieAndReturn() {
	n.t.Helper()
	for _, dies := range []*node{n.b, n.a} {
		n.more("answers", &n.load.ok, 40)
		dies.server.kill()
		n.more("answers of the one that is left", &n.load.ok, 20)
		if equal, actions := n.recount(n.command("verify", "boards", "--json")); !equal || actions == 0 {
			n.t.Errorf("with one node dead the boards do not equal the ledger of %d actions", actions)
		}
		n.startNode(dies)
		n.heals()
	}
}

// rebuildUnderWriters makes the boards anew while people act.
func (n nodes) rebuildUnderWriters() {
	n.t.Helper()
	n.load.begin()
	before := n.load.ok.Load()
	must(n.t, n.command("rebuild", "boards")...)
	n.heals()
	if n.load.ok.Load() == before {
		n.t.Error("nobody acted meanwhile")
	}
	if equal, actions := n.recount(n.command("verify", "boards", "--json")); !equal || actions == 0 {
		n.t.Errorf("rebuilt under writers, the boards do not equal the ledger of %d actions", actions)
	}
}

// moveAcross takes everything from MongoDB to SQLite and back to another
// MongoDB: document by document the same, and the boards with it.
func (n nodes) moveAcross() {
	n.t.Helper()
	folder := n.t.TempDir()
	file := func(name string) string { return filepath.Join(folder, name+".gz") }
	town, back := anyWorld(n.t, ""), anyWorld(n.t, "")
	town.campaign, back.campaign = n.campaign, n.campaign
	back.mongo = database(n.t)
	keys, err := os.ReadFile(filepath.Join(n.data, "keys.json"))
	if err == nil {
		err = os.Mkdir(town.data, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(town.data, "keys.json"), keys, 0o600)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	must(n.t, n.command("export", file("one"))...)
	must(n.t, town.command("import", "data", file("one"))...)
	must(n.t, town.command("export", file("two"))...)
	must(n.t, back.command("migrate")...)
	must(n.t, back.command("import", "data", file("two"))...)
	must(n.t, back.command("export", file("three"))...)
	want := documentsOf(n.t, file("one"))
	for name, to := range map[string]*world{"two": town, "three": back} {
		got := documentsOf(n.t, file(name))
		if len(want) < 100 || !reflect.DeepEqual(got, want) {
			n.t.Errorf("%s: %d documents were moved and %d came, or they are not the same", name, len(want), len(got))
		}
		equal, actions := to.verify(), to.recounted
		if !equal || actions != n.recounted || actions == 0 {
			n.t.Errorf("%s: boards equal %v, %d actions, and there were %d", name, equal, actions, n.recounted)
		}
	}
	n.sameTotals(town)
}

// sameTotals serves a store that was moved. People are known there by the tokens
// they have, and are told the points that they had.
func (n nodes) sameTotals(moved *world) {
	n.t.Helper()
	moved.start()
	defer moved.server.stop(n.t)
	for _, p := range n.load.people {
		want := int64(0)
		for _, e := range n.ledgers[p.email] {
			want += e.Points
		}
		var home struct{ Standing struct{ Total int64 } }
		if err := n.load.callOf(moved.node, "GET", n.v1()+"/me/dashboard", p.token, nil, &home); err != nil {
			n.t.Fatal(err)
		}
		if home.Standing.Total != want || want == 0 {
			n.t.Errorf("%s had %d points and has %d", p.email, want, home.Standing.Total)
		}
	}
}

// documentsOf gives the lines of an export that are documents.
func documentsOf(t *testing.T, path string) []string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zip, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	return lines[1 : len(lines)-2] // the header has a time, and the end its hash
}
