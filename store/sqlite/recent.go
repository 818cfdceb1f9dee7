package sqlite

import (
	"bytes"
	"hash/maphash"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/musterhq/muster/store"
)

// Bounds of what is remembered: 32 MiB of bodies.
const (
	recentDocs  = 8192
	recentBytes = 4096 // of the largest body that is kept
)

// recent remembers documents as they were last read. It is never behind what
// has been answered: this process is the only one that writes, and a write
// forgets its documents before it commits and again before it is answered. A
// read that was under way at either moment is not kept. A nil recent remembers
// nothing.
type recent struct {
	mu    sync.Mutex
	docs  *lru.Cache[string, store.Raw]
	marks [1024]mark // by a hash of the document's key
	seed  maphash.Seed
}

// mark lets a read tell whether there was a write meanwhile.
type mark struct {
	writes uint64 // that have ended
	open   int    // being committed: what is there now may be read before or after
}

func newRecent() *recent {
	docs, err := lru.New[string, store.Raw](recentDocs)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &recent{docs: docs, seed: maphash.MakeSeed()}
}

// recentKey names a document; neither part of it can hold a NUL.
func recentKey(c *collection, campaign, id string) string {
	return c.schema.Name + "\x00" + campaign + "\x00" + id
}

func (r *recent) mark(key string) *mark {
	return &r.marks[maphash.String(r.seed, key)%uint64(len(r.marks))]
}

// get gives a document that is remembered, or how many writes there were when
// a read of it begins.
func (r *recent) get(key string) (doc store.Raw, writes uint64, ok bool) {
	if r == nil {
		return doc, 0, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	doc, ok = r.docs.Get(key)
	doc.Body = bytes.Clone(doc.Body) // the caller's own
	return doc, r.mark(key).writes, ok
}

// put remembers what a read found that began after so many writes, unless there
// was one since.
func (r *recent) put(key string, writes uint64, doc store.Raw) {
	if r == nil || len(doc.Body) > recentBytes {
		return
	}
	doc.Body = bytes.Clone(doc.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.mark(key); m.writes == writes && m.open == 0 {
		r.docs.Add(key, doc)
	}
}

// begin forgets documents whose writes are about to be committed; end says that
// they have been, or have been undone.
func (r *recent) begin(keys []string) {
	if r == nil || len(keys) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		r.mark(key).open++
		r.docs.Remove(key)
	}
}

func (r *recent) end(keys []string) {
	if r == nil || len(keys) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		m := r.mark(key)
		m.open--
		m.writes++
	}
}
