package points

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Verdict is what somebody else than the person says of an action. It is a
// further entry, "<id of the action>/<verdict>", so each is said once.
type Verdict string

// The verdicts.
const (
	// HoldIt withholds an action that stands; one that was held before is not
	// held again, so what was cleared stays cleared.
	HoldIt Verdict = "hold"
	// ClearIt puts back what is held.
	ClearIt Verdict = "clear"
	// VoidIt takes an action out for good, whether it stands or is held; it is
	// the same entry as the person's own void.
	VoidIt Verdict = "void"
)

// Checks is who a ruling is by when no person made it.
const Checks = "checks"

// Settling is how long after its RecordedAt an action is provisional.
const Settling = 48 * time.Hour

// Standing is what has become of an action. It is read from the entries about
// it and from the time, and written nowhere.
type Standing string

// The standings. An action without entries about it is provisional until it was
// recorded Settling ago, and counted from then on; both are on the boards. One
// that was cleared is counted at once.
const (
	Provisional Standing = "provisional"
	Counted     Standing = "counted"
	Quarantined Standing = "quarantined" // held, and neither cleared nor voided
	Voided      Standing = "voided"      // by the person or a lead, for good
)

// Ruling is a verdict on some of one person's actions.
type Ruling struct {
	Verdict Verdict
	Actions []string // ids, 1 to MaxActions
	By      string   // account, or Checks
	// Reason is a code, or several joined by commas: a-z, 0-9 and _. The ledger
	// outlives the person's data, so nothing personal is kept in it.
	Reason string
}

// Ruled is what became of a Ruling.
type Ruled struct {
	// Entries are those that were entered now; an action that is so already, or
	// cannot be any more, has none.
	Entries []Entry
	// Posting is the account's last one, Appended says that it is new; see
	// Result.
	Posting  *Posting
	Appended bool
}

var reasonCodes = regexp.MustCompile(`^[a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*$`)

func checkRuling(v Verdict, by, reason string) error {
	known := v == HoldIt || v == ClearIt || v == VoidIt
	if !known || by == "" || len(reason) > 200 || !reasonCodes.MatchString(reason) {
		return errs.New(errs.Internal, "ruling_incomplete", "Something went wrong on our side.")
	}
	return nil
}

// Rule enters a verdict on actions as one posting, whole or absent, and none
// where it changes nothing; so it may be repeated. The caller has checked that
// By may. A hold and a void take off what the day is worth less without the
// action, a clear puts back what it is worth more; the void of what is held is
// worth 0. A season that has closed meanwhile does not change: the entry counts
// in all-time alone. A member without Team is somebody who is gone: they stay
// where the ledger has them.
//
// Errors: NotFound action_unknown, where the person never did one of them, with
// nothing written; Invalid batch_size; Unavailable as Record.
func (s *Service) Rule(ctx context.Context, campaign string, m Member, r Ruling) (Ruled, error) {
	if err := checkRuling(r.Verdict, r.By, r.Reason); err != nil {
		return Ruled{}, err
	}
	if len(r.Actions) < 1 || len(r.Actions) > MaxActions {
		return Ruled{}, errs.New(errs.Invalid, "batch_size", "Name between 1 and %d actions at once.", MaxActions)
	}
	c, err := s.court(ctx, campaign, m)
	if err != nil {
		return Ruled{}, err
	}
	return c.rule(ctx, r.Verdict, r.By, r.Reason, func() ([]string, error) {
		for _, id := range r.Actions {
			if c.past.acts[id] == nil {
				return nil, actionUnknown()
			}
		}
		return r.Actions, nil
	})
}

// RollBack takes out everything a person says they did between two instants.
type RollBack struct {
	From, To time.Time // of OccurredAt; To is exclusive
	By       string    // account
	Reason   string    // as Ruling.Reason
}

// RolledBack is what a roll-back took out, or would.
type RolledBack struct {
	Actions int   // that are voided by it
	Points  int64 // what that changes: zero or less
	// Postings are those it made, in order; to apply them to the boards again
	// does nothing.
	Postings []*Posting
}

