package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// The mark of a file: application ("MUST" in ASCII) says that it is ours, and
// format how its tables are laid out.
const (
	application = 0x4D555354
	format      = 1
)

var errForeign = errors.New("the file is a database of another program")

func errNewer(version int64) error {
	return fmt.Errorf("the file has format %d and this version of Muster knows up to %d: use a newer one", version, format)
}

// claim marks a new file and refuses one that is not ours or was written by a
// version that lays it out in a way this one does not know.
func (t *tx) claim() error {
	var id, version int
	for pragma, into := range map[string]*int{"application_id": &id, "user_version": &version} {
		if err := t.conn.QueryRowContext(context.Background(), `PRAGMA `+pragma).Scan(into); err != nil {
			return err
		}
	}
	switch {
	case id == application && version <= format:
		return nil
	case id == application:
		return errNewer(int64(version))
	}
	tables := 0
	if err := t.conn.QueryRowContext(context.Background(), `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return err
	}
	if id != 0 || version != 0 || tables > 0 {
		return errForeign
	}
	if err := t.define(fmt.Sprintf(`PRAGMA application_id = %d`, application)); err != nil {
		return err
	}
	return t.define(fmt.Sprintf(`PRAGMA user_version = %d`, format))
}

// secret gives the random key of 32 bytes that the file keeps under the name,
// made when it is first asked for.
func (t *tx) secret(name string) ([]byte, error) {
	if err := t.define(`CREATE TABLE IF NOT EXISTS _secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT`); err != nil {
		return nil, err
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails: crypto/rand documents that it crashes instead
	if err := t.define(`INSERT INTO _secret VALUES (?, ?) ON CONFLICT DO NOTHING`, name, fresh); err != nil {
		return nil, err
	}
	var key []byte
	err := t.conn.QueryRowContext(context.Background(), `SELECT value FROM _secret WHERE name = ?`, name).Scan(&key)
	return key, err
}
