//go:build servers

// Package servers_test holds the servers that tests run on to what the suites
// take for granted of them.
package servers_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func setting(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run make test-servers", name)
	}
	return value
}

func client(t *testing.T, name string) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(setting(t, name))
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(opts)
	t.Cleanup(func() { c.Close() })
	return c
}

// until waits for what becomes true by itself.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute: %s", what)
		}
	}
}

// TestRedisRefusesRatherThanEvicts: boards must never lose a member in silence.
func TestRedisRefusesRatherThanEvicts(t *testing.T) {
	c := client(t, "MUSTER_REDIS_URL")
	policy, err := c.ConfigGet(t.Context(), "maxmemory-policy").Result()
	if err != nil || policy["maxmemory-policy"] != "noeviction" {
		t.Fatalf("maxmemory-policy is %v, %v", policy, err)
	}
}

func TestReplicaFollows(t *testing.T) {
	master, replica := client(t, "MUSTER_REDIS_URL"), client(t, "MUSTER_REDIS_REPLICA_URL")
	key := fmt.Sprintf("servers_test:%d", os.Getpid())
	if err := master.Set(t.Context(), key, "1", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	defer master.Del(context.Background(), key)
	until(t, "the replica has not what the master has", func() bool {
		value, err := replica.Get(t.Context(), key).Result()
		return err == nil && value == "1"
	})
	if err := replica.Set(t.Context(), key, "2", time.Minute).Err(); err == nil {
		t.Error("the replica took a write")
	}
}

func TestClusterHasThreeMasters(t *testing.T) {
	opts, err := redis.ParseClusterURL(setting(t, "MUSTER_REDIS_CLUSTER_URL"))
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClusterClient(opts)
	defer c.Close()
	held := map[string]bool{}
	for i := range 100 {
		key := fmt.Sprintf("servers_test:%d:{%d}", os.Getpid(), i)
		if err := c.Set(t.Context(), key, i, time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
		master, err := c.MasterForKey(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		held[master.Options().Addr] = true
		if err := c.Del(t.Context(), key).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if len(held) != 3 {
		t.Errorf("a hundred keys lie on %v; want three masters", held)
	}
}

// TestDocumentsAreUnique: DocumentDB makes indexes and collections through
// connections of its own to its own database, which must find it.
func TestDocumentsAreUnique(t *testing.T) {
	c, err := mongo.Connect(options.Client().ApplyURI(setting(t, "MUSTER_MONGO_URL")))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Disconnect(context.Background())
	db := c.Database(fmt.Sprintf("servers_test_%d", os.Getpid()))
	defer db.Drop(context.Background())
	docs := db.Collection("people")
	if _, err := docs.Indexes().CreateOne(t.Context(), mongo.IndexModel{
		Keys:    bson.D{{Key: "campaign", Value: 1}, {Key: "email", Value: 1}},
		Options: options.Index().SetUnique(true),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := docs.InsertOne(t.Context(), bson.M{"_id": "a", "campaign": "genova", "email": "ada"}); err != nil {
		t.Fatal(err)
	}
	if _, err := docs.InsertOne(t.Context(), bson.M{"_id": "b", "campaign": "genova", "email": "ada"}); !mongo.IsDuplicateKeyError(err) {
		t.Errorf("a second ada in genova: %v; want a duplicate", err)
	}
	var found bson.M
	if err := docs.FindOne(t.Context(), bson.M{"campaign": "genova", "email": "ada"}).Decode(&found); err != nil || found["_id"] != "a" {
		t.Errorf("found %v, %v", found, err)
	}
}
