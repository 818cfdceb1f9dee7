package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// snapshot is all that Redis keeps of a campaign's boards, at one instant.
type snapshot struct {
	gen     string
	w       Mark
	contrib map[string]map[string]string // by window, then account
	boards  boardTable                   // and members, see addMember
}

// readRedis reads the generation that is read. It reads page by page and blocks
// nobody, so it looks at the end whether anything has changed.
func (v *verification) readRedis(ctx context.Context) error {
	for range 5 {
		err := v.readOnce(ctx)
		if !errors.Is(err, errBusy) {
			return err
		}
	}
	return busy()
}

func (v *verification) readOnce(ctx context.Context) error {
	m, err := v.b.readMeta(ctx, v.t.ID)
	if err != nil {
		return err
	}
	w, ok := m.mark(m.gen)
	if !ok {
		return errs.New(errs.Conflict, "boards_stale", "There are no boards to verify; rebuild them first.")
	}
	before, err := v.sequence(ctx, m.gen)
	if err != nil {
		return err
	}
	v.redis = snapshot{gen: m.gen, w: w, contrib: map[string]map[string]string{}, boards: boardTable{}}
	listed, err := v.b.boardsIn(ctx, v.t.ID, m.gen)
	if err != nil {
		return err
	}
	if listed[AllTime] == nil {
		listed[AllTime] = []Board{}
	}
	done, total := 0, 0
	for _, boards := range listed {
		total += len(boards)
	}
	for window, boards := range listed {
		if slices.Contains(v.closed, window) {
			continue
		}
		if v.redis.contrib[window], err = v.hash(ctx, restContrib(window)); err != nil {
			return err
		}
		for _, board := range boards {
			if err := v.sortedSet(ctx, restBoard(window, board)); err != nil {
				return err
			}
			done++
			v.options.Progress(VerifyProgress{Stage: StageBoards, Done: done, Total: total})
		}
	}
	if err := v.readMembers(ctx); err != nil {
		return err
	}
	after, err := v.sequence(ctx, m.gen)
	if err != nil {
		return err
	}
	now, err := v.b.readMeta(ctx, v.t.ID)
	if err != nil {
		return err
	}
	if before != after || now.gen != m.gen {
		return errBusy
	}
	return nil
}

// sequence counts the calls that changed boards. A call that changes only who
// is counted or hidden with no points is none; a contribution that is ahead
// does no harm.
func (v *verification) sequence(ctx context.Context, gen string) (string, error) {
	values, err := v.b.redis.HMGet(ctx, genKey(v.t.ID, gen, restChanges), fieldSeq).Result()
	if err != nil {
		return "", unavailable(err)
	}
	text, _ := values[0].(string)
	return text, nil
}

func (v *verification) key(rest string) string { return genKey(v.t.ID, v.redis.gen, rest) }

func (v *verification) hash(ctx context.Context, rest string) (map[string]string, error) {
	all := map[string]string{}
	fields := v.b.redis.HScan(ctx, v.key(rest), 0, "", 1000).Iterator()
	for fields.Next(ctx) {
		field := fields.Val()
		if !fields.Next(ctx) {
			break
		}
		all[field] = fields.Val()
	}
	return all, unavailable(fields.Err())
}

// sortedSet reads a board into the snapshot.
func (v *verification) sortedSet(ctx context.Context, rest string) error {
	const page = 1000
	for from := int64(0); ; from += page {
		rows, err := v.b.redis.ZRangeWithScores(ctx, v.key(rest), from, from+page-1).Result()
		if err != nil {
			return unavailable(err)
		}
		for _, z := range rows {
			id, _ := z.Member.(string)
			v.redis.boards.add(rest, id, int64(z.Score))
		}
		if len(rows) < page {
			return nil
		}
	}
}

func (v *verification) readMembers(ctx context.Context) error {
	hours, err := v.b.redis.SMembers(ctx, v.key(restHours)).Result()
	if err != nil {
		return unavailable(err)
	}
	rests := []string{restMembers}
	for _, text := range hours {
		hour, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("leaderboard: %q is no hour", text)
		}
		rests = append(rests, restJoined(hour))
	}
	for _, rest := range rests {
		homes, err := v.hash(ctx, rest)
		if err != nil {
			return err
		}
		for home, text := range homes {
			// A home that everybody has left stays with 0.
			if n, err := strconv.ParseInt(text, 10, 64); err != nil || n != 0 {
				v.redis.boards.add(membersIn(rest), home, n)
			}
		}
	}
	return nil
}

// membersIn is the place in a boardTable of a hash of members.
func membersIn(rest string) string { return AllTime + "/" + rest }

func (t boardTable) addMember(home string, hour int64) {
	t.add(membersIn(restMembers), home, 1)
	t.add(membersIn(restJoined(hour)), home, 1)
}

// compareBoards compares every board that Redis has or ought to have.
func (v *verification) compareBoards(ctx context.Context) error {
	// A board that is not listed in changes may be there all the same.
	for _, board := range v.missing() {
		if err := v.sortedSet(ctx, board); err != nil {
			return err
		}
	}
	for board := range union(v.redis.boards, v.ledger, v.contributed) {
		v.boards++
		v.compare(AgainstLedger, board, v.ledger[board], v.redis.boards[board])
		v.compare(AgainstContributions, board, v.contributed[board], v.redis.boards[board])
	}
	return nil
}

// missing lists the boards that should be there and were not listed.
func (v *verification) missing() []string {
	var missing []string
	for board := range v.ledger {
		if _, ok := v.redis.boards[board]; !ok && !isMembers(board) {
			missing = append(missing, board)
		}
	}
	return missing
}

func union(tables ...boardTable) map[string]bool {
	all := map[string]bool{}
	for _, t := range tables {
		for board := range t {
			all[board] = true
		}
	}
	return all
}

func (v *verification) compare(against, board string, expected, actual map[string]int64) {
	window, name := splitBoard(board)
	for id := range maps.Keys(expected) {
		if have, ok := actual[id]; !ok || have != expected[id] {
			v.differ(Difference{against, window, name, id, sumText(expected, id), sumText(actual, id)})
		}
	}
	for id := range maps.Keys(actual) {
		if _, ok := expected[id]; !ok {
			v.differ(Difference{against, window, name, id, "", sumText(actual, id)})
		}
	}
}

func sumText(sums map[string]int64, id string) string {
	n, ok := sums[id]
	if !ok {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// compareArchive compares the archived boards of closed seasons.
func (v *verification) compareArchive(ctx context.Context) error {
	stored := boardTable{}
	for _, season := range v.closed {
		for board := range v.archive {
			if window, _ := splitBoard(board); window != season {
				continue
			}
			if err := v.readArchive(ctx, board, stored); err != nil {
				return err
			}
		}
	}
	for board := range v.archive {
		v.boards++
		v.compare(AgainstLedger, board, v.archive[board], stored[board])
	}
	return nil
}

func (v *verification) readArchive(ctx context.Context, board string, into boardTable) error {
	for number := 0; ; number++ {
		page, err := v.b.archive.Get(ctx, v.t.ID, archiveID(board, number))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("leaderboard: read the archive: %w", err)
		}
		for _, row := range page.Rows {
			into.add(board, row.ID, row.Sum)
		}
	}
}
