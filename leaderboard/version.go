package leaderboard

import (
	"context"
	"strconv"
)

// Version tells states of a board apart: two reads with the same version saw
// the same board, save where Redis went back to an older state in between (a
// publisher that must be right after that too sends a snapshot now and then).
// Within a generation the number grows with every call of the script that
// changed the board; it counts no calls.
type Version struct {
	Generation string // "" while there are no boards
	Number     int64  // 0 for a board that nobody has scored on
}

// Versions reads the versions of boards in a window, by position, in one cheap
// call: for a publisher that looks a few times a second whether a board has
// changed, and reads a page only then (the first row, to see the lead change).
// Errors are those of Page, but whether a board's scope exists is not looked at.
func (b *Boards) Versions(ctx context.Context, campaign, windowName string, boards []string) ([]Version, error) {
	t, err := b.tenant(ctx, campaign)
	if err != nil {
		return nil, err
	}
	w, err := t.window(windowName, b.clock.Now())
	if err != nil {
		return nil, err
	}
	fields := make([]string, len(boards))
	for i, id := range boards {
		board, err := ParseBoard(id)
		if err != nil {
			return nil, err
		}
		fields[i] = restBoard(w.id, board)
	}
	versions := make([]Version, len(boards))
	m, err := b.readMeta(ctx, campaign)
	if err != nil || m.gen == "" || len(boards) == 0 {
		return versions, err
	}
	values, err := b.redis.HMGet(ctx, genKey(campaign, m.gen, restChanges), fields...).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	for i, value := range values {
		versions[i].Generation = m.gen
		if text, ok := value.(string); ok {
			versions[i].Number, _ = strconv.ParseInt(text, 10, 64)
		}
	}
	return versions, nil
}
