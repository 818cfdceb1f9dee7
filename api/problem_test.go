package api

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/musterhq/muster/store"
)

// TestStoreAway: what a room passes on because the store could not be reached is
// no mistake of ours: the client is told to send the same again.
func TestStoreAway(t *testing.T) {
	p := problemOf(fmt.Errorf("get campaign: %w", fmt.Errorf("%w: %w", store.ErrUnavailable, errors.New("connection refused by db1"))))
	if p.Status != http.StatusServiceUnavailable || p.Code != "store_unavailable" || p.retryAfter == 0 {
		t.Errorf("%+v", p)
	}
}
