package points

// Day adds up what one person does on one day under a rule set, by the reckoning
// that Recount does: for whoever asks what work would be worth without a ledger.
type Day struct {
	rules *RuleSet
	kinds map[dayKind]*dayCount
}

// Day begins an empty day.
func (r *RuleSet) Day() *Day { return &Day{r, map[dayKind]*dayCount{}} }

// Clear empties the day, for the next one.
func (d *Day) Clear() { clear(d.kinds) }

// Act enters an action done at a minute of the day, 0 to 1439, and answers the
// difference it makes. What Record refuses, a kind that the rules do not have or a
// quantity out of its range, is worth nothing and leaves no trace.
func (d *Day) Act(kind string, minute int, quantity int64) int64 {
	k := d.rules.Kind(kind)
	if k == nil || quantity < 1 || quantity > k.MaxQuantity {
		return 0
	}
	return move(d.rules, d.kinds, Entry{Kind: kind, Minute: int32(minute), Quantity: quantity})
}
