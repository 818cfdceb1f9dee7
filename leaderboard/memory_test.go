package leaderboard

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/musterhq/muster/store"
)

// memory is as much of a store.Engine as checkpoints, progress and archive ask
// for, without a disk: for thousands of histories in a minute. Find knows no
// conditions and gives a collection in the order of ids, which is the order of
// every index that the histories read.
type memory struct {
	store.Engine // nil: what nobody here asks for
	mu           sync.Mutex
	docs         map[string]store.Raw // by collection, campaign and id
}

func newMemory() *memory { return &memory{docs: map[string]store.Raw{}} }

func documentKey(s *store.Schema, campaign, id string) string {
	return s.Name + "\x00" + campaign + "\x00" + id
}

func (m *memory) Migrate(context.Context, []store.Schema) error { return nil }

func (m *memory) Now(context.Context) (time.Time, error) { return time.Time{}, nil }

func (m *memory) Insert(_ context.Context, s *store.Schema, campaign string, docs []store.Raw) []error {
	m.mu.Lock()
	defer m.mu.Unlock()
	answers := make([]error, len(docs))
	for i, doc := range docs {
		at := documentKey(s, campaign, doc.ID)
		if _, ok := m.docs[at]; ok {
			answers[i] = store.ErrDuplicate
			continue
		}
		m.docs[at] = doc
	}
	return answers
}

func (m *memory) Get(_ context.Context, s *store.Schema, campaign string, ids []string) (found []store.Raw, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if doc, ok := m.docs[documentKey(s, campaign, id)]; ok {
			found = append(found, doc)
		}
	}
	return found, nil
}

func (m *memory) Find(_ context.Context, s *store.Schema, campaign string, q store.Query) (page store.RawPage, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := s.Anchor(campaign, &q); err != nil {
		return page, err
	}
	if len(q.Where) > 0 || q.Desc || len(q.Equal) > 0 {
		return page, fmt.Errorf("memory: %w: more than it knows", store.ErrQuery)
	}
	for at, doc := range m.docs {
		if strings.HasPrefix(at, documentKey(s, campaign, "")) && doc.ID > q.After {
			page.Docs = append(page.Docs, doc)
		}
	}
	slices.SortFunc(page.Docs, func(a, b store.Raw) int { return strings.Compare(a.ID, b.ID) })
	if len(page.Docs) > q.Limit {
		page.Docs = page.Docs[:q.Limit]
		page.Next = page.Docs[q.Limit-1].ID
	}
	return page, nil
}

// Count goes by ids, as Find does.
func (m *memory) Count(_ context.Context, s *store.Schema, campaign string, q store.Query, limit int) (n int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for at, doc := range m.docs {
		from, _ := q.From.(string)
		to, bounded := q.To.(string)
		if strings.HasPrefix(at, documentKey(s, campaign, "")) && doc.ID >= from && (!bounded || doc.ID < to) {
			n++
		}
	}
	return min(n, limit), nil
}

func (m *memory) Replace(_ context.Context, s *store.Schema, campaign, id string, version int64, body bson.Raw) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := documentKey(s, campaign, id)
	doc, ok := m.docs[at]
	switch {
	case !ok:
		return store.ErrNotFound
	case doc.Version != version:
		return store.ErrChanged
	}
	doc.Version, doc.Body = version+1, body
	m.docs[at] = doc
	return nil
}

func (m *memory) SetMany(_ context.Context, s *store.Schema, campaign string, sets []store.Set) []error {
	m.mu.Lock()
	defer m.mu.Unlock()
	answers := make([]error, len(sets))
	for i, set := range sets {
		at := documentKey(s, campaign, set.ID)
		doc, ok := m.docs[at]
		switch {
		case !ok:
			answers[i] = store.ErrNotFound
			continue
		case doc.Version != set.Version:
			answers[i] = store.ErrChanged
			continue
		}
		var body bson.M
		answers[i] = bson.Unmarshal(doc.Body, &body)
		for field, value := range set.Fields {
			body[field] = value
		}
		doc.Version++
		doc.Body, _ = bson.Marshal(body)
		m.docs[at] = doc
	}
	return answers
}

func (m *memory) Delete(_ context.Context, s *store.Schema, campaign string, ids []string) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		delete(m.docs, documentKey(s, campaign, id))
	}
	return len(ids), nil
}
