// Package badge is what people are recognised for: definitions that are data, awards
// that a worker makes behind the ledger, and Open Badges 3.0 credentials that a person
// takes along and anybody can verify without this server.
//
// An award is made once, when what is recorded of an account meets a definition's
// criterion, never while an action is being recorded. It keeps the words it was given
// under: a definition that changes later takes nothing away. It is withdrawn, never
// deleted, by staff with a reason, or when an action that it rests on was voided; what
// is only held is no reason. Who is awarded is nobody's business but theirs: nothing
// here is public but the definitions.
package badge
