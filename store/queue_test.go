package store

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
)

func TestQueueLetsOneIn(t *testing.T) {
	q := NewQueue()
	in, most, total := 0, 0, 0 // the race detector says so if two are in at once
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			leave, err := q.Enter(t.Context(), "a")
			if err != nil {
				t.Error(err)
				return
			}
			in++
			most, total = max(most, in), total+1
			runtime.Gosched()
			in--
			leave()
		})
	}
	group.Wait()
	if most != 1 || total != 100 {
		t.Errorf("%d in at once, %d in all; want 1, 100", most, total)
	}
	if len(q.keys) != 0 {
		t.Errorf("%d keys are kept for nobody", len(q.keys))
	}
}

func TestQueuesOfTwoKeysAreTwo(t *testing.T) {
	q := NewQueue()
	leaveA, err := q.Enter(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	leaveB, err := q.Enter(t.Context(), "b") // would wait for ever in one queue
	if err != nil {
		t.Fatal(err)
	}
	leaveA()
	leaveB()
}

func TestQueueIsLeftWithTheContext(t *testing.T) {
	q := NewQueue()
	leave, err := q.Enter(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error, 1)
	go func() { _, err := q.Enter(ctx, "a"); answer <- err }()
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
	leave()
	if len(q.keys) != 0 {
		t.Errorf("%d keys are kept for nobody", len(q.keys))
	}
	leave, err = q.Enter(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	leave()
}
