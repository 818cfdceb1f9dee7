package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/musterhq/muster/store"
)

// discovery is how often Run looks for campaigns it does not keep yet.
const discovery = time.Second

// checkpointEvery is how long postings wait for their checkpoint, beyond the
// margin: a person who acts ten times meanwhile is written once.
const checkpointEvery = time.Minute

// Run keeps the boards of every campaign until ctx ends, and then answers nil:
// it sweeps, applies again what a crash may have left, writes checkpoints,
// archives seasons and builds the boards where there are none. Of several
// processes that run it one does the work of a campaign at a time, and another
// takes over within the life of its lease. What fails is logged and tried
// again.
func (b *Boards) Run(ctx context.Context) error {
	var keeping sync.WaitGroup
	defer keeping.Wait()
	kept := map[string]bool{}
	look := time.NewTicker(discovery)
	defer look.Stop()
	for {
		campaigns, err := b.campaigns.All(ctx)
		if err != nil && ctx.Err() == nil {
			b.log.WarnContext(ctx, "campaigns cannot be listed", "error", err)
		}
		for _, c := range campaigns {
			if !kept[c.ID] {
				kept[c.ID] = true
				keeping.Go(func() { b.keep(ctx, c.ID) })
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

// keep does the rounds of one campaign.
func (b *Boards) keep(ctx context.Context, campaign string) {
	k := newKeeper(b, campaign)
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		k.lease.release(ctx)
	}()
	wake := b.wakeup(campaign)
	round := time.NewTicker(beat)
	defer round.Stop()
	look := time.NewTicker(duelBeat)
	defer look.Stop()
	work := k.round
	for {
		if err := work(ctx); err != nil && ctx.Err() == nil {
			b.log.WarnContext(ctx, "boards are late", "campaign", campaign, "error", err)
		}
		work = k.round
		select {
		case <-ctx.Done():
			return
		case <-round.C:
		case <-wake:
		case <-look.C:
			work = k.watchDuels
		}
	}
}

// wakeup is the channel on which a campaign's keeper is asked for a round now.
func (b *Boards) wakeup(campaign string) chan struct{} {
	ch, _ := b.wakeups.LoadOrStore(campaign, make(chan struct{}, 1))
	return ch.(chan struct{})
}

// wake asks for a round; it never blocks.
func (b *Boards) wake(campaign string) {
	select {
	case b.wakeup(campaign) <- struct{}{}:
	default:
	}
}

// keeper is one process's care for one campaign, round by round.
type keeper struct {
	b     *Boards
	lease lease
	// w is where the last round left W; none before the first, after a round
	// without the lease and after a failure.
	w *Mark
	// reapplied is how far postings have been applied a second time.
	reapplied Mark
	// checkpointed is when checkpoints were last written.
	checkpointed time.Time
	duels        duelWatch
}

func newKeeper(b *Boards, campaign string) *keeper {
	return &keeper{b: b, lease: lease{b, campaign, store.NewID()}}
}

// round does what is due. A round that cannot have the lease does nothing.
func (k *keeper) round(ctx context.Context) error {
	if err := k.lease.hold(ctx); err != nil {
		k.w = nil
		if errors.Is(err, errLease) {
			return nil
		}
		return err
	}
	if err := k.work(ctx); err != nil {
		k.w = nil
		return err
	}
	return nil
}

func (k *keeper) work(ctx context.Context) error {
	b := k.b
	t, err := b.tenant(ctx, k.lease.campaign)
	if err != nil {
		return err
	}
	if rewound, err := b.rewind(ctx, t); err != nil {
		return fmt.Errorf("rewind: %w", err)
	} else if rewound {
		k.w = nil // all after it is applied again at once
	}
	m, err := k.standing(ctx, t)
	if err != nil {
		return err
	}
	if err := k.again(ctx, t, m); err != nil {
		return fmt.Errorf("apply again: %w", err)
	}
	if err := b.sweep(ctx, t, m.gen, k.lease.hold); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	if err := k.remember(ctx); err != nil {
		return err
	}
	if now := b.clock.Now(); now.Sub(k.checkpointed).Abs() >= checkpointEvery {
		if err := b.checkpointedBy(ctx, t, k.lease.hold); err != nil {
			return fmt.Errorf("checkpoints: %w", err)
		}
		k.checkpointed = now
	}
	if err := b.startKept(ctx, t); err != nil {
		return fmt.Errorf("season's start: %w", err)
	}
	if err := b.archived(ctx, t); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return b.retire(ctx, t)
}

// remember notes where W is after the sweep. A Redis that loses what came later
// loses nothing that was applied again before; one that loses less is found by
// its W, and all after W is applied again.
func (k *keeper) remember(ctx context.Context) error {
	m, err := k.b.readMeta(ctx, k.lease.campaign)
	if err != nil {
		return err
	}
	if w, ok := m.mark(m.gen); ok && k.w != nil && w.Compare(*k.w) > 0 {
		k.w = &w
	}
	return nil
}

// standing makes sure that there are boards: it builds them, or ends a rebuild
// or removal that somebody left half done.
func (k *keeper) standing(ctx context.Context, t tenant) (meta, error) {
	m, err := k.b.readMeta(ctx, t.ID)
	if err != nil {
		return m, err
	}
	if _, ok := m.mark(m.gen); !ok || m.next != "" {
		select {
		case k.b.rebuilds <- struct{}{}:
			defer func() { <-k.b.rebuilds }()
		case <-ctx.Done():
			return m, ctx.Err()
		}
		if err := k.b.rebuild(ctx, t, RebuildOptions{}, k.lease.hold); err != nil {
			return m, fmt.Errorf("rebuild: %w", err)
		}
		k.w = nil
		return k.b.readMeta(ctx, t.ID)
	}
	if m.fields[fieldDrop] != "" {
		return m, k.b.removeDropped(ctx, t)
	}
	return m, nil
}

// again applies a second time: everything after W in the first round and where
// Redis went back, else what has come of the age since the last round.
func (k *keeper) again(ctx context.Context, t tenant, m meta) error {
	w, ok := m.mark(m.gen)
	if !ok {
		return nil
	}
	now, err := k.b.earliest(ctx)
	if err != nil {
		return err
	}
	aged := now.Add(-again)
	from, before := k.reapplied, aged
	if k.w == nil || w.Compare(*k.w) < 0 {
		from, before = w, forever
	}
	if err := k.b.reapply(ctx, t, from, before); err != nil {
		return err
	}
	k.w, k.reapplied = &w, Mark{At: aged}
	return nil
}
