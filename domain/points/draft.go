package points

import (
	"cmp"
	"slices"
	"time"
)

// VoidWindow is how long after it was recorded an action can be taken back.
const VoidWindow = 15 * time.Minute

// Calendar is what the ledger asks of a campaign's seasons; season.Calendar is
// one.
type Calendar interface {
	// Location is the campaign's zone.
	Location() *time.Location
	// Counts is the season an action counts in that happened and was recorded
	// at these instants, "" when its season was closed by then.
	Counts(occurredAt, recordedAt time.Time) string
	// IsOpen says whether a season still takes actions at this instant.
	IsOpen(season string, at time.Time) bool
	// Next is the first season that begins at this instant or later, and the
	// date, 2006-01-02, on which it begins in the campaign's zone.
	Next(from time.Time) (season, day string)
	// Span is when a season begins and closes; Invalid season_unknown for an id
	// that is none.
	Span(season string) (start, closes time.Time, err error)
}

// terms are what decides beside the ledger itself.
type terms struct {
	rules    Schedule
	calendar Calendar
	zone     *time.Location // the person's
	member   Member
}

// draft is an account's next posting while it is being decided. It is pure: it
// reads the last posting, changes nothing of it, and does no I/O.
type draft struct {
	terms
	current string // the season of RecordedAt
	next    *Posting
}

// begin drafts the posting after last (nil for none): the state carried over
// to now, without actions.
func begin(t terms, last *Posting, now time.Time) *draft {
	p := &Posting{Account: t.member.Account, N: 1, RecordedAt: now}
	if last == nil {
		p.State.JoinedAt = now
		p.State.Hidden = t.member.Hidden
	} else {
		p.N = last.N + 1
		p.State = last.State
		if last.RecordedAt.After(now) { // written by a node whose clock is ahead of ours
			p.RecordedAt = last.RecordedAt
		}
	}
	p.ID = PostingID(p.Account, p.N)
	p.Rules = t.rules.At(p.RecordedAt, t.calendar.Location()).ID
	d := &draft{terms: t, next: p, current: t.calendar.Counts(p.RecordedAt, p.RecordedAt)}
	s := &p.State
	s.Home = t.member.home()
	s.AllTime = slices.Clone(s.AllTime)
	s.Seasons = slices.DeleteFunc(slices.Clone(s.Seasons), func(x SeasonShare) bool {
		return !t.calendar.IsOpen(x.Season, p.RecordedAt)
	})
	d.season(d.current)
	d.settleDays()
	return d
}

// settleDays drops the days on which nothing can change any more, and carries
// the streak and the personal best over them. An action may be MaxAge old and may be taken back
// VoidWindow later; a day ends up to a day later by the clock of some zone than
// by UTC's, and the person may have changed zones.
func (d *draft) settleDays() {
	s := &d.next.State
	settled := d.next.RecordedAt.Add(-MaxAge-VoidWindow).AddDate(0, 0, -2).Format(time.DateOnly)
	open := 0
	for day, quantities := range byDay(s.Days) {
		if day > settled {
			break
		}
		s.Settled = s.Settled.with(day, s.Pauses)
		s.SettledBest = s.SettledBest.with(day, dayPoints(d.rules.On(day), quantities))
		open += len(quantities)
	}
	// A copy in any case: the last posting keeps its own.
	s.Days = append(make([]DayQuantity, 0, len(s.Days)-open+4), s.Days[open:]...)
}

// season is the share of an open season, begun at the member's present home if
// this is the first posting in it.
func (d *draft) season(id string) *SeasonShare {
	s := &d.next.State
	at, found := slices.BinarySearchFunc(s.Seasons, id, func(x SeasonShare, id string) int { return cmp.Compare(x.Season, id) })
	if !found {
		s.Seasons = slices.Insert(s.Seasons, at, SeasonShare{Season: id, Share: Share{Home: s.Home}})
		d.allTime(s.Home)
	}
	return &s.Seasons[at]
}

func (d *draft) allTime(home Home) *Share {
	s := &d.next.State
	at := slices.IndexFunc(s.AllTime, func(x Share) bool { return x.Home == home })
	if at < 0 {
		at = len(s.AllTime)
		s.AllTime = append(s.AllTime, Share{Home: home})
	}
	return &s.AllTime[at]
}

