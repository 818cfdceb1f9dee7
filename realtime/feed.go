package realtime

import (
	"regexp"
	"strings"

	"github.com/musterhq/muster/internal/errs"
)

// Kind is what a feed is about.
type Kind uint8

// The kinds of feed. Boards and Me are state feeds: snapshots and versions. The
// others are log feeds: events, positions and replay.
const (
	Boards Kind = iota + 1
	Tasks
	Me
	Team
	Briefings
	HQ
	Duels
	News
)

var kindNames = map[Kind]string{
	Boards: "board", Tasks: "tasks", Me: "me", Team: "team", Briefings: "briefings", HQ: "hq", Duels: "duels", News: "news",
}

// Feed is the parsed name of a feed.
type Feed struct {
	Kind Kind
	// Arg is the board of Boards ("regions:it.liguria"), the region of Tasks
	// and HQ, the team of Team, and "" for the others.
	Arg string
}

// MaxFeedName is the longest name of a feed, in bytes.
const MaxFeedName = 160

var (
	feedArg   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)
	boardUnit = regexp.MustCompile(`^(people|teams|regions)$`)
	windowID  = regexp.MustCompile(`^(season|all|[0-9]{4}-w[0-9]{2})$`)
)

// ParseFeed reads a feed's name. It refuses with errs.Invalid "unknown_feed".
func ParseFeed(name string) (Feed, error) {
	refused := errs.New(errs.Invalid, "unknown_feed", "There is no feed of this name. Use one of those in docs/realtime.md.")
	if len(name) > MaxFeedName {
		return Feed{}, refused
	}
	head, arg, hasArg := strings.Cut(name, ":")
	for kind, kindName := range kindNames {
		if kindName != head {
			continue
		}
		feed := Feed{Kind: kind, Arg: arg}
		if hasArg != kind.takesArg() || hasArg && !feed.argValid() {
			return Feed{}, refused
		}
		return feed, nil
	}
	return Feed{}, refused
}

func (k Kind) takesArg() bool { return k == Boards || k == Tasks || k == Team || k == HQ }

func (f Feed) argValid() bool {
	if f.Kind != Boards {
		return feedArg.MatchString(f.Arg)
	}
	unit, scope, _ := strings.Cut(f.Arg, ":")
	return boardUnit.MatchString(unit) && feedArg.MatchString(scope)
}

// String is the name that ParseFeed reads.
func (f Feed) String() string {
	if f.Kind.takesArg() {
		return kindNames[f.Kind] + ":" + f.Arg
	}
	return kindNames[f.Kind]
}

// IsLog says whether the feed is a log of events.
func (f Feed) IsLog() bool { return f.Kind != Boards && f.Kind != Me }

// Board splits the board of a Boards feed: "regions:it.liguria" is "regions",
// "it.liguria".
func (f Feed) Board() (unit, scope string) {
	unit, scope, _ = strings.Cut(f.Arg, ":")
	return unit, scope
}
