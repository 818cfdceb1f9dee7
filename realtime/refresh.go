package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// errBehind means that a feed went on faster than it could be read; the next
// check goes on.
var errBehind = errors.New("realtime: the feed is ahead of its reader")

// refresh reads what is new in a feed and hands it to the subscribers.
func (h *Hub) refresh(ctx context.Context, f *stream) error {
	f.io.Lock()
	defer f.io.Unlock()
	ctx, cancel := context.WithTimeout(ctx, h.limits.ask)
	defer cancel()
	var err error
	switch f.feed.Kind {
	case Boards:
		err = h.refreshBoard(ctx, f)
	case Me:
		err = h.refreshMe(ctx, f)
	default:
		err = h.refreshLog(ctx, f)
	}
	if err == nil {
		f.readAt.Store(mono().UnixNano())
	}
	return err
}

// refreshLog reads events after the position, until there are none.
func (h *Hub) refreshLog(ctx context.Context, f *stream) error {
	restarts := 0
	for {
		at, lastID, loaded := f.position()
		if !loaded {
			if err := h.loadLog(ctx, f); err != nil {
				return err
			}
			continue
		}
		from := at.Offset + 1
		if lastID != "" {
			from = at.Offset // the event we hold, to see that it still is the same
		}
		got, err := h.feeds.read(ctx, f.key, newEpoch(), from, h.limits.readEntries)
		if err != nil {
			return err
		}
		if wentBack(got, at, lastID) {
			if restarts++; restarts > reloadTries {
				return errBehind
			}
			if err := h.feeds.restart(ctx, f.key, got.epoch); err != nil {
				return err
			}
			continue
		}
		if more := h.takeEvents(f, got); !more {
			return nil
		}
	}
}

// loadLog finds out where a log feed stands.
func (h *Hub) loadLog(ctx context.Context, f *stream) error {
	oldest, err := h.feeds.read(ctx, f.key, newEpoch(), 0, 1)
	if err != nil {
		return err
	}
	last, err := h.feeds.read(ctx, f.key, newEpoch(), oldest.offset, 1)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begin(Position{oldest.epoch, oldest.offset})
	f.oldest = oldest.offset + 1
	if len(oldest.entries) > 0 {
		f.oldest = oldest.entries[0].offset
	}
	if last.epoch == oldest.epoch && len(last.entries) > 0 && last.entries[0].offset == oldest.offset {
		f.lastID = last.entries[0].id
	}
	f.announce(&h.limits)
	return nil
}

// wentBack says whether Redis holds an older state of the epoch than we have
// seen, or another history that grew from one.
func wentBack(got reading, at Position, lastID string) bool {
	if got.epoch != at.Epoch {
		return false
	}
	return got.offset < at.Offset ||
		lastID != "" && len(got.entries) > 0 && got.entries[0].offset == at.Offset && got.entries[0].id != lastID
}

// takeEvents appends what was read and says whether there is more to read.
func (h *Hub) takeEvents(f *stream, got reading) (more bool) {
	l := &h.limits
	f.mu.Lock()
	defer f.mu.Unlock()
	entries := got.entries
	for len(entries) > 0 && entries[0].offset <= f.tail.offset {
		entries = entries[1:]
	}
	switch {
	case got.epoch != f.tail.epoch:
		f.reload(got, epochIsNew, l)
		h.counters.reloads.Add(1)
	case len(entries) == 0 && got.offset == f.tail.offset:
		if f.parked == 0 {
			return false
		}
	case len(entries) == 0 || entries[0].offset != f.tail.offset+1:
		f.reload(got, tooOld, l)
		h.counters.reloads.Add(1)
	default:
		for _, e := range entries {
			f.add(Position{got.epoch, e.offset}, push{kind: "event", event: e.kind, data: []byte(e.data)}, l)
			f.lastID = e.id
		}
	}
	f.announce(l)
	return f.tail.offset < got.offset
}

// reload goes on at the end of what was read, and tells so. mu must be held.
func (f *stream) reload(got reading, reason string, l *limits) {
	f.add(Position{got.epoch, got.offset}, reloadPush(reason), l)
	f.first, f.lastID, f.oldest = f.tail, "", got.offset+1
	if reason == epochIsNew {
		f.oldest = 1
	}
}

// refreshBoard takes the changes after the version, or the state where they do
// not follow from it.
func (h *Hub) refreshBoard(ctx context.Context, f *stream) error {
	at, _, loaded := f.position()
	if !loaded {
		return h.loadBoard(ctx, f)
	}
	got, err := h.feeds.read(ctx, f.key, "", at.Offset+1, h.limits.boardChanges)
	if err != nil {
		return err
	}
	switch {
	case got.epoch == "": // nobody has published for long: what we have is the last there was
		return nil
	case got.epoch != at.Epoch, got.offset < at.Offset:
		return h.loadBoard(ctx, f)
	case got.offset == at.Offset:
		return nil
	case len(got.entries) == 0, got.entries[0].offset != at.Offset+1:
		return h.loadBoard(ctx, f)
	}
	if err := f.takeChanges(got, &h.limits); err != nil {
		h.complain("a board's change could not be read; its state is taken instead", err)
		return h.loadBoard(ctx, f)
	}
	return nil
}

func (f *stream) takeChanges(got reading, l *limits) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.announce(l)
	for _, e := range got.entries {
		next, err := changed(f.board, e)
		if err != nil {
			return fmt.Errorf("realtime: change %d of %s: %w", e.offset, f.key.name, err)
		}
		f.board = next
		f.add(Position{got.epoch, e.offset}, push{kind: e.kind, data: []byte(e.data)}, l)
	}
	return nil
}

// changed is the board after one entry of its stream.
func changed(b *Board, e entry) (*Board, error) {
	if e.kind == "snapshot" {
		return decodeBoard(e.data)
	}
	var d delta
	if err := json.Unmarshal([]byte(e.data), &d); err != nil {
		return nil, err
	}
	return b.apply(d), nil
}

// loadBoard takes the whole state; subscribers who had one are told that they
// missed something.
func (h *Hub) loadBoard(ctx context.Context, f *stream) error {
	at, state, ok, err := h.feeds.board(ctx, f.key)
	if err != nil || !ok {
		return err
	}
	board, err := decodeBoard(state)
	if err != nil {
		return fmt.Errorf("realtime: state of %s: %w", f.key.name, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	missed := f.tail != nil
	f.begin(at)
	f.board = board
	f.announceSnapshot(missed)
	return nil
}

// refreshMe asks for a person's state; a change is the next version.
func (h *Hub) refreshMe(ctx context.Context, f *stream) error {
	raw, err := h.opts.Me.Me(ctx, f.key.campaign, f.account)
	if err != nil {
		if isRefusal(err) {
			h.end(f, err)
			return nil
		}
		return fmt.Errorf("realtime: state of a person: %w", err)
	}
	var state bytes.Buffer
	if err := json.Compact(&state, bytes.ToValidUTF8(raw, []byte("\uFFFD"))); err != nil {
		return fmt.Errorf("realtime: state of a person: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tail != nil && bytes.Equal(state.Bytes(), f.me) {
		if f.parked > 0 {
			f.announce(&h.limits)
		}
		return nil
	}
	at := Position{Epoch: newEpoch(), Offset: 1}
	if f.tail != nil {
		at = Position{f.tail.epoch, f.tail.offset + 1}
	}
	f.begin(at)
	f.me = state.Bytes()
	f.announceSnapshot(false)
	return nil
}
