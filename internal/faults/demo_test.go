//go:build servers

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// demoCampaign is the one that the demo makes.
const demoCampaign = "liguria-2024"

// TestDemoOnServers: the demo runs on MongoDB and on either kind of Redis, holds
// what its JSON promises, and its journal is in the ledger once. A store that is
// somebody else's, or of which it has no keys, it refuses.
func TestDemoOnServers(t *testing.T) {
	onEachRedis(t, func(t *testing.T, redis string) {
		w := onMongo(t, "", redis)
		w.campaign = demoCampaign
		demo := func(data string) []string {
			return []string{binary, "--log-level", "error", "demo", "--listen", "127.0.0.1:0", "--for", "7s", "--volunteers", "60", "--json",
				"--data", data, "--mongo-url", w.mongo, "--redis-url", redis}
		}
		w.refuses(demo(w.data), "muster migrate")
		must(t, w.command("migrate")...)
		journal := filepath.Join(t.TempDir(), "journal")
		for run := range 2 { // the second goes on with the first's people
			out, err := exec.Command(binary, append(demo(w.data)[1:], "--journal", journal)...).Output()
			if err != nil {
				t.Fatalf("run %d: %v: %.2000s", run, err, out)
			}
			check := exec.Command("go", "run", "../../scripts/democheck")
			check.Stdin = strings.NewReader(string(out))
			if text, err := check.CombinedOutput(); err != nil {
				t.Errorf("run %d: %v: %s", run, err, text)
			}
		}
		must(t, w.command("verify", "boards", "--stopped", "--journal", journal)...)
		file, err := os.OpenFile(journal, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(file, `{"id":"invented","answer":"recorded"}`)
		file.Close()
		if out, code := run(t, nil, w.command("verify", "boards", "--stopped", "--journal", journal)...); code != 1 || !strings.Contains(out, "not in the ledger: invented") {
			t.Errorf("an invented id: exit %d: %s", code, out)
		}
		w.refuses(demo(filepath.Join(t.TempDir(), "data")), "keys.json")
		must(t, w.command(makeCampaign("somebody-elses")[0]...)...)
		w.refuses(demo(w.data), "somebody-elses")
	})
}
