package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
	"github.com/musterhq/muster/store/storetest"
)

func open(t testing.TB, path string, options ...sqlite.Option) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestContract(t *testing.T) { contract(t) }

func TestContractAlone(t *testing.T) { contract(t, sqlite.Alone()) }

func contract(t *testing.T, options ...sqlite.Option) {
	storetest.Run(t, func(t *testing.T) storetest.Opened {
		path := filepath.Join(t.TempDir(), "data", "muster.db")
		db := open(t, path, options...)
		return storetest.Opened{
			Engine:  db,
			Address: path,
			Reopen: func() store.Engine {
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				db = open(t, path, options...)
				return db
			},
			Expire: func(ctx context.Context) error { _, err := db.Expire(ctx); return err },
		}
	})
}
