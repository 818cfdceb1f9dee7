package mongo

import (
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
)

// Options of Open.
type Options struct {
	// URL is the address, mongodb://... or mongodb+srv://.... The database is
	// its path; without one it is "muster". It may hold a password: nothing
	// here ever prints it.
	URL string
	// Database overrides the URL's. Empty means the URL's.
	Database string
	// Monitor is told every command. Nil means nobody is.
	Monitor *event.CommandMonitor
}

// ErrBadURL is the answer to an address that is none. It never quotes it.
var ErrBadURL = errors.New("mongo: the address of MongoDB is not of the form mongodb://host:port/database")

// DefaultDatabase is used where the URL names none.
const DefaultDatabase = "muster"

// Limits of the pool that a URL may change (maxPoolSize, minPoolSize ...).
const (
	poolSize   = 100 // connections to one server: more only wait inside it
	poolIdle   = 10 * time.Minute
	connecting = 4 // connections made at once, so that a restart is no storm
)

// selection is how long a call without a deadline waits for a primary: longer
// than an election takes, which is 10 to 12 seconds.
const selection = 15 * time.Second

// CheckURL says whether an address can be one, without connecting: ErrBadURL.
// Of a mongodb+srv address it looks only at the scheme, since the rest is
// asked of a name server.
func CheckURL(url string) error {
	if _, err := parse(url); err != nil {
		return ErrBadURL
	}
	return nil
}

// parse reads an address without asking anybody.
func parse(url string) (*connstring.ConnString, error) {
	const srv = "mongodb+srv://"
	if len(url) > len(srv) && url[:len(srv)] == srv {
		url = "mongodb://" + url[len(srv):]
	}
	return connstring.Parse(url) //nolint:wrapcheck // never shown: it quotes the address
}

// clientOptions is the one place that says how Muster talks to a server. What
// durability and safety hang on is set after the URL, which so cannot weaken
// it; how many connections there are the URL may say.
func clientOptions(o Options) (*options.ClientOptions, error) {
	set := options.Client().
		SetMaxPoolSize(poolSize).
		SetMaxConnIdleTime(poolIdle).
		SetMaxConnecting(connecting).
		SetServerSelectionTimeout(selection).
		ApplyURI(o.URL)
	if set.Validate() != nil {
		return nil, ErrBadURL
	}
	journal := true
	set.SetAppName("muster").
		SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &journal}).
		SetReadConcern(readconcern.Majority()).
		SetReadPreference(readpref.Primary()).
		SetRetryWrites(true).
		SetRetryReads(true).
		SetMonitor(o.Monitor)
	set.Timeout = nil // a call's deadline is its ctx's, whatever the URL says
	return set, nil
}
