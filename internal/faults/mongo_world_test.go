//go:build servers

package faults

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/musterhq/muster/internal/redistest"
	"github.com/musterhq/muster/store"
)

// inDatabase is an address with another database in it.
func inDatabase(address, name string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	hosts, rest, _ := strings.Cut(rest, "/")
	_, settings, any := strings.Cut(rest, "?")
	if any {
		settings = "?" + settings
	}
	return scheme + "://" + hosts + "/" + name + settings
}

// hostOf is the first host and port of an address.
func hostOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	hosts, _, _ := strings.Cut(rest, "/")
	host, _, _ := strings.Cut(hosts[strings.Index(hosts, "@")+1:], ",")
	return host
}

// database is the address of a fresh database, which goes with the test.
func database(t *testing.T) string {
	t.Helper()
	name := "muster_e2e_" + store.NewID()
	client, err := mongo.Connect(options.Client().ApplyURI(mongoURL))
	if err != nil {
		t.Fatal("MUSTER_MONGO_URL is not an address")
	}
	t.Cleanup(func() {
		if err := client.Database(name).Drop(context.Background()); err != nil {
			t.Error(err)
		}
		_ = client.Disconnect(context.Background())
	})
	return inDatabase(mongoURL, name)
}

// onMongo is a world on a fresh database and on a Redis that others use too: the
// campaign has an id that nobody else has, and its keys go with the test.
func onMongo(t *testing.T, fault, redis string) *world {
	t.Helper()
	w := anyWorld(t, fault)
	w.mongo, w.redis, w.campaign = database(t), redis, "e2e-"+store.NewID()
	w.wipeRedis()
	return w
}

// wipeRedis has the campaign's keys removed at the end.
func (w *world) wipeRedis() {
	client := redistest.Dial(w.t, w.redis)
	w.t.Cleanup(func() {
		for _, prefix := range []string{"muster:{" + w.campaign + "}", "rate:muster:{" + w.campaign + "}", "live:{" + w.campaign + "/"} {
			redistest.Wipe(w.t, client, prefix)
		}
	})
}

// migrated makes the database ready and the campaign in it.
func (w *world) migrated() {
	w.t.Helper()
	must(w.t, w.command("migrate")...)
	for _, args := range makeCampaign(w.campaign) {
		must(w.t, w.command(args...)...)
	}
}

// join starts a further server on the same store and the same Redis, with the
// keys of the first.
func (w *world) join() *node {
	w.t.Helper()
	n := newNode(filepath.Join(w.t.TempDir(), "data"))
	keys, err := os.ReadFile(filepath.Join(w.data, "keys.json"))
	if err == nil {
		err = os.MkdirAll(n.data, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(n.data, "keys.json"), keys, 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.startNode(n)
	w.nodes = append(w.nodes, n)
	return n
}

// refuses runs a command that must end with exit 2 and one line on stderr, which
// holds these words.
func (w *world) refuses(command []string, words ...string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	var out, failure bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failure
	_ = cmd.Run()
	line := strings.TrimSpace(failure.String())
	if code := cmd.ProcessState.ExitCode(); code != 2 || out.Len() > 0 || line == "" || strings.Contains(line, "\n") {
		w.t.Errorf("%s: exit %d, stdout %q, want 2 and one line on stderr: %s", command[3], code, out.String(), line)
	}
	for _, word := range words {
		if !strings.Contains(line, word) {
			w.t.Errorf("%s says %q, want %q in it", command[3], line, word)
		}
	}
	return line
}
