//go:build servers

package redistest

import (
	"fmt"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"
)

// address is of the Redis that this run is on.
var address string

// Main runs a package's tests on each of the real servers and gives the code to
// exit with.
func Main(m *testing.M) int {
	redis.SetLogger(silence{})
	variables := []string{"MUSTER_REDIS_URL", "MUSTER_REDIS_CLUSTER_URL"}
	for _, variable := range variables {
		if os.Getenv(variable) == "" {
			fmt.Fprintf(os.Stderr, "%s is not set: tests built with the tag servers need a Redis server and a Redis Cluster\n", variable)
			return 1
		}
	}
	code := 0
	for _, variable := range variables {
		address, onCluster = os.Getenv(variable), variable == "MUSTER_REDIS_CLUSTER_URL"
		fmt.Fprintf(os.Stderr, "=== on the Redis of %s\n", variable)
		code |= m.Run()
	}
	return code
}

// Open gives a test a client of the Redis that this run is on.
func Open(t testing.TB) redis.UniversalClient {
	t.Helper()
	return Dial(t, address)
}

// OpenAging is Open: keys of a real server expire in time.
func OpenAging(t testing.TB) redis.UniversalClient {
	t.Helper()
	return Open(t)
}
