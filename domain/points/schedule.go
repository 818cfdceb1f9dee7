package points

import "time"

// Schedule says which rule set decides on which day. It holds what is in force
// and what is announced, by From; its zero value is V1 for ever.
type Schedule []InForce

// InForce is a rule set and the day from which it decides, until the next one's.
type InForce struct {
	// From is a date, 2006-01-02, by the person's own calendar: the Monday that
	// the season begins on which the set takes force with. The whole of a day is
	// decided by one set, so that its points stay a function of its quantities.
	From  string
	Rules *RuleSet
}

// v1 decides until something else does. It is shared and never changed.
var v1 = V1()

// On is the rule set of a day, a date.
func (s Schedule) On(day string) *RuleSet {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].From <= day {
			return s[i].Rules
		}
	}
	return v1
}

// At is the rule set of the day that holds t in a zone.
func (s Schedule) At(t time.Time, zone *time.Location) *RuleSet {
	return s.On(t.In(zone).Format(time.DateOnly))
}
