package leaderboard

import (
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster/domain/points"
)

// line is what postings say of one account, window by window: for each window
// the posting with the largest n that touches it. It is what the script
// applies and what a checkpoint keeps.
type line struct {
	Account string       `bson:"account"`
	Joined  time.Time    `bson:"joined"`
	All     allTimeLine  `bson:"all"`
	Seasons []seasonLine `bson:"seasons"` // by season id
}

type allTimeLine struct {
	N      int64          `bson:"n"`
	Hidden bool           `bson:"hidden"`
	Home   points.Home    `bson:"home"`
	Shares []points.Share `bson:"shares"` // grows at the end only
}

type seasonLine struct {
	Season string       `bson:"season"`
	N      int64        `bson:"n"`
	Hidden bool         `bson:"hidden"`
	Share  points.Share `bson:"share"`
}

func lineOf(p *points.Posting) line {
	l := line{
		Account: p.Account,
		Joined:  p.State.JoinedAt,
		All:     allTimeLine{N: p.N, Hidden: p.State.Hidden, Home: p.State.Home, Shares: p.State.AllTime},
	}
	for _, s := range p.State.Seasons {
		l.Seasons = append(l.Seasons, seasonLine{Season: s.Season, N: p.N, Hidden: p.State.Hidden, Share: s.Share})
	}
	sortSeasons(l.Seasons)
	return l
}

// fold takes from other what is later. It says whether that was anything.
func (l *line) fold(other line) bool {
	changed := false
	if other.All.N > l.All.N {
		l.All, l.Joined, changed = other.All, other.Joined, true
	}
	for _, s := range other.Seasons {
		i := slices.IndexFunc(l.Seasons, func(have seasonLine) bool { return have.Season == s.Season })
		switch {
		case i < 0:
			l.Seasons, changed = append(slices.Clip(l.Seasons), s), true
		case s.N > l.Seasons[i].N:
			l.Seasons = slices.Clone(l.Seasons)
			l.Seasons[i], changed = s, true
		}
	}
	sortSeasons(l.Seasons)
	return changed
}

// drop forgets seasons.
func (l *line) drop(seasons []string) {
	l.Seasons = slices.DeleteFunc(slices.Clone(l.Seasons), func(s seasonLine) bool { return slices.Contains(seasons, s.Season) })
}

func sortSeasons(seasons []seasonLine) {
	slices.SortFunc(seasons, func(a, b seasonLine) int { return strings.Compare(a.Season, b.Season) })
}

// fold makes one line an account of postings, in the order of first
// appearance.
func fold(postings []*points.Posting) []line {
	lines := make([]line, 0, len(postings))
	at := make(map[string]int, len(postings))
	for _, p := range postings {
		if i, ok := at[p.Account]; ok {
			lines[i].fold(lineOf(p))
			continue
		}
		at[p.Account] = len(lines)
		lines = append(lines, lineOf(p))
	}
	return lines
}

// hourOf numbers the hours since 1970.
func hourOf(t time.Time) int64 { return t.Unix() / 3600 }
