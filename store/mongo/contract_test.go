//go:build servers

package mongo_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/mongo"
	"github.com/musterhq/muster/store/storetest"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"
)

func serverURL(t testing.TB) string {
	t.Helper()
	url := os.Getenv("MUSTER_MONGO_URL")
	if url == "" {
		t.Fatal("MUSTER_MONGO_URL is not set: it names the MongoDB (or FerretDB) that these tests may make databases on")
	}
	return url
}

// raw is a connection beside the engine.
func raw(t testing.TB) *driver.Client {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(serverURL(t)))
	if err != nil {
		t.Fatal("MUSTER_MONGO_URL is not an address")
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client
}

// database is the name of a fresh one, which goes with the test.
func database(t testing.TB) string {
	t.Helper()
	name := "muster_test_" + store.NewID()
	client := raw(t)
	t.Cleanup(func() {
		if err := client.Database(name).Drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return name
}

func open(t testing.TB, name string, monitor *event.CommandMonitor) *mongo.DB {
	t.Helper()
	db, err := mongo.Open(t.Context(), mongo.Options{URL: serverURL(t), Database: name, Monitor: monitor})
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

func TestMain(m *testing.M) {
	storetest.Child(func(ctx context.Context, name string) (store.Engine, error) {
		return mongo.Open(ctx, mongo.Options{URL: os.Getenv("MUSTER_MONGO_URL"), Database: name})
	})
	goleak.VerifyTestMain(m)
}

// crossing are the indexes of the suite by which a query need not begin with a
// campaign: those declared Across. Each must have been seen.
var crossing = []string{
	"muster1:team,points,campaign,id:team:points",
	"muster1:effects_at,campaign,id:effects_at",
	"muster1:team,id,campaign:team", // of a test that migrates
}

// TestContract also holds every command it sends to the rule.
func TestContract(t *testing.T) {
	seen := map[string]bool{}
	sent := map[string]int{}
	crosses := func(hint string) bool {
		seen[hint] = true
		return slices.Contains(crossing, hint) || hint == "_id_" // which Walk alone names
	}
	storetest.Run(t, func(t *testing.T) storetest.Opened {
		name := database(t)
		r := &recorder{}
		t.Cleanup(func() {
			for _, command := range r.taken() {
				sent[commandName(command)]++
				for _, fault := range faults(command, crosses) {
					t.Error(fault)
				}
			}
		})
		db := open(t, name, r.monitor())
		return storetest.Opened{
			Engine:  db,
			Address: name,
			Reopen: func() store.Engine {
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				db = open(t, name, r.monitor())
				return db
			},
			Expire: func(ctx context.Context) error { return expired(ctx, raw(t).Database(name)) },
		}
	})
	if part := flag.Lookup("test.run").Value.String(); t.Failed() || strings.Contains(part, "/") {
		return
	}
	for _, hint := range crossing {
		if !seen[hint] {
			t.Errorf("no query crossed campaigns by %s: it need not be in the table", hint)
		}
	}
	for _, name := range []string{"find", "aggregate", "insert", "update", "delete"} {
		if sent[name] == 0 {
			t.Errorf("no %s was seen: the rule held nothing", name)
		}
	}
}

// expired waits until the server has deleted what has expired: it looks once a
// minute.
func expired(ctx context.Context, db *driver.Database) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		n, err := db.Collection("people").CountDocuments(ctx, bson.D{{Key: "expires_at", Value: bson.D{{Key: "$lt", Value: time.Now()}}}})
		if err != nil {
			return fmt.Errorf("count what has expired: %w", err)
		}
		if n == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("the server did not delete what has expired")
		case <-tick.C:
		}
	}
}
