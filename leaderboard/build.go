package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/musterhq/muster/store"
)

// RebuildOptions decide what a rebuild reads.
type RebuildOptions struct {
	// FromLedger passes over the checkpoints and reads every posting.
	FromLedger bool
	// Progress is told of each step, from the goroutine that asked; nil for
	// nobody.
	Progress func(RebuildProgress)
}

// The stages of a rebuild, in their order.
const (
	StageCheckpoints = "checkpoints" // of people, see RebuildProgress
	StagePostings    = "postings"    // recorded since their checkpoints were written
	StageSwap        = "swap"
	StageRemoval     = "removal" // of the boards that were replaced
)

// RebuildProgress is how far a rebuild has come.
type RebuildProgress struct {
	Stage string
	// Done is how many checkpoints have been loaded, by who began the rebuild
	// too, or postings applied.
	Done int
	// Total is how many there are to be done in the stage, as it began; 0 where
	// that is not known.
	Total int
}

// watchEvery is how often a rebuild that another process does is looked at.
const watchEvery = 200 * time.Millisecond

// Rebuild builds the boards of a campaign anew, beside the ones that are read,
// and swaps when they have caught up. It may be interrupted at any point: the
// next Rebuild, or Run, goes on where it stopped. Where another process keeps
// the campaign, that one is asked to do it, and Rebuild answers once it has.
func (b *Boards) Rebuild(ctx context.Context, campaign string, o RebuildOptions) error {
	t, err := b.tenant(ctx, campaign)
	if err != nil {
		return err
	}
	m, err := b.readMeta(ctx, campaign)
	if err != nil {
		return err
	}
	// A rebuild that is under way already is the one that is asked for.
	done := func(now meta) bool { return now.built() && now.gen != m.gen && now.next == "" }
	return b.build(ctx, t, o, done)
}

// Open builds the boards of a campaign if Redis holds none; it answers once
// they can be read. For the start of a process and for a new campaign, which
// Run would otherwise find within a second.
func (b *Boards) Open(ctx context.Context, campaign string) error {
	m, err := b.readMeta(ctx, campaign)
	if err != nil || m.built() {
		return err
	}
	t, err := b.tenant(ctx, campaign)
	if err != nil {
		return err
	}
	return b.build(ctx, t, RebuildOptions{}, meta.built)
}

// built says whether there are boards to be read.
func (m meta) built() bool {
	_, ok := m.mark(m.gen)
	return ok
}

// build rebuilds until done says so: itself if it gets the lease, else through
// the process that has it, whose next round ends a rebuild that was begun.
func (b *Boards) build(ctx context.Context, t tenant, o RebuildOptions, done func(meta) bool) error {
	o, err := b.counting(ctx, t, o)
	if err != nil {
		return err
	}
	l := lease{b, t.ID, store.NewID()}
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	for {
		m, err := b.readMeta(ctx, t.ID)
		if err != nil || done(m) {
			return err
		}
		err = l.hold(ctx)
		if err == nil {
			defer l.release(context.WithoutCancel(ctx))
			if m, err = b.readMeta(ctx, t.ID); err != nil || done(m) {
				return err
			}
			return b.rebuild(ctx, t, o, l.hold)
		}
		if !errors.Is(err, errLease) {
			return err
		}
		if err := b.ask(ctx, t, o, m); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}

// ask begins a rebuild for the process that has the lease, if none is under way,
// and tells how far it is.
func (b *Boards) ask(ctx context.Context, t tenant, o RebuildOptions, m meta) error {
	if m.next == "" {
		_, err := b.beginGeneration(ctx, t, o)
		b.wake(t.ID)
		if errors.Is(err, errMoved) || errors.Is(err, errGone) {
			return nil // somebody else began
		}
		return err
	}
	if at, err := parseLoading(m.fields[fieldLoad(m.next)]); err == nil {
		o.Progress(RebuildProgress{Stage: StageCheckpoints, Done: at.done})
	} else {
		o.Progress(RebuildProgress{Stage: StagePostings})
	}
	return nil
}

// counting gives options whose Progress may be called, and knows the totals.
func (b *Boards) counting(ctx context.Context, t tenant, o RebuildOptions) (RebuildOptions, error) {
	if o.Progress == nil {
		o.Progress = func(RebuildProgress) {}
		return o, nil
	}
	total, err := b.checkpointed(ctx, t.ID)
	tell := o.Progress
	o.Progress = func(p RebuildProgress) {
		if p.Stage == StageCheckpoints && total > 0 && p.Total == 0 {
			p.Total = max(total, p.Done)
		}
		tell(p)
	}
	return o, err
}

// perPage tells of each page of postings, between which hold is called.
func (o RebuildOptions) perPage(hold func(context.Context) error) func(context.Context) error {
	done := 0
	return func(ctx context.Context) error {
		done += sweepPage
		o.Progress(RebuildProgress{Stage: StagePostings, Done: done})
		return hold(ctx)
	}
}

// checkpointed counts the checkpoints of a campaign, 0 where there are too many
// to count. A count has a limit, so each first letter that an account can have is
// counted by itself.
func (b *Boards) checkpointed(ctx context.Context, campaign string) (int, error) {
	const letters = "123456789abcdefghijklmnopqrstuvwxyz"
	total := 0
	var from any
	for i := range len(letters) + 1 {
		var to any
		if i < len(letters) {
			to = letters[i : i+1]
		}
		n, err := b.checkpoints.Count(ctx, campaign, store.Query{Index: "account", From: from, To: to}, store.MaxCounted)
		if err != nil {
			return 0, fmt.Errorf("leaderboard: count checkpoints: %w", err)
		}
		if n == store.MaxCounted {
			return 0, nil
		}
		total, from = total+n, to
	}
	return total, nil
}
