package realtime

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
)

// registry holds the connections of this node, in shards.
type registry struct {
	seed    maphash.Seed
	shards  [shardCount]registryShard
	stopped atomic.Bool
	serving sync.WaitGroup
	entry   sync.RWMutex // orders stopping and entering
}

type registryShard struct {
	mu       sync.Mutex
	conns    map[*conn]struct{}
	subjects map[subjectKey][]*conn // oldest first
}

type subjectKey struct{ campaign, subject string }

func newRegistry() *registry {
	r := &registry{seed: maphash.MakeSeed()}
	for i := range r.shards {
		r.shards[i].conns = map[*conn]struct{}{}
		r.shards[i].subjects = map[subjectKey][]*conn{}
	}
	return r
}

// enter adds a connection; false: the hub has stopped.
func (r *registry) enter(c *conn) bool {
	r.entry.RLock()
	defer r.entry.RUnlock()
	if r.stopped.Load() {
		return false
	}
	r.serving.Add(1)
	shard := r.home(c)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	shard.conns[c] = struct{}{}
	return true
}

// stop lets nobody in any more.
func (r *registry) stop() {
	r.entry.Lock()
	defer r.entry.Unlock()
	r.stopped.Store(true)
}

func (r *registry) home(c *conn) *registryShard {
	return &r.shards[maphash.Comparable(r.seed, c)%shardCount]
}

func (r *registry) subjectHome(key subjectKey) *registryShard {
	return &r.shards[maphash.Comparable(r.seed, key)%shardCount]
}

// bind notes whose the connection is and answers those that are too many: the
// oldest.
func (r *registry) bind(c *conn, key subjectKey, most int) []*conn {
	shard := r.subjectHome(key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	conns := slices.Concat(shard.subjects[key], []*conn{c})
	var over []*conn
	if n := len(conns) - most; n > 0 {
		over = append(over, conns[:n]...)
		conns = slices.Clone(conns[n:])
	}
	shard.subjects[key] = conns
	return over
}

// leave removes a connection. key is nil when it was never bound.
func (r *registry) leave(c *conn, key *subjectKey) {
	if key != nil {
		shard := r.subjectHome(*key)
		shard.mu.Lock()
		conns := shard.subjects[*key]
		if i := slices.Index(conns, c); i >= 0 {
			conns = slices.Delete(conns, i, i+1)
		}
		if shard.subjects[*key] = conns; len(conns) == 0 {
			delete(shard.subjects, *key)
		}
		shard.mu.Unlock()
	}
	shard := r.home(c)
	shard.mu.Lock()
	delete(shard.conns, c)
	shard.mu.Unlock()
	r.serving.Done()
}

// of is the connections of a subject.
func (r *registry) of(key subjectKey) []*conn {
	shard := r.subjectHome(key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return slices.Clone(shard.subjects[key])
}

// all is every connection.
func (r *registry) all() []*conn {
	var all []*conn
	for i := range r.shards {
		shard := &r.shards[i]
		shard.mu.Lock()
		for c := range shard.conns {
			all = append(all, c)
		}
		shard.mu.Unlock()
	}
	return all
}

// subjectsNow is everybody who is connected.
func (r *registry) subjectsNow() []subjectKey {
	var all []subjectKey
	for i := range r.shards {
		shard := &r.shards[i]
		shard.mu.Lock()
		for key := range shard.subjects {
			all = append(all, key)
		}
		shard.mu.Unlock()
	}
	return all
}
