package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/musterhq/muster/internal/errs"
)

// publishAtOnce is how many campaigns' boards are published at the same time.
const publishAtOnce = 8

// claim is what the publisher of a board knows. It belongs to the goroutine
// that publishes the campaign.
type claim struct {
	epoch   string // the lease's value; "" when another node, or nobody, publishes
	version uint64
	board   *Board // at version
	seen    int64  // the source's version of it
	readAt  time.Time
	until   time.Time
	tryAt   time.Time
}

// publisher publishes the boards that somebody on this node watches and whose
// lease this node got.
type publisher struct {
	hub  *Hub
	mu   sync.Mutex
	busy map[string]bool // campaigns under way
}

// publishBoards works until ctx ends, then gives up its leases, so that another
// node goes on at once.
func (h *Hub) publishBoards(ctx context.Context) error {
	if h.opts.Boards == nil {
		<-ctx.Done()
		return nil
	}
	p := &publisher{hub: h, busy: map[string]bool{}}
	var work errgroup.Group
	work.SetLimit(publishAtOnce)
	tick := time.NewTicker(h.limits.boardTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = work.Wait() // its functions answer nil
			p.giveUpAll()
			return nil
		case <-tick.C:
			for campaign, boards := range h.streams.boards(&h.limits) {
				if !p.begin(campaign) {
					continue
				}
				// A place missing now is there at the next tick, and the order
				// of a map is another one then.
				started := work.TryGo(func() error {
					defer p.end(campaign)
					defer h.survive("publishing boards")
					p.campaign(ctx, campaign, boards)
					return nil
				})
				if !started {
					p.end(campaign)
				}
			}
		}
	}
}

func (p *publisher) begin(campaign string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy[campaign] {
		return false
	}
	p.busy[campaign] = true
	return true
}

func (p *publisher) end(campaign string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.busy, campaign)
}

// campaign publishes what changed on the boards of one campaign.
func (p *publisher) campaign(ctx context.Context, campaign string, boards []watched) {
	ctx, cancel := context.WithTimeout(ctx, p.hub.limits.ask)
	defer cancel()
	held, err := p.claims(ctx, boards)
	if err != nil {
		p.hub.complain("boards could not be claimed", err)
	}
	if len(held) == 0 {
		return
	}
	refs := make([]BoardRef, len(held))
	for i, f := range held {
		refs[i] = f.ref()
	}
	versions, err := p.hub.opts.Boards.Versions(ctx, campaign, refs)
	if err == nil && len(versions) != len(refs) {
		err = fmt.Errorf("realtime: %d versions of %d boards", len(versions), len(refs))
	}
	if isRefusal(err) {
		// One board that is none must not stop the others: each is read, and
		// answers for itself.
		versions, err = make([]int64, len(refs)), nil
	}
	if err != nil {
		p.hub.complain("the versions of boards could not be read", err)
		return
	}
	now := mono()
	for i, f := range held {
		c := &f.claim
		// A name or a Redis that went back changes a board and not its version:
		// it is read now and then in any case.
		known := c.board != nil && versions[i] != 0 && versions[i] == c.seen
		if known && now.Sub(c.readAt) < p.hub.limits.boardCheck {
			err = p.renew(ctx, f)
		} else {
			err = p.publish(ctx, f, versions[i])
		}
		if err != nil {
			p.hub.complain("a board could not be published", err)
		}
	}
}

func (f *stream) ref() BoardRef { return BoardRef{Board: f.feed.Arg, Window: f.window} }

// claims answers the boards that this node publishes, after trying for those
// that it does not.
func (p *publisher) claims(ctx context.Context, boards []watched) ([]*stream, error) {
	now := mono()
	var held, wanted []*stream
	for _, b := range boards {
		f := b.stream
		if f.claim.epoch != "" && now.After(f.claim.until) {
			p.lost(f)
		}
		switch {
		case !b.wanted:
			p.giveUp(ctx, f)
		case f.claim.epoch != "":
			held = append(held, f)
		case !now.Before(f.claim.tryAt):
			wanted = append(wanted, f)
		}
	}
	if len(wanted) == 0 {
		return held, nil
	}
	epochs := make([]string, len(wanted))
	answers := make([]*redis.BoolCmd, len(wanted))
	_, err := p.hub.feeds.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, f := range wanted {
			epochs[i] = newEpoch()
			answers[i] = pipe.SetNX(ctx, f.key.lease(), epochs[i], p.hub.limits.lease)
		}
		return nil
	})
	for i, f := range wanted {
		f.claim.tryAt = now.Add(p.hub.limits.claimEvery)
		if answers[i].Val() {
			f.claim = claim{epoch: epochs[i], until: now.Add(p.hub.limits.lease)}
			f.claimed.Store(true)
			held = append(held, f)
		}
	}
	return held, err
}

