// Package people is who takes part: sign-up, codes, sessions and tokens, the
// person's document, roles, invitations, consent, push devices, and the Gate
// that everything sent to a person passes.
//
// # Entering
//
// A sign-up or a request for a code stores a request document and answers with
// its id. The answer, the writes and the limits depend on what was sent alone:
// whether the e-mail belongs to somebody is looked up only by the worker that
// sends the mail and by who enters the right code, hence owns the mailbox.
// For a sign-up the code is always mailed. For a bare request it is mailed
// where a person has the address; to anybody else nothing is sent, since they
// gave us no reason to write to them. A person, an account and consents exist
// once a sign-up's code is entered; a known e-mail's code opens the account
// that exists and adds the consents just given.
//
// # What is secret, and how it is kept
//
// A code is derived (HMAC of campaign, request and attempt under the server's
// key) and is stored nowhere. A refresh token and an invitation are stored as
// hashes. An access token is a signed statement of 15 minutes that names
// campaign, person and account and holds no roles: those are read from the
// person's document, at most one second old, and at once where the change was
// made on the same node.
//
// # How a session goes on, and how it ends
//
// A session is the family of the tokens that one sign-in led to. Each use of the
// refresh token replaces it by a successor that is derived from it: so a client
// that lost the answer repeats its call within a minute and gets the same
// successor, and calls that race, on any nodes, end in the same one. A token that
// was used otherwise than so is in two hands, and the session ends for both. So
// it does by signing out. An ended session's document stays for as long as an
// access token of it could be good, indexed by when it ended: every node reads
// once a second what is new there (Watch), refuses those access tokens, and has
// the person's live connections asked again; likewise where roles changed. A
// node that could not look for five seconds reads the session at each call
// instead. Neither needs Redis.
//
// # One person an e-mail
//
// A reservation whose id is made from the address names the person. It is made
// first; who finds one whose person does not exist finishes what it began, or,
// a minute later, takes it over. So a crash between the two writes heals at the
// next sign-in, and any number of concurrent sign-ins give one person.
package people
