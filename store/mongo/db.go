package mongo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/order"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
)

// ErrClosed is answered by every call after Close.
var ErrClosed = errors.New("mongo: the connection is closed")

// DB is the engine on one database of a MongoDB deployment. It is safe for
// concurrent use; any number of processes may use the same database.
type DB struct {
	client *driver.Client
	data   *driver.Database
	cursor order.Seal
	close  sync.Once
	closed error // what Close answered

	mu          sync.RWMutex
	collections map[string]*collection
}

var _ store.Engine = (*DB)(nil)

// Open connects, waits until the primary answers, and reads what the database
// keeps for the engine, making it the first time. Call Migrate or Check before
// anything else. Errors: ErrBadURL; ErrFormat for a database that a newer
// version wrote; ctx's; or why no server answered. None holds the URL.
func Open(ctx context.Context, o Options) (*DB, error) {
	address, err := parse(o.URL)
	if err != nil {
		return nil, ErrBadURL
	}
	set, err := clientOptions(o)
	if err != nil {
		return nil, err
	}
	client, err := driver.Connect(set)
	if err != nil {
		return nil, ErrBadURL // not err: it may quote the address
	}
	name := o.Database
	if name == "" {
		name = address.Database
	}
	if name == "" {
		name = DefaultDatabase
	}
	db := &DB{client: client, data: client.Database(name), collections: map[string]*collection{}}
	if err := db.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("mongo: open: %w", err), db.Close())
	}
	return db, nil
}

// The database's own document, in a collection that no schema can name.
const (
	ownCollection = "_muster"
	ownID         = "store"
	format        = 1
)

// ErrFormat says that the database is laid out in a way this version does not know.
var ErrFormat = errors.New("mongo: the database was written by a newer version of Muster: use that one")

type ownDocument struct {
	ID       string `bson:"_id"`
	Campaign string `bson:"campaign"`
	Format   int    `bson:"format"`
	Cursor   []byte `bson:"cursor"` // the key of cursors
}

// begin reads the database's own document, or makes it.
func (db *DB) begin(ctx context.Context) error {
	own := db.data.Collection(ownCollection)
	filter := bson.D{{Key: "campaign", Value: store.System}, {Key: "_id", Value: ownID}}
	var found ownDocument
	err := own.FindOne(ctx, filter).Decode(&found)
	if errors.Is(err, driver.ErrNoDocuments) {
		fresh := ownDocument{ID: ownID, Campaign: store.System, Format: format, Cursor: make([]byte, 32)}
		_, _ = rand.Read(fresh.Cursor) // never fails: crypto/rand documents that it crashes instead
		if _, err = own.InsertOne(ctx, fresh); err == nil || duplicate(err) {
			err = own.FindOne(ctx, filter).Decode(&found)
		}
	}
	if err != nil {
		return failure(ctx, err)
	}
	if found.Format > format {
		return ErrFormat
	}
	db.cursor, err = order.NewSeal(found.Cursor)
	return err
}

// Close ends the connections; calls that are under way fail with ErrClosed, and
// their writes may or may not have happened. It may be called again.
func (db *DB) Close() error {
	db.close.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := db.client.Disconnect(ctx); err != nil {
			db.closed = fmt.Errorf("mongo: close: %w", err)
		}
	})
	return db.closed
}

// Now answers the clock of the server that takes the writes.
func (db *DB) Now(ctx context.Context) (time.Time, error) {
	var hello struct {
		Time time.Time `bson:"localTime"`
	}
	err := db.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
	if err != nil {
		return time.Time{}, fmt.Errorf("mongo: now: %w", failure(ctx, err))
	}
	return hello.Time.UTC(), nil
}

// collection gives a collection that Migrate or Check was told of.
func (db *DB) collection(s *store.Schema) (*collection, error) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	c := db.collections[s.Name]
	if c == nil {
		return nil, fmt.Errorf("%w: collection %s has not been migrated", store.ErrQuery, s.Name)
	}
	return c, nil
}

// checked gives the collection for a call that names a campaign and ids.
func (db *DB) checked(s *store.Schema, campaign string, ids ...string) (*collection, error) {
	c, err := db.collection(s)
	if err != nil {
		return nil, err
	}
	if err := store.CheckScope(campaign); err != nil {
		return nil, err
	}
	return c, store.CheckIDs(ids...)
}
