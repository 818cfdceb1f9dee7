package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Limits of one transaction: what waits beyond them goes into the next, so that
// one commit never grows without end.
const (
	maxGroup      = 512
	maxGroupBytes = 16 << 20
)

// writer owns the one connection that writes, and the goroutine that uses it.
type writer struct {
	pool     *sql.DB
	tx       *tx
	requests chan *request
	quit     chan struct{} // closed by close: accept nothing more
	ended    chan struct{} // closed when the goroutine has ended
	stopped  sync.Once
	closed   sync.Once
	err      error // of closing the connection
	recent   *recent
}

// work is what a request does inside the transaction. An answer goes to the
// caller and promises that work undid what it had begun: the transaction goes
// on. An err undoes the transaction. work may run a second time after that, so
// it must make its results anew.
type work func(*tx) (answer, err error)

// request is one write on its way. done gets one answer.
type request struct {
	work  work
	bytes int
	state atomic.Int32
	done  chan error
}

// The states of a request: whoever moves it out of waiting decides.
const (
	waiting int32 = iota
	taken
	abandoned
)

// tx is the connection inside a transaction, with its statements prepared once.
type tx struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
	written    []string // keys, as of recent, of documents that this transaction changes
}

func openWriter(ctx context.Context, path string, recent *recent) (*writer, error) {
	pool, err := openPool(path, "journal_mode(wal)", "synchronous(full)", "wal_autocheckpoint(4000)", "journal_size_limit(67108864)")
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	w := &writer{
		pool:     pool,
		tx:       &tx{conn: conn, statements: map[string]*sql.Stmt{}},
		requests: make(chan *request, maxGroup),
		quit:     make(chan struct{}),
		ended:    make(chan struct{}),
		recent:   recent,
	}
	go w.run()
	return w, nil
}

// do has a work run in a transaction and returns after that has been committed.
// When ctx ends first, a work that has not begun never will; otherwise the
// result is unknown and it may still be running: the caller must then not touch
// what it writes to. bytes says about how much it writes.
func (w *writer) do(ctx context.Context, bytes int, work work) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{work: work, bytes: bytes, done: make(chan error, 1)}
	if w.closing() {
		return ErrClosed
	}
	select {
	case w.requests <- r:
	case <-w.quit:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.state.CompareAndSwap(waiting, abandoned) {
			return ctx.Err()
		}
		return fmt.Errorf("sqlite: the write was under way, its result is unknown: %w", ctx.Err())
	case <-w.ended:
		select {
		case err := <-r.done:
			return err
		default: // it slipped in after the goroutine had looked for the last time
			return ErrClosed
		}
	}
}

func (w *writer) closing() bool {
	select {
	case <-w.quit:
		return true
	default:
		return false
	}
}

// stop has the goroutine accept nothing more and end when it has finished what
// it accepted.
func (w *writer) stop() { w.stopped.Do(func() { close(w.quit) }) }

// close stops the goroutine, waits for it and closes the connection.
func (w *writer) close() error {
	w.stop()
	<-w.ended
	w.closed.Do(func() { w.err = errors.Join(w.tx.close(), w.pool.Close()) })
	return w.err
}

func (w *writer) run() {
	defer close(w.ended)
	for {
		select {
		case r := <-w.requests:
			w.commit(w.gather(r))
		case <-w.quit:
			for {
				select {
				case r := <-w.requests:
					w.commit(w.gather(r))
				default:
					return
				}
			}
		}
	}
}

// gather takes, with the first request, all that wait now.
func (w *writer) gather(first *request) []*request {
	var group []*request
	bytes := 0
	for r := first; ; {
		if r.state.CompareAndSwap(waiting, taken) {
			group = append(group, r)
			bytes += r.bytes
		}
		if len(group) >= maxGroup || bytes >= maxGroupBytes {
			return group
		}
		select {
		case r = <-w.requests:
		default:
			return group
		}
	}
}

// commit runs a group as one transaction and answers everybody in it. Where one
// of several fails, each is run again in a transaction of its own, so that it
// harms no other.
func (w *writer) commit(group []*request) {
	answers, err := w.transaction(group)
	if errors.Is(err, errWork) && len(group) > 1 {
		for _, r := range group {
			w.commit([]*request{r})
		}
		return
	}
	for i, r := range group {
		if err != nil {
			r.done <- fmt.Errorf("sqlite: write: %w", err)
		} else {
			r.done <- answers[i]
		}
	}
}

// errWork marks that a work failed, not the beginning or end of a transaction.
var errWork = errors.New("not written")

// transaction runs the group's works and commits them. After an error none of
// them has happened, and the connection is ready for the next transaction; only
// where the disk failed within COMMIT a restart may still bring them back.
func (w *writer) transaction(group []*request) (answers []error, err error) {
	if _, err := w.tx.exec("BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			// It fails where SQLite has rolled back by itself, which is as good.
			_, _ = w.tx.exec("ROLLBACK")
		}
	}()
	w.tx.written = w.tx.written[:0]
	for _, r := range group {
		answer, err := r.work(w.tx)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errWork, err)
		}
		answers = append(answers, answer)
	}
	w.recent.begin(w.tx.written)
	_, err = w.tx.exec("COMMIT")
	w.recent.end(w.tx.written)
	return answers, err
}

func (t *tx) prepared(text string) (*sql.Stmt, error) {
	if s := t.statements[text]; s != nil {
		return s, nil
	}
	s, err := t.conn.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	t.statements[text] = s
	return s, nil
}

// exec runs a statement that is prepared once. It takes no ctx: a write that
// has begun ends, and a ctx would cost a goroutine a statement.
func (t *tx) exec(text string, args ...any) (sql.Result, error) {
	s, err := t.prepared(text) //nolint:sqlclosecheck // prepared once, kept
	if err != nil {
		return nil, err
	}
	return s.ExecContext(context.Background(), args...)
}

// changed is exec for a statement that may find nothing to do.
func (t *tx) changed(text string, args ...any) (bool, error) {
	result, err := t.exec(text, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// query calls each for the rows of a statement.
func (t *tx) query(text string, args []any, each func(*sql.Rows) error) error {
	s, err := t.prepared(text) //nolint:sqlclosecheck // prepared once, kept
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	return drain(rows, func(rows *sql.Rows) (bool, error) { return true, each(rows) })
}

func (t *tx) row(text string, args ...any) (*sql.Row, error) {
	s, err := t.prepared(text) //nolint:sqlclosecheck // prepared once, kept
	if err != nil {
		return nil, err
	}
	return s.QueryRowContext(context.Background(), args...), nil
}

func (t *tx) close() error {
	var errs []error
	for _, s := range t.statements {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, t.conn.Close())...)
}
