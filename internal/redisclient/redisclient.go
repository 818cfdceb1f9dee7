// Package redisclient opens the one client that all rooms share, from the
// address of a real Redis (or Valkey): a single server, a Cluster, or what
// Sentinel watches. It decides what the rooms rely on: a command whose answer
// was lost is an error and is never sent again by itself, a call keeps to the
// deadline of its context, and a server that would throw boards away is refused.
package redisclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrBadURL is the answer to an address that is none. It does not quote the
	// address, which may hold a password.
	ErrBadURL = errors.New("the Redis address is not one: write redis://host:6379/0, or for a Cluster redis://host1:6379?addr=host2:6379&addr=host3:6379")
	// ErrNotCluster says that several addresses were given, and what answers is no
	// Cluster.
	ErrNotCluster = errors.New("the Redis address names several servers, and they are no Cluster: name one server, all of one Cluster, or Sentinels with master_name")
	// ErrClusterDatabase says that a Cluster has database 0 alone.
	ErrClusterDatabase = errors.New("the Redis address names a database, and it is a Cluster, which has none but 0: leave the number out")
	// ErrRefused says that the server does not take the name or the password.
	ErrRefused = errors.New("the user and password of the Redis address are refused")
	// ErrEvicts says that the server may throw away keys that do not expire: a
	// board without them is wrong and does not know it.
	ErrEvicts = errors.New("this Redis throws keys away when it is full, and boards would be wrong: set maxmemory-policy noeviction")
	// ErrTooOld says that the server lacks what scripts need.
	ErrTooOld = errors.New("this Redis is too old: Muster needs Redis 7 or later, or Valkey 8 or later")
)

// What a client is made with, unless the address says otherwise.
const (
	// readTimeout is how long a server may take over an answer: a dead one is
	// found out while the request that waits can still be told that boards are
	// stale. Nothing sent takes Redis longer than some hundredths of a second.
	readTimeout = 3 * time.Second
	dialTimeout = 2 * time.Second
	// poolSize is connections a server: so many calls may wait for one that is
	// slow before others queue.
	poolSize = 64
	// lookEvery is how often a Cluster is asked who has which slots, should
	// nothing have given reason to.
	lookEvery = 10 * time.Second
	// patience is how long Open asks a server what it is.
	patience = 5 * time.Second
)

// kind is what an address is of.
type kind int

const (
	single kind = iota
	cluster
	sentinel
)

// kindOf tells from the form of an address.
func kindOf(address string) (kind, error) {
	u, err := url.Parse(address)
	if err != nil {
		return single, ErrBadURL
	}
	switch {
	case u.Query().Has("master_name"):
		return sentinel, nil
	case u.Query().Has("addr"):
		return cluster, nil
	}
	return single, nil
}

// Check says whether an address can be one, without connecting: ErrBadURL.
func Check(address string) error {
	client, _, err := parse(address)
	if err != nil {
		return err
	}
	return client.Close()
}

// parse makes the client of an address; nothing is connected yet.
func parse(address string) (redis.UniversalClient, kind, error) {
	k, err := kindOf(address)
	if err != nil {
		return nil, k, err
	}
	var client redis.UniversalClient
	switch k {
	case sentinel:
		client, err = newSentinel(address)
	case cluster:
		client, err = newCluster(address)
	default:
		client, err = newSingle(address)
	}
	if err != nil {
		return nil, k, ErrBadURL // not err: it quotes the address
	}
	return client, k, nil
}

// Open makes the client of an address: redis[s]://user:password@host:port/db
// for a single server or any one node of a Cluster,
// redis[s]://...host:port?addr=host:port&addr=... for the nodes of a Cluster,
// redis[s]://...sentinel:port/db?master_name=NAME&addr=sentinel:port for what
// Sentinels watch. The server is asked what it is. One that does not answer in
// some seconds is taken for what the address looks like, and a warning is
// logged: nothing that must not be lost waits for Redis.
//
// Errors: ErrBadURL, ErrNotCluster, ErrClusterDatabase, ErrRefused, ErrEvicts,
// ErrTooOld, or that of a context that ended.
func Open(ctx context.Context, address string, log *slog.Logger) (redis.UniversalClient, error) {
	client, k, err := parse(address)
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found, err := ask(asking, client)
	switch {
	case ctx.Err() != nil:
		return nil, errors.Join(ctx.Err(), client.Close())
	case errors.Is(err, ErrNotCluster), errors.Is(err, ErrClusterDatabase), errors.Is(err, ErrRefused):
		return nil, errors.Join(err, client.Close())
	case err != nil:
		log.WarnContext(ctx, "Redis does not say what it is; it is taken for what its address looks like, and boards are stale until it answers", "error", err)
		return client, nil
	}
	if k == single && found.cluster() {
		if client, err = toCluster(client, address); err != nil {
			return nil, err
		}
	}
	if err := found.check(); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}

// toCluster replaces the client of a single server that is a node of a Cluster.
func toCluster(node redis.UniversalClient, address string) (redis.UniversalClient, error) {
	if err := node.Close(); err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	client, err := newCluster(address)
	if err != nil {
		return nil, ErrClusterDatabase // all that one form takes and the other does not
	}
	if options, err := redis.ParseURL(address); err == nil && options.DB != 0 {
		return nil, errors.Join(ErrClusterDatabase, client.Close())
	}
	return client, nil
}

func newSingle(address string) (*redis.Client, error) {
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, err
	}
	o.MaxRetries = -1 // a lost answer is an error; what may be repeated is repeated by who knows
	o.ContextTimeoutEnabled = true
	settle(&o.DialTimeout, &o.ReadTimeout, &o.PoolTimeout, &o.PoolSize, &o.DialerRetries)
	return redis.NewClient(o), nil
}

func newSentinel(address string) (*redis.Client, error) {
	o, err := redis.ParseFailoverURL(address)
	if err != nil {
		return nil, err
	}
	o.MaxRetries, o.ContextTimeoutEnabled = -1, true
	// The address has the password of the Sentinels; without another one it is
	// that of the servers too.
	if o.Password == "" {
		o.Username, o.Password = o.SentinelUsername, o.SentinelPassword
	}
	settle(&o.DialTimeout, &o.ReadTimeout, &o.PoolTimeout, &o.PoolSize, &o.DialerRetries)
	return redis.NewFailoverClient(o), nil
}

func newCluster(address string) (*redis.ClusterClient, error) {
	o, err := redis.ParseClusterURL(address)
	if err != nil {
		return nil, err
	}
	return clusterOf(o), nil
}

func clusterOf(o *redis.ClusterOptions) *redis.ClusterClient {
	o.ContextTimeoutEnabled = true
	settle(&o.DialTimeout, &o.ReadTimeout, &o.PoolTimeout, &o.PoolSize, &o.DialerRetries)
	if o.ClusterStateReloadInterval == 0 {
		o.ClusterStateReloadInterval = lookEvery
	}
	client := redis.NewClusterClient(o)
	client.OnNewNode(func(node *redis.Client) { node.AddHook(nodeHook{client}) })
	return client
}

func settle(dial, read, pool *time.Duration, size, dials *int) {
	if *dial == 0 {
		*dial = dialTimeout
	}
	if *read == 0 {
		*read = readTimeout
	}
	if *pool == 0 {
		*pool = *read
	}
	if *size == 0 {
		*size = poolSize
	}
	if *dials == 0 {
		*dials = 1 // a server that refuses is away: the next call tries again
	}
}
