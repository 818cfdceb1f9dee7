// Package points is the ledger: rule sets, what an action is worth, and the
// postings that are the one truth about it. It decides and appends; boards are
// projections of what it wrote.
//
// # The ledger
//
// Each person has one stream of postings, numbered 1, 2, 3 ... A posting holds
// the actions of a batch with the answers they were given, and the state after
// them. The next posting is decided from the last one alone and inserted under
// the next number; two unique indexes make that insert the only commit there
// is. Whoever finds the number taken reads and decides again, so one person's
// decisions are serial. Whoever finds an action's id taken answers what was
// answered the first time, so an action enters once, whatever is repeated.
//
// # What is said of an action
//
// An entry never changes. That an action was taken back, is held, was cleared or was
// voided by a lead is an entry of its own, whose id is made of the action's, so each
// is said once; [Standing] is read from them. Rulings by others than the person read
// the whole ledger, for they may come when the state keeps nothing of that day.
//
// # What points depend on
//
// Within a person's day the points of a kind are a function of the day's total
// quantity, and an action is worth the difference it makes. The order of
// actions, repeats and late batches therefore all lead to the same sum.
// [Recount] does the sum again from the actions alone.
package points
