package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// loadPage is how many checkpoints one call loads.
const loadPage = 200

// errRestart ends a step of a rebuild whose ground has moved: Redis went back
// or was emptied under it.
var errRestart = errors.New("leaderboard: the rebuild must look again")

// rebuild drives a rebuild to its end, through whatever becomes of Redis
// meanwhile; a state that keeps moving ends it with an error.
func (b *Boards) rebuild(ctx context.Context, t tenant, o RebuildOptions, hold func(context.Context) error) error {
	if o.Progress == nil {
		o.Progress = func(RebuildProgress) {}
	}
	hold = b.meanwhile(t, hold)
	b.log.InfoContext(ctx, "rebuilding boards", "campaign", t.ID)
	for range 16 {
		err := b.rebuildOnce(ctx, t, o, hold)
		switch {
		case err == nil:
			b.log.InfoContext(ctx, "boards rebuilt", "campaign", t.ID)
			return nil
		case errors.Is(err, errRestart), errors.Is(err, errMoved), errors.Is(err, errGone), errors.Is(err, errEmpty):
			continue
		default:
			return err
		}
	}
	return errs.New(errs.Unavailable, unavailableCode, "The boards keep changing while they are rebuilt; try again in a moment.")
}

// meanwhile gives a hold that now and then sweeps the boards that are read too:
// a rebuild of many people takes longer than it takes boards to become stale.
func (b *Boards) meanwhile(t tenant, hold func(context.Context) error) func(context.Context) error {
	swept := b.clock.Now()
	return func(ctx context.Context) error {
		if now := b.clock.Now(); now.Sub(swept).Abs() >= beat {
			swept = now
			m, err := b.readMeta(ctx, t.ID)
			if err != nil {
				return err
			}
			if err := b.sweep(ctx, t, m.gen, hold); err != nil {
				return err
			}
		}
		return hold(ctx)
	}
}

func (b *Boards) rebuildOnce(ctx context.Context, t tenant, o RebuildOptions, hold func(context.Context) error) error {
	next, err := b.beginGeneration(ctx, t, o)
	if err != nil {
		return err
	}
	if err := b.load(ctx, t, next, o, hold); err != nil {
		return err
	}
	o.Progress(RebuildProgress{Stage: StagePostings})
	m, err := b.catchUp(ctx, t, next, o.perPage(hold))
	if err != nil {
		return err
	}
	o.Progress(RebuildProgress{Stage: StageSwap})
	if err := b.swap(ctx, t, m); err != nil {
		return err
	}
	o.Progress(RebuildProgress{Stage: StageRemoval})
	return b.removeDropped(ctx, t)
}

// beginGeneration names a next generation in meta, or finds the one that is
// there. Its load field says how far the checkpoints are loaded and where W
// will be then: at the mark that progress held when loading began, for what was
// loaded early need not hold anything later.
func (b *Boards) beginGeneration(ctx context.Context, t tenant, o RebuildOptions) (string, error) {
	p, err := b.readProgress(ctx, t.ID)
	if err != nil {
		return "", err
	}
	if err := b.closeInRedis(ctx, t.ID, p.Closed); err != nil {
		return "", err
	}
	m, err := b.readMeta(ctx, t.ID)
	if err != nil || m.next != "" {
		return m.next, err
	}
	next := newGeneration()
	begin := order{moves: []move{{fieldNext, "", next}}}
	if o.FromLedger {
		begin.moves = append(begin.moves, move{fieldMark(next), "", Mark{}.String()})
	} else {
		begin.moves = append(begin.moves, move{fieldLoad(next), "", loading{to: p.mark()}.String()})
	}
	if err := b.send(ctx, t, begin); err != nil {
		return "", err
	}
	b.heard(t.ID, generations{m.gen, next})
	return next, nil
}

// newGeneration names a generation that never was before, whatever Redis has
// forgotten: what was sent for an older one must not be taken for it.
func newGeneration() string { return "g" + store.NewID() }

// loading is the load field: the mark that W will be at when all checkpoints
// are loaded, the cursor of the next page, and how many are loaded, which only
// who watches needs.
type loading struct {
	to     Mark
	cursor string
	done   int
}

func (l loading) String() string {
	return l.to.String() + "\n" + l.cursor + "\n" + strconv.Itoa(l.done)
}

func parseLoading(s string) (loading, error) {
	text, rest, _ := strings.Cut(s, "\n")
	cursor, digits, _ := strings.Cut(rest, "\n")
	done, _ := strconv.Atoi(digits) // none where an older version began
	to, err := parseMark(text)
	return loading{to, cursor, done}, err
}

