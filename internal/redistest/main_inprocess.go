//go:build !servers

package redistest

import (
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Main runs a package's tests and gives the code to exit with.
func Main(m *testing.M) int {
	redis.SetLogger(silence{})
	return m.Run()
}

// Open gives a test a client of the Redis that this run is on.
func Open(t testing.TB) redis.UniversalClient {
	t.Helper()
	_, client := InProcess(t)
	return client
}

// OpenAging is Open with keys that expire in time, which those of the Redis
// inside the process otherwise do not.
func OpenAging(t testing.TB) redis.UniversalClient {
	t.Helper()
	server, client := InProcess(t)
	stop := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() {
		const step = 50 * time.Millisecond
		tick := time.NewTicker(step)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				server.FastForward(step)
			}
		}
	})
	t.Cleanup(func() { close(stop); keeper.Wait() })
	return client
}
