// Package simulate plays seasons ahead of time: volunteers of a campaign's own
// regions act by documented behaviour, and two rule sets pay them for it.
//
// What decides is the product's own: points come from points.RuleSet with its day
// quantities, caps and cool-downs; leagues, the fair index, duels, ratings,
// promotions from domain/season. Only behaviour is this package's, see Params, and
// every figure of it is sourced or marked as assumed.
//
// Both rule sets are played on the same draws of chance: the same people on the same
// days, who differ only as far as what they are shown moves them. So a difference
// between the two is the rules' and not luck's. A run is one campaign of so many
// seasons; its people are drawn anew in the next run, and intervals are over runs.
//
// The same options give the same report, to the byte, however many goroutines work.
package simulate
