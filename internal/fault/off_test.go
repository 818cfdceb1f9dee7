//go:build !fault

package fault_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/fault"
	"github.com/musterhq/muster/store"
)

type engine struct{ store.Engine }

// TestAnOrdinaryBuildObeysNobody: what is not built with the tag hands
// everything on, whatever the variable and its file say.
func TestAnOrdinaryBuildObeysNobody(t *testing.T) {
	file := filepath.Join(t.TempDir(), "orders")
	if err := os.WriteFile(file, []byte("clock 10m\nslow 1s\ndie 1\nbroken increments\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MUSTER_FAULT", file)
	still := clock.NewManual(time.Unix(1, 0))
	if fault.Clock(still) != clock.Clock(still) {
		t.Error("the clock is another one")
	}
	e := engine{}
	if fault.Engine(e) != store.Engine(e) {
		t.Error("the store is another one")
	}
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	fault.Redis(client)
	got, err := client.Eval(t.Context(), "local points0, s = {[1] = 'kept'}, 1\nlocal p0 = points0[s]\nreturn p0 or 'forgotten'", nil).Text()
	if err != nil || got != "kept" {
		t.Errorf("the script answered %q, %v", got, err)
	}
}
