package leaderboard

import (
	"regexp"
	"strings"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/internal/errs"
)

// Unit is what a board ranks.
type Unit string

// The units.
const (
	People  Unit = "people"  // accounts
	Teams   Unit = "teams"   // team ids
	Regions Unit = "regions" // region ids
)

// Board is the id of a ranking in its parts, "<unit>:<scope>". Scope is
// "all" for the campaign, a team id for people, or a region id; the regions
// board of a region ranks its children.
type Board struct {
	Unit  Unit
	Scope string
}

// Campaign is the scope that holds everything.
const Campaign = "all"

// AllTime is the window that has no end.
const AllTime = "all"

const (
	teamPrefix = "team-"
	maxBoard   = 300 // bytes; the deepest region id has four slugs of 60
)

// scopePattern is a region id, a team id or "all".
var scopePattern = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*$`)

// ParseBoard reads "<unit>:<scope>": people:all, people:<region>,
// people:<team>, teams:all, teams:<region>, regions:<region>. Anything else is
// Invalid board_invalid. Whether the scope exists is not looked at.
func ParseBoard(id string) (Board, error) {
	unit, scope, ok := strings.Cut(id, ":")
	b := Board{Unit: Unit(unit), Scope: scope}
	if !ok || len(id) > maxBoard || !scopePattern.MatchString(scope) || !b.possible() {
		return Board{}, errs.New(errs.Invalid, "board_invalid",
			"Name a board as people:all, people:REGION, people:TEAM, teams:all, teams:REGION or regions:REGION.")
	}
	return b, nil
}

func (b Board) possible() bool {
	switch b.Unit {
	case People:
		return true
	case Teams:
		return !b.ofTeam()
	case Regions:
		return !b.ofTeam() && b.Scope != Campaign
	}
	return false
}

// String is the id of the board.
func (b Board) String() string { return string(b.Unit) + ":" + b.Scope }

func (b Board) ofTeam() bool { return strings.HasPrefix(b.Scope, teamPrefix) }

func (b Board) ofRegion() bool { return b.Scope != Campaign && !b.ofTeam() }

// kept says whether the board exists in a window: for all-time, people are
// ranked in the campaign and in their team only.
func (b Board) kept(window string) bool {
	return window != AllTime || b.Unit != People || !b.ofRegion()
}

// boardsOf lists the boards that a share counts on in a window: those that
// list the person, and those that list a unit the person scores for.
func boardsOf(root, window, team, region string) (people []Board, units []member) {
	within := regionsAbove(root, region)
	people = append(people, Board{People, Campaign}, Board{People, team})
	units = append(units, member{Board{Teams, Campaign}, team})
	for i, r := range within {
		if window != AllTime {
			people = append(people, Board{People, r})
		}
		units = append(units, member{Board{Teams, r}, team})
		if i > 0 {
			units = append(units, member{Board{Regions, within[i-1]}, r})
		}
	}
	return people, units
}

// regionsAbove lists the regions that hold a region, root first, itself last;
// none while the campaign has no tree.
func regionsAbove(root, region string) []string {
	if root == "" {
		return nil
	}
	return campaign.Within(root, region)
}

// member is an entry of a board.
type member struct {
	board Board
	id    string
}

// window is a resolved window: AllTime, or a season.
type window struct {
	id     string
	season season.Season // zero for AllTime
}

func errNoLeagues() error {
	return errs.New(errs.Invalid, "board_invalid", "Leagues are of teams or regions: name a board as teams:all, teams:REGION or regions:REGION.")
}

func errWindow(cause error) error {
	return errs.Wrap(cause, errs.Invalid, "window_invalid", `Ask for the window "season", "all", or the id of a season of this campaign that has begun, such as 2026-w47.`)
}
