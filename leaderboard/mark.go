package leaderboard

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Mark is a place in a campaign's ledger, in the order of recording: the
// posting with this time and id, or, where ID is "", the instant before any
// posting of that time. The zero Mark is before everything.
type Mark struct {
	At time.Time
	ID string
}

// Compare orders marks as the ledger orders postings.
func (m Mark) Compare(other Mark) int {
	return cmp.Or(m.At.Compare(other.At), strings.Compare(m.ID, other.ID))
}

// String is the form that Redis keeps: milliseconds since 1970, a bar, the id.
func (m Mark) String() string {
	if m.At.IsZero() {
		return "0|" + m.ID
	}
	return strconv.FormatInt(m.At.UnixMilli(), 10) + "|" + m.ID
}

func parseMark(s string) (Mark, error) {
	digits, id, ok := strings.Cut(s, "|")
	ms, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil {
		return Mark{}, fmt.Errorf("leaderboard: %q is no mark", s)
	}
	if ms == 0 {
		return Mark{ID: id}, nil
	}
	return Mark{At: time.UnixMilli(ms).UTC(), ID: id}, nil
}