// lost forgets a claim.
func (p *publisher) lost(f *stream) {
	f.claim = claim{}
	f.claimed.Store(false)
}

// publish reads a board and publishes what changed.
func (p *publisher) publish(ctx context.Context, f *stream, seen int64) error {
	h, c := p.hub, &f.claim
	page, err := h.opts.Boards.Page(ctx, f.key.campaign, f.ref(), h.opts.BoardRows)
	if err != nil {
		if isRefusal(err) {
			f.ended.Store(true)
			p.giveUp(ctx, f)
			h.end(f, err)
			return nil
		}
		return err
	}
	c.readAt = mono()
	page.Board = f.feed.Arg
	page.Unit, page.Scope = f.feed.Board()
	page.settle()
	kind, data, err := nextChange(c.board, &page)
	if err != nil {
		return err
	}
	if kind == "" {
		c.seen = seen
		return p.renew(ctx, f)
	}
	state, err := json.Marshal(&page)
	if err != nil {
		return err
	}
	now := mono()
	ok, err := boardScript.Run(ctx, h.feeds.rdb, []string{f.key.lease(), f.key.meta(), f.key.log()},
		c.epoch, c.version, kind, data, state, h.limits.lease.Milliseconds(), h.limits.boardChanges,
		boardKept.Milliseconds(), f.key.channel()).Bool()
	switch {
	case err != nil:
		return err // it may be there: then the next one is refused, and a new epoch begins
	case !ok:
		// Another publisher, or a Redis that went back: then the lease may still
		// be ours, and must not keep everybody waiting.
		p.giveUp(ctx, f)
		f.claim.tryAt = time.Time{}
		return nil
	}
	h.counters.publications.Add(1)
	c.version, c.board, c.seen, c.until = c.version+1, &page, seen, now.Add(h.limits.lease)
	return nil
}

// isRefusal says whether a source says that there is no such thing, rather than
// that it cannot say.
func isRefusal(err error) bool {
	switch errs.KindOf(err) {
	case errs.NotFound, errs.Invalid, errs.Gone, errs.Forbidden:
		return true
	}
	return false
}

// nextChange is what leads from a board to the next: "" when nothing changed.
func nextChange(board, next *Board) (kind string, data []byte, err error) {
	if board == nil || !board.sameHead(next) {
		data, err = json.Marshal(next)
		return "snapshot", data, err
	}
	d, changed := board.diff(next)
	if !changed {
		return "", nil, nil
	}
	data, err = json.Marshal(d)
	return "delta", data, err
}

// renew keeps the lease of a board on which nothing changed, when a third of it
// has passed.
func (p *publisher) renew(ctx context.Context, f *stream) error {
	lease, now := p.hub.limits.lease, mono()
	if f.claim.until.Sub(now) > lease*2/3 {
		return nil
	}
	ok, err := p.setLease(ctx, f, lease)
	switch {
	case err != nil:
		return err
	case !ok:
		p.lost(f)
	default:
		f.claim.until = now.Add(lease)
	}
	return nil
}

func (p *publisher) setLease(ctx context.Context, f *stream, lease time.Duration) (bool, error) {
	return renewScript.Run(ctx, p.hub.feeds.rdb, []string{f.key.lease(), f.key.meta(), f.key.log()},
		f.claim.epoch, lease.Milliseconds(), boardKept.Milliseconds()).Bool()
}

// giveUp lets another node publish the board at once.
func (p *publisher) giveUp(ctx context.Context, f *stream) {
	if f.claim.epoch == "" {
		return
	}
	if _, err := p.setLease(ctx, f, 0); err != nil {
		p.hub.complain("a board's lease could not be given up; it will run out", err)
	}
	p.lost(f)
	f.claim.tryAt = mono().Add(p.hub.limits.claimEvery)
}

// giveUpAll is for the end of Run.
func (p *publisher) giveUpAll() {
	ctx, cancel := context.WithTimeout(context.Background(), p.hub.limits.linger)
	defer cancel()
	for _, boards := range p.hub.streams.boards(&p.hub.limits) {
		for _, b := range boards {
			p.giveUp(ctx, b.stream)
		}
	}
}
