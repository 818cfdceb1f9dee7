//go:build !fault

// Package fault lets the fault suite (internal/faults) break a running server
// where nothing outside it could: its clock, its store and the check that keeps
// repeats off the boards. It does so in builds with the tag "fault" alone; here
// every hook gives back what it was given, and no variable is looked at.
package fault

import (
	"github.com/redis/go-redis/v9"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/store"
)

// Clock is the clock that the process goes by.
func Clock(c clock.Clock) clock.Clock { return c }

// Engine is the store that the rooms write to.
func Engine(e store.Engine) store.Engine { return e }

// Redis may change what a client sends.
func Redis(redis.UniversalClient) {}
