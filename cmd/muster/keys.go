package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/app"
)

type keysCmd struct {
	List   keysListCmd   `cmd:"" help:"List the signing keys: id, what it does, since or from when. Shows no secret."`
	Rotate keysRotateCmd `cmd:"" help:"Add a signing key. It is accepted at once and signs after a while; the key that signs until then is accepted afterwards too."`
	Retire keysRetireCmd `cmd:"" help:"Drop a signing key that does not sign: what it signed is refused within seconds."`
}

// keysFolder is the flag of every keys command. None takes the folder: a server
// may be running on it.
type keysFolder struct {
	Data string `help:"Folder with the campaign's data; a server may be running on it." default:"./muster-data" env:"MUSTER_DATA"`
}

// report prints the keys that a command left, an id, a state and a time a line.
func (f keysFolder) report(env *environment, keys []people.KeyInfo, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usagef("there are no keys in %s; name the data folder with --data", f.Data)
	case errors.Is(err, fs.ErrPermission):
		return usageError{err}
	case err != nil:
		return plain(err)
	}
	for _, key := range keys {
		from := "the first run"
		if !key.From.IsZero() {
			from = key.From.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(env.out, "%s\t%s\t%s\n", key.ID, key.State, from)
	}
	return nil
}

type keysListCmd struct {
	keysFolder `embed:""`
}

// Run lists the keys.
func (c *keysListCmd) Run(env *environment) error {
	keys, err := app.Keys(c.Data)
	return c.report(env, keys, err)
}

type keysRotateCmd struct {
	keysFolder `embed:""`

	After time.Duration `help:"When the new key begins to sign. Every node must have read the file by then: at least 15s, and longer than it takes you to copy the file to other machines." default:"10m" placeholder:"DURATION"`
}

// Run adds a key.
func (c *keysRotateCmd) Run(env *environment) error {
	keys, err := app.RotateKeys(c.Data, c.After)
	return c.report(env, keys, err)
}

type keysRetireCmd struct {
	keysFolder `embed:""`

	ID string `arg:"" help:"Id of the key, as muster keys list shows it."`
}

// Run drops a key.
func (c *keysRetireCmd) Run(env *environment) error {
	keys, err := app.RetireKey(c.Data, c.ID)
	return c.report(env, keys, err)
}
