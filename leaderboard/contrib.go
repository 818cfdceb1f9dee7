package leaderboard

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// contrib is what an account contributes to a window, as apply.lua keeps it:
// "n|hidden|p1,p2,...", for all-time with "|hour|home" behind.
type contrib struct {
	n      int64
	hidden bool
	points []int64 // by share
	hour   string  // of joining, all-time only
	home   string  // homeOf, all-time only
}

func parseContrib(text string) (*contrib, error) {
	bad := fmt.Errorf("leaderboard: %q is no contribution", text)
	parts := strings.Split(text, "|")
	if len(parts) != 3 && len(parts) != 5 {
		return nil, bad
	}
	n, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || n < 1 || (parts[1] != "0" && parts[1] != "1") {
		return nil, bad
	}
	c := &contrib{n: n, hidden: parts[1] == "1"}
	for digits := range strings.SplitSeq(parts[2], ",") {
		if parts[2] == "" {
			break
		}
		p, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil, bad
		}
		c.points = append(c.points, p)
	}
	if len(parts) == 5 {
		c.hour, c.home = parts[3], parts[4]
	}
	return c, nil
}

// readContrib reads what accounts contribute to a window in the generation that
// is read, by position; nil where there is nothing. What cannot be read is
// nothing too.
func (b *Boards) readContrib(ctx context.Context, t tenant, window string, accounts []string) ([]*contrib, error) {
	found := make([]*contrib, len(accounts))
	m, err := b.readMeta(ctx, t.ID)
	if err != nil || m.gen == "" {
		return found, err
	}
	values, err := b.redis.HMGet(ctx, genKey(t.ID, m.gen, restContrib(window)), accounts...).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	for i, value := range values {
		if text, ok := value.(string); ok {
			if c, err := parseContrib(text); err == nil {
				found[i] = c
			}
		}
	}
	return found, nil
}
