package points

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/musterhq/muster/store"
)

// Posting is one entry of a person's ledger, and the only commit there is: a
// batch of actions with their answers, and the state after them. Its id is
// "<account>/<n>" with n in ten digits; n counts 1, 2, 3 ... without a gap, so
// a person's decisions are serial. Nothing in it ever changes.
type Posting struct {
	store.Meta `bson:",inline"`
	Account    string `bson:"account"`
	N          int64  `bson:"n"`
	// RecordedAt is the server's time, taken before the insert; within an
	// account it never goes back, so a season that closed stays closed.
	RecordedAt time.Time `bson:"recorded_at"`
	Rules      string    `bson:"rules"` // id of the rule set that was in force then
	// Actions holds what was recorded, and what was said of it; empty for the posting that a
	// person joins with, and for one that hides or shows them.
	Actions []Entry `bson:"actions,omitempty"`
	// Pause is there where the posting says something of pauses.
	Pause *PauseEntry `bson:"pause,omitempty"`
	State State       `bson:"state"`
}

// PostingID is the document id of an account's n-th posting.
func PostingID(account string, n int64) string { return fmt.Sprintf("%s/%010d", account, n) }

// Entry is one recorded action with the answer it was given.
type Entry struct {
	// ID is the client's id of the action, unique in the person's ledger. What
	// is said of an action later is an entry of its own, "<id of the
	// action>/<verdict>".
	ID   string `bson:"id"`
	Kind string `bson:"kind"`
	// Quantity is negative where what Of added is taken off, in a hold and in a
	// void; 0 in the void of what is held; positive again in a clear.
	Quantity int64 `bson:"quantity"`
	// OccurredAt is the phone's time, shifted by the phone's clock error.
	OccurredAt time.Time `bson:"occurred_at"`
	Day        string    `bson:"day"`              // 2006-01-02 in the person's zone
	Minute     int32     `bson:"minute,omitempty"` // of that day by the clock on the wall, 0 to 1439
	Season     string    `bson:"season,omitempty"` // "" when it came too late for its season
	Points     int64     `bson:"points"`           // what it changed
	Of         string    `bson:"of,omitempty"`     // the action that this is said of
	Task       string    `bson:"task,omitempty"`
	// By and Reason are a ruling's, see Ruling; "" in what the person did.
	By     string `bson:"by,omitempty"`
	Reason string `bson:"reason,omitempty"`
}

// Verdict is what an entry says of another, "" of an action.
func (e *Entry) Verdict() Verdict {
	if e.Of == "" {
		return ""
	}
	return Verdict(strings.TrimPrefix(e.ID, e.Of+"/"))
}

// State is what a person stands at after a posting.
type State struct {
	// JoinedAt is the RecordedAt of the first posting.
	JoinedAt time.Time `bson:"joined_at"`
	// Hidden: on no people's board; team and region keep the credit.
	Hidden bool `bson:"hidden,omitempty"`
	// Home is where the person scores from the next season on.
	Home Home `bson:"home"`
	// AllTime is the person's points by the team and region they were made
	// for, oldest first. A share never leaves the list nor moves in it, and
	// its Home never changes; every Home in Seasons is in it, be it with 0.
	AllTime []Share `bson:"all_time"`
	// Seasons are those still open at RecordedAt, oldest first, the one of
	// RecordedAt always among them. A season gets its team and region at the
	// person's first posting in it: the first that was recorded in it, or that
	// holds an action counted in it.
	Seasons []SeasonShare `bson:"seasons,omitempty"`
	// Days are the quantities above 0 of the days on which more may still
	// arrive or be taken back, by day, then kind, then slot.
	Days   []DayQuantity `bson:"days,omitempty"`
	Streak Streak        `bson:"streak"`
	Best   Best          `bson:"best,omitzero"`
	// Settled and SettledBest are the streak and the best up to the days that
	// have left Days: Streak is Settled, carried on over Days, and so is Best.
	Settled     Streak    `bson:"settled"`
	SettledBest bestSoFar `bson:"settled_best,omitzero"`
	// Pauses are those of about the last year and those to come, in order.
	Pauses []Pause `bson:"pauses,omitempty"`
}

// Home is a team and its leaf region.
type Home struct {
	Team   string `bson:"team"`
	Region string `bson:"region"`
}

// Share is the points made for one team.
type Share struct {
	Home   `bson:",inline"`
	Points int64 `bson:"points"`
}

// SeasonShare is the points of one season; a person scores for exactly one
// team in it.
type SeasonShare struct {
	Season string `bson:"season"`
	Share  `bson:",inline"`
}

// DayQuantity is the weighted quantity of one kind on one day of the person's, or
// in one stretch of it.
type DayQuantity struct {
	Day      string `bson:"day"`
	Kind     string `bson:"kind"`
	Slot     int64  `bson:"slot,omitempty"` // of a kind with a cool-down: which stretch, from 1 on
	Quantity int64  `bson:"quantity"`
}

// compare orders by day, kind and slot.
func (d DayQuantity) compare(other DayQuantity) int {
	return cmp.Or(cmp.Compare(d.Day, other.Day), cmp.Compare(d.Kind, other.Kind), cmp.Compare(d.Slot, other.Slot))
}

// Total is the person's points over all teams.
func (s *State) Total() int64 {
	var sum int64
	for _, share := range s.AllTime {
		sum += share.Points
	}
	return sum
}

// Season is the share of a season, nil when the person has none in it or it
// had closed. It points into s, so a posting's must not be changed through it.
func (s *State) Season(id string) *SeasonShare {
	for i := range s.Seasons {
		if s.Seasons[i].Season == id {
			return &s.Seasons[i]
		}
	}
	return nil
}

// Schema declares the ledger.
var Schema = store.Schema{
	Name:     "postings",
	ShardKey: "account",
	Indexes: []store.Index{
		{Name: "account", Equal: []string{"account"}, Order: "n", Unique: true},
		// The same action id twice in a person's ledger is refused here.
		{Name: "action", Equal: []string{"account", "actions.id"}, Each: "actions.id", Unique: true},
		// The sweep and the rebuild walk a campaign in the order of recording.
		{Name: "recorded", Order: "recorded_at"},
	},
}

// Schemas declares all collections of this room.
var Schemas = []store.Schema{Schema, ruleSetSchema, scheduleSchema}
