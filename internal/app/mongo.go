package app

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"os"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/fault"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/mongo"
)

var (
	// ErrNotMigrated is the answer to a MongoDB whose indexes are not the ones
	// this version declares; its text lists them.
	ErrNotMigrated = mongo.ErrNotMigrated
	// ErrOtherKeys is the answer where the nodes of one store have different keys.
	ErrOtherKeys = errors.New("the keys in this data folder are not those that the store's other nodes use: copy their keys.json into it, or nobody they signed in is known here")
)

// CheckMongoURL says whether an address can be one, without connecting. Empty
// stands for SQLite. The error never quotes the address.
func CheckMongoURL(address string) error {
	if address == "" {
		return nil
	}
	return mongo.CheckURL(address)
}

// openMongo opens the store on a MongoDB, which any number of processes share.
func (a *App) openMongo(ctx context.Context) (people.Keys, error) {
	db, err := mongo.Open(ctx, mongo.Options{URL: a.options.MongoURL})
	if err != nil {
		return people.Keys{}, err
	}
	a.onClose("store", db.Close)
	a.store = fault.Engine(db)
	if err := db.Check(ctx, append(schemas(), nodesSchema)); err != nil {
		return people.Keys{}, err
	}
	if err := os.MkdirAll(a.options.Data, 0o700); err != nil {
		return people.Keys{}, fmt.Errorf("data folder: %w", err)
	}
	keys, err := keysOf(a.options.Data)
	if err != nil {
		return keys, fmt.Errorf("keys: %w", err)
	}
	// Only who serves signs anybody in: to look at a store needs no keys.
	a.joinNodes = func(ctx context.Context) error { return sameKeys(ctx, db, keys) }
	return keys, nil
}

// nodesSchema holds what the nodes of one store must agree on. Only a store that
// several share has it, and an export leaves it out.
var nodesSchema = store.Schema{Name: "nodes", Derived: true}

// agreement is its one document.
type agreement struct {
	store.Meta `bson:",inline"`
	// Keys tells whether two nodes have the same keys, and nothing of them.
	Keys []byte `bson:"keys"`
}

// sameKeys makes sure that this node's keys are those of the node that came
// first.
func sameKeys(ctx context.Context, engine store.Engine, keys people.Keys) error {
	all := store.NewCollection[agreement](engine, nodesSchema)
	mine := &agreement{Meta: store.Meta{ID: "nodes"}, Keys: keys.Mark()}
	err := all.InsertOne(ctx, store.System, mine)
	if !errors.Is(err, store.ErrDuplicate) {
		return err
	}
	first, err := all.Get(ctx, store.System, mine.ID)
	if err == nil && subtle.ConstantTimeCompare(first.Keys, mine.Keys) != 1 {
		return ErrOtherKeys
	}
	return err
}

// Migrate makes the collections and indexes of a store what this version
// declares, and says how many collections there are. SQLite's are also made by
// every Open. Errors: those of Open.
func Migrate(ctx context.Context, options Options) (collections int, err error) {
	if options.MongoURL == "" {
		a, err := Open(ctx, options)
		if err != nil {
			return 0, err
		}
		return len(schemas()), a.Close()
	}
	db, err := mongo.Open(ctx, mongo.Options{URL: options.MongoURL})
	if err != nil {
		return 0, err
	}
	all := append(schemas(), nodesSchema)
	return len(all), errors.Join(db.Migrate(ctx, all), db.Close())
}
