package leaderboard

import "strconv"

// Every key of the boards is made in this file, and docs/redis-keys.md lists
// them. All of a campaign's keys share the hash tag {campaign}: one slot, so a
// script may touch any of them.

func prefix(campaign string) string { return "muster:{" + campaign + "}:boards:" }

// metaKey is the hash that says which generations there are and how far each
// has come. Its fields are below.
func metaKey(campaign string) string { return prefix(campaign) + "meta" }

// closedKey is the set of the seasons whose lines the script refuses.
func closedKey(campaign string) string { return prefix(campaign) + "closed" }

// leaseKey holds the token of the process that sweeps the campaign.
func leaseKey(campaign string) string { return prefix(campaign) + "lease" }

// Fields of meta.
const (
	fieldGen  = "gen"  // the generation that is read
	fieldNext = "next" // the generation that a rebuild fills
	fieldDrop = "drop" // a generation that has been replaced and is being removed
)

// fieldMark is W of a generation.
func fieldMark(gen string) string { return "w:" + gen }

// fieldLoad is how far checkpoints have been loaded into a generation; absent
// once all are.
func fieldLoad(gen string) string { return "load:" + gen }

// genKey is a key of one generation; rest comes from the functions below.
func genKey(campaign, gen, rest string) string { return prefix(campaign) + gen + ":" + rest }

const (
	// restChanges is the hash that counts, for each board, the calls that
	// changed it. Its fields are the restBoard of every board that exists, so
	// it is the list of them too; the field "seq" holds the last number given.
	restChanges = "changes"
	fieldSeq    = "seq"
	// restMembers is the hash of members by home.
	restMembers = "members"
	// restHours is the set of hours in which somebody joined.
	restHours = "hours"
)

// restJoined is the hash of members by home who joined in one hour.
func restJoined(hour int64) string { return "joined:" + strconv.FormatInt(hour, 10) }

// restContrib is the hash of what each account contributes to a window.
func restContrib(window string) string { return "contrib:" + window }

// restBoard is the sorted set of a board in a window, and its field in changes.
func restBoard(window string, b Board) string { return window + "/" + b.String() }