// load brings the checkpoints into a generation, page by page; each page moves
// the cursor in the same call, and the last gives the generation its W.
func (b *Boards) load(ctx context.Context, t tenant, next string, o RebuildOptions, hold func(context.Context) error) error {
	for {
		m, err := b.readMeta(ctx, t.ID)
		if err != nil {
			return err
		}
		text, ok := m.fields[fieldLoad(next)]
		switch {
		case m.next != next:
			return errRestart
		case !ok:
			return nil
		}
		at, err := parseLoading(text)
		if err != nil {
			return err
		}
		page, err := b.checkpoints.Find(ctx, t.ID, store.Query{Index: "account", After: at.cursor, Limit: loadPage})
		if err != nil {
			return fmt.Errorf("leaderboard: read checkpoints: %w", err)
		}
		step := order{into: next}
		for _, c := range page.Items {
			step.lines = append(step.lines, c.Line)
		}
		done := at.done + len(page.Items)
		if page.Next != "" {
			step.moves = []move{{fieldLoad(next), text, loading{at.to, page.Next, done}.String()}}
		} else {
			step.moves = []move{{fieldLoad(next), text, ""}, {fieldMark(next), "", at.to.String()}}
		}
		if err := b.send(ctx, t, step); err != nil {
			return err
		}
		o.Progress(RebuildProgress{Stage: StageCheckpoints, Done: done})
		if err := hold(ctx); err != nil {
			return err
		}
	}
}

// catchUp sweeps a generation until its W is not behind that of the one that is
// read, and then applies what lies beyond, so that the swap loses nothing that
// a reader has seen.
func (b *Boards) catchUp(ctx context.Context, t tenant, next string, hold func(context.Context) error) (meta, error) {
	if err := b.sweep(ctx, t, next, hold); err != nil {
		return meta{}, err
	}
	m, err := b.readMeta(ctx, t.ID)
	if err != nil {
		return meta{}, err
	}
	w, loaded := m.mark(next)
	current, any := m.mark(m.gen)
	switch {
	case m.next != next:
		return meta{}, errRestart
	case !loaded: // a generation without a beginning: none that this code made
		return meta{}, errors.Join(errRestart, b.send(ctx, t, order{moves: []move{{fieldNext, next, ""}}}))
	case any && w.Compare(current) < 0:
		return meta{}, errRestart
	}
	return m, b.reapply(ctx, t, w, forever)
}

// swap makes the next generation the one that is read, if both still stand
// where m says.
func (b *Boards) swap(ctx context.Context, t tenant, m meta) error {
	if err := b.removeDropped(ctx, t); err != nil {
		return err
	}
	w := m.fields[fieldMark(m.next)]
	moves := []move{{fieldGen, m.gen, m.next}, {fieldNext, m.next, ""}, {fieldMark(m.next), w, w}}
	if m.gen != "" {
		old := fieldMark(m.gen)
		moves = append(moves, move{fieldDrop, "", m.gen}, move{old, m.fields[old], ""})
	}
	if err := b.send(ctx, t, order{moves: moves}); err != nil {
		return err
	}
	b.heard(t.ID, generations{gen: m.next})
	return nil
}

// removeDropped unlinks the keys of a generation that was replaced. Interrupted,
// it starts again: the list of boards goes last.
func (b *Boards) removeDropped(ctx context.Context, t tenant) error {
	m, err := b.readMeta(ctx, t.ID)
	gen := m.fields[fieldDrop]
	if err != nil || gen == "" {
		return err
	}
	boards, err := b.boardsIn(ctx, t.ID, gen)
	if err != nil {
		return err
	}
	hours, err := b.redis.SMembers(ctx, genKey(t.ID, gen, restHours)).Result()
	if err != nil {
		return unavailable(err)
	}
	rests := []string{restContrib(AllTime), restMembers}
	for window, ids := range boards {
		rests = append(rests, restContrib(window))
		for _, board := range ids {
			rests = append(rests, restBoard(window, board))
		}
	}
	for _, hour := range hours {
		if h, err := strconv.ParseInt(hour, 10, 64); err == nil {
			rests = append(rests, restJoined(h))
		}
	}
	rests = append(rests, restHours, restChanges)
	for part := range slices.Chunk(rests, 500) {
		keys := make([]string, len(part))
		for i, rest := range part {
			keys[i] = genKey(t.ID, gen, rest)
		}
		if err := b.redis.Unlink(ctx, keys...).Err(); err != nil {
			return unavailable(err)
		}
	}
	err = b.send(ctx, t, order{moves: []move{{fieldDrop, gen, ""}}})
	if errors.Is(err, errMoved) {
		return errRestart
	}
	return err
}

// boardsIn lists the boards of a generation by window, from changes.
func (b *Boards) boardsIn(ctx context.Context, campaign, gen string) (map[string][]Board, error) {
	seen, found := map[member]bool{}, map[string][]Board{}
	fields := b.redis.HScan(ctx, genKey(campaign, gen, restChanges), 0, "", 500).Iterator()
	for i := 0; fields.Next(ctx); i++ {
		window, id, ok := strings.Cut(fields.Val(), "/")
		if i%2 == 1 || !ok { // every other is a value
			continue
		}
		board, err := ParseBoard(id)
		if err != nil {
			return nil, fmt.Errorf("leaderboard: a board named %q in %s: %w", fields.Val(), gen, err)
		}
		if at := (member{board, window}); !seen[at] { // a scan may give a field twice
			seen[at], found[window] = true, append(found[window], board)
		}
	}
	if err := fields.Err(); err != nil {
		return nil, unavailable(err)
	}
	return found, nil
}
