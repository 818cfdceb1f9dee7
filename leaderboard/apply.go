package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/store"
)

// What a call of the script can meet that is no failure.
var (
	// errMoved: a field that the order moves is not what was read.
	errMoved = errors.New("leaderboard: somebody else moved on, or Redis went back")
	// errGone: the generation that the order is for is no more.
	errGone = errors.New("leaderboard: the generation is gone")
	// errEmpty: Redis holds no boards of the campaign.
	errEmpty = errors.New("leaderboard: no boards yet")
)

// Bounds of Apply's queue, for each campaign: what waits while a call of the
// script is under way goes into the next.
var applyLimits = store.GroupLimits{Together: 256, Waiting: 4096, Within: 30 * time.Second}

// Apply brings postings to the boards: those whose n is not above what the
// boards hold change nothing, so any order and any number of repeats give the
// same boards. Lines of closed seasons are left out; all-time moves. It answers
// once every generation has them, up to 200 accounts in one atomic step, which
// callers who come at the same time share.
//
// An error is Unavailable boards_unavailable, what Campaigns answered, or that
// of ctx; the postings then may or may not be on the boards, and [Boards.Run]
// brings them there in any case. While Redis holds no boards at all Apply does
// nothing: the rebuild that Run then starts reads the ledger.
func (b *Boards) Apply(ctx context.Context, campaign string, postings []*points.Posting) error {
	err := b.applies.Do(ctx, campaign, postings)
	if errors.Is(err, store.ErrFull) {
		return unavailable(err)
	}
	return err
}

// applyTogether is Apply for all who called it at the same time.
func (b *Boards) applyTogether(ctx context.Context, campaign string, calls [][]*points.Posting) []error {
	answers := make([]error, len(calls))
	err := b.applyAll(ctx, campaign, slices.Concat(calls...))
	for i := range answers {
		answers[i] = err
	}
	return answers
}

func (b *Boards) applyAll(ctx context.Context, campaign string, postings []*points.Posting) error {
	t, err := b.tenant(ctx, campaign)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(fold(postings), maxLines) {
		err := b.send(ctx, t, order{lines: chunk})
		if errors.Is(err, errEmpty) {
			b.wake(campaign)
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// generations are those of a campaign: the one that is read and the one that a
// rebuild fills; "" for none.
type generations struct{ gen, next string }

// taking lists the generations that take lines meant for into.
func (g generations) taking(into string) []string {
	if into != "" {
		return []string{into}
	}
	return slices.DeleteFunc([]string{g.gen, g.next}, func(s string) bool { return s == "" })
}

func (g generations) has(gen string) bool { return gen == g.gen || gen == g.next }

// known gives the generations as last heard, asking where nothing was.
func (b *Boards) known(ctx context.Context, campaign string) (generations, error) {
	if g, ok := b.generations.Load(campaign); ok {
		return g.(generations), nil
	}
	m, err := b.readMeta(ctx, campaign)
	if err != nil {
		return generations{}, err
	}
	return m.generations, nil
}

func (b *Boards) heard(campaign string, g generations) {
	if g == (generations{}) {
		b.generations.Delete(campaign)
		return
	}
	b.generations.Store(campaign, g)
}

// send carries out an order; errMoved, errGone and errEmpty say that nothing
// was done. Where the script answers that the generations are others, an order
// for all of them is made again, for those.
//
// Script apply.lua: KEYS[1] meta, KEYS[2] closed, then a block of keys a
// generation; ARGV[1] the payload. It returns {"ok", written, refused},
// {"moved", field} or {"unknown", gen, next}.
func (b *Boards) send(ctx context.Context, t tenant, o order) error {
	known, err := b.known(ctx, t.ID)
	if err != nil {
		return err
	}
	// A rebuild begins, swaps and ends: more changes than this during one call
	// mean that something is very wrong.
	for range 8 {
		if known == (generations{}) && len(o.lines) > 0 {
			return errEmpty
		}
		if o.into != "" && !known.has(o.into) {
			return errGone
		}
		keys, argv, err := o.build(t.ID, t.Root, known)
		if err != nil {
			return err
		}
		reply, err := b.apply.Run(ctx, b.redis, keys, argv).Slice()
		if err != nil {
			return unavailable(err)
		}
		switch word, _ := reply[0].(string); {
		case word == "ok":
			return nil
		case word == "moved":
			return errMoved
		case word == "unknown" && len(reply) == 3:
			known.gen, _ = reply[1].(string)
			known.next, _ = reply[2].(string)
			b.heard(t.ID, known)
		default:
			return fmt.Errorf("leaderboard: apply answered %v", reply)
		}
	}
	return unavailable(errors.New("leaderboard: the generations keep changing"))
}
