package main

import (
	"errors"
	"fmt"

	"github.com/musterhq/muster/internal/app"
)

type migrateCmd struct {
	storage `embed:""`
}

// Run makes the indexes. It may be repeated, and run while servers run; those
// that are started afterwards find them.
func (c *migrateCmd) Run(env *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	fmt.Fprintf(env.err, "Making the collections and indexes of %s; on a large one this takes a while.\n", c.where())
	n, err := app.Migrate(env.ctx, c.options(env))
	if errors.Is(err, app.ErrInUse) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(env.err, "%d collections are as this version needs them.\n", n)
	return nil
}
