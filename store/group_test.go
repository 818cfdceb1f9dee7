package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var groupLimits = GroupLimits{Together: 3, Waiting: 5, Within: time.Second}

// held is a Group whose runs note what they carry and wait for a word.
type held struct {
	*Group[int]
	mu   sync.Mutex
	runs []string
	pass chan struct{}
}

func newHeld() *held {
	h := &held{pass: make(chan struct{})}
	h.Group = NewGroup(groupLimits, func(ctx context.Context, key string, items []int) []error {
		h.mu.Lock()
		h.runs = append(h.runs, fmt.Sprint(key, items))
		h.mu.Unlock()
		answers := make([]error, len(items))
		select {
		case <-h.pass:
		case <-ctx.Done():
			for i := range answers {
				answers[i] = ctx.Err()
			}
			return answers
		}
		for i, item := range items {
			if item < 0 {
				answers[i] = fmt.Errorf("no %d", item)
			}
		}
		return answers
	})
	return h
}

// do calls Do in the background, and returns when it waits.
func (h *held) do(ctx context.Context, key string, item int) chan error {
	answer := make(chan error, 1)
	go func() { answer <- h.Do(ctx, key, item) }()
	synctest.Wait()
	return answer
}

func (h *held) ran(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.runs, want) {
		t.Errorf("runs: %v, want %v", h.runs, want)
	}
}

func TestGroupJoinsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld()
		first := h.do(t.Context(), "a", 1)
		var others []chan error
		for _, item := range []int{2, -3, 4, 5} {
			others = append(others, h.do(t.Context(), "a", item))
		}
		h.ran(t, "a[1]")
		h.pass <- struct{}{}
		if err := <-first; err != nil {
			t.Error(err)
		}
		h.ran(t, "a[1]", "a[2 -3 4]")
		h.pass <- struct{}{}
		h.ran(t, "a[1]", "a[2 -3 4]", "a[5]")
		h.pass <- struct{}{}
		for i, want := range []string{"<nil>", "no -3", "<nil>", "<nil>"} {
			if got := fmt.Sprint(<-others[i]); got != want {
				t.Errorf("item %d: %s, want %s", i+2, got, want)
			}
		}
		synctest.Wait()
		if len(h.lanes) != 0 {
			t.Errorf("%d lanes are kept for nobody", len(h.lanes))
		}
	})
}

// A run carries what weighs no more than is allowed together, and at least one.
func TestGroupBoundsTheWeightOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld()
		h.Weigh(5, func(item int) int { return item })
		answers := []chan error{h.do(t.Context(), "a", 9)}
		for _, item := range []int{2, 3, 1, 8} {
			answers = append(answers, h.do(t.Context(), "a", item))
		}
		for range 4 {
			h.pass <- struct{}{}
			synctest.Wait()
		}
		for _, answer := range answers {
			if err := <-answer; err != nil {
				t.Error(err)
			}
		}
		h.ran(t, "a[9]", "a[2 3]", "a[1]", "a[8]")
	})
}

func TestGroupKeysDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld()
		a := h.do(t.Context(), "a", 1)
		b := h.do(t.Context(), "b", 2)
		h.ran(t, "a[1]", "b[2]")
		h.pass <- struct{}{}
		h.pass <- struct{}{}
		if err := errors.Join(<-a, <-b); err != nil {
			t.Error(err)
		}
	})
}

func TestGroupRefusesBeyondItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld()
		answers := []chan error{h.do(t.Context(), "a", 0)}
		for i := range groupLimits.Waiting {
			answers = append(answers, h.do(t.Context(), "a", i))
		}
		if err := h.Do(t.Context(), "a", 9); !errors.Is(err, ErrFull) {
			t.Errorf("one more: %v, want ErrFull", err)
		}
		close(h.pass)
		for _, answer := range answers {
			if err := <-answer; err != nil {
				t.Error(err)
			}
		}
		h.ran(t, "a[0]", "a[0 1 2]", "a[3 4]")
	})
}

func TestGroupIsLeftWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld()
		ctx, cancel := context.WithCancel(t.Context())
		running, waiting, stays := h.do(ctx, "a", 1), h.do(ctx, "a", 2), h.do(t.Context(), "a", 3)
		cancel()
		if err := <-waiting; !errors.Is(err, ErrNotBegun) || !errors.Is(err, context.Canceled) {
			t.Errorf("who waited: %v, want ErrNotBegun", err)
		}
		if err := <-running; errors.Is(err, ErrNotBegun) || !errors.Is(err, context.Canceled) {
			t.Errorf("who was being run: %v, want Canceled alone", err)
		}
		close(h.pass)
		if err := <-stays; err != nil {
			t.Error(err)
		}
		if err := h.Do(ctx, "a", 4); !errors.Is(err, ErrNotBegun) {
			t.Errorf("who came too late: %v, want ErrNotBegun", err)
		}
		h.ran(t, "a[1]", "a[3]")
	})
}

func TestGroupBoundsARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld()
		if err := h.Do(t.Context(), "a", 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want DeadlineExceeded", err)
		}
	})
}

func TestGroupOutlivesAPanic(t *testing.T) {
	g := NewGroup(groupLimits, func(_ context.Context, _ string, items []int) []error {
		if items[0] == 1 {
			panic("oh")
		}
		return nil // one answer too few
	})
	for item := range 2 {
		if err := g.Do(t.Context(), "a", item); err == nil {
			t.Errorf("item %d: no error", item)
		}
	}
}
