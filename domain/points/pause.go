package points

import (
	"context"
	"slices"
	"time"

	"github.com/musterhq/muster/internal/errs"
)

// Limits of a pause. It begins today or later, so that no week that was missed
// can be excused afterwards; today's own week can, for nobody knows of an illness
// before it. Pausing on and off all year would make a streak say nothing.
const (
	pauseAhead   = 90 // days from today at which a pause begins, at most
	pauseLongest = 56 // days of one pause
	pauseYear    = 12 // weeks, of any pauseWindow in a row, that pauses may touch
	pauseWindow  = 52
)

// Pause is a stretch of days on which a person cannot take part: no week that it
// touches breaks their streak. Both days, dates by the person's own calendar,
// belong to it.
type Pause struct {
	From string `bson:"from" json:"from"`
	To   string `bson:"to" json:"to"`
}

// PauseEntry is what a posting says of pauses: those of Since and later are
// called off, and From to To is paused in their place; nothing where From is "".
type PauseEntry struct {
	Since string `bson:"since"` // the day it was said
	Pause `bson:",inline"`
}

// weeks are the first and the last week that a pause touches.
func (p Pause) weeks() (first, last int) {
	from, _ := time.Parse(time.DateOnly, p.From)
	to, _ := time.Parse(time.DateOnly, p.To)
	return weekOf(from), weekOf(to)
}

// paused is withPause without what ended so long ago that no streak reaches over
// it.
func paused(before []Pause, e PauseEntry) []Pause {
	long := shift(e.Since, -7*(pauseWindow+1))
	return slices.DeleteFunc(withPause(before, e), func(p Pause) bool { return p.To < long })
}

// withPause is the list of pauses after an entry: in order, each apart from the next
// by a day or more.
func withPause(before []Pause, e PauseEntry) []Pause {
	var after []Pause
	for _, p := range before {
		p.To = min(p.To, shift(e.Since, -1))
		if p.From <= p.To {
			after = append(after, p)
		}
	}
	if e.From == "" {
		return after
	}
	if n := len(after); n > 0 && after[n-1].To == shift(e.From, -1) {
		after[n-1].To = e.To
		return after
	}
	return append(after, e.Pause)
}

// shift is the date so many days later.
func shift(day string, days int) string {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return at.AddDate(0, 0, days).Format(time.DateOnly)
}

// PauseAt is the pause that this instant lies in, or the next one, in the person's
// zone; nil for none.
func (s *State) PauseAt(now time.Time, zone *time.Location) *Pause {
	today := now.In(zone).Format(time.DateOnly)
	for _, p := range s.Pauses {
		if p.To >= today {
			return &p
		}
	}
	return nil
}

// Pause says that the member cannot take part from one day to another, in place of
// the pause that is running or to come, whose days before today stay what they
// are. A From before today is taken for today where that pause began on it, so the
// same may be said again and a pause be made longer or shorter. It makes a posting
// only where that changes something, and answers the account's last one.
//
// Errors: Invalid pause_invalid, which says what to do; Unavailable as Record.
func (s *Service) Pause(ctx context.Context, campaign string, m Member, p Pause) (*Posting, error) {
	return s.pause(ctx, campaign, m, &p)
}

// EndPause ends the pause that is running, yesterday, and calls off the one to
// come. It answers the account's last posting, new or not, nil for none. Errors:
// Unavailable as Record.
func (s *Service) EndPause(ctx context.Context, campaign string, m Member) (*Posting, error) {
	return s.pause(ctx, campaign, m, nil)
}

func (s *Service) pause(ctx context.Context, campaign string, m Member, p *Pause) (*Posting, error) {
	t, err := s.terms(ctx, campaign, m)
	if err != nil {
		return nil, err
	}
	last, _, err := s.append(ctx, campaign, m.Account, func(turn turn) (*Posting, error) {
		d := begin(t, turn.last, turn.now)
		return d.pause(p)
	})
	return last, err
}

// pause enters a pause, nil for the end of one; it answers nil where nothing
// changes.
func (d *draft) pause(p *Pause) (*Posting, error) {
	state := &d.next.State
	now := state.PauseAt(d.next.RecordedAt, d.zone)
	e := PauseEntry{Since: d.next.RecordedAt.In(d.zone).Format(time.DateOnly)}
	if p == nil && now == nil || p != nil && now != nil && *p == *now {
		return nil, nil
	}
	if p != nil {
		e.Pause = *p
		if now != nil && p.From == now.From && p.To >= e.Since {
			e.From = max(p.From, e.Since)
		}
		if err := e.check(); err != nil {
			return nil, err
		}
	}
	after := paused(state.Pauses, e)
	if p != nil && touched(after) > pauseYear {
		return nil, pauseInvalid("Pauses may touch 12 weeks of a year; this one would make it more.")
	}
	state.Pauses, d.next.Pause = after, &e
	return d.finish(), nil
}

// check refuses a pause that may not be made on its day Since.
func (e *PauseEntry) check() error {
	for _, day := range []string{e.From, e.To} {
		if at, err := time.Parse(time.DateOnly, day); err != nil || at.Year() < 1970 {
			return pauseInvalid("Name days as 2026-11-18.")
		}
	}
	switch {
	case e.To < e.From:
		return pauseInvalid("Let a pause end on the day it begins or later.")
	case e.From < e.Since:
		return pauseInvalid("A pause begins today or later; its whole week is excused.")
	case e.From > shift(e.Since, pauseAhead):
		return pauseInvalid("Let a pause begin within 90 days.")
	case e.To >= shift(e.From, pauseLongest):
		return pauseInvalid("A pause is 8 weeks long at most.")
	}
	return nil
}

func pauseInvalid(what string) error { return errs.New(errs.Invalid, "pause_invalid", "%s", what) }

// touched is how many weeks pauses touch of the pauseWindow that end with the last
// one's.
func touched(pauses []Pause) int {
	if len(pauses) == 0 {
		return 0
	}
	_, last := pauses[len(pauses)-1].weeks()
	from := last + 1 - pauseWindow
	return last + 1 - from - missedWeeks(from, last+1, pauses)
}
