package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/store"
)

// childVariable holds the address that a process started by this suite works on.
const childVariable = "MUSTER_STORETEST_CHILD"

// Child is for TestMain, first of all: where the suite has started this binary
// again it opens the engine at Opened.Address, works until it is killed, and
// does not return. Otherwise it does nothing.
func Child(open func(ctx context.Context, address string) (store.Engine, error)) {
	address := os.Getenv(childVariable)
	if address == "" {
		return
	}
	ctx := context.Background()
	engine, err := open(ctx, address)
	if err == nil {
		err = engine.Migrate(ctx, []store.Schema{schema, receiptSchema})
	}
	c := newCarrier(engine, func(effect string) error {
		_, err := os.Stdout.WriteString(effect + "\n")
		return err
	})
	for err == nil {
		_, err = c.round(ctx)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// receipt is what an effect leaves: its id is the effect's, so a second carrying
// out finds it there.
type receipt struct {
	store.Meta `bson:",inline"`
}

var receiptSchema = store.Schema{Name: "receipts", Indexes: []store.Index{{Name: "id", Order: "id"}}}

// dueAt is when the effects of the kill are due.
var dueAt = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// carrier carries out effects by writing receipts, and tells of each.
type carrier struct {
	people   *store.Collection[person]
	receipts *store.Collection[receipt]
	mu       sync.Mutex
	tell     func(effect string) error
}

func newCarrier(engine store.Engine, tell func(string) error) *carrier {
	return &carrier{
		people:   store.NewCollection[person](engine, schema),
		receipts: store.NewCollection[receipt](engine, receiptSchema),
		tell:     tell,
	}
}

// round carries out the effects of a few documents.
func (c *carrier) round(ctx context.Context) (int, error) {
	return c.people.CarryOut(ctx, dueAt, time.Minute, 20, func(ctx context.Context, campaign string, e store.Effect) error {
		err := c.receipts.InsertOne(ctx, campaign, &receipt{Meta: store.Meta{ID: e.ID}})
		if err != nil && !errors.Is(err, store.ErrDuplicate) {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.tell(e.ID)
	})
}

// effectKill: a process that carries out effects is killed in the middle, the
// next one goes on; each effect has its one receipt, none is left, and no more
// were done twice than were in flight.
func effectKill(t *testing.T, f *fixture) {
	const documents = 150
	if err := f.Engine.Migrate(t.Context(), []store.Schema{receiptSchema}); err != nil {
		t.Fatal(err)
	}
	people := make([]*person, documents)
	for i := range people {
		people[i] = named(fmt.Sprintf("p%03d", i), withEffects(dueAt, fmt.Sprintf("e%03d-1", i), fmt.Sprintf("e%03d-2", i)))
	}
	f.insert(t, genova, people...)
	times := map[string]int{}
	f.killAfter(t, 60, func(effect string) { times[effect]++ })
	waiting, err := f.people.Count(t.Context(), store.Everywhere, store.Query{Index: store.EffectsIndex.Name}, documents)
	if err != nil || waiting == 0 || waiting == documents {
		t.Fatalf("after the kill %d documents wait, %v: it was not in the middle", waiting, err)
	}
	c := newCarrier(f.Engine, func(effect string) error { times[effect]++; return nil })
	for n := 1; n > 0; {
		if n, err = c.round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	again := 0
	for effect, n := range times {
		if again += n - 1; n > 2 {
			t.Errorf("%s was carried out %d times", effect, n)
		}
	}
	if again > 2*20 {
		t.Errorf("%d effects were carried out again: more than were in flight", again)
	}
	same(t, "left", f.all(t, store.Everywhere, store.Query{Index: store.EffectsIndex.Name}), []string{})
	if n, err := c.receipts.Count(t.Context(), genova, store.Query{Index: "id"}, 10*documents); err != nil || n != 2*documents || len(times) != n {
		t.Errorf("%d receipts of %d effects, %v; want %d", n, len(times), err, 2*documents)
	}
}

// killAfter runs a child, kills it when it has told of n effects, and hands on
// all that it told.
func (f *fixture) killAfter(t *testing.T, n int, told func(effect string)) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self) //nolint:gosec // this binary
	cmd.Env = append(os.Environ(), childVariable+"="+f.Address)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	count := 0
	for lines.Scan() { // what was told before the kill is read to the end
		told(lines.Text())
		if count++; count == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // killed, as it should be
	if count < n {
		t.Fatalf("the child told of %d effects and ended", count)
	}
}
