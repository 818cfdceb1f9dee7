//go:build servers

package faults

import (
	"errors"
	"os"
)

// The servers that the tests stand on.
var mongoURL, redisURL, clusterURL string

// needsOfServers names what is missing, in one line.
func needsOfServers() error {
	for name, address := range map[string]*string{"MUSTER_MONGO_URL": &mongoURL, "MUSTER_REDIS_URL": &redisURL, "MUSTER_REDIS_CLUSTER_URL": &clusterURL} {
		if *address = os.Getenv(name); *address == "" {
			return errors.New(name + " is not set: run make test-servers, or make servers first")
		}
	}
	return nil
}