// RollBack voids every action of the window that is not voided, in postings of
// at most MaxActions. Each is whole or absent, so after any failure the same
// call goes on where it stopped, and once it is done a repeat does nothing. What
// is recorded later stays. The caller has checked that By may. Errors:
// Unavailable as Record; what it answers beside an error was done.
func (s *Service) RollBack(ctx context.Context, campaign string, m Member, r RollBack) (RolledBack, error) {
	var done RolledBack
	if err := checkRuling(VoidIt, r.By, r.Reason); err != nil {
		return done, err
	}
	c, err := s.court(ctx, campaign, m)
	if err != nil {
		return done, err
	}
	for {
		ruled, err := c.rule(ctx, VoidIt, r.By, r.Reason, func() ([]string, error) {
			ids := c.past.within(r.From, r.To)
			return ids[:min(len(ids), MaxActions)], nil
		})
		if err != nil || !ruled.Appended {
			return done, err
		}
		done.add(ruled.Entries)
		done.Postings = append(done.Postings, ruled.Posting)
	}
}

func (r *RolledBack) add(entries []Entry) {
	for _, e := range entries {
		r.Actions++
		r.Points += e.Points
	}
}

// TryRollBack says what RollBack would take out now, and writes nothing. By and
// Reason do not matter. Errors: Unavailable as Record.
func (s *Service) TryRollBack(ctx context.Context, campaign string, m Member, r RollBack) (RolledBack, error) {
	var out RolledBack
	last, err := s.Last(ctx, campaign, m.Account)
	if err != nil || last == nil {
		return out, err
	}
	c, err := s.court(ctx, campaign, m)
	if err != nil {
		return out, err
	}
	if err := c.read(ctx, last); err != nil {
		return out, err
	}
	d := c.draft(turn{last: last, now: s.clock.Now()})
	for _, id := range c.past.within(r.From, r.To) {
		d.rule(c.past.acts[id], VoidIt, "", "")
	}
	out.add(d.next.Actions)
	return out, nil
}

// court rules on one person's actions. It reads their whole ledger: a verdict
// may come when the state keeps nothing of the action's day any more. It is a
// rare path.
type court struct {
	terms
	service  *Service
	campaign string
	past     past
}

func (s *Service) court(ctx context.Context, campaign string, m Member) (*court, error) {
	if m.Team == "" && m.Account != "" {
		last, err := s.Last(ctx, campaign, m.Account)
		switch {
		case err != nil:
			return nil, err
		case last == nil:
			return nil, actionUnknown()
		}
		m.Team, m.Region = last.State.Home.Team, last.State.Home.Region
	}
	t, err := s.terms(ctx, campaign, m)
	if err != nil {
		return nil, err
	}
	return &court{terms: t, service: s, campaign: campaign, past: past{acts: map[string]*pastAct{}}}, nil
}

// rule enters a verdict on the actions that choose names once the ledger was
// read; those it cannot be said of are passed over.
func (c *court) rule(ctx context.Context, v Verdict, by, reason string, choose func() ([]string, error)) (Ruled, error) {
	var entries []Entry
	// What the last posting remembered here lacks may have been recorded by
	// another process: a ruling begins with what the store says.
	c.service.last.Remove(c.campaign + "/" + c.member.Account)
	last, appended, err := c.service.append(ctx, c.campaign, c.member.Account, func(t turn) (*Posting, error) {
		entries = nil
		if t.last == nil {
			return nil, actionUnknown()
		}
		if err := c.read(ctx, t.last); err != nil {
			return nil, err
		}
		ids, err := choose()
		if err != nil {
			return nil, err
		}
		d := c.draft(t)
		for _, id := range ids {
			d.rule(c.past.acts[id], v, by, reason)
		}
		if len(d.next.Actions) == 0 {
			return nil, nil
		}
		entries = d.next.Actions
		return c.finish(d), nil
	})
	if err != nil {
		return Ruled{}, err
	}
	return Ruled{Entries: entries, Posting: last, Appended: appended}, nil
}

