package people

import (
	"time"

	"github.com/musterhq/muster/store"
)

// request is a sign-up or a request for a code, until its code was entered or
// an hour has passed; then nothing remains of one that was never opened.
type request struct {
	store.Meta    `bson:",inline"`
	store.Effects `bson:",inline"`

	Email   string `bson:"email,omitempty"` // "" once used
	Attempt int    `bson:"attempt"`         // 1, and one more for each code mailed anew
	Tries   int    `bson:"tries"`           // wrong codes of this attempt
	Used    bool   `bson:"used,omitempty"`
	// ExpiresAt ends the code; PurgeAt removes the document.
	ExpiresAt time.Time `bson:"expires_at"`
	PurgeAt   time.Time `bson:"purge_at"`
	// Print tells a repeat from another request under the same key.
	Print string `bson:"print"`
	// SignUp is absent in a bare request for a code.
	SignUp *signUp `bson:"sign_up,omitempty"`
}

// signUp is what a person will be made of.
type signUp struct {
	Postcode    string    `bson:"postcode,omitempty"`
	Region      string    `bson:"region"`
	Within      []string  `bson:"within"`
	Team        string    `bson:"team"`
	Zone        string    `bson:"zone"` // the campaign's, for the ledger
	YearOfBirth int       `bson:"year_of_birth,omitempty"`
	Consents    []Consent `bson:"consents,omitempty"`
	Invitation  string    `bson:"invitation,omitempty"` // id, which is the code's hash
}

// requestLife is how long a request is kept: as long as the codes of an e-mail
// are counted.
const requestLife = time.Hour

var requestSchema = store.Schema{
	Name:    "code_requests",
	Indexes: []store.Index{{Name: "purge", Order: "purge_at", Expire: true}, store.EffectsIndex},
}

// open starts the request's next attempt at now and has its code mailed.
func (r *request) open(now time.Time) {
	r.Attempt++
	r.Tries = 0
	r.ExpiresAt, r.PurgeAt = now.Add(CodeLife), now.Add(requestLife)
	attempt := attemptString(r.Attempt)
	r.Add(store.Effect{
		ID: "code_mail/" + r.ID + "/" + attempt, Kind: EffectCodeMail, Due: now,
		Data: map[string]string{"request": r.ID, "attempt": attempt},
	})
}

// live says whether a code can still open the request.
func (r *request) live(now time.Time) bool {
	return !r.Used && r.Tries < CodeTries && now.Before(r.ExpiresAt)
}
