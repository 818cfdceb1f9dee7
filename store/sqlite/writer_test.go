package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/musterhq/muster/store"
	driver "modernc.org/sqlite"
)

type thing struct {
	store.Meta `bson:",inline"`
	Name       string `bson:"name,omitempty"`
}

var things = store.Schema{Name: "things", Indexes: []store.Index{
	{Name: "name", Equal: []string{"name"}, Unique: true},
	{Name: "all", Order: "id"},
}}

// bench is a database whose writer a test can hold and whose commits it counts.
type bench struct {
	*DB
	things  *store.Collection[thing]
	commits atomic.Int32
	failing atomic.Bool // commits fail
}

func openBench(t *testing.T) *bench {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context(), []store.Schema{things}); err != nil {
		t.Fatal(err)
	}
	b := &bench{DB: db, things: store.NewCollection[thing](db, things)}
	hook := func(conn any) error {
		conn.(driver.HookRegisterer).RegisterCommitHook(func() int32 {
			b.commits.Add(1)
			if b.failing.Load() {
				return 1
			}
			return 0
		})
		return nil
	}
	if err := db.writer.tx.conn.Raw(hook); err != nil {
		t.Fatal(err)
	}
	return b
}

// hold keeps the writer busy until release is called.
func (b *bench) hold() (release func()) {
	entered, gate, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = b.writer.do(context.Background(), 0, func(*tx) (answer, err error) {
			close(entered)
			<-gate
			return nil, nil
		})
	}()
	<-entered
	return func() { close(gate); <-done }
}

// queued waits until n requests lie behind the one that is held.
func (b *bench) queued(n int) {
	for len(b.writer.requests) < n {
		runtime.Gosched()
	}
}

func (b *bench) insert(ctx context.Context, id string) error {
	return b.things.InsertOne(ctx, "genova", &thing{Meta: store.Meta{ID: id}})
}

// inserts has n callers insert behind a held writer and gives their answers.
func (b *bench) inserts(t *testing.T, n int, beside func()) []error {
	t.Helper()
	release := b.hold()
	answers := make([]error, n)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = b.insert(context.Background(), fmt.Sprint(i)) })
	}
	b.queued(n)
	beside()
	release()
	group.Wait()
	return answers
}

func (b *bench) stored(t *testing.T) int {
	t.Helper()
	n, err := b.things.Count(t.Context(), "genova", store.Query{Index: "all"}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWaitingWritesShareACommit(t *testing.T) {
	b := openBench(t)
	for i, err := range b.inserts(t, 50, func() {}) {
		if err != nil {
			t.Errorf("insert %d: %v", i, err)
		}
	}
	if got := b.commits.Load(); got != 2 { // one is the held transaction's own
		t.Errorf("50 waiting inserts took %d commits, want 1", got-1)
	}
	if got := b.stored(t); got != 50 {
		t.Errorf("%d stored, want 50", got)
	}
}

func TestFailedCommit(t *testing.T) {
	b := openBench(t)
	answers := b.inserts(t, 10, func() { b.failing.Store(true) })
	for i, err := range answers {
		if err == nil || errors.Is(err, store.ErrDuplicate) {
			t.Errorf("insert %d was answered %v by a commit that failed", i, err)
		}
	}
	b.failing.Store(false)
	if got := b.stored(t); got != 0 {
		t.Errorf("%d are there after the failed commit", got)
	}
	if err := b.insert(t.Context(), "1"); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

func TestOneFailureHarmsNoOther(t *testing.T) {
	b := openBench(t)
	broken := errors.New("broken")
	failed := make(chan error, 1)
	answers := b.inserts(t, 10, func() {
		go func() {
			failed <- b.writer.do(context.Background(), 0, func(t *tx) (answer, err error) {
				_, err = t.exec(`INSERT INTO things (campaign, id, version, body) VALUES ('genova', 'half', 1, x'00')`)
				return nil, errors.Join(broken, err)
			})
		}()
		b.queued(11)
	})
	for i, err := range answers {
		if err != nil {
			t.Errorf("insert %d: %v", i, err)
		}
	}
	if err := <-failed; !errors.Is(err, broken) {
		t.Errorf("the broken one was answered %v", err)
	}
	if _, err := b.things.Get(t.Context(), "genova", "half"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("half of the broken one is there: %v", err)
	}
}

func TestLeavingWhileQueued(t *testing.T) {
	b := openBench(t)
	release := b.hold()
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { left <- b.insert(ctx, "left") }()
	b.queued(1)
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) { // while the writer is still held
		t.Errorf("got %v, want Canceled", err)
	}
	release()
	if err := b.insert(t.Context(), "stayed"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.things.Get(t.Context(), "genova", "left"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("who left the queue was written: %v", err)
	}
}

func TestLeavingWhileWritten(t *testing.T) {
	b := openBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	gate := make(chan struct{})
	err := b.writer.do(ctx, 0, func(*tx) (answer, err error) {
		cancel()
		<-gate
		return nil, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
	close(gate)
	if err := b.insert(t.Context(), "next"); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

func TestCloseFinishesWhatItAccepted(t *testing.T) {
	b := openBench(t)
	closed := make(chan error, 1)
	answers := b.inserts(t, 10, func() {
		b.writer.stop()
		go func() { closed <- b.Close() }()
	})
	for i, err := range answers {
		if err != nil {
			t.Errorf("accepted insert %d: %v", i, err)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := b.insert(t.Context(), "late"); !errors.Is(err, ErrClosed) {
		t.Errorf("write after Close: %v, want ErrClosed", err)
	}
	if _, err := b.things.Get(t.Context(), "genova", "1"); !errors.Is(err, ErrClosed) {
		t.Errorf("read after Close: %v, want ErrClosed", err)
	}
	if _, err := b.things.Find(t.Context(), "genova", store.Query{Index: "all"}); !errors.Is(err, ErrClosed) {
		t.Errorf("find after Close: %v, want ErrClosed", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// An acknowledged write must survive a power cut, which no test can bring
// about here; so the settings that it rests on are held.
func TestWritesAreSynced(t *testing.T) {
	b := openBench(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		row, err := b.writer.tx.row("PRAGMA " + pragma)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := row.Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", pragma, got, err, want)
		}
	}
}

func TestOpenRefusesAnothersDatabase(t *testing.T) {
	for what, text := range map[string]string{
		"of a newer version": fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", application, format+1),
		"of another program": "PRAGMA application_id = 7",
		"without a mark":     "CREATE TABLE other (a)",
	} {
		path := filepath.Join(t.TempDir(), "other.db")
		pool, err := openPool(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pool.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		if err := pool.Close(); err != nil {
			t.Fatal(err)
		}
		if db, err := Open(t.Context(), path); err == nil {
			t.Errorf("a file %s was opened", what)
			_ = db.Close()
		}
	}
}
