// Package goal is what a team or a region sets out to do together: so many of one
// kind of action by a day. Progress is the sum of the quantities that people hand in
// who score for the unit, and every entry that takes an action back takes its
// quantity off again.
//
// Nobody is counted twice, after any crash: progress and the place in the ledger up
// to which it was counted are one document, moved together by a worker that follows
// the ledger a minute behind. What is younger is added when somebody looks.
//
// This room judges the shape of what it is given. Who may set goals for which unit
// is the caller's to check, and so is how few members show nothing.
package goal