// draft is the posting after t.last, with the quantities of every day there ever
// was in place of those of the open days.
func (c *court) draft(t turn) *draft {
	d := begin(c.terms, t.last, t.now)
	s := &d.next.State
	s.Days, s.Settled, s.SettledBest = slices.Clone(c.past.days.Days), Streak{}, bestSoFar{}
	return d
}

// finish carries streak and personal best over all days anew, and so by all pauses
// there ever were, of which the state keeps those of a year.
func (c *court) finish(d *draft) *Posting {
	s := &d.next.State
	kept := s.Pauses
	s.Pauses = c.past.pauses
	d.settleDays()
	p := d.finish()
	p.State.Pauses = kept
	return p
}

// read reads the ledger up to a posting; what was read already is kept.
func (c *court) read(ctx context.Context, last *Posting) error {
	q := store.Query{Index: "account", Equal: []any{c.member.Account}, From: c.past.n + 1, To: last.N + 1}
	for p, err := range c.service.postings.Scan(ctx, c.campaign, q) {
		if err != nil {
			return unreadable(err)
		}
		c.past.add(&c.terms, p)
	}
	return nil
}

// past is a ledger as rulings see it.
type past struct {
	n     int64 // of the last posting read
	acts  map[string]*pastAct
	order []string // their ids, as recorded
	days  State    // Days alone: of all days
	// pauses are all there ever were, as paused has them.
	pauses []Pause
}

// pastAct is an action and what was said of it.
type pastAct struct {
	Entry
	home                  Home
	held, cleared, voided bool
}

func (a *pastAct) quarantined() bool { return a.held && !a.cleared && !a.voided }

func (p *past) add(t *terms, posting *Posting) {
	p.n = posting.N
	if posting.Pause != nil {
		p.pauses = withPause(p.pauses, *posting.Pause)
	}
	for _, e := range posting.Actions {
		p.days.change(t.rules.On(e.Day), &e)
		if e.Of == "" {
			p.acts[e.ID] = &pastAct{Entry: e, home: homeOf(t.calendar, posting, e)}
			p.order = append(p.order, e.ID)
			continue
		}
		p.acts[e.Of].note(e.Verdict())
	}
}

func (a *pastAct) note(v Verdict) {
	switch v {
	case HoldIt:
		a.held = true
	case ClearIt:
		a.cleared = true
	case VoidIt:
		a.voided = true
	}
}

// within are the actions of a window that are not voided, as recorded.
func (p *past) within(from, to time.Time) []string {
	var ids []string
	for _, id := range p.order {
		a := p.acts[id]
		if !a.voided && !a.OccurredAt.Before(from) && a.OccurredAt.Before(to) {
			ids = append(ids, id)
		}
	}
	return ids
}

// rule enters a verdict on an action, where it can be said of it.
func (d *draft) rule(a *pastAct, v Verdict, by, reason string) {
	quantity := -a.Quantity
	switch {
	case a.voided, v == HoldIt && a.held, v == ClearIt && !a.quarantined():
		return
	case v == ClearIt:
		quantity = a.Quantity
	case v == VoidIt && a.quarantined():
		quantity = 0
	}
	id := ruledID(a.ID, v)
	if slices.ContainsFunc(d.next.Actions, func(e Entry) bool { return e.ID == id }) {
		return // the action was named twice
	}
	d.further(a.Entry, Entry{ID: id, Quantity: quantity, By: by, Reason: reason}, a.home)
}

// standing is what has become of an action at an instant.
func (a *pastAct) standing(recordedAt, now time.Time) Standing {
	switch {
	case a.voided:
		return Voided
	case a.quarantined():
		return Quarantined
	case a.cleared, !now.Before(recordedAt.Add(Settling)):
		return Counted
	}
	return Provisional
}