// act judges and enters an action that is not in the ledger yet.
func (d *draft) act(a Action, clockError time.Duration) Answer {
	at, day, reason := judge(&d.terms, a, clockError, d.next.RecordedAt)
	if reason != "" {
		return Answer{ID: a.ID, Status: Rejected, Reason: reason}
	}
	local := at.In(d.zone)
	e := Entry{
		ID: a.ID, Kind: a.Kind, Quantity: a.Quantity, OccurredAt: at, Task: a.Task,
		Day: day, Minute: int32(local.Hour()*60 + local.Minute()),
		Season: d.calendar.Counts(at, d.next.RecordedAt),
	}
	// What came too late for its season is made for the team of the season
	// it came in.
	home := d.season(cmp.Or(e.Season, d.current)).Home
	return Answer{ID: a.ID, Status: Recorded, Points: d.enter(e, home)}
}

// takeBack enters the person's void of an action that was made for this home; what
// is held was taken off already.
func (d *draft) takeBack(of Entry, home Home, held bool) Entry {
	quantity := -of.Quantity
	if held {
		quantity = 0
	}
	return d.further(of, Entry{ID: ruledID(of.ID, VoidIt), Quantity: quantity}, home)
}

// further enters what is said of an action: as says the id, the quantity, by whom
// and why.
func (d *draft) further(of, as Entry, home Home) Entry {
	e := of
	e.ID, e.Of, e.Quantity, e.By, e.Reason = as.ID, of.ID, as.Quantity, as.By, as.Reason
	if !d.calendar.IsOpen(of.Season, d.next.RecordedAt) {
		e.Season = "" // closed meanwhile, and a closed season never changes
	}
	e.Points = d.enter(e, home)
	return e
}

// enter adds an entry to the posting and what it is worth to the state.
func (d *draft) enter(e Entry, home Home) int64 {
	e.Points = d.move(&e)
	d.allTime(home).Points += e.Points
	if e.Season != "" {
		d.season(e.Season).Points += e.Points
	}
	d.next.Actions = append(d.next.Actions, e)
	return e.Points
}

// move changes a day's quantity of a kind and answers the difference in points.
func (d *draft) move(e *Entry) int64 {
	s := &d.next.State
	rules := d.rules.On(e.Day)
	kind := rules.Kind(e.Kind)
	before := s.counted(kind, e.Day, e.Kind)
	s.change(rules, e)
	return rules.Points(e.Kind, s.counted(kind, e.Day, e.Kind)) - rules.Points(e.Kind, before)
}

// change adds an entry to its day's quantity, by the day's rules.
func (s *State) change(rules *RuleSet, e *Entry) {
	want := DayQuantity{Day: e.Day, Kind: e.Kind}
	weight := int64(1)
	if kind := rules.Kind(e.Kind); kind != nil {
		want.Slot, weight = kind.slot(e.Minute), kind.Weight
	}
	at, found := slices.BinarySearchFunc(s.Days, want, DayQuantity.compare)
	if !found {
		s.Days = slices.Insert(s.Days, at, want)
	}
	if s.Days[at].Quantity += e.Quantity * weight; s.Days[at].Quantity == 0 {
		s.Days = slices.Delete(s.Days, at, at+1)
	}
}

// counted is a day's weighted quantity of a kind, as far as cool-downs let it
// count; k is the kind by the day's rules, nil where they have none.
func (s *State) counted(k *Kind, day, kind string) int64 {
	at, _ := slices.BinarySearchFunc(s.Days, DayQuantity{Day: day, Kind: kind}, DayQuantity.compare)
	var sum int64
	for ; at < len(s.Days) && s.Days[at].Day == day && s.Days[at].Kind == kind; at++ {
		sum += k.counted(s.Days[at].Slot, s.Days[at].Quantity)
	}
	return sum
}

// finish is the posting, complete but for its insert.
func (d *draft) finish() *Posting {
	s := &d.next.State
	streak, best := s.Settled, s.SettledBest
	for day, quantities := range byDay(s.Days) {
		streak = streak.with(day, s.Pauses)
		best = best.with(day, dayPoints(d.rules.On(day), quantities))
	}
	s.Streak, s.Best = streak, best.Best
	return d.next
}

// homeOf is the team and region that an entry of p was made for.
func homeOf(c Calendar, p *Posting, e Entry) Home {
	if share := p.State.Season(cmp.Or(e.Season, c.Counts(p.RecordedAt, p.RecordedAt))); share != nil {
		return share.Home
	}
	return p.State.Home
}

// ruledID is the id of the entry that says a verdict of an action.
func ruledID(id string, v Verdict) string { return id + "/" + string(v) }
