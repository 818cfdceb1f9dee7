package campaign

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// mortal is an engine that dies at a chosen write, before it or after.
type mortal struct {
	store.Engine
	writesLeft int
	late       bool // the fatal write still happens
}

var errKilled = errors.New("killed")

func (m *mortal) dying() bool {
	m.writesLeft--
	return m.writesLeft < 0
}

func (m *mortal) Insert(ctx context.Context, s *store.Schema, campaign string, docs []store.Raw) []error {
	fatal := m.dying()
	if fatal && m.late {
		m.Engine.Insert(ctx, s, campaign, docs)
	}
	if fatal {
		return slices.Repeat([]error{errKilled}, len(docs))
	}
	return m.Engine.Insert(ctx, s, campaign, docs)
}

func (m *mortal) Replace(ctx context.Context, s *store.Schema, campaign, id string, version int64, body bson.Raw) error {
	if m.dying() {
		return errKilled
	}
	return m.Engine.Replace(ctx, s, campaign, id, version, body)
}

// TestKilledImport kills an import at every write. Until it has ended nobody
// may be placed; afterwards the same file, or another choice, gives what a
// fresh campaign would get.
func TestKilledImport(t *testing.T) {
	final := func(o ImportOptions) state {
		s, _ := newService(t)
		if _, err := s.Import(t.Context(), "test", o, strings.NewReader(small(t))); err != nil {
			t.Fatal(err)
		}
		return stateOf(t, s)
	}
	wants := map[string]state{"": final(ImportOptions{}), "it.liguria": final(ImportOptions{Within: "it.liguria"})}
	for writes := range 4 { // regions, teams, postcodes, root
		for _, late := range []bool{false, true} {
			for within, want := range wants {
				engine := &mortal{Engine: newStore(t), writesLeft: 1, late: late}
				s := New(engine, clock.NewManual(noon))
				if _, err := s.Create(t.Context(), Campaign{Meta: store.Meta{ID: "test"}, Name: "Test", TimeZone: "UTC"}); err != nil {
					t.Fatal(err)
				}
				engine.writesLeft = writes
				if _, err := s.Import(t.Context(), "test", ImportOptions{Depth: DepthPlace}, strings.NewReader(small(t))); !errors.Is(err, errKilled) {
					t.Fatalf("%d writes: %v", writes, err)
				}
				if _, err := s.Lookup(t.Context(), "test", "19121", ""); errs.CodeOf(err) != "regions_missing" {
					t.Errorf("%d writes: a half-written tree is visible: %v", writes, err)
				}
				engine.writesLeft = 1000
				if _, err := s.Import(t.Context(), "test", ImportOptions{Within: within}, strings.NewReader(small(t))); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, stateOf(t, s)); diff != "" {
					t.Errorf("%d writes, late %v, then within %q: %s", writes, late, within, diff)
				}
			}
		}
	}
}
