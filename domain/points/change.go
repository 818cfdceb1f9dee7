package points

import (
	"context"
	"slices"
	"strings"

	"github.com/musterhq/muster/internal/errs"
)

// Join makes the member's first posting, without actions, where there is none:
// from then on they have a team in this season. It answers the account's last
// posting, new or not, so it may be called again. Errors: Unavailable as Record.
func (s *Service) Join(ctx context.Context, campaign string, m Member) (*Posting, error) {
	t, err := s.terms(ctx, campaign, m)
	if err != nil {
		return nil, err
	}
	last, _, err := s.append(ctx, campaign, m.Account, func(turn turn) (*Posting, error) {
		if turn.last != nil {
			return nil, nil
		}
		return begin(t, nil, turn.now).finish(), nil
	})
	return last, err
}

// Hide takes a member off the boards of people or puts them back; their team
// and region keep the credit. It makes a posting only where that changes
// something, and answers the account's last one (nil when somebody who never
// joined is to be shown). Errors: Unavailable as Record.
func (s *Service) Hide(ctx context.Context, campaign string, m Member, hidden bool) (*Posting, error) {
	t, err := s.terms(ctx, campaign, m)
	if err != nil {
		return nil, err
	}
	last, _, err := s.append(ctx, campaign, m.Account, func(turn turn) (*Posting, error) {
		if was := turn.last != nil && turn.last.State.Hidden; was == hidden {
			return nil, nil
		}
		d := begin(t, turn.last, turn.now)
		d.next.State.Hidden = hidden
		return d.finish(), nil
	})
	return last, err
}

// TakenBack is what became of a void.
type TakenBack struct {
	Entry Entry // the void: negative quantity, Of names the action
	// Posting is the account's last one, Appended says that it is new; see
	// Result.
	Posting  *Posting
	Appended bool
}

// Void takes an action back within VoidWindow of its RecordedAt. What it takes
// off is what the day is worth less without the action's quantity, in the
// action's season while that is open and in all-time; of an action that is held,
// nothing more. A second call answers the first void, however late it comes; a
// lead's is one too.
//
// Errors: NotFound action_unknown; Conflict void_too_late, and void_final for
// the void of a void; Unavailable as Record.
func (s *Service) Void(ctx context.Context, campaign string, m Member, actionID string) (TakenBack, error) {
	t, err := s.terms(ctx, campaign, m)
	if err != nil {
		return TakenBack{}, err
	}
	if !validID(strings.TrimSuffix(actionID, ruledID("", VoidIt))) {
		return TakenBack{}, actionUnknown()
	}
	var void Entry
	last, appended, err := s.append(ctx, campaign, m.Account, func(turn turn) (*Posting, error) {
		done, err := s.holding(ctx, campaign, m.Account, ruledID(actionID, VoidIt))
		if err != nil {
			return nil, err
		}
		if done != nil {
			void = *entry(done, ruledID(actionID, VoidIt))
			return nil, nil
		}
		p, err := s.holding(ctx, campaign, m.Account, actionID)
		if err != nil {
			return nil, err
		}
		if p == nil {
			return nil, actionUnknown()
		}
		of := entry(p, actionID)
		d := begin(t, turn.last, turn.now)
		switch {
		case of.Of != "":
			return nil, errs.New(errs.Conflict, "void_final", "This was taken back already; record it again under a new id.")
		case d.next.RecordedAt.Sub(p.RecordedAt) > VoidWindow:
			return nil, errs.New(errs.Conflict, "void_too_late", "An action can be taken back within 15 minutes; ask your team lead to correct it.")
		}
		held, err := s.quarantined(ctx, campaign, m.Account, actionID)
		if err != nil {
			return nil, err
		}
		void = d.takeBack(*of, homeOf(t.calendar, p, *of), held)
		return d.finish(), nil
	})
	if err != nil {
		return TakenBack{}, err
	}
	return TakenBack{Entry: void, Posting: last, Appended: appended}, nil
}

// quarantined says whether an action that is not voided is held.
func (s *Service) quarantined(ctx context.Context, campaign, account, actionID string) (bool, error) {
	hold, err := s.holding(ctx, campaign, account, ruledID(actionID, HoldIt))
	if err != nil || hold == nil {
		return false, err
	}
	cleared, err := s.holding(ctx, campaign, account, ruledID(actionID, ClearIt))
	return cleared == nil, err
}

func actionUnknown() error {
	return errs.New(errs.NotFound, "action_unknown", "There is no such action of yours.")
}

// entry finds an entry that the index says is in p.
func entry(p *Posting, id string) *Entry {
	return &p.Actions[slices.IndexFunc(p.Actions, func(e Entry) bool { return e.ID == id })]
}
