//go:build !servers

package redistest

import (
	"testing"

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
