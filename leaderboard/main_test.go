package leaderboard

import (
	"os"
	"runtime/debug"
	"testing"

	"github.com/musterhq/muster/internal/redistest"
)

// TestMain collects garbage more rarely: the Redis in this process makes a new
// Lua state for every script, and half of the histories' time goes into
// removing them.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(redistest.Main(m))
}
