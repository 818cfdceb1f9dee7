// Package leaderboard keeps the boards: Redis sorted sets that project the
// ledger of domain/points. It decides nothing and owns no truth; deleting all
// of Redis loses nothing, for the boards are then built again.
//
// # How a posting reaches the boards
//
// A posting states absolutely what a person stands at after it, and is the
// person's n-th. For every window (a season, or all-time) Redis keeps one hash,
// contrib, of what each account contributes: (n, hidden, points a share). The
// one script that writes, apply.lua, compares: a posting whose n is not above
// the stored one does nothing; any other replaces it and moves every board by
// the difference. So repeats, reordering and lost replies change nothing, and
// two statements hold in every state that Redis can be in, an older one after a
// failover too:
//
//   - R: every board is the sum of contrib.
//   - W: every posting up to the watermark W = (recorded_at, id) is in contrib.
//
// Only the sweep moves W, in the very call that applies the postings it passes,
// and only if W still is what the sweep read (the joint write). It leaves alone
// what is younger than 60 seconds, for an insert that began earlier may still
// become visible behind it. When Redis goes back to an older state, W goes back
// with it and the sweep goes on from there; when Redis is empty there is no W,
// and the boards are rebuilt from checkpoints in the store.
//
// Clocks may be wrong. W never goes past the margin behind the store's clock,
// whatever a node's own says; and a node that finds W where its own clock has
// not come yet, because a clock was set back since, takes W back, and the mark
// of the checkpoints with it: what is recorded now would lie before them (see
// trusted in rewind.go).
//
// Where W reaches the margin without another posting, it moves to the margin's
// instant itself, so that an idle campaign neither goes stale nor keeps a
// season open.
//
// # What a reader is told
//
// A page carries Stale: W is absent, or a posting older than 90 seconds lies
// beyond it. Ranks are then left out, never guessed.
//
// # Generations
//
// All keys of a campaign carry its hash tag, hence one slot, and a generation.
// A rebuild fills the generation that meta names as next while every node
// applies to both (a caller that does not know it is refused and told), and one
// call swaps. docs/redis-keys.md lists the keys; keys.go makes them.
//
// # Who may call
//
// [Boards] is safe for concurrent use and for any number of processes. The
// caller decides who may see a board; nothing here knows roles. Boards of
// people hold no hidden person, and nobody whom the [Namer] leaves out.
package leaderboard
