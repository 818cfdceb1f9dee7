// Package review looks at what was recorded and asks a person to look where it
// is hard to believe. It withholds points; it accuses nobody: what it finds has
// innocent reasons too, so a finding names what was seen and never a motive, the
// person reads it and may answer, and a lead decides.
//
// # What it keeps
//
// Evidence is what a phone said beside an action: where, how long, what came of
// it. It is personal, so it stands apart from the ledger, under the action's id,
// ends by itself and goes when the person goes. A case is one reason to look: the
// actions, the findings in words, what the person said, what was decided.
//
// # How it works
//
// A worker walks the ledger a minute behind, in order, and looks at the recent
// days of whoever recorded something. [Look] is pure: a window of actions in,
// findings out. A finding that is enough alone, or two that are not, opens a case,
// which holds its actions by an effect; the ledger's entries are made by whoever
// carries the effects out.
package review
