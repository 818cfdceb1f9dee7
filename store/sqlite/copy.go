package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Copy writes what the database file at from holds at one instant to a new file
// at to, mode 0600, while other processes go on writing: everything answered
// before Copy began is in it. It changes nothing in the file it reads. The
// copy is not synced, and an error leaves part of it.
//
// It is VACUUM INTO on a connection that only reads, in one read transaction.
// The other way SQLite has, its backup API, copies page by page and so takes
// along what was deleted and lies in free pages: people who were erased.
//
// progress, which may be nil, is told now and then how many bytes of about how
// many are written, from another goroutine.
func Copy(ctx context.Context, from, to string, progress func(done, total int64)) (err error) {
	pool, err := openReader(from)
	if err != nil {
		return fmt.Errorf("sqlite: copy: %w", err)
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	total, err := usedBytes(ctx, pool)
	if err != nil {
		return fmt.Errorf("sqlite: copy %s: %w", from, err)
	}
	to, err = filepath.Abs(to) // a name that begins "file:" would be a URL
	if err != nil {
		return fmt.Errorf("sqlite: copy: %w", err)
	}
	// SQLite fills an empty file, and would make one that others may read.
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("sqlite: copy: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("sqlite: copy: %w", err)
	}
	stop := watch(to, total, progress)
	defer stop()
	if _, err := pool.ExecContext(ctx, `VACUUM INTO ?`, to); err != nil {
		return fmt.Errorf("sqlite: copy %s: %w", from, errors.Join(ctx.Err(), err)) // the driver says "interrupted"
	}
	return nil
}

// openReader opens one connection that changes nothing, to a file that must be
// there and ours.
func openReader(path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	pool, err := openMode(path, "ro")
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	return pool, nil
}

// usedBytes says how large a copy will be, and refuses a file of another program.
func usedBytes(ctx context.Context, pool *sql.DB) (int64, error) {
	var id, pages, free, size int64
	err := pool.QueryRowContext(ctx, `SELECT a.application_id, c.page_count, f.freelist_count, s.page_size
		FROM pragma_application_id AS a, pragma_page_count AS c, pragma_freelist_count AS f, pragma_page_size AS s`).Scan(&id, &pages, &free, &size)
	if err == nil && id != application {
		err = errForeign
	}
	return (pages - free) * size, err
}

// watchEvery is how often progress is told.
const watchEvery = 200 * time.Millisecond

// watch tells progress the size of a file that grows, until it is stopped.
func watch(path string, total int64, progress func(done, total int64)) (stop func()) {
	if progress == nil {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				if info, err := os.Stat(path); err == nil {
					progress(min(info.Size(), total), total)
				}
			}
		}
	}()
	return func() { close(quit); <-ended }
}

// Counts says how many documents each collection of a copy holds, by name. No
// process may have the file open for writing.
func Counts(ctx context.Context, path string) (counts map[string]int64, err error) {
	pool, err := openReader(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: count: %w", err)
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	names, err := collections(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("sqlite: count: %w", err)
	}
	counts = make(map[string]int64, len(names))
	for _, name := range names {
		var n int64
		if err := pool.QueryRowContext(ctx, `SELECT count(*) FROM `+quoted(name)).Scan(&n); err != nil {
			return nil, fmt.Errorf("sqlite: count %s: %w", name, err)
		}
		counts[name] = n
	}
	return counts, nil
}

// collections lists the tables of documents: those of indexes have a dot in
// their names, the engine's own begin with an underscore.
func collections(ctx context.Context, pool *sql.DB) ([]string, error) {
	rows, err := pool.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	var names []string
	err = drain(rows, func(rows *sql.Rows) (bool, error) {
		var name string
		err := rows.Scan(&name)
		if !strings.Contains(name, ".") && !strings.HasPrefix(name, "_") && !strings.HasPrefix(name, "sqlite_") {
			names = append(names, name)
		}
		return true, err
	})
	return names, err
}

// HeaderSize is how many bytes of a file CheckHeader looks at.
const HeaderSize = 100

// CheckHeader says why a file that begins with these HeaderSize bytes and is
// size bytes long cannot be a database of ours. The layout of the bytes is
// https://www.sqlite.org/fileformat2.html#the_database_header.
func CheckHeader(header []byte, size int64) error {
	if len(header) < HeaderSize || !bytes.HasPrefix(header, []byte("SQLite format 3\x00")) {
		return errors.New("it is not a database")
	}
	number := func(at int) int64 { return int64(binary.BigEndian.Uint32(header[at:])) }
	page := int64(binary.BigEndian.Uint16(header[16:]))
	if page == 1 {
		page = 1 << 16
	}
	switch {
	case number(68) != application:
		return errForeign
	case number(60) > format:
		return errNewer(number(60))
	case number(28)*page != size:
		return fmt.Errorf("it is %d bytes long and says that it is %d", size, number(28)*page)
	}
	return nil
}
