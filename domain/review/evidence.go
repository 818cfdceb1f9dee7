package review

import (
	"time"

	"github.com/musterhq/muster/store"
)

// KeepEvidence is how long evidence is kept.
const KeepEvidence = 90 * 24 * time.Hour

// Evidence is what a phone said beside one action. The first that is given for an
// action stays; it ends by itself after KeepEvidence, and with its person. Its id
// is EvidenceID.
type Evidence struct {
	store.Meta `bson:",inline"`
	Account    string    `bson:"account"`
	Action     string    `bson:"action"` // id of the action
	Kind       string    `bson:"kind"`   // of the action, for who is asked to confirm it
	Quantity   int64     `bson:"quantity"`
	OccurredAt time.Time `bson:"occurred_at"` // as the phone said
	GivenAt    time.Time `bson:"given_at"`
	ExpiresAt  time.Time `bson:"expires_at"`

	Location *Location `bson:"location,omitempty"`
	Seconds  int64     `bson:"seconds,omitempty"`  // how long it took, up to OccurredAt
	Attempts int64     `bson:"attempts,omitempty"` // 0: not counted
	Contacts int64     `bson:"contacts,omitempty"` // of Attempts
	Answers  []string  `bson:"answers,omitempty"`  // codes, in order
	// Device is a keyed hash: it says that two are the same, and not which.
	Device string `bson:"device,omitempty"`
	Mock   bool   `bson:"mock,omitempty"` // the phone says that an app set its place
	// Recruited is the account of who was recruited.
	Recruited string `bson:"recruited,omitempty"`
	// Partner is the account of who was there too; Confirmed is what they say,
	// nil while they said nothing.
	Partner   string `bson:"partner,omitempty"`
	Confirmed *bool  `bson:"confirmed,omitempty"`
	// Asks is Partner until they have said something.
	Asks string `bson:"asks,omitempty"`
}

// Location is a place as a phone gives it.
type Location struct {
	Lat      float64 `bson:"lat"`
	Lon      float64 `bson:"lon"`
	Accuracy float64 `bson:"accuracy"` // metres, of two in three
}

// EvidenceID is the id of the evidence for an action.
func EvidenceID(account, action string) string { return account + "/" + action }
