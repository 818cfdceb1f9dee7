package leaderboard

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/musterhq/muster/internal/redistest"
)

// TestEveryKeyIsInTheDocument holds docs/redis-keys.md against the keys of a
// campaign in which everything has happened, both ways.
func TestEveryKeyIsInTheDocument(t *testing.T) {
	document, err := os.ReadFile("../docs/redis-keys.md")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{"hash": "hash", "set": "set", "string": "string", "sorted set": "zset"}
	type row struct {
		pattern *regexp.Regexp
		kind    string
		used    bool
	}
	var rows []*row
	holes := regexp.MustCompile(`<[a-z]+>`)
	for _, m := range regexp.MustCompile("(?m)^\\| `(muster:[^`]+)` \\| ([a-z ]+) \\|").FindAllStringSubmatch(string(document), -1) {
		key := regexp.QuoteMeta(strings.ReplaceAll(m[1], "{campaign}", "CAMPAIGN"))
		key = holes.ReplaceAllString(key, `[a-z0-9.-]+`)
		key = strings.ReplaceAll(key, "CAMPAIGN", `\{[a-z0-9-]+\}`)
		rows = append(rows, &row{pattern: regexp.MustCompile("^" + key + "$"), kind: types[m[2]]})
	}
	if len(rows) < 10 {
		t.Fatalf("the document lists %d keys: the test reads it wrongly", len(rows))
	}
	w := newWorld(t)
	w.act("p", genova, 5)
	w.closed()
	w.act("p", genova, 5)
	for _, key := range redistest.Keys(t, w.redis, prefix(w.id)) {
		found := false
		for _, r := range rows {
			if r.pattern.MatchString(key) && r.kind == w.redis.Type(w.ctx, key).Val() {
				r.used, found = true, true
			}
		}
		if !found {
			t.Errorf("%s (%s) is in no row", key, w.redis.Type(w.ctx, key).Val())
		}
	}
	for _, r := range rows {
		if !r.used {
			t.Errorf("%v (%s) is a key that is not there", r.pattern, r.kind)
		}
	}
	// Fields of meta, in a rebuild that was interrupted.
	if _, err := w.boards.beginGeneration(w.ctx, tenantOf(t, w), RebuildOptions{}); err != nil {
		t.Fatal(err)
	}
	for field := range w.redis.HGetAll(w.ctx, metaKey(w.id)).Val() {
		name, _, of := strings.Cut(field, ":")
		if of {
			name += ":<gen>"
		}
		if !strings.Contains(string(document), "| `"+name+"` |") {
			t.Errorf("the field %s of meta is not in the document", field)
		}
	}
}
