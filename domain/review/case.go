package review

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/musterhq/muster/store"
)

// newCaseID is an id of a case; the same parts give the same, none a new one.
func newCaseID(account string, parts ...string) string {
	if parts == nil {
		return account + "/" + store.NewID()
	}
	return account + "/" + store.IDFrom(parts...)
}

// Ref is the id as clients know it: it stands in an address.
func (c *Case) Ref() string { return strings.Replace(c.ID, "/", ".", 1) }

// idOf is the id behind a Ref.
func idOf(ref string) string { return strings.Replace(ref, ".", "/", 1) }

// State is where a case stands.
type State string

// The states. An appeal changes nothing but that somebody has spoken.
const (
	Open     State = "open"     // withheld; a lead has not decided
	Appealed State = "appealed" // as Open, and the person has answered
	Cleared  State = "cleared"  // the points are back
	Voided   State = "voided"   // taken out for good
)

// Source is where a case comes from.
type Source string

// The sources.
const (
	FromChecks Source = "checks"
	RolledBack Source = "roll_back" // a lead took out a window; decided from the start
)

// Case is one thing to look at: some actions of one person, why, what they said and
// what was decided. It names accounts and holds no evidence.
type Case struct {
	store.Meta    `bson:",inline"`
	store.Effects `bson:",inline"`
	Account       string   `bson:"account"`
	Within        []string `bson:"within"` // the person's regions when it was opened, root first
	Source        Source   `bson:"source"`
	State         State    `bson:"state"`
	Decided       bool     `bson:"decided"` // State is Cleared or Voided
	// Actions are held by this case, each by one case ever. A roll-back has its
	// window in place of them.
	Actions  []string  `bson:"actions,omitempty"`
	Findings []Finding `bson:"findings,omitempty"`
	Window   *Span     `bson:"window,omitempty"`
	OpenedAt time.Time `bson:"opened_at"`
	Appeal   *Appeal   `bson:"appeal,omitempty"`
	Decision *Decision `bson:"decision,omitempty"`
}

// Span is a window of time; To is exclusive.
type Span struct {
	From time.Time `bson:"from"`
	To   time.Time `bson:"to"`
}

// Appeal is what the person says. It is theirs, and goes with them.
type Appeal struct {
	Text string    `bson:"text"`
	At   time.Time `bson:"at"`
}

// Decision is what a lead decided.
type Decision struct {
	By     string    `bson:"by"`     // account, or "token/<id>" of a service token
	Reason string    `bson:"reason"` // in words, for the person
	At     time.Time `bson:"at"`
}

// maxActions is how many actions a case holds at most: as many as one posting.
const maxActions = 200

// The effects of a case, for whoever plugs the room to the ledger.
const (
	// EffectRule enters a verdict ("hold", "clear" or "void") on actions: account,
	// verdict, actions (a JSON array), by, reason (codes).
	EffectRule = "review_rule"
	// EffectRollBack takes out a window: account, from, to (RFC 3339), by, reason.
	EffectRollBack = "review_roll_back"
)

// By of a ruling that the checks make.
const checksBy = "checks"

func (c *Case) rule(n int, verdict string, actions []string, by, reason string, now time.Time) {
	list, err := json.Marshal(actions)
	if err != nil {
		panic(err) // strings: cannot fail
	}
	c.Add(store.Effect{
		ID: fmt.Sprintf("review/%s/%s/%d", c.ID, verdict, n), Kind: EffectRule, Due: now,
		Data: map[string]string{"account": c.Account, "verdict": verdict, "actions": string(list), "by": by, "reason": reason},
	})
}

var (
	evidenceSchema = store.Schema{
		Name: "evidence", ShardKey: "account",
		Indexes: []store.Index{
			{Name: "account", Equal: []string{"account"}, Order: "given_at"},
			{Name: "asks", Equal: []string{"asks"}, Order: "given_at"},
			{Name: "device", Equal: []string{"device"}, Order: "given_at"},
			{Name: "recruited", Equal: []string{"recruited"}, Order: "given_at"},
			{Name: "expires", Order: "expires_at", Expire: true},
		},
	}
	deviceSchema = store.Schema{
		Name: "device_uses", ShardKey: "device",
		Indexes: []store.Index{
			{Name: "device", Equal: []string{"device"}, Order: "seen_at"},
			{Name: "account", Equal: []string{"account"}, Order: "seen_at"},
			{Name: "expires", Order: "expires_at", Expire: true},
		},
	}
	caseSchema = store.Schema{
		Name: "cases", ShardKey: "account",
		Indexes: []store.Index{
			{Name: "account", Equal: []string{"account"}, Order: "opened_at"},
			{Name: "action", Equal: []string{"account", "actions"}, Each: "actions", Unique: true},
			{Name: "within", Equal: []string{"within", "decided"}, Each: "within", Order: "opened_at"},
			{Name: "opened", Equal: []string{"decided"}, Order: "opened_at"},
			store.EffectsIndex,
		},
	}
	walkSchema = store.Schema{Name: "review_walks"}
)

// Schemas declares the room's collections.
var Schemas = []store.Schema{evidenceSchema, deviceSchema, caseSchema, walkSchema}
