package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/order"
	driver "modernc.org/sqlite"
)

// ErrClosed is answered by every call after Close.
var ErrClosed = errors.New("sqlite: the database is closed")

// DB is the engine on one file. It is safe for concurrent use. Several
// processes may open the same file, unless one is opened Alone; they take turns
// at writing.
type DB struct {
	clock  clock.Clock
	log    *slog.Logger
	reads  *sql.DB
	writer *writer
	cursor order.Seal

	mu          sync.RWMutex
	collections map[string]*collection
	statements  map[string]*sql.Stmt // prepared on reads, by their text
	recent      *recent              // nil unless Alone
}

var _ store.Engine = (*DB)(nil)

// Option changes a default of Open.
type Option func(*DB)

// WithClock sets the clock that Now answers and Run expires by; the default is
// the machine's.
func WithClock(c clock.Clock) Option { return func(db *DB) { db.clock = c } }

// WithLogger sets where Run reports what it could not expire; the default
// discards it.
func WithLogger(l *slog.Logger) Option { return func(db *DB) { db.log = l } }

// Alone says that no other process writes the file while it is open, so that
// documents can be remembered: a Get of one that was read lately costs no read.
// The caller must see to it, for example with a lock.
func Alone() Option { return func(db *DB) { db.recent = newRecent() } }

// Open opens the database file at path, making it (mode 0600) and its folder
// (mode 0700) where they do not exist, and starts the writer, which Close ends.
// It does not start Run. Call Migrate before anything else.
func Open(ctx context.Context, path string, options ...Option) (*DB, error) {
	db := &DB{
		clock:       clock.System{},
		log:         slog.New(slog.DiscardHandler),
		collections: map[string]*collection{},
		statements:  map[string]*sql.Stmt{},
	}
	for _, o := range options {
		o(db)
	}
	path, err := prepareFile(path)
	if err != nil {
		return nil, err
	}
	// The writer opens first: it makes the file a WAL database, which those that
	// only read cannot.
	if db.writer, err = openWriter(ctx, path, db.recent); err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	if err := db.begin(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", path, err), db.writer.close())
	}
	return db, nil
}

// begin marks the file as ours, reads what it keeps for the engine and opens
// the connections that read.
func (db *DB) begin(ctx context.Context, path string) error {
	var key []byte
	err := db.writer.do(ctx, 0, func(t *tx) (answer, err error) {
		if err := t.claim(); err != nil {
			return nil, err
		}
		key, err = t.secret("cursor")
		return nil, err
	})
	if err != nil {
		return err
	}
	if db.cursor, err = order.NewSeal(key); err != nil {
		return err
	}
	if db.reads, err = openPool(path, "query_only(1)"); err != nil {
		return err
	}
	// A few readers more than there are processors: one that waits for the disk
	// should not hold up the others.
	readers := runtime.GOMAXPROCS(0) + 2
	db.reads.SetMaxOpenConns(readers)
	db.reads.SetMaxIdleConns(readers)
	return nil
}

// Close waits for the writes that have been accepted, refuses further calls
// with ErrClosed and closes the file. It may be called again.
func (db *DB) Close() error {
	db.writer.stop()
	// The writer's connection closes last: it moves what is in the side file
	// into the main one.
	if err := errors.Join(db.reads.Close(), db.writer.close()); err != nil {
		return fmt.Errorf("sqlite: close: %w", err)
	}
	return nil
}

// Now answers the clock of this machine, which is the store's own: the file is
// on it.
func (db *DB) Now(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, fmt.Errorf("sqlite: now: %w", err)
	}
	return db.clock.Now(), nil
}

// prepareFile makes the folder and the file, readable by their owner alone:
// they hold personal data. SQLite gives its side files the mode of the file.
func prepareFile(path string) (string, error) {
	if path == "" {
		return "", errors.New("sqlite: open: no path was given")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("sqlite: open: %w", err)
	}
	folder := filepath.Dir(path)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return "", fmt.Errorf("sqlite: make the data folder: %w", err)
		}
		// SQLite syncs the folder of the file, not the folder's own entry.
		if err := syncFolder(filepath.Dir(folder)); err != nil {
			return "", err
		}
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", fmt.Errorf("sqlite: open the data file: %w", err)
	}
	err = errors.Join(file.Chmod(0o600), file.Close())
	if err != nil {
		return "", fmt.Errorf("sqlite: protect the data file: %w", err)
	}
	return path, nil
}

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("sqlite: sync %s: %w", folder, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sqlite: sync %s: %w", folder, err)
	}
	return nil
}

// openPool opens connections with these pragmas, after those that all share.
func openPool(path string, pragmas ...string) (*sql.DB, error) {
	return openMode(path, "rwc", pragmas...)
}

// openMode is openPool in a mode of SQLite's: "rwc", or "ro", which changes
// nothing in the file.
func openMode(path, mode string, pragmas ...string) (*sql.DB, error) {
	query := url.Values{"mode": {mode}, "_defensive": {"1"}, "_dqs": {"0"}}
	query["_pragma"] = append([]string{"busy_timeout(10000)", "cache_size(-16000)", "temp_store(memory)"}, pragmas...)
	name := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	connector, err := driver.NewConnector(name.String())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// collection gives a migrated collection.
func (db *DB) collection(s *store.Schema) (*collection, error) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	c := db.collections[s.Name]
	if c == nil {
		return nil, fmt.Errorf("%w: collection %s has not been migrated", store.ErrQuery, s.Name)
	}
	return c, nil
}

// statement prepares a read once.
func (db *DB) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	db.mu.RLock()
	found := db.statements[text]
	db.mu.RUnlock()
	if found != nil {
		return found, nil
	}
	fresh, err := db.reads.PrepareContext(ctx, text)
	if err != nil {
		return nil, db.failure(ctx, err)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if found := db.statements[text]; found != nil {
		return found, fresh.Close() //nolint:sqlclosecheck // another caller was first; this one is not kept
	}
	db.statements[text] = fresh
	return fresh, nil
}

// failure names the reason of a read that failed: the caller's ctx, or Close.
// The driver by itself says "interrupted" or "closed" there.
func (db *DB) failure(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w (%w)", ctx.Err(), err)
	case db.writer.closing():
		return fmt.Errorf("%w (%w)", ErrClosed, err)
	}
	return err
}
