package faults

import (
	"fmt"
	"slices"
)

// Entry is one action in a ledger.
type Entry struct {
	ID     string
	Points int64
}

// Verdict is what a journal and the ledgers come to when they are held against
// each other. The lists name ids.
type Verdict struct {
	Operations int // sent, repeats too
	OK         int // answered
	Unknown    int // answers that never came, or said that nobody knows
	Refused    int // answers that said that nothing was done
	Actions    int // acknowledged, each id once

	Lost     []string // acknowledged, and not in the ledger
	Doubled  []string // in the ledger more than once
	Invented []string // in the ledger, and never sent, or only ever refused
	Unequal  []string // worth other points than were answered, at any time
	Backward []string // people who were told a smaller total than before
}

// Holds says whether nothing is wrong.
func (v *Verdict) Holds() bool { return len(v.faults()) == 0 }

func (v *Verdict) faults() []string {
	var found []string
	for _, f := range []struct {
		what string
		ids  []string
	}{
		{"lost", v.Lost}, {"doubled", v.Doubled}, {"invented", v.Invented}, {"worth other points", v.Unequal}, {"totals went back", v.Backward},
	} {
		if len(f.ids) > 0 {
			found = append(found, fmt.Sprintf("%s: %d, first %s", f.what, len(f.ids), f.ids[0]))
		}
	}
	return found
}

// String is one line for a person.
func (v *Verdict) String() string {
	return fmt.Sprintf("%d operations, %d ok, %d unknown, %d refused, %d actions acknowledged %v", v.Operations, v.OK, v.Unknown, v.Refused, v.Actions, v.faults())
}

// Check holds a journal against the ledgers, by person. Every action that was
// acknowledged must be there once, worth what was answered; one whose outcome is
// unknown once or not at all; nothing else may be there. What a person was told
// as their total, in the order of the journal, never falls: nobody takes
// anything back, and a person's operations follow each other.
func Check(journal []Line, ledgers map[string][]Entry) *Verdict {
	v := &Verdict{}
	c := checked{Verdict: v, open: map[int]Line{}, answered: map[string]int64{}, maybe: map[string]bool{}, totals: map[string]int64{}, unequal: map[string]bool{}}
	for _, line := range journal {
		c.line(line)
	}
	for _, begun := range c.open { // whoever asked is gone too
		v.Unknown++
		c.may(begun)
	}
	found := map[string]int{}
	for _, entries := range ledgers {
		for _, e := range entries {
			found[e.ID]++
			points, acknowledged := c.answered[e.ID]
			switch {
			case acknowledged && points != e.Points:
				c.unequal[e.ID] = true
			case !acknowledged && !c.maybe[e.ID]:
				v.Invented = append(v.Invented, e.ID)
			}
		}
	}
	for id := range c.answered {
		if found[id] == 0 {
			v.Lost = append(v.Lost, id)
		}
	}
	for id, times := range found {
		if times > 1 {
			v.Doubled = append(v.Doubled, id)
		}
	}
	for id := range c.unequal {
		v.Unequal = append(v.Unequal, id)
	}
	v.Actions = len(c.answered)
	for _, list := range [][]string{v.Lost, v.Doubled, v.Invented, v.Unequal, v.Backward} {
		slices.Sort(list)
	}
	return v
}

// checked is a check under way.
type checked struct {
	*Verdict
	open     map[int]Line     // begun and not ended
	answered map[string]int64 // points of the acknowledged
	maybe    map[string]bool  // of unknown outcome, at some time
	totals   map[string]int64 // what people were told last
	unequal  map[string]bool
}

func (c *checked) may(begun Line) {
	for _, id := range begun.IDs {
		c.maybe[id] = true
	}
}

func (c *checked) line(line Line) {
	begun := c.open[line.Op]
	if line.Word == Invoke {
		c.Operations++
		c.open[line.Op] = line
		return
	}
	delete(c.open, line.Op)
	switch line.Word {
	case OK:
		c.OK++
		c.ok(begun, line)
	case Unknown:
		c.Unknown++
		c.may(begun)
	case Fail:
		c.Refused++
	}
}

func (c *checked) ok(begun, line Line) {
	for i, id := range begun.IDs {
		if i >= len(line.Points) { // an answer that is shorter answers nothing
			c.unequal[id] = true
			continue
		}
		if before, again := c.answered[id]; again && before != line.Points[i] {
			c.unequal[id] = true
		}
		c.answered[id] = line.Points[i]
	}
	if line.Total < c.totals[begun.Person] {
		c.Backward = append(c.Backward, begun.Person)
	}
	c.totals[begun.Person] = line.Total
}
